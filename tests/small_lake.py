"""A lake of a few persons, written row by row: what the report reads, without a pipeline."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
from deltalake import write_deltalake

from tactful.jobs.report.lake_view import arrow_schema
from tactful.schemas.catalog import TABLES

AS_OF = datetime(2018, 1, 2, tzinfo=UTC)
CARDS = {"p_1": "hh-1", "p_2": "hh-2", "p_3": "hh-3"}
Row = dict[str, Any]


def day(month: int, number: int, hour: int = 0) -> datetime:
    return datetime(2017, month, number, hour, tzinfo=UTC)


def write_table(
    lake: Path, name: str, rows: Sequence[Mapping[str, Any]], mode: str = "error"
) -> None:
    """Write rows as one of the lake's tables; columns that a row lacks are null."""
    table = TABLES[name]
    schema = arrow_schema(table)
    full = [{column: row.get(column) for column in schema.names} for row in rows]
    write_deltalake(str(lake / table.path), pa.Table.from_pylist(full, schema), mode=mode)


def write_small_lake(lake: Path) -> Path:
    """Three households in autumn, with mailings, emails, a cap, a shared cookie and a hub.

    Of the three mailings that offer S1 and S2 on 18 October, the first household bought S1 eight
    days before, the second S2 seventeen days before, and the third bought nothing at all.
    """
    purchases = [
        _basket("b1", "p_1", day(10, 10, 9), "S1"),
        _basket("b2", "p_2", day(10, 1, 9), "S2"),
        _basket("b3", "p_1", day(11, 20, 9), "S3"),
        _basket("w1", "p_3", day(10, 12, 9), "S3", source="generated"),
    ]
    messages = [
        *(_mailing(n, day(10, 18), skus=["S1", "S2"]) for n in (1, 2, 3)),
        _mailing(4, day(9, 20), person="p_1", skus=["S1"]),
        _mailing(5, day(11, 1), person="p_1", skus=None),
        *(_email(n, day(10, 20 + n)) for n in range(1, 6)),
        _email(9, day(10, 20), purpose="transactional"),
    ]
    tables: dict[str, list[Row]] = {
        "products": [
            {"sku": "S1", "category": "FLUID MILK PRODUCTS", "replenish_days": 12.0},
            {"sku": "S2", "category": "SALT", "replenish_days": 40.0},
            {"sku": "S3", "category": "BREAD"},
        ],
        "purchases": [row["event"] for row in purchases],
        "messages": [row["event"] for row in messages],
        "clicks": [_seen_together("c1", ["k_e1", "k_l1"]), _seen_together("c2", ["k_e2", "k_l2"])],
        "timeline": [row["timeline"] for row in (*purchases, *messages)],
        "outcomes": [row["outcome"] for row in messages],
        "regrets": [
            _regret(messages[0], "bought_it", ["purchases:b1"]),
            _regret(messages[0], "bought_it_own_rhythm", ["purchases:b1"]),
            _regret(messages[1], "bought_it_own_rhythm", ["purchases:b2"]),
            _regret(messages[8], "email_weekly", ["messages:em-1-sent"]),
            _regret(messages[9], "email_weekly", ["messages:em-1-sent"]),
            _regret(messages[9], "unsubscribed", ["messages:em-1-unsubscribed"]),
        ],
        "suppressions": _suppressions(),
        "pressure": [
            {"person_id": "p_1", "cap": "email_weekly", "counted": 3, "cap_limit": 3,
             "as_of": AS_OF},
        ],
        "customers": [
            {"person_id": person, "first_seen_at": day(9, 1), "last_seen_at": day(11, 20)}
            for person in CARDS
        ],
        "customer_scores": [
            {"person_id": person, "lifecycle": "active", "as_of": AS_OF} for person in CARDS
        ],
        **_identities(),
        **_sent_out(),
    }  # fmt: skip
    for name, rows in tables.items():
        write_table(lake, name, rows)
    state = {"as_of": AS_OF.isoformat(), "tables": {}}
    (lake / "_published.json").write_text(json.dumps(state))
    return lake


def write_truth(truth: Path) -> Path:
    """Whose each identifier is. The third household's card and email were never seen together."""
    owned = [
        (kind, f"{letter}{n}", "owned", f"hh-{n}")
        for n in (1, 2, 3)
        for kind, letter in (("loyalty_id", "l"), ("email", "e"))
    ]
    traps = [
        ("anonymous_id", "ck", "shared", "hh-1"),
        ("anonymous_id", "ck", "shared", "hh-2"),
        ("email", "till", "till", None),
    ]
    columns = ["identifier_type", "value", "kind", "household"]
    frame = pd.DataFrame([*owned, *traps], columns=columns).assign(sha256=None)
    (truth / "identifiers").mkdir(parents=True)
    frame.to_parquet(truth / "identifiers/part-0.parquet", index=False)
    return truth


def _basket(
    event_id: str, person: str, moment: datetime, sku: str, *, source: str = "complete_journey"
) -> dict[str, Row]:
    common = {"event_id": event_id, "type": "order_placed", "occurred_at": moment}
    return {
        "event": {**common, "source": source, "order_id": event_id, "identifier_keys": []},
        "timeline": {
            **common, "person_id": person, "stream": "purchases", "sku": sku,
            "order_id": event_id, "amount": Decimal(3), "line_number": 0,
        },
    }  # fmt: skip


