"""What small worlds are made of: rules, products, order lines, and rows that are broken."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.landing import Event, World

MAX_ROW_BYTES = 5000
SKUS = ("jeans", "mat", "lamp", "beans", "soap", "ghost")  # `ghost` is in no product table
CATEGORIES = ("clothes", "sports", "home", "food")
GOOD_TIME = "2026-03-02T00:00:00Z"
IDS = (
    "event_id", "order_id", "line_id", "sku", "category", "message_id", "campaign_id", "variant",
    "session_id", "contact_id", "store_id",
)  # fmt: skip
BLANKS = ("", " ", "\t", "\u00a0", "\u200b", "\ufeff\u2060", "\u3164")


def world_config(dice: random.Random, sources: Mapping[str, str]) -> dict[str, Any]:
    """A user's configuration with small limits, so that they are reached."""
    pick = dice.choice
    bounds = random.Random(str(dice.getstate()[1][:2]))  # its own, so that worlds stay as they are
    who = random.Random(f"device {dice.getstate()[1][:2]}")
    open_contacts = [
        {"name": "being_helped", "when": "service_open"},
        {"name": "helped_lately", "when": "service_open", "channels": ["sms", "email"],
         "lasts_at_most": bounds.choice(("6h", "2d", "5d"))},
    ]  # fmt: skip
    silent = random.Random(f"silence {dice.getstate()[1][:2]}")
    suppress = [
        {"name": "bought_it", "when": "purchased", "match": "sku", "lasts": pick(("3d", "6d")),
         "channels": ["ad", "email"]},
        {"name": "bought_kind", "when": "purchased", "match": "category", "lasts": "2d",
         "lifted_by": ["order_returned"]},
        {"name": "bought_brand", "when": "purchased", "match": "brand", "lasts_share": 0.5,
         **pick(({}, {"lasts": "4d"}))},
        {"name": "bought_much", "when": "purchased", "match": "sku", "lasts": "20d",
         "share": pick((0.5, 0.75, 1.0))},
        {"name": "complained", "when": "complained", "enabled": pick((True, False))},
        *open_contacts,
        *silence(silent),
    ]  # fmt: skip
    caps = [
        {"name": "email_cap", "channels": ["email"], "limit": pick((1, 2)),
         "window": pick(("1d", "2d", "5d")), "counts": "sent"},
        {"name": "any_cap", "limit": pick((2, 3)), "window": pick(("3d", "1w")),
         "counts": pick(("sent", "delivered", "opened"))},
        {"name": "both_cap", "channels": ["sms", "push"], "limit": 1, "window": "6h",
         "purposes": ["marketing", "transactional"], "counts": pick(("sent", "delivered"))},
    ]  # fmt: skip
    types = {
        "loyalty_id": {"unique": pick((False, False, True))},
        "email": {"max_links": pick((2, 5, 5, 20))},
        "device_id": {"max_links": pick((3, 5, 5))},
    }
    # Links that end by themselves, and each answer to whose a shared device is.
    sharing = who.choice(("neutral", "newest", "first"))
    types["anonymous_id"] = who.choice(({}, {"window": "2d"}, {"window": "36h"}))
    types["phone"] = who.choice(({}, {"window": "5d"}))
    if sharing != "neutral":
        types["anonymous_id"]["max_per_person"] = who.choice((2, 3))
    aged = who.choice(({}, {"half_life": "1s"}, {"half_life": "6h"}, {"half_life": "2d"}))
    return {
        "lake": {"location": "lake", "secret": "env:TACTFUL_SECRET"},
        "intake": {"max_row_bytes": MAX_ROW_BYTES},
        "sources": {
            name: {"stream": stream, "dialect": "canonical", "format": "json",
                   "path": f"landing/{name}"}
            for name, stream in sources.items()
        },
        "identity": {
            "phone_region": "US",
            "shared_devices": sharing,
            "max_devices": pick((4, 100, 100)),
            "max_identifiers": pick((6, 12, 1000, 1000)),
            "types": types,
        },
        "attribution": {"window": pick(("1d", "3d")), **aged},
        "caps": caps,
        "suppress": suppress,
    }  # fmt: skip


