"""`status` tells what messages are about, what is waited for, and what nobody offers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from tactful.jobs.commands.silence_status import silence_facts, silence_lines
from tactful.jobs.commands.tables_here import Tables
from tests.small_lake import write_table

NOW = datetime(2026, 6, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def held(number: int, reason: str, days: int, kind: str, *values: str, **told: Any) -> dict:
    return {
        "suppression_id": str(number), "person_id": f"p_{number}", "policy": reason,
        "reason": reason, "channels": [], "starts_at": NOW - days * DAY,
        "scope": [{"kind": kind, "values": [*values], "negated": True}],
        "evidence": [f"x:{number}"], **told,
    }  # fmt: skip


def contact(number: str | None, days: int, type_: str = "contact_opened") -> dict:
    at = {"event_id": f"{number}{type_}", "type": type_, "occurred_at": NOW - days * DAY}
    return {**at, "contact_id": number}


def test_status_tells_what_rules_cannot_know(tmp_path):
    sent = {"type": "sent", "occurred_at": NOW}
    messages = [
        {"message_id": "own", "skus": ["mat"]}, {"message_id": "own", "skus": None},
        {"message_id": "by content", "content_id": "c1"},
        {"message_id": "by campaign", "content_id": "c2", "campaign_id": "k1"},
        {"message_id": "unknown", "content_id": "c2", "campaign_id": "k2"},
        {"message_id": "bare"}, {"message_id": "receipt", "purpose": "transactional"},
    ]  # fmt: skip
    tables = {
        "messages": [{**sent, **row, "event_id": str(n)} for n, row in enumerate(messages)],
        "contents": [{"content_id": "c1", "topic": "news"}, {"content_id": "c2", "skus": []}],
        "campaigns": [{"campaign_id": "k1", "brands": ["Loop"]}, {"campaign_id": "k2"}],
        "products": [
            {"sku": "a", "brand": "Loop", "attributes": [("Fuel", "Electric ")]},
            {"sku": "b", "attributes": []},
        ],
        "service": [
            contact("x", 31),
            contact("young", 29),
            contact(None, 40),
            contact("shut", 90),
            contact("shut", 50, "contact_closed"),
            contact("unheard of", 50, "contact_closed"),
        ],
        "suppressions": [
            held(1, "unfulfilled", 40, "sku", "mat", ends_at=NOW - DAY),
            held(2, "unfulfilled", 20, "sku", "mat", ends_at=NOW + DAY),
            held(11, "unfulfilled", 20, "sku", "mat", ends_at=NOW - DAY, lifted_by="x:12"),
            held(6, "declared_preference", 1, "attribute:fuel", "electric"),
            held(7, "declared_preference", 1, "attribute:fuel", "nuclear", "steam"),
            held(8, "declared_preference", 1, "attribute:wings", "two"),
            held(9, "declared_preference", 1, "attribute:wings", "four", ends_at=NOW),
            held(10, "declared_preference", 1, "attribute:brand", "loop"),
        ],
    }
    for name, rows in tables.items():
        write_table(tmp_path, name, rows)
    found = silence_facts(Tables(tmp_path), NOW)
    assert found["about"] == {"messages": 5, "share": 0.4}
    assert list(silence_lines(found)) == [
        "Marketing messages about which nothing is known: 40.0% (no product, topic or discount in "
        "them, their content or campaign)",
        "1 order of which no delivery was told in time (undelivered_after): lines of them count as "
        "delivered",
        "2 service contacts opened more than 30 days ago and never closed: what holds while one "
        "is open ends with its lasts_at_most",
        "1 person asked for fuel nuclear, steam, which no product has",
        "1 person asked for a wings, an attribute that no product has",
    ]


def test_an_empty_lake_says_nothing(tmp_path):
    assert list(silence_lines(silence_facts(Tables(tmp_path), NOW))) == []
    assert list(silence_lines(silence_facts(Tables(tmp_path), None))) == []
