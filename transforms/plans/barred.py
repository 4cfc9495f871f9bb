"""Barred: what speaks against telling somebody something, limits and hours aside."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from tactful.schemas.words import CHANNELS
from tactful.transforms.about import with_offer
from tactful.transforms.checks import CHECKS
from tactful.transforms.consents import consents, newest_word, proof
from tactful.transforms.holdout import CONTAMINATED, HOLDOUT
from tactful.transforms.jurisdictions import Silence
from tactful.transforms.regrets import regrets, with_products
from tactful.transforms.rules import RULES
from tactful.transforms.rules.suppressions import forever
from tactful.transforms.sinks.sink import BOUNCED
from tactful.transforms.triggers import TRIGGERS

NO_ADDRESS, NO_CONSENT = "no_address", "no_consent"
# What is asked of each message alone, and its place among the reasons of rules.
CHECKED = {check.when: check.precedence for check in CHECKS.values()}
CHECKED |= {HOLDOUT: 110, CONTAMINATED: 111}
BARS = "array<struct<reason:string,policy:string,ends_at:timestamp,evidence:array<string>>>"
# What is said of something that was bought offers it to nobody: a review may be asked for.
OFFERING = tuple(when for when, one in TRIGGERS.items() if one.is_offer)
OF_OFFERS = tuple(when for when, rule in RULES.items() if rule.is_about_offers)
TRANSACTIONAL = ("no_consent", "forgotten")


def addresses(
    identifiers: DataFrame, dead: DataFrame | None, *, types: Mapping[str, str]
) -> DataFrame:
    """The address at which each person is reached on each channel.

    Of several the one whose key is smallest: which is theirs first nobody knows, and it is always
    the same one. One at which no message arrives any more is none.

    Keeps: person_id. Adds: channel, address, identifier_key, is_dead (they have addresses, and no
    message arrives at any). Grain: person × channel.
    identifiers: person_id, identifier_key, identifier_type, value, state. dead: identifier_key,
    channel. types: by channel the type of identifier that it is sent to; any other channel reaches
    whom the business knows by a number of its own.
    """
    own = ("customer_id", "loyalty_id")
    reached = F.filter(
        F.array(*(_reach(channel, [types[channel]] if channel in types else own)
                  for channel in CHANNELS)),
        lambda one: F.array_contains(one["types"], F.col("identifier_type")),
    )  # fmt: skip
    each = identifiers.where(F.col("state") == "linked").select(
        "person_id", "identifier_key", "identifier_type", "value",
        F.explode(F.transform(reached, lambda one: one["channel"])).alias("channel"),
    )  # fmt: skip
    is_dead = F.lit(False)
    if dead is not None:
        gone = dead.select("identifier_key", "channel", F.lit(True).alias("_gone")).distinct()
        each = each.join(gone, ["identifier_key", "channel"], "left")
        is_dead = F.col("_gone").isNotNull()
    alive = F.when(~is_dead, F.struct("identifier_type", "identifier_key", "value"))
    return each.groupBy("person_id", "channel").agg(F.min(alive).alias("_b")).select(
        "person_id", "channel", F.col("_b.value").alias("address"),
        F.col("_b.identifier_key").alias("identifier_key"),
        F.col("_b").isNull().alias("is_dead"),
    )  # fmt: skip


def granted(timeline: DataFrame) -> DataFrame:
    """Whether each person said yes to messages of a purpose on a channel, whoever asked last.

    The newest word counts, at one moment the no. Who subscribes to a channel has said yes to its
    marketing. A word about every channel is one about each.

    Keeps: person_id. Adds: channel, purpose, is_granted, proof (of a yes). Grain: person × channel
    × purpose.
    """
    all_channels = F.array(*(F.lit(channel) for channel in CHANNELS))
    said = ("occurred_at", "stream", "event_id", "policy_text")
    words = consents(timeline).select("person_id", "channel", "purpose", "is_granted", *said)
    subscribed = timeline.where(F.col("type") == "subscribed").select(
        "person_id", "channel", F.lit("marketing").alias("purpose"),
        F.lit(True).alias("is_granted"), *said,
    )  # fmt: skip
    each = words.unionByName(subscribed).withColumn(
        "channel",
        F.explode(F.when(F.col("channel").isNull(), all_channels).otherwise(F.array("channel"))),
    )
    return each.groupBy("person_id", "channel", "purpose").agg(
        newest_word().alias("is_granted"), proof().alias("proof")
    )


def with_address(actions: DataFrame, reached: DataFrame) -> DataFrame:
    """Say at which address each message would reach its person.

    Adds: address, address_key (null where there is none), is_address_dead. Keeps: all rows.
    reached: see `addresses`.
    """
    named = reached.withColumnsRenamed(
        {"identifier_key": "address_key", "is_dead": "is_address_dead"}
    )
    return actions.join(named, ["person_id", "channel"], "left")


def with_bars(
    actions: DataFrame,
    suppressions: DataFrame,
    answers: DataFrame,
    laws: DataFrame | None,
    *checks: DataFrame,
    products: DataFrame,
    contents: DataFrame,
    campaigns: DataFrame,
    shares: Mapping[str, float],
    asks_attributes: bool,
    precedence: Mapping[str, int],
    as_of: datetime,
    silence: Silence,
) -> DataFrame:
    """Say what speaks against each message: no address, no consent, and every rule that touches it.

    Of addresses at which nothing arrives the rule that closed them speaks where it can.

    A rule is asked as if the message were sent now, or when it is first proposed: what holds then
    holds it back, and what ends by then does not. Of receipts and the like only a no to them, or an
    erasure, does. What silence means is a matter of where somebody lives.

    Adds: bars (by precedence; empty where nothing does), proof (of a consent). Keeps: all rows.
    actions: with address. suppressions: rows with cause, that hold now or will. answers: see
    `granted`. laws: see `jurisdictions`; None where none matters. checks: what else speaks against
    some, each decision_id, reason, policy, ends_at, evidence. shares, precedence: of policies and
    reasons. asks_attributes: whether any rule names an attribute of products.
    """
    known = actions.join(answers, ["person_id", "channel", "purpose"], "left")
    nowhere = F.lit(None).cast("string")
    placed = (
        known.withColumn("jurisdiction", nowhere)
        if laws is None
        else known.join(laws, "person_id", "left")
    )
    is_silent = F.col("is_granted").isNull() & (F.col("purpose") == "marketing")
    # How often is said what, is for whoever weighs plans against each other.
    rules = suppressions.where(F.col("reason") != "capped")
    sent = _as_sent(actions, products, contents, campaigns, as_of=as_of)
    asked = products if asks_attributes else None
    found = _touching(actions, rules, regrets(sent, rules, shares=shares, products=asked))
    for more in checks:
        found = found.unionByName(more)
    places = {**precedence, **CHECKED}
    rank = F.coalesce(
        *(F.when(F.col("reason") == name, F.lit(at)) for name, at in places.items()), F.lit(99)
    )
    bar = F.struct(rank.alias("rank"), "reason", "policy", "ends_at", "evidence")
    by_rank = found.groupBy("decision_id").agg(F.array_sort(F.collect_list(bar)).alias("_rules"))
    plain = F.transform(
        "_rules",
        lambda b: F.struct(b["reason"], b["policy"], b["ends_at"], b["evidence"]),
    ).cast(BARS)
    both = placed.join(by_rank, "decision_id", "left")
    rules_bars = F.coalesce(plain, F.array().cast(BARS))
    is_dead = F.coalesce("is_address_dead", F.lit(False))
    is_told = F.exists(rules_bars, lambda b: b["reason"] == BOUNCED)
    own = F.array_compact(
        F.array(
            F.when(F.col("address").isNull() & ~is_dead, _bar(NO_ADDRESS)),
            F.when(F.col("address").isNull() & is_dead & ~is_told, _bar(BOUNCED)),
            F.when(is_silent & silence.is_no(), _bar(NO_CONSENT)),
        )
    ).cast(BARS)
    bars = F.concat(own, rules_bars)
    return both.withColumn("bars", bars).drop(
        "_rules", "is_granted", "jurisdiction", "is_address_dead"
    )


def _as_sent(
    actions: DataFrame,
    products: DataFrame,
    contents: DataFrame,
    campaigns: DataFrame,
    *,
    as_of: datetime,
) -> DataFrame:
    """What each message would be about, sent now or when it is first proposed (see `regrets`)."""
    at = F.greatest(F.col("proposed_at"), F.lit(as_of))
    # Behind every event of that moment: what is known by then speaks.
    sent = F.struct(
        at.alias("occurred_at"), F.lit("~").alias("stream"), F.lit("~").alias("event_id")
    )
    messages = offered(actions.withColumn("sent", sent), contents, campaigns)
    return with_products(messages.drop("content_id"), products)


def _touching(actions: DataFrame, suppressions: DataFrame, told: DataFrame) -> DataFrame:
    """What would stop each message: decision_id, reason, policy, ends_at, evidence.

    told: which rule stops which, see `regrets`.
    """
    # Why, and until when: the latest end of the policy's rows that hold for that person then.
    ends = F.coalesce("ends_at", forever())
    held = suppressions.select(
        "person_id", "policy", "reason", "starts_at", ends.alias("_ends"), "scope"
    )
    stopped = told.select(
        F.col("message_id").alias("decision_id"), "person_id", "policy", "evidence", "sent_at"
    )
    is_about_all = F.exists(
        "scope", lambda p: (p["kind"] == "purpose") & F.array_contains(p["values"], "transactional")
    )
    until = stopped.join(held, ["person_id", "policy"]).where(
        (F.col("starts_at") <= F.col("sent_at")) & (F.col("_ends") > F.col("sent_at"))
    )
    of_receipts = F.bool_or(F.col("reason").isin(*TRANSACTIONAL) | is_about_all)
    merged = until.groupBy("decision_id", "policy").agg(
        F.min("reason").alias("reason"), F.max("_ends").alias("_ends"),
        F.any_value("evidence").alias("evidence"), of_receipts.alias("_reaches"),
    )  # fmt: skip
    purposes = actions.select("decision_id", "purpose", "kind")
    is_no_offer = ~F.col("kind").isin(*OFFERING) & F.col("reason").isin(*OF_OFFERS)
    return (
        merged.join(purposes, "decision_id")
        .where((F.col("purpose") == "marketing") | F.col("_reaches"))
        .where(~is_no_offer)
        .withColumn("ends_at", F.when(F.col("_ends") < forever(), F.col("_ends")))
        .select("decision_id", "reason", "policy", "ends_at", "evidence")
    )


def offered(actions: DataFrame, contents: DataFrame, campaigns: DataFrame) -> DataFrame:
    """What each message would be about, as if it were one that was sent (see `with_offer`).

    Keeps: decision_id (as message_id), person_id, channel, campaign_id, purpose, content_id, skus,
    sent. Adds: categories, brands, topics, offers_discount, cost, own. Grain: action.
    """
    none = F.array().cast("array<string>")
    return actions.select(
        F.col("decision_id").alias("message_id"), "person_id", "channel", "campaign_id", "purpose",
        F.lit(None).cast("decimal(18,4)").alias("cost"), "content_id", "topic", "skus",
        none.alias("categories"), F.lit(None).cast("boolean").alias("offers_discount"),
        "sent", none.alias("own"),
    ).transform(with_offer, contents, campaigns)  # fmt: skip


def _bar(reason: str) -> Column:
    return F.struct(
        F.lit(reason).alias("reason"),
        F.lit(reason).alias("policy"),
        F.lit(None).cast("timestamp").alias("ends_at"),
        F.array().cast("array<string>").alias("evidence"),
    )


def _reach(channel: str, types: tuple[str, ...] | list[str]) -> Column:
    return F.struct(
        F.lit(channel).alias("channel"), F.array(*(F.lit(t) for t in types)).alias("types")
    )