def silence(dice: random.Random) -> list[dict[str, Any]]:
    """Rules of what must not be said beside what was bought and refused."""
    pick = dice.choice
    return [
        {"name": "paid_in_full", "when": "price_regret", "lasts": pick(("2d", "6d")),
         "full_from": pick((1.0, 0.8, 0.5)), **pick(({}, {"match": "sku"}))},
        {"name": "paid_for_kind", "when": "price_regret", "lasts": "9d", "match": "category",
         "share": pick((0.5, 1.0)), "channels": ["email"], "lifted_by": ["order_cancelled"]},
        {"name": "paid_for", "when": "purchased", "match": "sku", "lasts": pick(("2d", "5d")),
         "at": "order_paid", **pick(({}, {"paid_within": "1d"}, {"lasts_share": 0.1}))},
        {"name": "on_its_way", "when": "unfulfilled", "late_after": pick(("6h", "2d")),
         **pick(({}, {"late_from": "order_shipped"})), "undelivered_after": pick(("3d", "8d"))},
        {"name": "never_came", "when": "unfulfilled", "without_delivery": "undelivered",
         "undelivered_after": "4d", "review_topics": ["Review request"], "complement_topics": [],
         "channels": ["sms", "email"]},
        {"name": "tired", "when": "fatigued", "limit": pick((1, 2)), "window": pick(("3d", "8d")),
         "rest": pick(("1d", "6d")), "counted_channels": ["email", "push", "sms"],
         **pick(({}, {"unanswered_after": "6h"}))},
        {"name": "worn_out", "when": "fatigued", "bad_limit": 1, "window": pick(("4d", "9d")),
         "rest": pick(("1d", "6d")), "channels": pick(([], ["email", "sms"]))},
        {"name": "tired_of_mail", "when": "fatigued", "limit": 1, "window": "12d", "rest": "2d",
         "channels": ["email"]},
        {"name": "asked_for", "when": "declared_preference"},
        {"name": "asked_lately", "when": "declared_preference", "attributes": ["COLOUR ", "brand"],
         "lasts": pick(("2d", "5d")), "share": pick((0.5, 1.0)), "channels": ["email", "push"]},
    ]  # fmt: skip


def order_lines(dice: random.Random, sku: str | None) -> list[dict[str, Any]] | None:
    """What was ordered, `sku` first if given; at times no lines, or lines without ids or prices."""
    if sku is None and dice.random() < 0.05:
        return dice.choice((None, []))
    numbered = dice.random() < 0.7
    lines = []
    for n in range(dice.choice((1, 1, 2, 3))):
        line = {
            "line_id": f"l{n}" if numbered and dice.random() < 0.9 else None,
            "sku": (sku if n == 0 else None) or dice.choice(SKUS),
            "category": dice.choice((*CATEGORIES, None, None)),
            "quantity": dice.choice((1, 1, 2, 0, 0.355)),
            "unit_price": dice.choice((9.99, 20, 0.1115, 9.99, 20, None)),
            "discount": dice.choice((None, None, 1.5, 30)),
            "amount": dice.choice((None, None, 12.5, 0, 7.0001)),
        }
        spare = dice.random() < 0.5  # a null may be said or left out
        lines.append({k: v for k, v in line.items() if not spare or v is not None})
    return lines


def undone(dice: random.Random, lines: list[dict[str, Any]]) -> dict[str, Any]:
    """What an undo event says of the lines: nothing, one line's id, a sum, or some of the lines.

    Quantities and amounts come with and without a minus, as tills write them.
    """
    how = dice.choice(("all", "line_id", "sum", "lines", "lines", "skus"))
    if how == "sum":
        return {"lines": [{"amount": dice.choice((1.5, 5, -5, 20, 100))}]}
    if how == "all" or not lines:
        return {}
    if how == "line_id":
        return {"line_id": dice.choice(("l0", "l1", "l9"))}
    kept = ("sku",) if how == "skus" else ("line_id", "sku")
    return {
        "lines": [
            {name: line.get(name) for name in kept} | _given_back(dice)
            for line in dice.sample(lines, dice.randint(1, len(lines)))
        ]
    }


def said_again(dice: random.Random, told: Mapping[str, Any]) -> dict[str, Any]:
    """What a later event of a message says of it: all, nothing but its id, or this and that."""
    kept = dice.choice((1.0, 1.0, 0.0, 0.0, 0.5))
    return {
        name: value for name, value in told.items() if name == "message_id" or dice.random() < kept
    }