def _mailing(n: int, moment: datetime, *, skus: list[str] | None, person: str = "") -> Row:
    return _message(
        f"mail-{n}", person or f"p_{n}", moment, channel="direct_mail", skus=skus,
        campaign_id="cj&01",
    )  # fmt: skip


def _email(n: int, moment: datetime, *, purpose: str | None = None) -> Row:
    # A message that says nothing of its purpose is marketing.
    return _message(
        f"em-{n}", "p_1", moment, channel="email", skus=["S3"], cost=Decimal("0.5"),
        purpose=purpose,
    )  # fmt: skip


def _message(message_id: str, person: str, moment: datetime, **fields: Any) -> Row:
    common = {
        "event_id": f"{message_id}-sent", "type": "sent", "occurred_at": moment,
        "message_id": message_id, "channel": fields["channel"],
        "campaign_id": fields.get("campaign_id"),
    }  # fmt: skip
    return {
        "event": {**common, **fields, "source": "generated", "identifier_keys": []},
        "timeline": {**common, "person_id": person, "stream": "messages", "line_number": 0},
        "outcome": {**common, "person_id": person, "sent_at": moment, "orders": []},
        "cost": fields.get("cost"),
    }


def _regret(message: Row, policy: str, evidence: list[str]) -> Row:
    return {
        **message["outcome"], "policy": policy, "cost": message["cost"], "evidence": evidence,
    }  # fmt: skip


def _suppressions() -> list[Row]:
    def about(kind: str, value: str) -> list[Row]:
        return [{"kind": kind, "values": [value], "negated": False}]

    def row(n: int, policy: str, reason: str, **fields: Any) -> Row:
        return {
            "suppression_id": str(n), "person_id": "p_1", "policy": policy, "reason": reason,
            "channels": [], "scope": about("purpose", "marketing"), **fields,
        }  # fmt: skip

    milk = {"scope": about("sku", "S1")}
    return [
        row(1, "bought_it", "purchased", starts_at=day(10, 10, 9), ends_at=day(10, 24, 9), **milk),
        row(2, "bought_it", "purchased", starts_at=day(11, 1), ends_at=day(11, 2),
            lifted_by="purchases:x", **milk),
        row(3, "bought_it", "purchased", starts_at=day(12, 30),
            ends_at=AS_OF + timedelta(days=11), **milk),
        row(4, "email_weekly", "capped", starts_at=day(10, 23), ends_at=day(10, 28),
            channels=["email"]),
        row(5, "unsubscribed", "unsubscribed", starts_at=day(10, 24), channels=["email"]),
    ]  # fmt: skip


def _identities() -> dict[str, list[Row]]:
    linked = {
        "k_l1": ("loyalty_id", "l1", "p_1"), "k_e1": ("email", "e1", "p_1"),
        "k_l2": ("loyalty_id", "l2", "p_2"), "k_e2": ("email", "e2", "p_2"),
        "k_l3": ("loyalty_id", "l3", "p_3"), "k_e3": ("email", "e3", "p_2"),
    }  # fmt: skip
    others = {"k_ck": ("anonymous_id", "ck", "neutral"), "k_till": ("email", "till", "hub")}
    rows = [
        {"identifier_key": key, "identifier_type": kind, "value": value, "person_id": person,
         "state": "linked"}
        for key, (kind, value, person) in linked.items()
    ] + [
        {"identifier_key": key, "identifier_type": kind, "value": value, "state": state}
        for key, (kind, value, state) in others.items()
    ]  # fmt: skip
    return {"identity": rows, "identifiers": rows}


def _sent_out() -> dict[str, list[Row]]:
    def record(n: int, operation: str) -> Row:
        return {
            "record_id": str(n), "destination": "meta_exclusions", "audience": "bought_it",
            "operation": operation, "person_id": "p_1", "payload": "{}",
        }  # fmt: skip

    return {
        "records": [record(1, "add"), record(2, "remove"), record(3, "add")],
        "deliveries": [
            {"destination": "meta_exclusions", "name": "1.json", "records": 3,
             "state": "written", "warnings": ["below_minimum"]},
        ],
        "left_out": [
            {"destination": "meta_exclusions", "wanted_persons": 9, "not_asked_persons": 6,
             "withdrawn_persons": 1, "as_of": AS_OF},
        ],
        "batches": [
            {"query": "accept", "batch_id": 0, "read_rows": 20, "accepted_rows": 17,
             "duplicate_rows": 1, "quarantined_rows": 2},
            {"query": "fused", "batch_id": 0, "read_rows": 17},
        ],
        "quarantine": [
            {"stream": "clicks", "reasons": ["malformed_json"]},
            {"stream": "clicks", "reasons": ["unknown_type", "malformed_json"]},
        ],
    }  # fmt: skip


def _seen_together(event_id: str, keys: list[str]) -> Row:
    return {
        "event_id": event_id, "type": "login", "occurred_at": day(9, 1), "identifier_keys": keys,
    }  # fmt: skip
