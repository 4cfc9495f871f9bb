"""What the rules in `sql/` read: events by stream, identifiers, and the configuration as tables."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

import pyarrow as pa
from duckdb import DuckDBPyConnection

from tests.oracle.blanks import trim
from tests.oracle.config import caps, destinations, duration, identifier_types, rules
from tests.oracle.facts import Event
from tests.oracle.identifiers import Form
from tests.oracle.networks import KINDS, network_values

# What makes no rows of its own; one file each, found by its name.
CHECKS = tuple(sorted(path.stem for path in Path(__file__).parent.glob("sql/checks/*.sql")))
TEXT, FLAG, TIME = pa.string(), pa.bool_(), pa.timestamp("us")
MONEY, SPAN = pa.decimal128(18, 4), pa.duration("us")
LINE = pa.struct(
    [("line_id", TEXT), ("sku", TEXT), ("category", TEXT), ("quantity", MONEY),
     ("unit_price", MONEY), ("discount", MONEY), ("amount", MONEY)]
)  # fmt: skip

COMMON = [("event_id", TEXT), ("type", TEXT), ("occurred_at", TIME), ("identifier_set", pa.int64())]
# Of every stream.
FURTHER = ("source",)
STREAMS = {
    "clicks": ("sku", "category", "message_id", "campaign_id", "device", "geo"),
    "purchases": ("order_id", "line_id", "campaign_id", "currency", "sku", "amount", "lines",
                  "coupons", "place", "store_id"),
    "messages": ("message_id", "channel", "purpose", "campaign_id", "variant", "bounce",
                 "machine_open", "cost", "skus", "categories", "content_id", "topic",
                 "offers_discount"),
    "profiles": ("channel", "purpose", "attribute", "value", "provenance",
                 "jurisdiction"),
    "service": ("channel", "order_id", "contact_id", "satisfaction"),
}  # fmt: skip
OTHER = {
    "lines": pa.list_(LINE),
    "machine_open": FLAG,
    "offers_discount": FLAG,
    "cost": MONEY,
    "amount": MONEY,
    "skus": pa.list_(TEXT),
    "categories": pa.list_(TEXT),
    "coupons": pa.list_(TEXT),
    "satisfaction": pa.int32(),
    "device": pa.struct([("type", TEXT), ("os", TEXT)]),
    "geo": pa.struct([(n, TEXT) for n in ("country", "region", "city", "time_zone")]),
}

TYPES = [("type", TEXT), ("priority", pa.int32()), ("is_unique", FLAG), ("is_device", FLAG),
         ("max_links", pa.int64()), ("max_devices", pa.int64()), ("most", pa.int64()),
         ("link_window", SPAN)]  # fmt: skip
IDENTITY_SETTINGS = [("as_of", TIME), ("max_identifiers", pa.int64()), ("shared_devices", TEXT)]
IDENTIFIERS = [("node", pa.int32()), ("identifier_key", TEXT), ("identifier_type", TEXT),
               ("priority", pa.int32()), ("is_blocked", FLAG)]  # fmt: skip
STANDS_FOR = [("node", pa.int32()), ("best", pa.int32())]
TOGETHER = [("node", pa.int32()), ("part", pa.int32())]
MEMBERS = [("identifier_set", pa.int64()), ("node", pa.int32())]
WORDS = [("event_id", TEXT), ("said_at", TIME), ("kind", TEXT), ("identifier_key", TEXT),
         ("other_key", TEXT), ("author", TEXT), ("reason", TEXT)]  # fmt: skip
SETTINGS = [("as_of", TIME), ("attribution_window", SPAN), ("half_life", SPAN),
            ("currency", TEXT), ("opt_in", FLAG),
            ("time_zone", TEXT), ("history_from", pa.date32()),
            ("recency_days", pa.list_(pa.int64())),
            ("orders", pa.list_(pa.int64())), ("revenue", pa.list_(pa.int64())),
            ("new_for", SPAN), ("active_for", SPAN), ("lapsing_for", SPAN),
            ("valued_from", MONEY)]  # fmt: skip
# What a configuration that is silent means.
SCORES = {"recency_days": [30, 90, 180, 365], "orders": [2, 3, 5, 10],
          "revenue": [50, 200, 500, 1000], "new_for": "90d", "active_for": "180d",
          "lapsing_for": "185d"}  # fmt: skip
DESTINATIONS = [("name", TEXT), ("policy", TEXT), ("channel", TEXT), ("is_network", FLAG),
                ("is_about_bounces", FLAG), ("identifiers", pa.list_(TEXT)),
                ("audience_by", TEXT), ("audience_of", TEXT)]  # fmt: skip
RULES = [("name", TEXT), ("reason", TEXT), ("match", TEXT), ("share", pa.float64()),
         ("lasts", SPAN), ("lasts_share", pa.float64()), ("lifted_by", pa.list_(TEXT)),
         ("channels", pa.list_(TEXT)), ("options", TEXT)]  # fmt: skip
CAPS = [("name", TEXT), ("counts", TEXT), ("cap_limit", pa.int32()), ("cap_window", SPAN),
        ("calendar", TEXT), ("zone", TEXT), ("week_starts", TEXT),
        *((name, pa.list_(TEXT)) for name in ("channels", "purposes", "topics", "campaigns",
                                              "exempt_topics", "exempt_campaigns")),
        ("exempt_counts", FLAG)]  # fmt: skip
VALUES = [("destination", TEXT), ("identifier_key", TEXT), ("value", TEXT), ("is_best", FLAG)]
COUNTRIES = Path(__file__).with_name("countries.txt").read_text("ascii")
LAWS = [("country", TEXT), ("opt_in", FLAG)]
PRODUCTS = [("sku", TEXT), ("category", TEXT), ("brand", TEXT), ("cost", MONEY),
            ("price", pa.float64()), ("replenish_days", pa.float64()),
            *((n, pa.list_(TEXT)) for n in ("complements", "seasons", "regions")),
            ("attributes", pa.map_(TEXT, TEXT))]  # fmt: skip
OFFER = [("topic", TEXT), *((n, pa.list_(TEXT)) for n in ("skus", "categories", "brands")),
         ("offers_discount", FLAG)]  # fmt: skip
CAMPAIGNS = [("campaign_id", TEXT), *OFFER]
CONTENTS = [("content_id", TEXT), ("locale", TEXT), *OFFER]
CONTEXT = [("region", TEXT), ("day", pa.date32()), ("temperature", pa.float64()),
           ("rain", pa.float64())]  # fmt: skip
RATES = [("day", pa.date32()), ("currency", TEXT), ("rate", pa.decimal128(18, 8))]

Rows = Iterable[Mapping[str, Any]]


def put_events(db: DuckDBPyConnection, events: Iterable[Event]) -> None:
    """Lay down the events of each stream, and who is named in them.

    Identifiers are numbered by priority, then key, so the first of several has the least number.
    An event points at its set of identifiers; events that name the same ones share it. What
    somebody says of two identifiers is no sighting of them: it points at none, and who is named
    nowhere else is not known. Of what became of copies for test recipients nothing is made.
    """
    events = [event for event in events if not _is_of_copy(event)]
    seen = [event for event in events if event.is_sighting]
    known = {x.key: (x, False) for event in seen for x in event.identifiers}
    for event in seen:
        for x in event.blocked:
            known.setdefault(x.key, (x, True))
    order = sorted(known.values(), key=lambda at: (at[0].priority, at[0].key))
    node = {x.key: number for number, (x, _) in enumerate(order)}
    sets: dict[frozenset[int], int] = {}
    told: dict[str, list[dict[str, Any]]] = {stream: [] for stream in STREAMS}
    for event in events:
        held = event.identifiers + event.blocked if event.is_sighting else ()
        named = frozenset(node[x.key] for x in held)
        number = sets.setdefault(named, len(sets)) if named else None
        told[event.stream].append({**event.fields, "identifier_set": number})
    for stream in STREAMS:
        put_stream(db, stream, told[stream])
    rows = [
        {"node": node[x.key], "identifier_key": x.key, "identifier_type": x.type,
         "priority": x.priority, "is_blocked": is_blocked}
        for x, is_blocked in order
    ]  # fmt: skip
    put(db, "identifiers", rows, IDENTIFIERS)
    members = [{"identifier_set": at, "node": n} for named, at in sets.items() for n in named]
    put(db, "members", members, MEMBERS)
    put(db, "words", [_word(event) for event in events if not event.is_sighting], WORDS)


def _word(event: Event) -> dict[str, Any]:
    """What somebody of the business says of two identifiers."""
    one, other = event.identifiers
    author = event.property("author")
    return {
        "event_id": event["event_id"], "said_at": event.occurred_at, "kind": event["type"],
        "identifier_key": one.key, "other_key": other.key,
        "author": author and trim(author), "reason": event.property("reason"),
    }  # fmt: skip


def put_stream(db: DuckDBPyConnection, stream: str, events: Rows) -> None:
    """Lay down a stream's events; whom each names is a number in `identifier_set`."""
    put(db, stream, events, [*COMMON, *columns_of(stream)])


