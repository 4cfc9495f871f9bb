"""Regrets: a message is held against the suppressions of its person, however long its lists are."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pyarrow as pa
import pytest

from tactful.transforms import regrets as module
from tactful.transforms.regrets import regrets, with_products
from tests.timelines import DAY, START, products

SENT = pa.struct(
    [("occurred_at", pa.timestamp("us", "UTC")), ("stream", pa.string()), ("event_id", pa.string())]
)
TEXTS = pa.list_(pa.string())
NUMBERS = pa.list_(
    pa.struct([("kind", pa.string()), ("value", pa.string()), ("products", pa.int32())])
)
SCOPE = pa.list_(pa.struct([("kind", pa.string()), ("values", TEXTS), ("negated", pa.bool_())]))


def message(name: str, *, person: str = "p", after: timedelta = DAY, **about: Any) -> dict:
    sent = {"occurred_at": START + after, "stream": "messages", "event_id": f"e-{name}"}
    told = {"message_id": name, "person_id": person, "channel": "email", "purpose": "marketing"}
    lists = {"skus": [], "categories": [], "brands": [], "topics": [], "own": [], "numbers": []}
    return {**told, "sent": sent, **lists, **about}


def part(kind: str, *values: str, negated: bool = False) -> dict:
    return {"kind": kind, "values": [*values], "negated": negated}


def suppression(policy: str, kind: str, value: str | None, **more: Any) -> dict:
    cause = {"occurred_at": START, "stream": "purchases", "event_id": f"{policy}-{value}"}
    scope = [part(kind, value), *more.pop("also", ())]
    row = {
        "person_id": "p", "policy": policy, "channels": [], "scope": scope,
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
PARTS = [
    # All parts of a scope must hold.
    suppression("paid in full", "sku", "S1", also=[part("discount")]),
    suppression("not there yet", "sku", "S1", also=[part("topic", "review_request", "complement")]),
    suppression("no reviews", "topic", "review_request"),
]
OF_PARTS = [
    message("half price", skus=["S1"], offers_discount=True),
    message("full price", skus=["S1"], offers_discount=False),
    message("some price", skus=["S1"]),
    message("other half", skus=["H1"], offers_discount=True),
    message("review", skus=["S1"], topics=["review_request"]),
    message("other review", skus=["H1"], topics=["review_request"]),
    message("any review", topics=["news", "review_request"]),
    message("news", skus=["S1"], topics=["news"]),
    *(message(f"{n} cars", skus=[f"C{i}" for i in range(n)]) for n in (1, 2, 4)),
]
REGRETTED = {
    ("half price", "paid in full"), ("review", "not there yet"), ("review", "no reviews"),
    ("other review", "no reviews"), ("any review", "no reviews"),
    ("2 cars", "electric"), ("4 cars", "electric"), ("4 cars", "mostly electric"),
}  # fmt: skip
CARS = [
    {"sku": "C0", "attributes": {"Fuel": " Electric"}},
    {"sku": "C1", "attributes": {"fuel": "diesel"}},
    {"sku": "C2", "attributes": {"fuel": "DIESEL", "FUEL": "hybrid"}},
    {"sku": "C3", "attributes": {"seats": "5"}},
    {"sku": "S1", "category": "shoes"},
]
ANSWERS = [
    suppression(
        policy, "attribute:fuel", "electric",
        scope=[part("attribute:fuel", "electric", negated=True)],
    )
    for policy in ("electric", "mostly electric")
]  # fmt: skip
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
    rows = regrets(*frames(spark, MESSAGES, SUPPRESSIONS), shares=SHARES).collect()
    assert {(row.message_id, row.policy): row.evidence for row in rows} == EXPECTED
    assert len(rows) == len(EXPECTED)


@pytest.mark.parametrize("short", [0, 32])
def test_what_a_message_names_twice_is_one_product_of_it(spark, monkeypatch, short: int) -> None:
    monkeypatch.setattr(module, "SHORT", short)
    told = [
        message("the same twice", skus=["S1", "S1"]),
        message("two", skus=["S1", "S2"]),
        message("three times of four", skus=["S1", "S1", "S1", "S2"]),
    ]
    held = frames(spark, told, [suppression("most", "sku", "S1")])
    rows = regrets(*held, shares=SHARES).collect()
    assert [row.message_id for row in rows] == ["the same twice"]


@pytest.mark.parametrize("short", [0, 32])
def test_all_parts_of_a_scope_must_touch(spark, monkeypatch, short: int) -> None:
    """A product that does not have the attribute, or has it twice, is never touched by its lack."""
    monkeypatch.setattr(module, "SHORT", short)
    held = frames(spark, OF_PARTS, [*PARTS, *ANSWERS])
    found = regrets(*held, shares={"mostly electric": 0.5}, products=products(spark, CARS))
    assert {(row.message_id, row.policy) for row in found.collect()} == REGRETTED | {
        ("2 cars", "mostly electric")
    }


@pytest.mark.parametrize("short", [0, 32])
def test_of_a_category_a_message_has_as_many_as_it_offers_products_of_it(
    spark, monkeypatch, short: int
) -> None:
    """Nine of A and one of B is nine tenths A; what is only named is one, what is unknown none."""
    monkeypatch.setattr(module, "SHORT", short)
    nine, known = [f"A{n}" for n in range(9)], [{"sku": f"A{n}", "category": "A"} for n in range(9)]
    known += [{"sku": "B0", "category": "B"}, {"sku": "N0", "brand": "N"}]
    told = [
        message("nine of ten", skus=[*nine, "B0", "B0"]),
        message("one of two", skus=["A0", "B0"]),
        message("names both", categories=["A", "B"]),
        message("names one of them", skus=["A0", "A1", "A2"], categories=["A", "C"]),
        message("of one it is unknown", skus=["A0", "N0", "X"]),
    ]
    about, held = frames(spark, told, [suppression("kind", "category", "A")])
    about = with_products(about.drop("numbers"), products(spark, known))
    found = {
        share: {row.message_id for row in regrets(about, held, shares={"kind": share}).collect()}
        for share in (0.5, 0.7, 0.9, 0.95)
    }
    unknown = "of one it is unknown"
    assert found == {
        0.5: {row["message_id"] for row in told},
        0.7: {"nine of ten", "names one of them", unknown},
        0.9: {"nine of ten", unknown},
        0.95: {unknown},
    }


def frames(spark, messages: list[dict], suppressions: list[dict]) -> list[Any]:
    types = [
        *((name, pa.string()) for name in ("message_id", "person_id", "channel", "purpose")),
        ("campaign_id", pa.string()), ("cost", pa.decimal128(18, 4)), ("sent", SENT),
        *((name, TEXTS) for name in (*module.LISTS, "topics", "own")),
        ("offers_discount", pa.bool_()), ("numbers", NUMBERS),
    ]  # fmt: skip
    told = spark.createDataFrame(pa.Table.from_pylist(messages, pa.schema(types)))
    times = {name: pa.timestamp("us", "UTC") for name in ("starts_at", "ends_at")}
    names = {name: pa.string() for name in SUPPRESSIONS[0]}
    kinds = {**names, **times, "cause": SENT, "evidence": TEXTS, "channels": TEXTS, "scope": SCOPE}
    held = pa.Table.from_pylist(suppressions, pa.schema(kinds.items()))
    return [told, spark.createDataFrame(held)]