def _given_back(dice: random.Random) -> dict[str, Any]:
    told = {
        "quantity": dice.choice((None, None, 1, 1, -1, 2, 0, 0.355)),
        "amount": dice.choice((None, None, 3, 5.25, -5.25, 10, 100)),
        "unit_price": dice.choice((None, None, None, 9.99)),
    }
    return {name: value for name, value in told.items() if value is not None}


def till_lines(dice: random.Random, sku: str) -> list[dict[str, Any]]:
    """What a till says of a product that comes back under the till's own number."""
    more = [{"sku": dice.choice(SKUS), **_given_back(dice)}] if dice.random() < 0.2 else []
    return [{"sku": sku, **_given_back(dice)}, *more]


def spelled_oddly(rows: Mapping[str, list[Event]], seed: int) -> None:
    """Say some things otherwise: times, currencies and blanks as other systems write them.

    The same event told again may be spelled in another way, and still says the same; what adds to
    what it says is added wherever it is told. Dice of their own leave the worlds as they are.
    """
    for source, told in rows.items():
        for place, row in enumerate(told):
            if isinstance(row, dict):
                dice = random.Random(f"{seed} {source} {place}")
                same = random.Random(f"{seed} {row.get('event_id')} {row.get('type')}")
                row = _odd_names(same, _of_its_own_line(same, row))
                told[place] = _padded(dice, _odd_blanks(dice, _odd_words(dice, row)))


def _of_its_own_line(same: random.Random, row: dict[str, Any]) -> dict[str, Any]:
    """A line that is only a product or an amount, told by the event itself; or a sum beside all."""
    lines = row.get("lines")
    if not lines or same.random() < 0.5:
        return row
    line = {name: value for name, value in lines[0].items() if value is not None}
    if len(lines) == 1 and line.keys() <= {"line_id", "sku", "amount"}:
        return {**row, "lines": same.choice((None, [])), **line}
    return {**row, "sku": "ghost", "amount": 7.5}


def _odd_words(dice: random.Random, row: dict[str, Any]) -> dict[str, Any]:
    """A time in another of ISO 8601's forms, a currency not in plain capitals."""
    time, currency = row.get("occurred_at"), row.get("currency")
    if isinstance(time, str) and time.endswith("Z") and dice.random() < 0.2:
        basic = time.replace("-", "").replace(":", "")
        forms = [basic, time.lower(), time.replace(".", ","), f"{time[:-1]}+00"]
        row = {**row, "occurred_at": dice.choice([*forms, f"{basic[:-1]}-0000"])}
    if "currency" in row and dice.random() < 0.3:
        forms = (currency.lower(), f"\u00a0{currency.title()} ", currency)
        row = {**row, "currency": dice.choice(forms)}
    return row


def _odd_blanks(dice: random.Random, row: dict[str, Any]) -> dict[str, Any]:
    """What is not told, told as blanks; and lists with entries that say nothing."""
    blank = dice.choice(BLANKS)
    if dice.random() < 0.1:
        more = ("line_id", "store_id", "campaign_id") if "currency" in row else ()
        row = {**dict.fromkeys(("received_at", "source", *more), blank), **row}
    if row.get("skus") and dice.random() < 0.2:
        row = {**row, "skus": [blank, *row["skus"], None]}
    if row.get("lines") and dice.random() < 0.2:
        row = {**row, "lines": [_filled(line, blank) for line in row["lines"]]}
    return row


def _filled(line: Mapping[str, Any], blank: str) -> dict[str, Any]:
    told = {name: value for name, value in line.items() if value is not None}
    return {"line_id": blank, "category": blank, **told}


def _padded(dice: random.Random, row: dict[str, Any]) -> dict[str, Any]:
    """Ids as forms and spreadsheets hand them over, with blanks around them."""

    def pad(value: Any) -> Any:
        is_told = isinstance(value, str) and value and dice.random() < 0.5
        return f"{dice.choice(BLANKS)}{value}{dice.choice(BLANKS)}" if is_told else value

    if dice.random() < 0.8:
        return row
    row = row | {name: pad(row[name]) for name in IDS if name in row}
    for name in ("skus", "categories"):
        if row.get(name):
            row = {**row, name: [pad(entry) for entry in row[name]]}
    if row.get("lines"):
        lines = [line | {name: pad(line[name]) for name in IDS if name in line}
                 for line in row["lines"]]  # fmt: skip
        row = {**row, "lines": lines}
    return row


