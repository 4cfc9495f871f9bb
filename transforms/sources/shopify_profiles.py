"""What a customer's body of Shopify's says, as canonical fields in SQL (see `shopify.py`)."""

from __future__ import annotations

from pyspark.sql import DataFrame

from tactful.transforms.sources.objects import several
from tactful.transforms.sources.shopify_shapes import CHANNELS, GRAPHQL, NOTHING, before, kind

CONSENTS = {"subscribed": "consent_granted", "unsubscribed": "consent_withdrawn"}


def each_profile_event(objects: DataFrame) -> DataFrame:
    """Make what is known of a customer, and each consent that was given or taken back, a row.

    Adds: entry (type, channel, event_id, occurred_at, identifiers), kind, properties.
    """
    number = "CASE WHEN kind = 'consent' THEN coalesce(said.customer_id, said.id) ELSE said.id END"
    email = "coalesce(nullif(said.email, ''), nullif(said.email_address, ''))"
    address = {"email": f"('email', {email})", "sms": "('phone', nullif(said.phone, ''))"}
    who = {name: f"filter(array(struct('customer_id' AS type, number AS value), struct"
                 f"{pair.replace(', ', ' AS type, ', 1)[:-1]} AS value)), "
                 "one -> one.value IS NOT NULL)"
           for name, pair in address.items()}  # fmt: skip
    everybody = f"array_distinct(concat({who['email']}, {who['sms']}))"
    shape = ("struct<raw:string,type:string,channel:string,event_id:string,occurred_at:string,"
             "identifiers:array<struct<type:string,value:string>>>")  # fmt: skip

    def entry(type_: str, channel: str, event_id: str, at: str, whose: str, raw: str) -> str:
        return f"CAST(struct({raw}, {type_}, {channel}, {event_id}, {at}, {whose}) AS {shape})"

    first = entry("'attribute_set'", "NULL", "concat('customer/', number, '/', said.updated_at)",
                  "said.updated_at", everybody, NOTHING)  # fmt: skip
    told = []
    for channel, field in CHANNELS.items():
        graphql = f"said.{GRAPHQL[channel]}"
        state = f"lower(coalesce(said.{field}.state, {graphql}.marketingState))"
        if channel == "email":
            is_old = f"said.{field} IS NULL AND {graphql} IS NULL"
            state = f"CASE WHEN {is_old} THEN {before()} ELSE {state} END"
        at = f"coalesce(said.{field}.consent_updated_at, {graphql}.consentUpdatedAt, "
        at += "said.accepts_marketing_updated_at, said.updated_at, said.updatedAt)"
        means = " ".join(f"WHEN '{word}' THEN '{type_}'" for word, type_ in CONSENTS.items())
        type_ = f"CASE {state} {means} END"
        landed = "concat(CAST(modified_at AS string), 'Z')"
        at = f"coalesce({at}, CASE WHEN {state} = 'unsubscribed' THEN {landed} END)"
        raw = f"to_json(struct({type_} AS type, number AS customer_id, {at} AS at))"
        name = f"concat('customer/', coalesce(number, line_hash), '/{channel}/', {at})"
        said = entry(type_, f"'{channel}'", name, at, who[channel], raw)
        told.append(f"CASE WHEN {type_} IS NOT NULL THEN {said} END")
    consents = f"array_compact(array({', '.join(told)}))"
    changed = ", ".join(
        [*(f"said.{field}.consent_updated_at" for field in CHANNELS.values()),
         *(f"said.{field}.consentUpdatedAt" for field in GRAPHQL.values())]
    )  # fmt: skip
    nothing = entry(NOTHING, "NULL", "concat('customer/', number)",
                    f"coalesce(said.updated_at, said.updatedAt, {changed})", everybody,
                    NOTHING)  # fmt: skip
    entries = f"""CASE
        WHEN kind = 'customer' THEN concat(array({first}), {consents})
        WHEN size({consents}) > 0 THEN transform({consents}, (one, at) -> CASE WHEN at = 0
            THEN CAST(struct({NOTHING}, one.type, one.channel, one.event_id, one.occurred_at,
                one.identifiers) AS {shape}) ELSE one END)
        ELSE array({nothing})
    END"""
    kept = ", ".join(f"'{name}', said.{name}" for name in ("tags", "state", "currency"))
    return (
        objects.selectExpr("*", f"{kind()} AS kind")
        .selectExpr("*", f"{number} AS number",
                    f"map_filter(map({kept}), (name, told) -> told IS NOT NULL) AS about")
        .transform(several, keep=("kind", "about"), entries=entries)
        .selectExpr("*", "entry.type IS NULL AND is_sound AS is_unused")
    )  # fmt: skip


def profile() -> dict[str, str]:
    is_consent = "startswith(entry.type, 'consent')"
    return {
        **{name: f"entry.{name}" for name in ("event_id", "occurred_at", "identifiers", "channel")},
        "type": "CASE WHEN is_unused THEN 'attribute_set' ELSE entry.type END",
        "purpose": f"CASE WHEN {is_consent} THEN 'marketing' END",
        "properties": "CASE WHEN entry.type = 'attribute_set' THEN about END",
    }