def columns_of(stream: str) -> list[tuple[str, pa.DataType]]:
    """What a stream has beyond the common columns."""
    return [(name, OTHER.get(name, TEXT)) for name in (*FURTHER, *STREAMS[stream])]


def put_types(db: DuckDBPyConnection, config: Mapping[str, Any], as_of: datetime) -> None:
    """Lay down the bounds and flags of each identifier type, and what else says who is who."""
    rows = [
        {
            **kind,
            "type": name,
            "is_unique": kind["unique"],
            "is_device": kind["device"],
            "most": 1 if kind["unique"] else kind.get("max_per_person", 0),
            "link_window": _span(kind.get("window")),
        }
        for name, kind in identifier_types(config).items()
    ]
    put(db, "types", rows, TYPES)
    identity = config["identity"]
    told = {**identity, "as_of": as_of}
    put(db, "identity_settings", [told], IDENTITY_SETTINGS)


def put_reference(
    db: DuckDBPyConnection,
    *,
    products: Rows,
    rates: Rows,
    contents: Rows = (),
    campaigns: Rows = (),
    context: Rows = (),
) -> None:
    """Lay down what the retailer tells of its products, its messages, and what money is worth."""
    put(db, "products", products, PRODUCTS)
    put(db, "contents", contents, CONTENTS)
    put(db, "campaigns", campaigns, CAMPAIGNS)
    put(db, "rates", rates, RATES)
    put(db, "context", context, CONTEXT)


