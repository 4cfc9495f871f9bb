"""What is ready for proposals: season, place, weather and hour; control groups; personalisation."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from pyspark.sql import functions as F

from tactful.jobs.screen.control_group import drawn as drawn_for_a_list
from tactful.schemas.countries import COUNTRIES, SOUTHERN
from tactful.schemas.customers import CUSTOMER_SCORES, CUSTOMERS
from tactful.transforms.checks import CHECKS
from tactful.transforms.checks.check import Here
from tactful.transforms.checks.out_of_context import OutOfContext, out_of_context
from tactful.transforms.holdout import arms, arms_of_persons, held_out, with_arm
from tactful.transforms.identity.keys import hmac_pads
from tactful.transforms.personalisation import (
    PROFILING,
    not_personalised,
    without_profiling,
)
from tactful.transforms.quiet_hours import outside
from tests.decision_cases import CASES

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


def here(name: str, **chosen) -> tuple[bool, datetime | None]:
    """What is said of one of them where no Spark is."""
    skus, country, region, zone, moment = PROPOSALS[name]
    goods = [{"sku": s, "seasons": seasons, "regions": regions} for s, seasons, regions in PRODUCTS]
    weather = {(place, day): {"temperature": t, "rain": rain} for place, day, t, rain in WEATHER}
    there = Here(
        country and country.strip().upper(), region, moment.astimezone(ZoneInfo(zone)),
        [one for one in goods if one["sku"] in skus], weather,
    )  # fmt: skip
    return CHECKS["out_of_context"].here(OutOfContext(**chosen), there)


def judged(spark, **chosen) -> dict[str, tuple[list[str], datetime | None]]:
    proposals = spark.createDataFrame(
        [(name, *told) for name, told in PROPOSALS.items()],
        "decision_id string, skus array<string>, country string, region string, "
        "time_zone string, moment timestamp",
    )
    products = spark.createDataFrame(
        PRODUCTS, "sku string, seasons array<string>, regions array<string>"
    )
    weather = spark.createDataFrame(
        WEATHER, "region string, day date, temperature double, rain double"
    )
    rows = out_of_context(proposals, products, weather, chosen=OutOfContext(**chosen))
    until = F.unix_seconds("ends_at").alias("until")
    told = rows.select("decision_id", "out_of_context", until).collect()
    assert len(told) == len(PROPOSALS)
    found = {
        r.decision_id: (r.out_of_context, r.until and datetime.fromtimestamp(r.until, UTC))
        for r in told
    }
    for name, (why, until) in found.items():
        is_held, ends = here(name, **chosen)
        assert is_held == bool(why), name
        # It is asked again at times while it still holds, and never only after it has ended.
        assert ends is None or until <= ends, name
    return found


def test_a_season_is_that_of_her_own_hemisphere_and_some_things_are_for_some_places(spark):
    """It is asked again when the season changes there; of a place, when somebody moves."""
    found = judged(spark)
    berlin = datetime(2026, 2, 28, 23, tzinfo=UTC)
    assert {name: why for name, why in found.items() if why[0]} == {
        "sandals in Berlin": (["season"], berlin),
        "boots in Sydney": (["season"], datetime(2026, 2, 28, 13, tzinfo=UTC)),
        "boots in spring": (["season"], datetime(2026, 8, 31, 22, tzinfo=UTC)),
        "sandals nowhere": (["season"], datetime(2026, 9, 1, tzinfo=UTC)),
        "surf in Utah": (["region"], None),
    }
    anywhere = judged(spark, regions=False)
    assert anywhere["surf in Utah"][0] == []
    assert judged(spark, seasons=False)["boots in Sydney"][0] == []


def test_hour_and_weather_are_those_where_she_is(spark):
    """Noon in UTC is 6 in Chicago, and 23 in Sydney in January."""
    told = judged(spark, hours="6-22", temperature_from=0.0, temperature_to=25.0, rain=True)
    found = {name: why for name, (why, _) in told.items()}
    assert found["rain in Texas"] == [], "that of Texas, not of the whole country"
    assert found["sandals in Sydney"] == ["weather", "hour"], "of which nobody knows any weather"
    assert told["sandals in Sydney"][1] == datetime(2026, 1, 15, 19, tzinfo=UTC), "at six"
    assert found["sandals in Berlin"] == ["season", "weather"]
    assert found["boots in spring"] == ["season", "weather"]
    late = judged(spark, hours="22-7")
    assert (late["sandals in Sydney"][0], late["rain in Texas"][0]) == ([], [])
    assert late["jeans nowhere"][0] == ["hour"]
    assert OutOfContext(hours="22-7").week == outside("7", "22")


def test_one_place_is_told_when_it_fits_again():
    """The hour at which it may be said there, the first day of a season in which all of it fits."""
    opens = {"jeans nowhere": (7, 15, 22), "surf in France": (7, 15, 20), "rain in Texas": None}
    for name, told in opens.items():
        ends = told and datetime(2026, *told, tzinfo=UTC)
        assert here(name, hours="22-7", regions=False, seasons=False) == (ends is not None, ends), (
            name
        )


def test_a_season_ends_when_all_of_it_fits():
    summer = datetime(2026, 5, 31, 22, tzinfo=UTC)
    assert here("sandals in Berlin") == (True, summer)
    # Then at eight in the morning, and not at night.
    assert here("sandals in Berlin", hours="8-20") == (True, summer + timedelta(hours=8))
    assert here("sandals nowhere") == (True, None), "nobody knows her season"


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
    secret = b"of a lake"
    own = spark.createDataFrame([hmac_pads(secret)], "inner binary, outer binary")
    for row in with_arm(spark.createDataFrame(anchors[:50], shape), own).collect():
        part = drawn_for_a_list(secret, row.campaign_id, row.anchor_key)
        assert (row.arm == "control") == (part < (row.holdout_share or 0)), "as `screen` draws"
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


def test_who_is_spoken_to_by_a_campaign_is_in_an_arm_drawn_once(spark):
    """Bea was drawn before the share fell; Cy is in both arms, Dan is new, Eve's is over."""
    pads = spark.createDataFrame([(b"i" * 64, b"o" * 64)], "inner binary, outer binary")
    asked = spark.createDataFrame(
        [("p_bea", "x", 0.5), ("p_cy", "x", 0.5), ("p_dan", "x", 1.0), ("p_eve", "y", 0.0)],
        "person_id string, campaign_id string, holdout_share double",
    )
    assigned = spark.createDataFrame(
        [("p_bea", "x", "a1", "control", JANUARY), ("p_cy", "x", "a2", "test", JANUARY),
         ("p_cy", "x", "a3", "control", JULY), ("p_eve", "y", "a4", "control", JANUARY)],
        "person_id string, campaign_id string, anchor_key string, arm string, "
        "assigned_at timestamp",
    )  # fmt: skip
    found = arms(asked, assigned, pads, as_of=JULY).localCheckpoint()
    rows = {r.person_id: r for r in found.collect()}
    assert set(rows) == {"p_bea", "p_cy", "p_dan"}
    drawn = {who for who, r in rows.items() if r.assigned_at is not None}
    assert drawn == {"p_dan"}
    assert (rows["p_dan"].anchor_key, rows["p_dan"].arm) == ("dan", "control")
    said = spark.createDataFrame(
        [("d1", "p_bea", "x", "marketing"), ("d2", "p_bea", "x", "transactional"),
         ("d3", "p_bea", "z", "marketing"), ("d4", "p_cy", "x", "marketing"),
         ("d5", "p_dan", "x", "marketing"), ("d6", "p_eve", "y", "marketing")],
        "decision_id string, person_id string, campaign_id string, purpose string",
    )  # fmt: skip
    told = {r.decision_id: r.reason for r in held_out(said, found).collect()}
    assert told == {"d1": "holdout", "d4": "contaminated", "d5": "holdout"}
    # A166: on whatever channel, ads among them, and written down when it is first drawn.
    expected = CASES["A166"]["expected"]
    assert (told["d5"], rows["p_dan"].assigned_at is not None) == (
        expected["reason"], expected["logged"],
    )  # fmt: skip


