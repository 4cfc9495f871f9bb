"""Quiet hours: when somebody may be called or texted, by law and by the clock where they live."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from pyspark.sql import functions as F

from tactful.schemas.country_zones import COUNTRY_ZONES
from tactful.schemas.time_zones import TIME_ZONES
from tactful.transforms.legal_hours import LEGAL_HOURS, Week, legal_week, week
from tactful.transforms.quiet_hours import next_open, open_from, outside
from tests.decision_cases import CASES

NEW_YORK, DENVER, BERLIN = "America/New_York", "America/Denver", "Europe/Berlin"


def at(zone: str, *moment: int) -> datetime:
    return datetime(*moment, tzinfo=ZoneInfo(zone)).astimezone(UTC)


def sms(region: str | None) -> Week:
    found = legal_week("sms", country="US", region=region)
    assert found
    return found


# The hours, the zone, a moment, and when the next message may go. 1 June 2026 is a Monday.
GOLDEN_HOURS = {
    "A099": (outside("22:00", "06:00"), BERLIN, at(BERLIN, 2026, 6, 1, 5, 30),
             at(BERLIN, 2026, 6, 1, 6)),
    "A101": (outside("22:00", "08:00"), CASES["A101"]["input"]["tz"],
             datetime.fromisoformat(CASES["A101"]["input"]["scheduled"]).astimezone(UTC),
             datetime.fromisoformat(CASES["A101"]["expected"]["send_utc"])),
    "A106": (sms("FL"), NEW_YORK, at(NEW_YORK, 2026, 6, 1, 20, 30), at(NEW_YORK, 2026, 6, 2, 8)),
    "A108": (sms("UT"), DENVER, at(DENVER, 2026, 6, 7, 10), at(DENVER, 2026, 6, 8, 8)),
    "A109": (sms(None), NEW_YORK, at(NEW_YORK, 2026, 6, 1, 8, 30), at(NEW_YORK, 2026, 6, 1, 9)),
}  # fmt: skip
FRENCH = legal_week("call", country="FR")
MOMENTS = {
    **GOLDEN_HOURS,
    "open": (sms("FL"), NEW_YORK, at(NEW_YORK, 2026, 6, 1, 8), at(NEW_YORK, 2026, 6, 1, 8)),
    "the end is quiet": (sms("TX"), NEW_YORK, at(NEW_YORK, 2026, 6, 6, 21),
                         at(NEW_YORK, 2026, 6, 7, 12)),
    "at noon": (FRENCH, "Europe/Paris", at("Europe/Paris", 2026, 6, 1, 13),
                at("Europe/Paris", 2026, 6, 1, 14)),
    "over the weekend": (FRENCH, "Europe/Paris", at("Europe/Paris", 2026, 6, 5, 20),
                         at("Europe/Paris", 2026, 6, 8, 10)),
    # The clock goes from two to three: half past two is never shown, and is half past three.
    "no such hour": (week("2:30-20"), BERLIN, at(BERLIN, 2026, 3, 29, 1),
                     at(BERLIN, 2026, 3, 29, 3, 30)),
    "never": (week(""), BERLIN, at(BERLIN, 2026, 6, 1), None),
}  # fmt: skip


@pytest.mark.parametrize("name", MOMENTS)
def test_the_next_moment_that_is_not_quiet(name):
    hours, zone, moment, expected = MOMENTS[name]
    assert next_open(moment, [zone], hours) == expected


def test_columns_say_the_same(spark):
    """Around both nights of changed clocks, hour by hour, and every moment above."""
    nights = [
        (zone, datetime(*night, tzinfo=UTC) + timedelta(hours=n))
        for zone, night in ((BERLIN, (2026, 3, 28)), (NEW_YORK, (2026, 10, 31)))
        for n in range(0, 60, 3)
    ]
    weeks = {name: told[0] for name, told in MOMENTS.items() if name not in ("A099", "A109")}
    asked = [(n, z, m.isoformat()) for n, (_, z, m, _) in MOMENTS.items() if n in weeks]
    asked += [(name, zone, m.isoformat()) for name in ("at noon", "A101") for zone, m in nights]
    rows = spark.createDataFrame(asked, "name string, zone string, at string")
    moment = F.col("at").cast("timestamp")
    found = F.coalesce(
        *(F.when(F.col("name") == n, open_from(moment, F.col("zone"), w)) for n, w in weeks.items())
    )
    told = rows.select("name", "zone", "at", F.unix_micros(found).alias("opens")).collect()
    assert len(told) == len(asked)
    for row in told:
        expected = next_open(datetime.fromisoformat(row["at"]), [row.zone], weeks[row.name])
        micros = None if expected is None else round(expected.timestamp() * 10**6)
        assert row.opens == micros, row


def test_by_whose_clock_nobody_knows_is_by_all_of_the_countrys():
    """In New York it is night first, on Hawaii morning last; a country of one clock has that."""
    american, hours = COUNTRY_ZONES["US"], sms(None)
    asked = {
        datetime(2026, 11, 27, 8, 30, tzinfo=UTC): datetime(2026, 11, 27, 19, tzinfo=UTC),
        datetime(2026, 11, 27, 20, tzinfo=UTC): datetime(2026, 11, 27, 20, tzinfo=UTC),
        datetime(2026, 11, 28, 1, tzinfo=UTC): datetime(2026, 11, 28, 19, tzinfo=UTC),
        # Nobody is texted on a Sunday.
        datetime(2026, 11, 29, 20, tzinfo=UTC): datetime(2026, 11, 30, 19, tzinfo=UTC),
    }
    for moment, expected in asked.items():
        assert next_open(moment, american, hours) == expected
        for zone in set(TIME_ZONES) & {"America/Chicago", "America/Anchorage", *american}:
            assert next_open(expected, [zone], hours) == expected
    assert COUNTRY_ZONES["DE"] == (BERLIN,)
    assert next_open(at(BERLIN, 2026, 6, 1), COUNTRY_ZONES["US"], week("9-10")) is None
    assert {zone for zones in COUNTRY_ZONES.values() for zone in zones} <= set(TIME_ZONES)


def test_in_doubt_the_strictest_hours_hold():
    """A103 is Adobe's: of whom no zone is known no hour is kept. Here (DESIGN 6) all are."""
    assert sms(None) == week("9-20", sunday="")
    assert sms("ny") == week("8-21")  # no rule of its own: the country's
    assert legal_week("call", country=None) == week("10-13 14-20", "", "")
    assert legal_week("call", country="DE") == week("8-20")
    assert legal_week("email", country="US") is None


def test_every_row_names_its_source():
    assert all(row.source and row.read_on.year >= 2026 for row in LEGAL_HOURS)
    places = [(row.country, row.region, c) for row in LEGAL_HOURS for c in row.channels]
    assert len(places) == len(set(places))
    assert all(
        begin < end <= 24 * 60 for row in LEGAL_HOURS for day in row.week for begin, end in day
    )
