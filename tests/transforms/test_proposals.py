"""What is ready for proposals: season, place, weather and hour; control groups; personalisation."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime

import pytest

from tactful.schemas.countries import COUNTRIES, SOUTHERN
from tactful.schemas.customers import CUSTOMERS
from tactful.transforms.holdout import arms_of_persons, with_arm
from tactful.transforms.out_of_context import Context, out_of_context
from tactful.transforms.personalisation import PROFILING, without_profiling

JANUARY, JULY = (datetime(2026, month, 15, 12, tzinfo=UTC) for month in (1, 7))
PROPOSALS = {
    "sandals in Sydney": (["sandals"], "AU", None, "Australia/Sydney", JANUARY),
    "sandals in Berlin": (["sandals"], " de", None, "Europe/Berlin", JANUARY),
    "boots in Sydney": (["boots"], "AU", None, "Australia/Sydney", JANUARY),
    "boots in spring": (["leaves"], "DE", None, "Europe/Berlin", JULY),
    "sandals nowhere": (["sandals"], None, None, "UTC", JULY),
    "jeans nowhere": (["jeans", "unknown"], None, None, "UTC", JULY),
    "surf in California": (["surf"], "US", "ca", "America/Los_Angeles", JULY),
    "surf in Utah": (["surf", "jeans"], "US", "UT", "America/Denver", JULY),
    "surf in France": (["surf"], "FR", "IDF", "Europe/Paris", JULY),
    "rain in Texas": ([], "US", "TX", "America/Chicago", JANUARY),
}
PRODUCTS = [
    ("sandals", ["Summer"], None), ("boots", ["winter", "Fall"], []), ("jeans", None, None),
    ("surf", [], ["us-ca", "FR"]), ("leaves", ["Fall"], None),
]  # fmt: skip
WEATHER = [
    ("US", date(2026, 1, 15), 5.0, 0.0), ("US-TX", date(2026, 1, 15), 21.0, 3.0),
    ("DE", date(2026, 1, 15), -4.0, 0.0), ("DE", date(2026, 7, 15), 30.0, None),
]  # fmt: skip


def judged(spark, context: Context) -> dict[str, list[str]]:
    proposals = spark.createDataFrame(
        [(name, *told) for name, told in PROPOSALS.items()],
        "name string, skus array<string>, country string, region string, time_zone string, "
        "send_at timestamp",
    )
    products = spark.createDataFrame(
        PRODUCTS, "sku string, seasons array<string>, regions array<string>"
    )
    weather = spark.createDataFrame(
        WEATHER, "region string, day date, temperature double, rain double"
    )
    rows = out_of_context(proposals, products, weather, context=context).collect()
    assert len(rows) == len(PROPOSALS)
    return {row["name"]: row["out_of_context"] for row in rows}


def test_a_season_is_that_of_her_own_hemisphere_and_some_things_are_for_some_places(spark):
    found = judged(spark, Context())
    assert {name: why for name, why in found.items() if why} == {
        "sandals in Berlin": ["season"], "boots in Sydney": ["season"],
        "boots in spring": ["season"], "sandals nowhere": ["season"], "surf in Utah": ["region"],
    }  # fmt: skip


def test_hour_and_weather_are_those_where_she_is(spark):
    """Noon in UTC is 6 in Chicago, and 23 in Sydney in January."""
    found = judged(spark, Context(hours=(6, 22), temperature=(0, 25), rain=True))
    assert found["rain in Texas"] == [], "that of Texas, not of the whole country"
    assert found["sandals in Sydney"] == ["weather", "hour"], "of which nobody knows any weather"
    assert found["sandals in Berlin"] == ["season", "weather"]
    assert found["boots in spring"] == ["season", "weather"]
    late = judged(spark, Context(hours=(22, 7)))
    assert (late["sandals in Sydney"], late["rain in Texas"]) == ([], [])
    assert late["jeans nowhere"] == ["hour"]


def test_a_control_group_is_drawn_by_campaign_and_drawn_again_the_same(spark):
    pads = spark.createDataFrame([(b"i" * 64, b"o" * 64)], "inner binary, outer binary")
    campaigns = {"spring": 0.2, "summer": 0.2, "all": 1.0, "none": 0.0, "silent": None}
    anchors = [(f"a{n}", name, share) for n in range(2000) for name, share in campaigns.items()]
    shape = "anchor_key string, campaign_id string, holdout_share double"
    rows = with_arm(spark.createDataFrame(anchors, shape), pads).collect()
    drawn = {(r.campaign_id, r.anchor_key) for r in rows if r.arm == "control"}
    counts = Counter(campaign for campaign, _ in drawn)
    assert counts["all"] == 2000 and not counts["none"] and not counts["silent"]
    assert 320 < counts["spring"] < 480 and 320 < counts["summer"] < 480
    both = sum(("summer", key) in drawn for campaign, key in drawn if campaign == "spring")
    assert 45 < both < 120, "who is drawn by one campaign is drawn by another as anybody is"
    again = with_arm(spark.createDataFrame(anchors[::-1][:50], shape), pads).collect()
    assert all((r.arm == "control") == ((r.campaign_id, r.anchor_key) in drawn) for r in again)


def test_who_was_in_both_arms_is_not_spoken_to(spark):
    assigned = [
        ("p_one", "x", "a1", "test", JANUARY), ("p_one", "y", "a1", "control", JANUARY),
        ("p_two", "x", "a2", "control", JULY), ("p_two", "x", "a3", "test", JANUARY),
        ("p_three", "x", "a4", "control", JANUARY), ("p_three", "x", "a5", "control", JULY),
    ]  # fmt: skip
    rows = arms_of_persons(
        spark.createDataFrame(
            assigned, "person_id string, campaign_id string, anchor_key string, arm string, "
            "assigned_at timestamp",
        )
    ).collect()  # fmt: skip
    told = {(r.person_id, r.campaign_id): (r.arm, r.is_contaminated, r.is_held_out) for r in rows}
    assert told == {
        ("p_one", "x"): ("test", False, False), ("p_one", "y"): ("control", False, True),
        ("p_two", "x"): ("test", True, True), ("p_three", "x"): ("control", False, True),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("attributes", "is_kept"),
    [
        ({}, True),
        ({"personalisation": "off"}, False),
        ({"Personalization ": " ON "}, True),
        ({"personalisation": "perhaps"}, False),
        ({"personalisation": None}, False),
        ({"personalisation": "on", "personalization": "no"}, False),
        ({"colour": "off"}, True),
    ],
)
def test_of_who_wants_no_profile_none_is_asked(spark, attributes, is_kept):
    struct = {name: (value, "zero", JANUARY) for name, value in attributes.items()}
    row = {"person_id": "p_ann", "value_band": "high", "orders": 3, "attributes": struct}
    names = ["person_id", "orders", "attributes", *PROFILING]
    shape = ", ".join(f"{name} {CUSTOMERS.column(name).type}" for name in names)
    customers = spark.createDataFrame([[row.get(name) for name in names]], shape)
    (found,) = without_profiling(customers).collect()
    assert (found.value_band, found.orders) == ("high" if is_kept else None, 3)


def test_countries_of_the_south_are_countries():
    assert set(SOUTHERN) < set(COUNTRIES)
