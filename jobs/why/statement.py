"""Statement: for a customer herself, what is held of her, from where, why, and who was told."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from tactful.jobs.errors import WhoUnknown
from tactful.jobs.settings.config import Config
from tactful.jobs.settings.privacy import BASES
from tactful.jobs.why import happened, who
from tactful.jobs.why.answer import Moment
from tactful.jobs.why.texts import DID, as_utc, visible
from tactful.schemas.customers import CUSTOMER_SCORES, CUSTOMERS
from tactful.schemas.events import STREAMS
from tactful.transforms.plans.speaking import CANCEL, SEND

READS = (
    *who.READS, *happened.READS, *STREAMS, "customers", "customer_scores", "suppressions",
    "records", "_log/memberships", "deliveries", "delivery_states", "delivery_rows",
)  # fmt: skip
MOST = 500
# What stands in a section of its own.
TOLD_APART = ("person_id", "attributes", "consents", "as_of")
THIRD = "third"

HERS = """
    SELECT identifier_key FROM identity
    WHERE person_id = $person AND state = 'linked' ORDER BY first_seen_at, identifier_key
    LIMIT $most
"""
# What came of a message that went to several, and names nobody: it may be of any of them.
OF_OTHERS = """
    SELECT event_id FROM messages
    WHERE type <> 'sent' AND coalesce(len(identifier_keys), 0) = 0 AND message_id IN (
        SELECT message_id FROM timeline
        WHERE stream = 'messages' AND type = 'sent' AND message_id IN (
            SELECT message_id FROM timeline WHERE person_id = $person AND stream = 'messages')
        GROUP BY message_id HAVING count(DISTINCT person_id) > 1)
"""
HELD = f"""
    SELECT stream, type, count(DISTINCT event_id) AS events_count, min(occurred_at) AS first_at,
           max(occurred_at) AS last_at,
           count(DISTINCT event_id) FILTER (occurred_at <= $at - $kept) AS older_count
    FROM timeline WHERE person_id = $person AND occurred_at <= $at AND stream = $stream
      AND NOT (stream = 'messages' AND event_id IN ({OF_OTHERS}))
    GROUP BY stream, type ORDER BY events_count DESC, type
"""
SOURCES = """
    SELECT DISTINCT source FROM {stream} SEMI JOIN (
        SELECT event_id FROM timeline WHERE person_id = $person AND stream = $stream
    ) AS hers USING (event_id) WHERE source IS NOT NULL ORDER BY source LIMIT 50
"""
IN_FORCE = """
    SELECT reason, channels, scope, starts_at, ends_at, evidence FROM suppressions
    WHERE person_id = $person AND starts_at <= $at AND (ends_at IS NULL OR ends_at > $at)
    ORDER BY starts_at DESC, suppression_id LIMIT $most
"""
# Only what happened to herself may be told to her as a reason.
HER_EVENTS = f"""
    SELECT stream, event_id, any_value(type) AS type, min(occurred_at) AS occurred_at,
           list_slice(list(sku ORDER BY line_number) FILTER (sku IS NOT NULL), 1, 4) AS skus,
           any_value(order_id) AS order_id
    FROM timeline WHERE person_id = $person AND event_id IN (SELECT unnest($ids))
      AND NOT (stream = 'messages' AND event_id IN ({OF_OTHERS}))
    GROUP BY stream, event_id
"""
CLAIMED = """
    SELECT event_id FROM profiles
    WHERE event_id IN (SELECT unnest($ids)) AND starts_with(lower(trim(provenance)), 'third')
"""
SHARED = """
    SELECT destination, identifier_key, min(emitted_at) AS first_at, max(emitted_at) AS last_at,
           arg_max({'destination': destination, 'audience': audience, 'operation': operation,
                    'batch_id': batch_id, 'record_id': record_id},
                   (emitted_at, batch_id, position)) AS last_record
    FROM (SELECT *, unnest(identifier_keys) AS identifier_key FROM records
          WHERE list_has_any(identifier_keys, $keys) AND emitted_at <= $at) AS each_key
    WHERE identifier_key IN (SELECT unnest($keys)) GROUP BY destination, identifier_key
    ORDER BY destination, identifier_key
