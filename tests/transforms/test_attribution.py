"""Which orders count for which message, why, and how much of each is whose."""

from __future__ import annotations

import math
from collections import defaultdict
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from tactful.schemas.outcomes import OUTCOMES
from tactful.transforms.attribution import with_weights
from tactful.transforms.outcomes import outcomes
from tactful.transforms.regrets import SHORT
from tactful.transforms.settled import settled_lines
from tests.timelines import DAY, HOUR, MICROSECOND, START, Told, event, timeline, utc

WINDOW, HALF_LIFE = 7 * DAY, DAY
MODELS = ("last_touch", "first_touch", "linear", "time_decay", "position")
IDS = ("event_id", "message_id", "order_id")
LONG = [f"s{n}" for n in range(SHORT + 1)]


Weights = tuple[float | None, ...]


def sent(message: str, at: timedelta, **more: Any) -> Told:
    return event("", "sent", at, message_id=message, **more)


def clicked(message: str, at: timedelta) -> Told:
    return event("", "clicked", at, message_id=message)


def order(at: timedelta, *skus: str, name: str = "o", **more: Any) -> list[Told]:
    """An order, one row a product."""
    one = {"order_id": name, "event_id": f"{name} {at}", **more}
    return [
        event("", "order_placed", at, **{**one, "line_number": place, "sku": sku})
        for place, sku in enumerate(skus or (None,))
    ]


def undone(at: timedelta, type_: str, **more: Any) -> Told:
    return event("", type_, at, order_id="o", event_id=f"{type_} {at}", **more)


def each(*weights: float | None) -> Weights:
    """The weights of one touch, in the order of `MODELS`; None where no matter."""
    return weights


