"""A shop of any size for the benches: of ten events eight clicks, one purchase, one message.

DuckDB writes it, some 300,000 events a second, in files of a million. An event's number says all
about it, so any span of it can be made at any time. A customer's cookie is known from one in twenty
of their clicks; a few weeks are as busy for each customer as months are, only longer ago.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

SOURCES = {"web": "clicks", "shop": "purchases", "esp": "messages"}
SKUS = 5000
MILLION = 1_000_000
WEEK = timedelta(days=7)
DECIDED = ("land", "accept", "fused")  # the steps after which every record is out
CONFIG: dict[str, Any] = {
    "lake": {"secret": "env:TACTFUL_BENCH_SECRET"},
    "sources": {
        name: {"stream": stream, "path": f"landing/{name}"} for name, stream in SOURCES.items()
    },
    "suppress": [{"name": "bought_it", "when": "purchased", "match": "sku", "lasts": "14d"}],
    "caps": [
        {"name": "email_weekly", "channels": ["email"], "limit": 3, "window": "7d",
         "counts": "sent"},
    ],
    "destinations": [
        {"name": "partner", "kind": "file", "policy": "bought_it", "identifiers": ["customer_id"]},
    ],
}  # fmt: skip
# The same with twenty rules and ten caps, each of which some destination names, so that every batch
# decides by all of them.
MANY_RULES = [
    *({"name": f"bought_{match}_{days}", "when": "purchased", "match": match, "lasts": f"{days}d"}
      for match in ("sku", "category", "brand") for days in (7, 14)),
    *({"name": f"paid_full_{days}", "when": "price_regret", "lasts": f"{days}d"}
      for days in (7, 14, 30)),
    *({"name": f"on_its_way_{days}", "when": "unfulfilled", "undelivered_after": f"{days}d"}
      for days in (10, 20, 30)),
    {"name": "asked_for", "when": "declared_preference"},
    {"name": "silent", "when": "fatigued", "limit": 8, "window": "60d", "rest": "30d"},
    {"name": "annoyed", "when": "fatigued", "bad_limit": 3, "window": "30d", "rest": "14d"},
]  # fmt: skip
# These are on of themselves.
SHIPPED_RULES = ("unsubscribed", "no_consent", "bounced", "complained", "service_open")
MANY_CAPS = [
    *({"name": f"{channel}_{days}", "channels": [channel], "limit": limit, "window": f"{days}d"}
      for channel in ("email", "sms", "push") for days, limit in ((1, 1), (7, 3))),
    *({"name": f"all_{calendar}", "limit": limit, "calendar": calendar}
      for calendar, limit in (("day", 2), ("week", 5), ("month", 12))),
    {"name": "news", "topics": ["news"], "limit": 2, "window": "7d"},
]  # fmt: skip
FULL: dict[str, Any] = {
    **CONFIG,
    "suppress": MANY_RULES,
    "caps": MANY_CAPS,
    "destinations": [
        {"name": f"to_{name}", "kind": "file", "policy": name, "identifiers": ["customer_id"]}
        for name in (*SHIPPED_RULES, *(one["name"] for one in (*MANY_RULES, *MANY_CAPS)))
    ],
}
OfSource = dict[str, tuple[str, str]]
# Which events are a source's, and what they say beside who and when.
OF_SOURCE: OfSource = {
    "web": (
        "n % 10 < 8",
        "'product_view' AS type, 's' || sku AS sku,"
        "CASE WHEN h % 20 = 0 THEN [cookie, customer] ELSE [cookie] END AS identifiers",
    ),
    "shop": (
        "n % 10 = 8",
        "'order_placed' AS type, 'o' || n AS order_id, [customer] AS identifiers,"
        "[{sku: 's' || sku, quantity: 1, unit_price: 9.5}] AS lines",
    ),
    "esp": (
        "n % 10 = 9",
        "'sent' AS type, 'm' || n AS message_id, 'email' AS channel, 'marketing' AS purpose,"
        "[customer] AS identifiers, ['s' || sku] AS skus",
    ),
}
EVENTS = """
SELECT 'e' || n AS event_id,
    strftime($start::TIMESTAMP + to_microseconds(((n - $first) * $step)::BIGINT),
             '%Y-%m-%dT%H:%M:%S.%fZ') AS occurred_at,
    {told}
FROM (
    SELECT n, h, (h // 97) % {skus} AS sku,
        {{type: 'anonymous_id', value: 'k' || h % $persons}} AS cookie,
        {{type: 'customer_id', value: 'c' || h % $persons}} AS customer
    FROM (SELECT n, hash(n) AS h FROM range($first, $last) AS numbers(n)) AS drawn
) AS named
WHERE {which}
"""

BUYERS = """
SELECT DISTINCT 'c' || hash(n) % $persons FROM range($first, $last) AS numbers(n) WHERE {which}
"""


def buyers(*, first: int, count: int, persons: int) -> list[str]:
    """The customers of whom a purchase is among these events."""
    with duckdb.connect() as db:
        asked = {"first": first, "last": first + count, "persons": persons}
        which, _ = OF_SOURCE["shop"]
        return [name for (name,) in db.execute(BUYERS.format(which=which), asked).fetchall()]


def write_history(
    folder: Path,
    *,
    count: int,
    persons: int,
    until: datetime,
    first: int = 0,
    of_source: OfSource = OF_SOURCE,
) -> None:
    """Land events `first` to `count`, a week a million, the last of them just before an instant."""
    start = until - WEEK * ((count - first) / MILLION)
    for number in range(first, count, MILLION):
        part, begins = min(MILLION, count - number), start + WEEK * ((number - first) / MILLION)
        span = min(WEEK, until - begins)
        write_events(
            folder, first=number, count=part, persons=persons, start=begins, span=span,
            of_source=of_source,
        )  # fmt: skip


def write_events(
    folder: Path,
    *,
    first: int,
    count: int,
    persons: int,
    start: datetime,
    span: timedelta,
    of_source: OfSource = OF_SOURCE,
) -> None:
    """Land events `first` to `first + count`, evenly over a span of time, a file a source."""
    with duckdb.connect() as db:
        for source, (which, told) in of_source.items():
            target = folder / "landing" / source
            target.mkdir(parents=True, exist_ok=True)
            part = target / f".{first}.part"
            events = EVENTS.format(told=told, which=which, skus=SKUS)
            db.execute(
                f"COPY ({events}) TO '{part}' (FORMAT json)",
                {
                    "first": first,
                    "last": first + count,
                    "persons": persons,
                    "start": start.replace(tzinfo=None),
                    "step": span / timedelta(microseconds=1) / count,
                },
            )
            part.rename(target / f"{first:012d}.json")