def _odd_names(same: random.Random, row: dict[str, Any]) -> dict[str, Any]:
    """Names inside objects that the canonical form does not know, and none's identifiers."""
    if "lines" in row and row["lines"] and same.random() < 0.1:
        row = {**row, "lines": [{**line, "colour": "blue"} for line in row["lines"]]}
    if row.get("device") and same.random() < 0.3:
        row = {**row, "device": {**row["device"], "model": {"name": "X"}}}
    if row.get("identifiers") and same.random() < 0.1:
        nobody = [{"type": kind, "value": blank} for kind in ("customer_id", "email")
                  for blank in BLANKS]  # fmt: skip
        first = {**row["identifiers"][0], "verified": True}
        row = {**row, "identifiers": [first, same.choice(nobody), *row["identifiers"][1:]]}
    return row


def broken_rows(dice: random.Random, landed_at: datetime) -> list[tuple[str, Event]]:
    """Some of the ways in which a row can be wrong, and blank lines, which are no rows."""
    kinds = list(_broken(landed_at))
    spoilt = random.Random(str(kinds))
    beyond = spoilt.sample(list(_beyond()), 10)
    return [*dice.sample(kinds, 14), *beyond, ("web", ""), ("mail", "")]


def _broken(landed_at: datetime) -> Iterator[tuple[str, Event]]:
    good = {"type": "page_view", "occurred_at": GOOD_TIME, "identifiers": []}
    yield "web", "plainly not JSON"
    yield "shop", '{"event_id": "b1", "type": "order_placed", "occurred_at": "2026-'
    yield "mail", "[1, 2]"
    told = {"event_id": "b2", "type": "attribute_set", "value": "?", "occurred_at": GOOD_TIME}
    yield "crm", json.dumps(told).encode().replace(b"?", b"\xff\xfe")
    yield "web", good
    yield "app", {**good, "event_id": ""}
    yield "web", {**good, "event_id": "b3", "type": None}
    yield "web", {**good, "event_id": "b4", "type": "teleported"}
    yield "app", {"event_id": "b5", "type": "page_view"}
    yield "app", {**good, "event_id": "b6", "occurred_at": "yesterday"}
    yield "app", {**good, "event_id": "b7", "occurred_at": "2026-03-02T00:00:00"}
    yield "web", {**good, "event_id": "b8", "occurred_at": "1970-01-01T00:00:00Z"}
    future = landed_at + timedelta(hours=1, microseconds=1)
    yield "web", {**good, "event_id": "b9", "occurred_at": future.isoformat()}
    yield "web", {**good, "event_id": "b10", "identifiers": "ann@mail.example"}
    yield "web", {**good, "event_id": "b11", "url": "x" * MAX_ROW_BYTES}
    yield "till", {"event_id": "b12", "type": "order_placed", "occurred_at": GOOD_TIME}
    order = {"type": "order_placed", "occurred_at": GOOD_TIME, "order_id": "o900"}
    yield "till", {**order, "event_id": "b13", "order_id": ""}
    yield "shop", {**order, "event_id": "b14", "lines": "two pairs of jeans"}
    sent = {"type": "sent", "occurred_at": GOOD_TIME, "channel": "email"}
    yield "mail", {**sent, "event_id": "b15"}
    yield "mail", {**sent, "event_id": "b16", "message_id": "m900", "cost": "cheap"}
    yield "mail", {**sent, "event_id": "b17", "message_id": "m901", "machine_open": "perhaps"}
    yield "desk", {"event_id": "b18", "type": "contact_closed", "occurred_at": GOOD_TIME,
                   "satisfaction": "good"}  # fmt: skip
    yield "mail", {"type": "teleported", "occurred_at": "2026-03-02T00:00:00"}