ALL = each(1, 1, 1, 1, 1)
# What happened to one person, and which messages count for which order: why, and how much of it.
CASES: dict[str, tuple[list[Told], dict[tuple[str, str], tuple[str, Weights]]]] = {
    "one touch": (
        [sent("m", 0 * DAY), clicked("m", DAY), *order(2 * DAY)],
        {("m", "o"): ("click", ALL)},
    ),
    "an order that was cancelled is none": (
        [sent("m", 0 * DAY), clicked("m", DAY), *order(2 * DAY, "mat", "jeans"),
         undone(9 * DAY, "order_cancelled")],
        {},
    ),
    "one that was cancelled in part, or returned, is one": (
        [sent("m", 0 * DAY), clicked("m", DAY), *order(2 * DAY, "mat", "jeans"),
         undone(3 * DAY, "order_cancelled", sku="mat"), undone(4 * DAY, "order_returned")],
        {("m", "o"): ("click", ALL)},
    ),
    "what a till takes back is no order": (
        [sent("m", 0 * DAY), clicked("m", DAY), *order(2 * DAY, "mat", amount=Decimal(-5))],
        {},
    ),
    "two touches share by age": (
        [
            sent("m1", 0 * DAY, campaign_id="spring"),
            sent("m2", DAY, campaign_id="spring"),
            *order(3 * DAY, campaign_id="spring"),
        ],
        {
            ("m1", "o"): ("campaign", each(0, 1, 1 / 2, 1 / 3, 1 / 2)),
            ("m2", "o"): ("campaign", each(1, 0, 1 / 2, 2 / 3, 1 / 2)),
        },
    ),
    "three touches of three kinds": (
        [
            sent("m1", 0 * DAY, skus=["mat"]),
            sent("m2", 2 * DAY, campaign_id="spring"),
            sent("m3", 0 * DAY),
            clicked("m3", DAY),
            *order(3 * DAY, "lamp", "mat", campaign_id="spring"),
        ],
        {
            ("m1", "o"): ("product", each(0, 1, 1 / 3, 1 / 7, 0.4)),
            ("m3", "o"): ("click", each(0, 0, 1 / 3, 2 / 7, 0.2)),
            ("m2", "o"): ("campaign", each(1, 0, 1 / 3, 4 / 7, 0.4)),
        },
    ),
    "of four the two between share": (
        [*(sent(f"m{n}", n * DAY, skus=["mat"]) for n in range(4)), *order(3 * DAY, "mat")],
        {
            ("m0", "o"): ("product", each(0, 1, 1 / 4, 1 / 15, 0.4)),
            ("m1", "o"): ("product", each(0, 0, 1 / 4, 2 / 15, 0.1)),
            ("m2", "o"): ("product", each(0, 0, 1 / 4, 4 / 15, 0.1)),
            ("m3", "o"): ("product", each(1, 0, 1 / 4, 8 / 15, 0.4)),
        },
    ),
    "at one moment the message's id decides": (
        [
            sent("b", DAY, skus=["mat"]),
            sent("a", 0 * DAY),
            clicked("a", DAY),
            *order(2 * DAY, "mat"),
        ],
        {
            ("a", "o"): ("click", each(0, 1, 1 / 2, 1 / 2, 1 / 2)),
            ("b", "o"): ("product", each(1, 0, 1 / 2, 1 / 2, 1 / 2)),
        },
    ),
    "named by its campaign, clicked and offered": (
        [
            sent("m", 0 * DAY, campaign_id="spring", skus=["mat"]),
            clicked("m", 2 * DAY),
            clicked("m", DAY),
            *order(4 * DAY, "mat", campaign_id="spring"),
        ],
        {("m", "o"): ("click", ALL)},
    ),
    "ordered before the click": (
        [
            sent("m", 0 * DAY, campaign_id="spring", skus=["mat"]),
            *order(DAY, "mat", name="named", campaign_id="spring"),
            *order(DAY, "mat", name="held"),
            *order(DAY, "lamp", name="neither"),
            clicked("m", 2 * DAY),
        ],
        {("m", "named"): ("campaign", ALL), ("m", "held"): ("product", ALL)},
    ),
    "at the window's end": (
        [
            sent("m", 0 * DAY, campaign_id="spring", skus=["mat"]),
            *order(WINDOW, "mat", name="held"),
            *order(WINDOW, name="named", campaign_id="spring"),
            *order(0 * DAY, "mat", name="at once"),
        ],
        {
            ("m", "held"): ("product", ALL),
            ("m", "named"): ("campaign", ALL),
            ("m", "at once"): ("product", ALL),
        },
    ),
    "a moment outside the window": (
        [
            sent("m", 0 * DAY, campaign_id="spring", skus=["mat"]),
            *order(WINDOW + MICROSECOND, "mat", name="held"),
            *order(WINDOW + MICROSECOND, name="named", campaign_id="spring"),
            *order(-MICROSECOND, "mat", name="early"),
        ],
        {},
    ),
    "around a click's own window": (
        [
            sent("m", 0 * DAY),
            clicked("m", DAY),
            *order(DAY - MICROSECOND, name="early"),
            *order(DAY, name="at once"),
            *order(DAY + WINDOW, name="in time"),
            *order(DAY + WINDOW + MICROSECOND, name="late"),
        ],
        {("m", "at once"): ("click", ALL), ("m", "in time"): ("click", ALL)},
    ),
    "a list of very many products": (
        [
            sent("long", 0 * DAY, skus=LONG),
            sent("clicked", 0 * DAY, skus=LONG),
            clicked("clicked", HOUR),
            sent("short", 0 * DAY, skus=LONG[1:]),
            *order(DAY, "s5", "s6", "lamp", name="two of it"),
            *order(DAY, "s0", name="the long one's"),
            *order(DAY, "lamp", name="another"),
            *order(DAY, name="without lines"),
        ],
        {
            ("long", "two of it"): ("product", each(0, 1, 1 / 3, None, 0.4)),
            ("short", "two of it"): ("product", each(0, 0, 1 / 3, None, 0.2)),
            ("clicked", "two of it"): ("click", each(1, 0, 1 / 3, None, 0.4)),
            ("long", "the long one's"): ("product", each(0, 1, 1 / 2, None, 1 / 2)),
            ("clicked", "the long one's"): ("click", each(1, 0, 1 / 2, None, 1 / 2)),
            ("clicked", "another"): ("click", ALL),
            ("clicked", "without lines"): ("click", ALL),
        },
    ),
    "an order is as it was first sent": (
        [
            sent("m", 0 * DAY, skus=["mat"]),
            *order(2 * DAY, "lamp"),
            *order(3 * DAY, "mat"),
        ],
        {},
    ),
}  # fmt: skip
REACHED = {
    ("ordered before the click", "m"): DAY,
    ("one touch", "m"): 2 * DAY,
    ("three touches of three kinds", "m1"): None,
    ("three touches of three kinds", "m2"): 3 * DAY,
    ("at the window's end", "m"): WINDOW,  # not by the product alone, which was ordered before
    ("of four the two between share", "m3"): None,
}


