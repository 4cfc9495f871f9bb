"""Learned: how channels are answered, what goes with what, and what that says of somebody."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

from pyspark.sql import functions as F

from tactful.schemas.models import ALONE, ANY, COMPLEMENT, MODELS, RESPONSE
from tactful.transforms.learned import (
    complements,
    response_rates,
    with_learned_complements,
)
from tactful.transforms.plans.actions import with_score
from tests.timelines import DAY, START, event, products, timeline

SOLD = [
    {"sku": "shoes", "category": "shoes"}, {"sku": "boots", "category": "shoes"},
    {"sku": "belt", "category": "belts"}, {"sku": "socks", "category": "socks"},
    {"sku": "mat", "category": "mats"}, {"sku": "cup"},
]  # fmt: skip


def found(frame) -> dict[tuple[str, str | None], tuple[float, int]]:
    return {(r.key, r.other_key): (r.value, r.events_count) for r in frame.collect()}


def test_how_channels_are_answered(spark):
    """Shrunk towards what any message is, and that towards one in ten."""
    at = START.isoformat()
    told = [("p_1", "email", at, None)] * 30 + [("p_2", "email", None, None)] * 60
    told += [("p_2", "sms", None, at), ("n_1", "email", at, None), (None, "email", at, None)]
    told += [("p_3", None, at, None)]
    outcomes = spark.createDataFrame(
        told, "person_id string, channel string, opened_at string, clicked_at string"
    )
    # 31 of 91 messages, and of ten more one, are answered.
    any_rate = round(32 / 101, 4)
    assert found(response_rates(outcomes)) == {
        (ANY, ALONE): (any_rate, 91),
        ("email", ALONE): (round((30 + 10 * any_rate) / 100, 4), 90),
        ("sms", ALONE): (round((1 + 10 * any_rate) / 11, 4), 1),
    }
    nothing = response_rates(outcomes.where("person_id = 'nobody'"))
    assert found(nothing) == {(ANY, ALONE): (0.1, 0)}


def bought(person: str, at: timedelta, *skus: str) -> list[dict[str, Any]]:
    return [
        event(person, "order_placed", at, sku=sku, order_id=f"{person} {at}", line_number=n,
              event_id=f"{person} {at}")
        for n, sku in enumerate(skus)
    ]  # fmt: skip


def test_what_goes_with_what(spark):
    rows = []
    for n in range(6):
        # Belts are bought after shoes, socks with them; boots stand in for shoes.
        rows += bought(f"p_{n}", DAY, "shoes", "socks", "cup")
        rows += bought(f"p_{n}", (n + 2) * DAY, "belt", "boots")
    rows += bought("p_0", 3 * DAY, "shoes")  # again: counts once
    for n in range(4):
        rows += bought(f"p_few{n}", DAY, "mat", "belt")
    for n in range(6):
        rows += bought(f"p_late{n}", DAY, "boots") + bought(f"p_late{n}", 92 * DAY, "mat")
    rows += [row for n in range(60) for row in bought(f"p_other{n}", DAY, "cup")]
    rows += bought("n_1", DAY, "shoes", "belt")
    many = [{"sku": f"s{n}", "category": f"c{n}"} for n in range(201)]
    for n in range(5):
        rows += bought(f"p_many{n}", DAY, *(one["sku"] for one in many))
    told = found(complements(timeline(spark, rows), products(spark, [*SOLD, *many])))
    everybody = 6 + 4 + 6 + 60
    assert told.pop((ANY, ALONE)) == (1.0, everybody)

    def lift(joint: int, buyers: int, others: int) -> float:
        return round((joint + 5) / (buyers * others / everybody + 5), 4)

    assert told == {
        ("shoes", "socks"): (lift(6, 6, 6), 6), ("socks", "shoes"): (lift(6, 6, 6), 6),
        ("shoes", "belt"): (lift(6, 6, 10), 6), ("socks", "belt"): (lift(6, 6, 10), 6),
        ("socks", "boots"): (lift(6, 6, 12), 6),
        ("belt", "boots"): (lift(6, 10, 12), 6), ("boots", "belt"): (lift(6, 12, 10), 6),
    }  # fmt: skip


def test_who_says_what_goes_with_a_product_is_believed(spark):
    sold = products(spark, [
        {"sku": "shoes", "complements": ["laces"]}, {"sku": "mat", "complements": []},
        {"sku": "boots"}, {"sku": "cup"},
    ])  # fmt: skip
    rows = [(COMPLEMENT, sku, other, 2.0, 5, None, 1)
            for sku, other in (("shoes", "belt"), ("mat", "belt"), ("boots", "socks"),
                               ("boots", "belt"), (ANY, ALONE))]  # fmt: skip
    rows.append((RESPONSE, "cup", ALONE, 0.5, 9, None, 1))
    models = spark.createDataFrame(rows, MODELS.ddl())
    told = with_learned_complements(sold, models).select("sku", "complements").collect()
    assert {r.sku: r.complements for r in told} == {
        "shoes": ["laces"], "mat": [], "boots": ["belt", "socks"], "cup": None,
    }  # fmt: skip


def test_what_a_message_is_expected_to_bring(spark):
    """Of whom nothing is known what holds of the channel, else of any, else of one in ten."""
    rates = [(RESPONSE, "email", ALONE, 0.3, 90, None, 1), (RESPONSE, ANY, ALONE, 0.2, 99, None, 1)]
    models = spark.createDataFrame(rates, MODELS.ddl())
    customers = spark.createDataFrame(
        [("p_1", {"email": 0.5}, {"email": 10}), ("p_2", {}, {}), ("p_4", None, {"email": 99})],
        "person_id string, response_rates map<string,double>, sends map<string,bigint>",
    )
    actions = spark.createDataFrame(
        [(p, c, v) for p in ("p_1", "p_2", "p_3", "p_4") for c in ("email", "sms")
         for v in (Decimal(10), None)],
        "person_id string, channel string, value decimal(16,4)",
    )  # fmt: skip

    def told(learned) -> dict[tuple[str, str], tuple[float, float | None]]:
        rows = with_score(actions, customers, learned).collect()
        assert {r.score for r in rows if r.score is None} == {None}
        return {(r.person_id, r.channel): r.score for r in rows if r.score is not None}

    assert told(models) == {
        ("p_1", "email"): 4.0, ("p_1", "sms"): 2.0, ("p_2", "email"): 3.0, ("p_2", "sms"): 2.0,
        ("p_3", "email"): 3.0, ("p_3", "sms"): 2.0, ("p_4", "email"): 3.0, ("p_4", "sms"): 2.0,
    }  # fmt: skip
    unlearned = told(models.where(F.lit(False)))
    assert unlearned["p_1", "email"] == 3.0 and unlearned["p_3", "sms"] == 1.0