def put_rules(db: DuckDBPyConnection, config: Mapping[str, Any], as_of: datetime) -> None:
    """Lay down what the business has decided, and the decision clock."""
    settings = {
        "as_of": as_of,
        "attribution_window": duration(config["attribution"]["window"]),
        "half_life": duration(config["attribution"].get("half_life", "7d")),
        "currency": config["business"]["currency"].strip().upper(),
        "opt_in": config["consent"]["default"] == "opt_in",
        "time_zone": config["business"].get("time_zone", "UTC"),
        "history_from": _day(config["business"].get("history_from")),
        "valued_from": _amount(config.get("value", {}).get("valued_from")),
        **_scores(config.get("scores", {})),
    }
    zones = [{"time_zone": name} for name in sorted(available_timezones())]
    put(db, "time_zones", zones, [("time_zone", TEXT)])
    put(db, "settings", [settings], SETTINGS)
    countries = [{"country": code} for code in COUNTRIES.split()]
    put(db, "countries", countries, [("country", TEXT)])
    laws = [
        {"country": name.upper(), "opt_in": told["default"] == "opt_in"}
        for name, told in config["consent"].items()
        if isinstance(told, Mapping)
    ]
    put(db, "laws", laws, LAWS)
    suppress = [
        {**rule, "reason": rule["when"], "lasts": _span(rule["lasts"]), "options": json.dumps(rule)}
        for rule in rules(config)
    ]
    put(db, "rules", [rule for rule in suppress if rule["when"] not in CHECKS], RULES)
    put(db, "checks", [rule for rule in suppress if rule["when"] in CHECKS], RULES)
    bounced = {rule["name"] for rule in suppress if rule["when"] == "bounced"}
    put(db, "destinations", [_destination(d, bounced) for d in destinations(config)], DESTINATIONS)
    limits = [
        {**cap, "cap_limit": cap["limit"], "cap_window": _span(cap.get("window"))}
        for cap in caps(config)
    ]
    put(db, "caps", limits, CAPS)


def _day(told: Any) -> date | None:
    return date.fromisoformat(str(told)) if told else None


def _amount(told: Any) -> Decimal | None:
    return None if told is None else Decimal(str(told))


def _scores(told: Mapping[str, Any]) -> dict[str, Any]:
    whole = {**SCORES, **told}
    return {n: duration(v) if n.endswith("_for") else v for n, v in whole.items()}


def put_network_values(
    db: DuckDBPyConnection, config: Mapping[str, Any], forms: Iterable[Form]
) -> None:
    """Lay down what each identifier is at each ad network."""
    put(db, "network_values", [*network_values(config, forms)], VALUES)


def put(
    db: DuckDBPyConnection, name: str, rows: Rows, fields: list[tuple[str, pa.DataType]]
) -> None:
    """Make a table of rows; what they hold beyond its columns is left out."""
    schema = pa.schema(fields)
    frame = pa.table({f.name: pa.array([row.get(f.name) for row in rows], f.type) for f in schema})
    db.register("rows_to_put", frame)
    db.execute(f"CREATE OR REPLACE TABLE {name} AS FROM rows_to_put")
    db.unregister("rows_to_put")


def _is_of_copy(event: Event) -> bool:
    """Whether it says what became of a test copy; who closes a channel by one has closed it."""
    counted = event.fields.get("type") in ("sent", "delivered", "opened", "clicked", "failed")
    named = event.fields.get("decision_id") or ""
    return event.stream == "messages" and counted and named.startswith("test-")


def _destination(told: Mapping[str, Any], bounced: set[str]) -> dict[str, Any]:
    is_network = told["kind"] in KINDS
    about = {"audience_by": None, "audience_of": None}
    return {
        **about,
        **told,
        "channel": "ad" if is_network else told["channel"],
        "is_network": is_network,
        "is_about_bounces": told["policy"] in bounced,
    }


def _span(text: str | None) -> timedelta | None:
    return duration(text) if text else None
