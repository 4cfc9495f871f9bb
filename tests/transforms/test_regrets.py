"""Regrets: a message is held against the suppressions of its person, however long its lists are."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pyarrow as pa
import pytest

from tactful.transforms import regrets as module
from tactful.transforms.regrets import regrets
from tests.timelines import DAY, START

SENT = pa.struct(
    [("occurred_at", pa.timestamp("us", "UTC")), ("stream", pa.string()), ("event_id", pa.string())]
)
TEXTS = pa.list_(pa.string())
SCOPE = pa.list_(pa.struct([("kind", pa.string()), ("values", TEXTS), ("negated", pa.bool_())]))


def message(name: str, *, person: str = "p", after: timedelta = DAY, **about: Any) -> dict:
    sent = {"occurred_at": START + after, "stream": "messages", "event_id": f"e-{name}"}
    told = {"message_id": name, "person_id": person, "channel": "email", "purpose": "marketing"}
    lists = {"skus": [], "categories": [], "brands": [], "own": []}
    return {**told, "sent": sent, **lists, **about}


def suppression(policy: str, kind: str, value: str | None, **more: Any) -> dict:
    cause = {"occurred_at": START, "stream": "purchases", "event_id": f"{policy}-{value}"}
    row = {
        "person_id": "p", "policy": policy, "channels": [],
        "scope": [{"kind": kind, "values": [value], "negated": False}],
        "starts_at": START, "ends_at": START + 10 * DAY, "cause": cause,
        "evidence": [f"purchases:{policy}-{value}"],
    }  # fmt: skip
    return {**row, **more}


MESSAGES = [
    message("shoe", skus=["S1", "S2", "S2"], categories=["shoes"], brands=["B"]),
    message("hat", skus=["H1"], categories=["hats"]),
    message("too late", after=20 * DAY, skus=["S1"], categories=["shoes"]),
    message("another's", person="q", skus=["S1"], categories=["shoes"]),
    message("nothing"),
    # Of the cap's evidence one is an opening of this very message, dated before its sending.
    message("itself", person="r", own=["messages:itself-opened"]),
    message("by others", person="r", own=["messages:by others-opened"]),
]
SUPPRESSIONS = [
    suppression("bought", "sku", "S1"),
    suppression("bought", "sku", "S2"),
    suppression("bought", "sku", "S1", channels=["sms"]),
    suppression("kind", "category", "shoes", starts_at=START + 2 * DAY),
    suppression("kind", "category", "hats"),
    suppression("most", "sku", "S1"),
    suppression("maker", "brand", "B"),
    suppression("capped", "purpose", "marketing"),
    suppression(
        "capped",
        "purpose",
        "marketing",
        person_id="r",
        evidence=["messages:before", "messages:itself-opened"],
    ),
]
# `most` asks for four fifths of a message's products, and S1 is one of three.
SHARES = {"bought": 0.0, "most": 0.8}
EXPECTED = {
    ("shoe", "bought"): ["purchases:bought-S1", "purchases:bought-S2"],
    ("shoe", "maker"): ["purchases:maker-B"],
    ("hat", "kind"): ["purchases:kind-hats"],
    **{(name, "capped"): ["purchases:capped-marketing"] for name in ("shoe", "hat", "nothing")},
    ("by others", "capped"): ["messages:before", "messages:itself-opened"],
}


@pytest.mark.parametrize("short", [0, 2, 32])
def test_long_lists_and_short_ones_are_judged_alike(spark, monkeypatch, short: int) -> None:
    """Short lists are joined value by value, long ones looked through; with 2, each is one kind."""
    monkeypatch.setattr(module, "SHORT", short)
    types = [
        *((name, pa.string()) for name in ("message_id", "person_id", "channel", "purpose")),
        ("campaign_id", pa.string()), ("topic", pa.string()), ("cost", pa.decimal128(18, 4)),
        ("sent", SENT),
        *((name, TEXTS) for name in (*module.LISTS, "own")),
    ]  # fmt: skip
    messages = spark.createDataFrame(pa.Table.from_pylist(MESSAGES, pa.schema(types)))
    times = {name: pa.timestamp("us", "UTC") for name in ("starts_at", "ends_at")}
    names = {name: pa.string() for name in SUPPRESSIONS[0]}
    kinds = {**names, **times, "cause": SENT, "evidence": TEXTS, "channels": TEXTS, "scope": SCOPE}
    held = spark.createDataFrame(pa.Table.from_pylist(SUPPRESSIONS, pa.schema(kinds.items())))
    rows = regrets(messages, held, shares=SHARES).collect()
    assert {(row.message_id, row.policy): row.evidence for row in rows} == EXPECTED
    assert len(rows) == len(EXPECTED)