"""
HELD_THERE = """
    SELECT DISTINCT destination, identifier_key FROM (
        SELECT destination, audience, identifier_key, member_key,
               arg_max(coalesce(is_member, false) AND NOT coalesce(is_withheld, false), batch_id)
                   AS is_held
        FROM log_memberships WHERE identifier_key IN (SELECT unnest($keys)) GROUP BY ALL
    ) AS newest WHERE is_held
"""
# What was told of her by an identifier that several use: of whom it is, nobody may say.
BY_OTHERS = """
    SELECT count(*) AS n FROM records
    WHERE person_id = $person AND emitted_at <= $at AND NOT list_has_any(identifier_keys, $keys)
"""
# What became of the files of a batch, and which of these records were refused in the end.
FILES = """
    SELECT destination, audience, operation, batch_id,
           bool_and(coalesce(ended.state = 'accepted', false)) AS is_taken,
           bool_and(ended.state IS NOT NULL) AS is_over
    FROM deliveries LEFT JOIN (
        SELECT destination, name, arg_max(state, "at") AS state FROM delivery_states GROUP BY ALL
    ) AS ended USING (destination, name)
    WHERE batch_id IN (SELECT unnest($batches)) GROUP BY ALL
"""
REFUSED = """
    SELECT record_id FROM delivery_rows JOIN (
        SELECT destination, name, max("at") AS ended_at FROM delivery_states GROUP BY ALL
    ) AS ended USING (destination, name)
    WHERE state = 'rejected' AND "at" = ended_at AND record_id IN (SELECT unnest($records))
