"""What the triggers propose, by the oracle's own rules, from the events of known persons."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
from duckdb import DuckDBPyConnection

from tests.oracle.config import duration
from tests.oracle.engine import SQL, make, open_database, query, rows
from tests.oracle.inputs import FLAG, MONEY, SPAN, TEXT, TIME, put

# One file a trigger, found by its name: each gives the causes of its `when`.
TRIGGERS = tuple(sorted(path.stem for path in Path(SQL / "triggers").glob("*.sql")))
# What a policy that is silent means: after, expires, cancel_on.
SILENT: dict[str, tuple[str, str | None, list[str]]] = {
    "cart_abandoned": ("4h", "7d", ["order_placed"]),
    "form_abandoned": ("1h", "7d", ["form_submit"]),
    "review_request": ("7d", "30d", []),
    "complement": ("3d", "30d", []),
    "replenishment": ("0s", "14d", []),
    "welcome": ("0s", "14d", []),
    "win_back": ("", "30d", ["order_placed"]),
    "service_call": ("0s", "3d", ["contact_opened"]),
    "campaign": ("0s", None, []),
}
CAUSED_BY: dict[str, list[str]] = {
    "cart_abandoned": ["add_to_cart"],
    "form_abandoned": ["form_start"],
    "review_request": ["order_delivered", "order_placed"],
    "complement": ["order_placed"],
    "replenishment": ["order_placed"],
    "welcome": ["signup", "loyalty_join", "course_signup", "app_install", "subscribed",
                "order_placed"],
    "win_back": ["order_placed"],
    "service_call": ["contact_opened", "contact_closed"],
    "campaign": [],
}  # fmt: skip
COMMON = [("event_id", TEXT), ("type", TEXT), ("occurred_at", TIME), ("person_id", TEXT),
          ("anchor_key", TEXT), ("identifier_set", pa.int64()), ("sku", TEXT), ("form", TEXT),
          ("order_id", TEXT), ("contact_id", TEXT), ("satisfaction", pa.int32())]  # fmt: skip
LINES = [*COMMON, ("line_number", pa.int32()), ("line_id", TEXT), ("quantity", MONEY),
         ("amount", MONEY), ("currency", TEXT), ("place", TEXT), ("store_id", TEXT),
         ("category", TEXT)]  # fmt: skip
STEP = pa.struct([("number", pa.int32()), ("wait", SPAN)])
POLICIES = [("name", TEXT), ("kind", TEXT), ("options", TEXT), ("first_wait", SPAN),
            ("steps", pa.list_(STEP)), ("expires", SPAN), ("cancel_on", pa.list_(TEXT)),
            ("campaign_id", TEXT), ("caused_by", pa.list_(TEXT))]  # fmt: skip
PRODUCTS = [("sku", TEXT), ("replenish_days", pa.float64()), ("complements", pa.list_(TEXT))]
CAMPAIGNS = [("campaign_id", TEXT), ("skus", pa.list_(TEXT)), ("starts_at", TIME),
             ("ends_at", TIME)]  # fmt: skip
PERSONS = [("person_id", TEXT), ("first_seen_at", TIME)]
REF = "STRUCT(occurred_at TIMESTAMP, stream VARCHAR, event_id VARCHAR)"
CAUSES = f"""
CREATE TABLE causes (
    person_id VARCHAR, policy VARCHAR, cause {REF}, about VARCHAR, skus VARCHAR[],
    counts_from_at TIMESTAMP, lapses_at TIMESTAMP, ended_by {REF}, further VARCHAR[],
    form_of VARCHAR
)
"""
STREAMS = ("clicks", "purchases", "messages", "profiles", "service")

Rows = Iterable[Mapping[str, Any]]


def proposals(
    told: Rows, *, activate: Rows, products: Rows = (), campaigns: Rows = (), persons: Rows = ()
) -> list[dict[str, Any]]:
    """Every step that somebody gives occasion to say, whenever it is due.

    told: one row an event and line with its person_id, the id of a line's event told once for all
    its lines. activate: entries of the configuration, as written.
    """
    with open_database() as db:
        _put_events(db, list(told))
        put(db, "products", list(products), PRODUCTS)
        put(db, "campaigns", list(campaigns), CAMPAIGNS)
        put(db, "persons", list(persons), PERSONS)
        put(db, "triggers", [*map(_policy, activate)], POLICIES)
        for name in ("bought", "taken", "steps", "arrived", "emptied", "had", "happened"):
            make(db, name)
        db.execute(CAUSES)
        for name in TRIGGERS:
            db.execute(f"INSERT INTO causes BY NAME {query(f'triggers/{name}')}")
        make(db, "proposals")
        return rows(db, "proposals")


def _put_events(db: DuckDBPyConnection, told: list[Mapping[str, Any]]) -> None:
    """Lay down the events; who is known is named by one identifier of their own."""
    numbers = {one["person_id"]: n for n, one in enumerate(told) if one.get("person_id")}
    for stream in STREAMS:
        mine = [
            {**one, "occurred_at": _utc(one["occurred_at"]), "identifier_set": numbers.get(
                one.get("person_id"))}
            for one in told if one["stream"] == stream
        ]  # fmt: skip
        put(db, "lines" if stream == "purchases" else stream, mine,
            LINES if stream == "purchases" else COMMON)  # fmt: skip
    db.execute("CREATE OR REPLACE MACRO owned(stream) AS TABLE SELECT * FROM query_table(stream)")
    named = sorted({*numbers.values()})
    put(db, "members", [{"identifier_set": n, "node": n} for n in named],
        [("identifier_set", pa.int64()), ("node", pa.int64())])  # fmt: skip
    put(db, "identifiers", [{"node": n, "is_blocked": False} for n in named],
        [("node", pa.int64()), ("is_blocked", FLAG)])  # fmt: skip
    put(db, "settings", [{"currency": "GBP"}], [("currency", TEXT)])


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)


def _policy(entry: Mapping[str, Any]) -> dict[str, Any]:
    after, expires, cancel_on = SILENT[entry["when"]]
    waits = [duration(entry.get("after", after))]
    waits += [duration(step["after"]) for step in entry.get("steps", [])]
    ends = entry.get("expires", expires)
    return {
        "name": entry["name"],
        "kind": entry["when"],
        "options": json.dumps(entry, default=str),
        "first_wait": waits[0],
        "steps": [
            {"number": n, "wait": sum(waits[:n], timedelta())} for n in range(1, len(waits) + 1)
        ],
        "expires": duration(ends) if ends else None,
        "cancel_on": entry.get("cancel_on", cancel_on),
        "campaign_id": entry.get("campaign_id"),
        "caused_by": CAUSED_BY[entry["when"]],
    }