def test_of_who_wants_no_profile_none_is_asked(spark):
    """Ann said nothing; Cy's spelling is odd; of Fay the shop's word is not heard over her own."""
    said = {
        "ann": [("colour", "off", "zero", JANUARY)],
        "bea": [("personalisation", "off", "zero", JANUARY)],
        "cy": [(" Personalization ", " ON ", "zero", JANUARY)],
        "dan": [("personalisation", "perhaps", "first", JANUARY)],
        "eve": [("personalisation", "on", "zero", JULY), ("personalization", None, "zero", JULY)],
        "fay": [("personalisation", "on", "zero", JANUARY),
                ("personalisation", "off", "first", JULY)],
        "gil": [("personalisation", "off", "zero", JANUARY),
                ("personalisation", "on", "zero", JULY)],
    }  # fmt: skip
    rows = [
        (who, "attribute_set", *told, "profiles", f"{who}{n}")
        for who, all_told in said.items()
        for n, told in enumerate(all_told)
    ]
    timeline = spark.createDataFrame(
        rows, "person_id string, type string, attribute string, value string, provenance string, "
        "occurred_at timestamp, stream string, event_id string",
    )  # fmt: skip
    unwilling = not_personalised(timeline)
    known = spark.createDataFrame(
        [(who, "high", 3, "lapsing", True) for who in said],
        "person_id string, value_band string, orders int, lifecycle string, valued boolean",
    )
    found = {r.person_id: r for r in without_profiling(known, unwilling).collect()}
    assert {who for who, r in found.items() if r.value_band is None} == {"bea", "dan", "eve"}
    assert {r.valued for who, r in found.items() if who in ("bea", "fay")} == {None, True}
    assert {(r.orders, r.lifecycle) for r in found.values()} == {(3, "lapsing")}
    columns = {*CUSTOMERS.names, *CUSTOMER_SCORES.names}
    assert columns.issuperset(PROFILING)


def test_countries_of_the_south_are_countries():
    assert set(SOUTHERN) < set(COUNTRIES)
