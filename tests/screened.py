"""A small published lake that lists are held against, and how a list's rows come back."""

from __future__ import annotations

import csv
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tactful.jobs.lake.secret import check_value
from tactful.schemas.table import FORMAT_VERSION
from tests.oracle.config import load as oracle_config
from tests.oracle.identifiers import Normaliser
from tests.small_lake import write_table

SECRET = "a secret of this lake alone"
NOW = datetime(2026, 6, 10, 12, tzinfo=UTC)
DAY = timedelta(days=1)
ADDED = ("allowed", "reason", "policy", "until", "known")
CONF = """
[lake]
location = "lake"
secret = "env:TACTFUL_SECRET"
[[caps]]
name = "weekly"
limit = 3
window = "7d"
[[suppress]]
name = "bought"
when = "purchased"
match = "sku"
lasts = "30d"
share = 0.5
[[suppress]]
name = "fitting"
when = "out_of_context"
[[suppress]]
name = "dry"
when = "out_of_context"
channels = ["web"]
seasons = false
rain = false
[[suppress]]
name = "ours"
when = "out_of_context"
policies = ["cart"]
hours = "3-4"
[[activate]]
name = "cart"
when = "cart_abandoned"
channels = ["email"]
"""
YES = {"allowed": "yes", "reason": "", "policy": "", "until": ""}


def key(kind: str, value: str) -> str:
    entry = {"type": kind, "value": value}
    (known,) = Normaliser(oracle_config({}), SECRET.encode()).read([entry]).valid
    return known.key


def held(person: str, reason: str, ends: timedelta | None = 2 * DAY, **told: Any) -> dict[str, Any]:
    purpose = {"kind": "purpose", "values": ["marketing"], "negated": False}
    return {
        "suppression_id": f"{person} {reason} {told.get('policy')} {len(str(told))}",
        "person_id": person, "policy": reason, "reason": reason, "channels": [],
        "scope": [purpose], "starts_at": NOW - DAY,
        "ends_at": None if ends is None else NOW + ends, "evidence": [], **told,
    }  # fmt: skip


def part(kind: str, *values: str, negated: bool = False) -> dict[str, Any]:
    return {"kind": kind, "values": list(values), "negated": negated}


MARKETING = part("purpose", "marketing")
WHO = {
    "free": "email:free@x.io", "phoned": "phone:+12025550143", "out": "email:out@x.io",
    "sms": "email:sms@x.io", "capped": "email:capped@x.io", "topic": "email:topic@x.io",
    "jeans": "email:jeans@x.io", "past": "email:past@x.io", "later": "email:later@x.io",
    "moved": "email:new@x.io", "asked": "email:asked@x.io", "receipts": "email:receipts@x.io",
    "south": "email:south@x.io", "north": "email:north@x.io",
    "cars": "email:cars@x.io",
    "fuel": "email:fuel@x.io", "dead": "email:dead@x.io", "revived": "email:revived@x.io",
}  # fmt: skip
SUPPRESSIONS = [
    held("p_out", "unsubscribed", None, channels=["email"]),
    held("p_out", "complained", None, channels=["email"], policy="no_spam"),
    held("p_sms", "unsubscribed", None, channels=["sms"]),
    held("p_capped", "capped", policy="weekly"),
    held("p_capped", "capped", 5 * DAY, policy="monthly"),
    held("p_topic", "capped", policy="newsy", scope=[MARKETING, part("topic", "news")]),
    held("p_topic", "capped", 3 * DAY, policy="others",
         scope=[MARKETING, part("topic", "news", negated=True)]),
    held("p_jeans", "purchased", policy="bought", scope=[part("sku", "jeans")]),
    held("p_cars", "purchased", policy="bought", scope=[part("category", "cars")]),
    held("p_past", "capped", timedelta(0), policy="weekly"),
    held("p_later", "capped", policy="weekly", starts_at=NOW + timedelta(seconds=1)),
    held("p_moved", "bounced", timedelta(0), lifted_by=f"identifier:{key('email', 'new@x.io')}",
         channels=["email"], evidence=["messages:b1"]),
    held("p_dead", "bounced", None, channels=["email"], evidence=["messages:b2"]),
    held("p_revived", "bounced", timedelta(0), lifted_by="messages:s3",
         channels=["email"], evidence=["messages:b3"]),
    held("p_receipts", "no_consent", None, scope=[part("purpose", "transactional")]),
    held("p_fuel", "declared_preference", None, policy="no trucks",
         scope=[part("attribute:fuel", "electric", negated=True)]),
]  # fmt: skip
PRODUCTS = [
    {"sku": "jeans", "category": "clothes", "brand": "Acme", "attributes": []},
    {"sku": "truck", "category": "cars", "attributes": [("Fuel", "Diesel")]},
    {"sku": "ev", "category": "cars", "attributes": [("fuel", "ELECTRIC ")]},
    {"sku": "boots", "seasons": ["Winter"], "attributes": []},
    {"sku": "surf", "regions": ["au-nsw"], "attributes": []},
]