def _beyond() -> Iterator[tuple[str, Event]]:
    """What no retailer says: blanks for ids, amounts and lists beyond all bounds."""
    order = {"type": "order_placed", "occurred_at": GOOD_TIME, "order_id": "o901"}
    sent = {"type": "sent", "occurred_at": GOOD_TIME, "channel": "email", "message_id": "m901"}
    yield "web", {"event_id": "\t", "type": "page_view", "occurred_at": GOOD_TIME}
    yield "shop", {**order, "event_id": "c1", "order_id": "\u00a0"}
    yield "mail", {**sent, "event_id": "c2", "message_id": "\u200b\u2060"}
    yield "till", {**order, "event_id": "c3", "lines": [{"sku": "jeans", "amount": 1.8e12}]}
    dear = {"sku": "jeans", "quantity": 10**8, "unit_price": 10**8}
    yield "shop", {**order, "event_id": "c4", "lines": [dear]}
    yield "till", {**order, "event_id": "c5", "lines": [{"sku": "jeans", "quantity": "1e9"}]}
    yield "shop", {**order, "event_id": "c6", "currency": "US Dollar"}
    yield "mail", {**sent, "event_id": "c7", "cost": "1e999"}
    yield "desk", {"event_id": "c8", "type": "contact_closed", "occurred_at": GOOD_TIME,
                   "satisfaction": 9}  # fmt: skip
    yield "mail", {**sent, "event_id": "c9", "campaign_id": "t" * 1001}
    named = [{"type": "customer_id", "value": f"x{n}"} for n in range(101)]
    yield "app", {"event_id": "c10", "type": "login", "occurred_at": GOOD_TIME,
                  "identifiers": named}  # fmt: skip
    yield "mail", {"event_id": "c12", "type": "unsubscribed", "occurred_at": GOOD_TIME,
                   "identifiers": [{"type": "email", "value": "\u00a0"}]}  # fmt: skip
    yield "web", {"event_id": "c11", "type": "login", "occurred_at": "20260302T000000"}


def reused_ids() -> World:
    """One id with several payloads; which is accepted, arrival may decide (see `Intake`)."""
    base = {"type": "page_view", "occurred_at": GOOD_TIME,
            "identifiers": [{"type": "customer_id", "value": "c1"}]}  # fmt: skip
    rows: list[Event] = []
    for n in range(6):
        one = {"event_id": f"r{n}", **base, "sku": "jeans"}
        rows += [one, {**one, "sku": "mat"}, {**one, "received_at": GOOD_TIME, "source": "again"}]
        if n % 2:
            rows.append({**one, "sku": "lamp", "occurred_at": "2026-03-03T00:00:00Z"})
    return _only_web(rows)


def awkward_rows() -> World:
    """Rows that are right, or wrong, in ways that parsers disagree about."""
    good = {"type": "page_view", "occurred_at": GOOD_TIME, "identifiers": []}
    glued = '{"event_id": "g1", "type": "page_view", "occurred_at": "2026-03-02T00:00:00Z"}'
    rows: list[Event] = [
        glued + glued.replace("g1", "g2"),  # two events on one line: malformed, never one lost
        glued.replace("g1", "g3") + " trailing",
        glued.replace("g1", "g4") + "\r",
        "  " + glued.replace("g1", "g5") + "  ",
        "   ",
        {**good, "event_id": "ä\u2028\u2029\u0085 ☃ 🛒"},
        {"identifiers": [], "occurred_at": "2026-03-02T01:00:00+01:00", "event_id": "g6",
         "type": "page_view"},
        {**good, "event_id": "g6", "received_at": GOOD_TIME},  # the same, told otherwise
        {**good, "event_id": "g7", "properties": {"deep": {"er": [1]}, "none": None}},
        {**good, "event_id": "g8", "identifiers": None},
        {**good, "event_id": "g9", "occurred_at": "2026-03-02T00:00:00.1234567Z"},
        {**good, "event_id": "g10", "occurred_at": "2026-02-30T00:00:00Z"},
        '{"event_id": "g11", "type": "page_view", "occurred_at": null}',
    ]  # fmt: skip
    return _only_web(rows)


def _only_web(rows: list[Event]) -> World:
    as_of = datetime(2026, 3, 10, tzinfo=UTC)
    config = world_config(random.Random(0), {"web": "clicks"})
    return World({"web": rows}, config, [], as_of, as_of + timedelta(days=1))