def followed(spark, rows: list[Any]) -> DataFrame:
    told = timeline(spark, rows)
    lines = settled_lines(told, currency="USD")
    return outcomes(told, lines, window=WINDOW, half_life=HALF_LIFE)


@pytest.fixture(scope="module")
def found(spark) -> dict[str, list[Any]]:
    """The outcomes of each case, whose person has its name; one Spark action."""
    rows = []
    for name, (told, _) in CASES.items():
        for row in told:
            ids = {key: f"{name}/{row[key]}" for key in IDS if key in row}
            rows.append({**row, "person_id": name, **ids})
    frame = followed(spark, rows)
    held = defaultdict(list)
    for row in OUTCOMES.conform(frame).collect():
        held[row["person_id"]].append(row)
    return held


def _own(name: str) -> str:
    return name.split("/", 1)[1]


@pytest.mark.parametrize("case", CASES)
def test_an_order_counts_for_what_may_have_led_to_it(found, case):
    told = {
        (_own(row["message_id"]), _own(one["order_id"])): one
        for row in found[case]
        for one in row["orders"]
    }
    wanted = CASES[case][1]
    assert {key: one["touch"] for key, one in told.items()} == {
        key: touch for key, (touch, _) in wanted.items()
    }
    for key, (_, weights) in wanted.items():
        for model, weight in zip(MODELS, weights, strict=True):
            if weight is not None:
                assert told[key]["weights"][model] == pytest.approx(weight, abs=1e-12), (key, model)


@pytest.mark.parametrize(("case", "message"), REACHED)
def test_a_product_alone_reaches_no_goal(found, case, message):
    (row,) = [row for row in found[case] if _own(row["message_id"]) == message]
    after = REACHED[case, message]
    assert utc(row["goal_reached_at"]) == (None if after is None else START + after)


def test_somebody_elses_order_counts_for_nobody(spark):
    rows = [
        {**sent("m", 0 * DAY, skus=["mat"], campaign_id="spring"), "person_id": "p_ann"},
        {**sent("n", 0 * DAY, skus=["mat"], campaign_id="spring"), "person_id": None},
        *({**row, "person_id": "p_ben"} for row in order(DAY, "mat", campaign_id="spring")),
        *({**row, "person_id": None} for row in order(DAY, "mat", name="nobody's")),
    ]
    frame = followed(spark, rows)
    assert [(row["orders"], row["goal_reached_at"]) for row in frame.collect()] == [([], None)] * 2


# Moments that tie, follow each other closely, or lie a lifetime apart.
GROUPS = st.lists(
    st.lists(st.sampled_from([0, 1, 2, 1_000_000, 86_400_000_000, 10**15]), min_size=1, max_size=9),
    min_size=1,
    max_size=40,
)


@settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))
@given(groups=GROUPS, half_life=st.sampled_from([MICROSECOND, timedelta(seconds=1), 36_500 * DAY]))
def test_the_weights_of_an_order_sum_to_one(spark, groups, half_life):
    rows = [
        (f"o{n}", f"m{place}", at)
        for n, group in enumerate(groups)
        for place, at in enumerate(group)
    ]
    shape = "order_id string, message_id string, at bigint"
    frame = spark.createDataFrame(rows, shape).withColumn("moment", F.timestamp_micros("at"))
    held = defaultdict(list)
    for row in with_weights(frame, half_life=half_life).collect():
        held[row["order_id"]].append((row["at"], row["message_id"], row["weights"]))
    for n, group in enumerate(groups):
        told = [weights for _, _, weights in sorted(held[f"o{n}"], key=lambda at: at[:2])]
        assert len(told) == len(group)
        for model in MODELS:
            values = [weights[model] for weights in told]
            assert math.isclose(sum(values), 1, abs_tol=1e-9), model
            assert all(0 <= value <= 1 for value in values)
        by_time = [weights["time_decay"] for weights in told]
        assert by_time == sorted(by_time)
        assert (told[0]["first_touch"], told[-1]["last_touch"]) == (1, 1)