def seen(
    name: str, who: str, at: timedelta, country: str, region: str | None = None
) -> dict[str, Any]:
    geo = {"country": country, "region": region, "city": None, "time_zone": None}
    return {
        "event_id": name, "type": "page_view", "occurred_at": NOW + at, "geo": geo,
        "anchor_key": key(*WHO[who].split(":")),
    }  # fmt: skip


def write_shop(folder: Path) -> None:
    """A published lake, as `screen` reads it, and the configuration beside."""
    (folder / "my.toml").write_text(CONF, encoding="utf-8")
    lake = folder / "lake"
    identity = [
        {"identifier_key": key(*told.split(":")), "identifier_type": told.split(":")[0],
         "person_id": f"p_{name}", "state": "linked"}
        for name, told in WHO.items()
    ]  # fmt: skip
    identity += [
        {"identifier_key": key("email", "old@x.io"), "person_id": "p_moved", "state": "linked"},
        {"identifier_key": key("customer_id", "17"), "person_id": "p_out", "state": "linked"},
        {"identifier_key": key("email", "desk@x.io"), "state": "hub"},
    ]
    defaults = {"identifier_type": "email"}
    write_table(lake, "identity", [defaults | row for row in identity])
    write_table(lake, "suppressions", SUPPRESSIONS)
    sent = {"message_id": "m1", "occurred_at": NOW - DAY}
    write_table(lake, "messages", [
        {"event_id": "b1", "type": "bounced", **sent, "identifier_keys": []},
        {"event_id": "s1", "type": "sent", **sent, "identifier_keys": [key("email", "old@x.io")]},
        {"event_id": "b2", "type": "bounced", **sent, "message_id": None,
         "identifier_keys": [key("email", "dead@x.io")]},
        {"event_id": "b3", "type": "bounced", **sent, "message_id": None,
         "identifier_keys": [key("email", "revived@x.io")]},
    ])  # fmt: skip
    write_table(lake, "products", PRODUCTS)
    write_table(lake, "clicks", [
        seen("old", "north", -2 * DAY, "AU"), seen("home", "north", -DAY, "de"),
        seen("odd", "north", timedelta(0), "Atlantis"), seen("later", "north", DAY, "AU"),
        seen("there", "south", -DAY, "AU", " nsw "),
    ])  # fmt: skip
    write_table(lake, "context", [
        {"region": "DE", "day": NOW.date(), "rain": 0.0},
        {"region": "AU", "day": NOW.date(), "rain": 4.0},
    ])  # fmt: skip
    write_table(lake, "campaigns", [{"campaign_id": "summer", "channel": "email"},
                                    {"campaign_id": "vague"},
                                    {"campaign_id": "tried", "holdout_share": 0.5}])  # fmt: skip
    tried = {"campaign_id": "tried", "assigned_at": NOW}
    write_table(lake, "assignments", [
        {"anchor_key": key("email", "free@x.io"), "arm": "control", **tried},
        {"anchor_key": key("email", "jeans@x.io"), "arm": "test", **tried},
        {"anchor_key": key("email", "new@x.io"), "arm": "test", **tried},
        {"anchor_key": key("email", "old@x.io"), "arm": "control", **tried},
    ])  # fmt: skip
    customers = [
        {"person_id": "p_asked", "consents": [("ad:marketing", True)]},
        {"person_id": "p_free", "consents": [], "jurisdiction": "US"},
        {"person_id": "p_south", "time_zone": "Australia/Sydney"},
        {"person_id": "p_past", "time_zone": "America/New_York"},
    ]
    write_table(lake, "customers", customers)
    state = {
        "format_version": FORMAT_VERSION, "lake_id": "l", "identity_hash": "", "generations": {},
        "secret_check": check_value(SECRET.encode(), lake_id="l"),
    }  # fmt: skip
    (lake / "_lake.json").write_text(json.dumps(state), encoding="utf-8")
    published = {"as_of": NOW.isoformat(), "tables": {}}
    (lake / "_published.json").write_text(json.dumps(published), encoding="utf-8")


def rows(text: str) -> list[dict[str, str]]:
    return [
        {k.removeprefix("tactful_"): v for k, v in row.items()}
        for row in csv.DictReader(text.splitlines())
    ]


def found(row: dict[str, str]) -> tuple[str, ...]:
    return tuple(row[name] for name in ADDED)


def one(screen, value: str, *options: str, kind: str = "email") -> tuple[str, ...]:
    (row,) = screen(f"{kind}\n{value}\n", *options)
    return found(row)


FREE = ("yes", "", "", "", "known")