"""


def statement(of: Moment, text: str) -> dict[str, Any]:
    """What is held of a customer, for which purpose and how long, and with whom it was shared.

    Of what several customers share nothing is told, since that would be of others as well.

    Raises: WhoUnknown, where it is nobody's own.
    """
    found = who.find(of.lake, text, of.config)
    if found.person_id is None or found.is_device:
        raise WhoUnknown(
            f"{visible(found.asked)} is nobody's own, so that a statement might tell one customer "
            "of another; name something that only this customer has."
        )
    if any(one["state"] != "linked" for one in found.matched):
        raise WhoUnknown(
            f"{visible(found.asked)} is shared by several customers or not its customer's any "
            "more, so that nobody can know who asks; name something that only this customer has."
        )
    if found.kind in ("message", "decision"):
        raise WhoUnknown(
            f"A {found.kind} says nothing of who asks; name an identifier of this customer, or "
            "their person id."
        )
    doubt = found.asked_id and who.standing_for_several(
        of.lake, found.asked_id, of.config.identity.unique_types
    )
    if doubt:
        raise WhoUnknown(
            f"The id {visible(found.asked)} may stand for another customer by now than when it was "
            f"noted: {doubt}. Ask by an identifier of this customer's own, such as an email."
        )
    person = found.person_id
    known = who.described(
        of.lake, [r["identifier_key"] for r in of.lake.rows(HERS, person=person, most=MOST)]
    )
    privacy = of.config.privacy
    return {
        "as_of": of.as_of,
        "at": of.at,
        "controller": privacy.controller,
        "contact": privacy.contact,
        "authority": privacy.authority,
        "known_as": [
            {"type": one["identifier_type"], "value": one["value"],
             "first_seen_at": one["first_seen_at"], "last_seen_at": one["last_seen_at"]}
            for one in known.values()
        ],
        "held": list(_held(of, person)),
        "attributes": _attributes(of, person),
        "consents": _consents(of, person),
        "worked_out": list(_worked_out(of, person)),
        "not_said": _not_said(of, person),
        "shared": _shared(of, list(known), known),
        "is_told_under_others": bool(
            of.lake.row(BY_OTHERS, person=person, keys=list(known), at=of.at)["n"]
        ),
        "missing": list(missing(of.config)),
    }  # fmt: skip


def missing(config: Config) -> Iterator[str]:
    """The keys of the configuration without which a statement is not whole."""
    privacy = config.privacy
    for name in ("controller", "contact", "authority"):
        if getattr(privacy, name) is None:
            yield f"privacy.{name}"
    streams = {s.stream for s in config.sources.values() if s.stream}
    yield from (f"privacy.streams.{n}" for n in STREAMS if n in streams - set(privacy.streams))
    names = (d.name for d in config.destinations)
    yield from (f"privacy.recipients.{n}" for n in names if n not in privacy.recipients)


def _held(of: Moment, person: str) -> Iterator[dict[str, Any]]:
    """What is held, stream by stream, and what the business says about it."""
    for stream in STREAMS:
        told = of.config.privacy.streams.get(stream)
        kept = told.kept if told else None
        asked = {"person": person, "stream": stream}
        rows = of.lake.rows(HELD, **asked, at=of.at, kept=kept)
        if not rows:
            continue
        sources = of.lake.rows(SOURCES.format(stream=stream), **asked)
        yield {
            "stream": stream,
            "what": [
                {"type": r["type"], "says": to_her(r["type"]), "events_count": r["events_count"]}
                for r in rows
            ],
            "events_count": sum(row["events_count"] for row in rows),
            "first_at": min(row["first_at"] for row in rows),
            "last_at": max(row["last_at"] for row in rows),
            "sources": [row["source"] for row in sources],
            "purpose": told.purpose if told else None,
            "basis": told.basis if told else None,
            "basis_says": BASES[told.basis] if told else None,
            "benefit": told.benefit if told else None,
            "kept_days": kept.days if kept else None,
            "older_count": sum(row["older_count"] for row in rows) if kept else 0,
        }


def _attributes(of: Moment, person: str) -> list[dict[str, Any]]:
    found = of.lake.rows(
        "SELECT attributes FROM customers WHERE person_id = $person", person=person
    )
    told = dict((found[0]["attributes"] if found else None) or {})
    return [{"name": name, **one} for name, one in sorted(told.items())]


def _consents(of: Moment, person: str) -> list[dict[str, Any]]:
    found = of.lake.rows("SELECT consents FROM customers WHERE person_id = $person", person=person)
    told = dict((found[0]["consents"] if found else None) or {})
    return [
        {"channel": name.partition(":")[0], "purpose": name.partition(":")[2], "is_granted": yes}
        for name, yes in sorted(told.items())
    ]


def _worked_out(of: Moment, person: str) -> Iterator[dict[str, Any]]:
    """What was worked out about her from all that."""
    for table in (CUSTOMERS, CUSTOMER_SCORES):
        rows = of.lake.rows(f"SELECT * FROM {table.name} WHERE person_id = $person", person=person)
        for column in table.columns if rows else ():
            value = rows[0][column.name]
            if column.name not in TOLD_APART and value not in (None, [], {}):
                yield {"name": column.name, "about": column.doc, "value": value}


def _not_said(of: Moment, person: str) -> list[dict[str, Any]]:
    """What she is not told for now, and the event of her own for which that is."""
    rows = of.lake.rows(IN_FORCE, person=person, at=of.at, most=MOST)
    ids = sorted({ref.partition(":")[2] for row in rows for ref in (row["evidence"] or ())[:1]})
    hers = of.lake.rows(HER_EVENTS, person=person, ids=ids)
    claimed = {row["event_id"] for row in of.lake.rows(CLAIMED, ids=ids)}
    known = {
        f"{row['stream']}:{row['event_id']}": row for row in hers
        if not (row["stream"] == "profiles" and row["event_id"] in claimed)
    }  # fmt: skip
    return [
        {
            "channels": list(row["channels"] or ()),
            "scope": row["scope"],
            "since": row["starts_at"],
            "until": row["ends_at"],
            "because": _because(known.get((row["evidence"] or [""])[0])),
        }
        for row in rows
    ]


def _because(event: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if event is None:
        return None
    return {
        "says": to_her(event["type"]),
        "occurred_at": event["occurred_at"],
        "skus": list(event["skus"] or ()),
        "order_id": event["order_id"],
    }


def _shared(
    of: Moment, keys: Sequence[str], known: Mapping[str, Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """With whom which of her identifiers were shared, when first and last."""
    held = {
        (row["destination"], row["identifier_key"]) for row in of.lake.rows(HELD_THERE, keys=keys)
    }
    grouped: dict[str, list[dict[str, Any]]] = {}
    for row in of.lake.rows(SHARED, keys=keys, at=of.at):
        grouped.setdefault(row["destination"], []).append(row)
    for destination, key in sorted(held):
        # What a list brought that was imported: the destination held it before.
        if not any(row["identifier_key"] == key for row in grouped.get(destination, ())):
            grouped.setdefault(destination, []).append(
                {"identifier_key": key, "first_at": None, "last_at": None, "last_record": None}
            )
    stand = _standing(of, [row["last_record"] for rows in grouped.values() for row in rows])
    types = {key: one["identifier_type"] for key, one in known.items()}
    hashing = {one.name for one in of.config.destinations if one.sink.hashes}
    return [
        {
            "destination": destination,
            "recipient": of.config.privacy.recipients.get(destination),
            # Whoever writes to her has what he writes to.
            "is_hashed": destination in hashing
            and not any(
                (row["last_record"] or {}).get("operation") in (SEND, CANCEL) for row in rows
            ),
            "identifiers": sorted({types[row["identifier_key"]] for row in rows}),
            "first_at": _bound(min, (row["first_at"] for row in rows)),
            "last_at": _bound(max, (row["last_at"] for row in rows)),
            "is_held": any((destination, row["identifier_key"]) in held for row in rows),
            "stands": _of_all(
                stand.get(row["last_record"]["record_id"], "waiting")
                if row["last_record"]
                else "accepted"
                for row in rows
            ),
        }
        for destination, rows in sorted(grouped.items())
    ]


def _standing(of: Moment, records: Sequence[Mapping[str, Any] | None]) -> dict[str, str]:
    """How each record stands: accepted, refused, waiting, or written for somebody to upload."""
    told = [record for record in records if record is not None]
    sent = {destination.name for destination in of.config.destinations if destination.is_sent}
    names = ("destination", "audience", "operation", "batch_id")
    batches = sorted({record["batch_id"] for record in told})
    files = {
        tuple(row[name] for name in names): row for row in of.lake.rows(FILES, batches=batches)
    }
    rows = of.lake.rows(REFUSED, records=[record["record_id"] for record in told])
    refused = {row["record_id"] for row in rows}
    found = {}
    for record in told:
        ends = files.get(tuple(record[name] for name in names), {})
        stands = "accepted" if ends.get("is_taken") else "waiting"
        if record["record_id"] in refused or (ends.get("is_over") and not ends["is_taken"]):
            stands = "refused"
        if stands == "waiting" and record["destination"] not in sent:
            stands = "written"
        found[record["record_id"]] = stands
    return found


def _of_all(each: Iterable[str]) -> str:
    """What is said of several: that they have it, where they have any of it."""
    told = {*each}
    return next(one for one in ("accepted", "written", "waiting", "refused") if one in told)


def _bound(choose: Any, moments: Iterable[datetime | None]) -> datetime | None:
    told = [as_utc(at) for at in moments if at is not None]
    return choose(told) if told else None


# What is said to her is said of her; of what others did it is said as it was.
TO_HER = {
    "search": "you searched for something", "shared": "you shared something",
    "add_to_cart": "you put something into the cart",
    "remove_from_cart": "you took something out of the cart",
    "order_placed": "you ordered", "order_paid": "you paid for an order",
    "order_shipped": "your order was shipped", "order_delivered": "your order was delivered",
    "order_cancelled": "an order was cancelled", "order_returned": "you returned something",
    "order_refunded": "you were given money back", "sent": "we sent you a message",
    "delivered": "a message reached you", "opened": "a message was opened",
    "clicked": "you clicked in a message", "bounced": "a message to you came back",
    "failed": "a message to you could not be sent", "error_shown": "you were shown an error",
    "attribute_set": "something about you was noted",
    "contact_closed": "customer service was done with your question",
}  # fmt: skip


def to_her(type_: str) -> str:
    """What happened, said to whom it happened."""
    did = DID.get(type_, visible(type_))
    return TO_HER.get(type_) or (did if did.startswith("the business") else f"you {did}")
