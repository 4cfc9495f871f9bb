"""Caps by the calendar: whose day it is, the nights on which clocks change, and who is exempt."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pyspark.sql import Row

from tactful.schemas.reference import CAMPAIGNS, CONTENTS
from tactful.transforms.caps import CapRule, capped, counted_messages, pressure
from tests.oracle.windows import around
from tests.timelines import DAY, HOUR, MICROSECOND, START, Told, event, offers, timeline, utc

BERLIN, NEW_YORK, TOKYO = "Europe/Berlin", "America/New_York", "Asia/Tokyo"
AS_OF = START + 10 * DAY  # 2026-06-11, a Thursday, midnight in UTC
# Both nights of each zone's change of clocks; in Beirut, Havana, Santiago and Cairo a day begins
# without its midnight, in Havana one has two.
NIGHTS = {
    BERLIN: ((2026, 3, 29), (2026, 10, 25)),
    NEW_YORK: ((2026, 3, 8), (2026, 11, 1)),
    "Australia/Lord_Howe": ((2025, 10, 5), (2026, 4, 5)),
    "America/Santiago": ((2025, 9, 7), (2026, 4, 5)),
    "America/Havana": ((2026, 3, 8), (2026, 11, 1)),
    "Asia/Beirut": ((2026, 3, 29), (2026, 10, 25)),
    "Africa/Cairo": ((2026, 4, 24), (2026, 10, 30)),
}


def by(calendar: str, name: str, limit: int = 1, **more: Any) -> CapRule:
    told = {"channels": (), "purposes": ("marketing",), "counts": "sent", "window": None} | more
    return CapRule(name=name, limit=limit, calendar=calendar, **told)


DAILY, WEEKLY, MONTHLY = by("day", "daily"), by("week", "weekly"), by("month", "monthly", 2)
RULES = [
    DAILY, WEEKLY, MONTHLY,
    by("day", "business", zone=TOKYO),
    by("week", "sundays", 2, zone="UTC", week_starts=6),
    by("day", "about", topics=["price_drop"], campaigns=["spring", "summer"]),
    by("day", "but", 2, zone="UTC", exempt_topics=["service"], exempt_campaigns=["gift"]),
    by("month", "drops", 9, zone="UTC", topics=["price_drop"]),
    by("day", "with", 2, zone="UTC", exempt_topics=["service"], exempt_counts=True),
]  # fmt: skip


def sent(person: str | None, at: Any, message: str, type_: str = "sent", **told: Any) -> Told:
    return event(person, type_, at, message_id=message, **{"channel": "email", **told})


def lives(person: str, at: Any, zone: str, **told: Any) -> Told:
    return event(person, "attribute_set", at, attribute="time_zone", value=zone, **told)


def seen(person: str, at: Any, zone: str) -> Told:
    return event(person, "page_view", at, time_zone=zone)


HISTORIES = [
    *(sent("themed", 9.5 * DAY + n * HOUR, f"theme {n}", **told) for n, told in enumerate((
        {"topic": "PRICE_DROP"}, {"content_id": "half"}, {"campaign_id": "sale"},
        {"content_id": "half", "topic": "news"}, {"content_id": "unknown", "campaign_id": "spring"},
        {"content_id": "half", "campaign_id": "spring"}, {},
    ))),
    # Nobody knows where they live: Berlin, as the business. 22:00 UTC is midnight there.
    sent("nowhere", 2 * DAY - 2 * HOUR - MICROSECOND, "m1"),
    sent("nowhere", 2 * DAY - 2 * HOUR, "m2"),
    # Told once, then again: each message by what was told by then, the same moment included.
    lives("moved", 1 * DAY, NEW_YORK),
    sent("moved", 2 * DAY, "m1"),
    lives("moved", 3 * DAY, TOKYO),
    sent("moved", 3 * DAY, "m2"),
    # Whoever said more beats whoever said it last; and a name that is none says nothing.
    lives("asked", 0 * DAY, f" {NEW_YORK} ", provenance="zero"),
    lives("asked", 1 * DAY, TOKYO, provenance="third party"),
    sent("asked", 2 * DAY, "m1"),
    lives("odd", 0 * DAY, "Mars/Olympus"),
    seen("odd", 1 * DAY, TOKYO),
    seen("odd", 1 * DAY + HOUR, "Mars/Olympus"),
    seen("odd", 5 * DAY, NEW_YORK),
    sent("odd", 2 * DAY, "m1"),
    # Somebody else's word, and a shared device's, are not theirs.
    lives("other", 0 * DAY, TOKYO),
    lives("n_device", 0 * DAY, TOKYO),
    sent("n_device", 2 * DAY, "m1"),
    # A message of another zone in the same span counts by its instant.
    seen("flies", 0 * DAY, TOKYO),
    sent("flies", 2 * DAY + 16 * HOUR, "m1"),  # the 4th there, at one in the morning
    seen("flies", 2 * DAY + 17 * HOUR, NEW_YORK),
    sent("flies", 2 * DAY + 18 * HOUR, "m2"),  # the 3rd here, at two in the afternoon
    # A month of two; the third of the month before does not count.
    sent("monthly", -1 * HOUR - DAY, "m0"),
    sent("monthly", 0 * DAY, "m1"),
    sent("monthly", 8 * DAY, "m2"),
    # One about what the cap is about, others about half of it or nothing.
    sent("about", DAY, "m1", topic="Price drop", campaign_id="spring"),
    sent("half", DAY, "m1", topic="price_drop", campaign_id="autumn"),
    sent("half", DAY, "m2", topic="news", campaign_id="spring"),
    sent("half", DAY, "m3"),
    # Of three one is exempt: it counts for one cap and not for the other.
    sent("exempt", 3 * DAY, "m1"),
    sent("exempt", 3 * DAY + HOUR, "m2", topic="service"),
    sent("gift", 3 * DAY + HOUR, "m1", campaign_id="gift"),
    sent("gift", 3 * DAY + 2 * HOUR, "m2"),
    # One id on two channels is one message; without a purpose it is marketing.
    sent("two", 10 * DAY - 3 * HOUR, "m1", purpose=None),
    sent("two", 10 * DAY - 2 * HOUR, "m1", purpose=None, channel="sms"),
    # As of midnight in UTC it is the 11th in Berlin for two hours, and the 10th in New York.
    sent("today", 10 * DAY - 2 * HOUR, "m1"),
    sent("yesterday", 10 * DAY - 2 * HOUR - MICROSECOND, "m1"),
    lives("west", 0 * DAY, NEW_YORK),
    sent("west", 9 * DAY + 4 * HOUR, "m1"),
    # Where they live now begins to count with the next message.
    lives("left", 0 * DAY, NEW_YORK),
    sent("left", 10 * DAY - HOUR, "m1"),
    lives("left", 10 * DAY - HOUR + MICROSECOND, TOKYO),
]  # fmt: skip


def on_nights() -> list[Told]:
    """A message an hour around each change of clocks, and one a moment before each."""
    rows = []
    for zone, nights in NIGHTS.items():
        rows.append(lives(zone, datetime(2025, 1, 1, tzinfo=ZoneInfo("UTC")), zone))
        for night in nights:
            noon = datetime(*night, 12, tzinfo=ZoneInfo("UTC")) - DAY
            for n in range(60):
                at = noon + n * HOUR
                rows.append(sent(zone, at, f"{at}"))
                rows.append(sent(zone, at - MICROSECOND, f"{at} before"))
    return rows


@pytest.fixture(scope="module")
def found(spark) -> tuple[dict[tuple[str, str], list[Row]], dict[tuple[str, str], Row]]:
    rows = timeline(spark, [*HISTORIES, *on_nights()])
    contents = [{"content_id": "half", "topic": "Price drop"}]
    campaigns = [{"campaign_id": "sale", "topic": "price-drop"}, {"campaign_id": "spring"}]
    offered = offers(spark, CONTENTS, contents), offers(spark, CAMPAIGNS, campaigns)
    messages = counted_messages(rows, *offered, rules=RULES, time_zone=BERLIN)
    held = defaultdict(list)
    for row in capped(messages, longest=2).collect():
        held[row.person_id, row.policy].append(row)
    weighed = pressure(messages, as_of=AS_OF).collect()
    return held, {(row.person_id, row.cap): row for row in weighed}


def spans(found, person: str, policy: str) -> list[tuple[timedelta, timedelta]]:
    rows = found[0].get((person, policy), [])
    return sorted((utc(row.starts_at) - START, utc(row.ends_at) - START) for row in rows)


@pytest.mark.parametrize("zone", NIGHTS)
def test_a_day_lasts_until_the_next_on_every_night(found, zone):
    """Of a cap of one each message holds the rest of its day, as clocks there say it."""
    rows = found[0][zone, "daily"]
    assert len(rows) == 240
    for row in rows:
        at = utc(row.starts_at)
        ends = around("day", "monday", zone, at.replace(tzinfo=None))[1]
        assert utc(row.ends_at).replace(tzinfo=None) == ends, at.astimezone(ZoneInfo(zone))


def test_a_day_with_a_changed_clock_is_longer_or_shorter(found):
    """By hand: Berlin's 29 March has 23 hours, and its 25 October 25."""
    rows = {utc(row.starts_at): utc(row.ends_at) for row in found[0][BERLIN, "daily"]}
    spring, autumn = (datetime(2026, m, d, tzinfo=ZoneInfo("UTC")) for m, d in ((3, 28), (10, 24)))
    assert rows[spring + 23 * HOUR] == spring + 46 * HOUR
    assert rows[autumn + 22 * HOUR] == autumn + 47 * HOUR


def test_whose_zone_is_not_known_lives_where_the_business_does(found):
    first, second = spans(found, "nowhere", "daily")
    assert first == (2 * DAY - 2 * HOUR - MICROSECOND, 2 * DAY - 2 * HOUR)
    assert second == (2 * DAY - 2 * HOUR, 3 * DAY - 2 * HOUR)


def test_a_zone_is_the_one_known_by_the_message(found):
    assert spans(found, "moved", "daily") == [
        (2 * DAY, 2 * DAY + 4 * HOUR), (3 * DAY, 3 * DAY + 15 * HOUR),
    ]  # fmt: skip
    assert spans(found, "asked", "daily") == [(2 * DAY, 2 * DAY + 4 * HOUR)]
    assert spans(found, "odd", "daily") == [(2 * DAY, 2 * DAY + 15 * HOUR)]
    assert spans(found, "n_device", "daily") == []


def test_the_business_and_utc_have_their_own_days(found):
    assert spans(found, "moved", "business") == [
        (2 * DAY, 2 * DAY + 15 * HOUR), (3 * DAY, 3 * DAY + 15 * HOUR),
    ]  # fmt: skip
    # Both on a Wednesday and Thursday; the week of a Sunday ends on day 6.
    assert spans(found, "moved", "sundays") == [(3 * DAY, 6 * DAY)]


def test_who_flies_is_counted_by_the_clock_where_they_are(found):
    rows = sorted(found[0]["flies", "daily"], key=lambda row: row.starts_at)
    assert [utc(row.ends_at) - START for row in rows] == [3 * DAY + 15 * HOUR, 3 * DAY + 4 * HOUR]
    two_a_day = by("day", "x", 2)
    assert two_a_day.needs_zones
    assert not by("day", "x", zone="UTC").needs_zones


def test_a_month_counts_its_own_messages(found):
    assert spans(found, "monthly", "monthly") == [(8 * DAY, 30 * DAY - 2 * HOUR)]
    assert spans(found, "monthly", "weekly")[-1] == (8 * DAY, 14 * DAY - 2 * HOUR)


def test_a_cap_counts_and_holds_what_it_is_about(found):
    (row,) = found[0]["about", "about"]
    assert [tuple(part) for part in row.scope] == [
        ("purpose", ["marketing"], False), ("topic", ["price_drop"], False),
        ("campaign", ["spring", "summer"], False),
    ]  # fmt: skip
    assert spans(found, "half", "about") == []


def test_what_is_exempt_is_not_held_and_counts_only_where_said(found):
    assert spans(found, "exempt", "but") == []
    (row,) = found[0]["exempt", "with"]
    assert [tuple(part) for part in row.scope] == [
        ("purpose", ["marketing"], False), ("topic", ["service"], True),
    ]  # fmt: skip
    assert (utc(row.starts_at) - START, utc(row.ends_at) - START) == (3 * DAY + HOUR, 4 * DAY)
    assert spans(found, "gift", "but") == []
    assert len(spans(found, "gift", "with")) == 1


def test_one_id_on_two_channels_counts_once(found):
    assert spans(found, "two", "with") == []
    assert len(spans(found, "two", "daily")) == 1


def test_pressure_is_that_of_the_window_of_now(found):
    rows = found[1]
    today = rows["today", "daily"]
    midnight = AS_OF - 2 * HOUR
    assert (today.counted, today.cap_limit) == (1, 1)
    assert (utc(today.window_starts_at), utc(today.next_allowed_at)) == (midnight, midnight + DAY)
    assert ("yesterday", "daily") not in rows
    assert utc(rows["yesterday", "weekly"].next_allowed_at) == START + 14 * DAY - 2 * HOUR
    month = rows["yesterday", "monthly"]
    assert (month.counted, month.cap_limit, month.next_allowed_at) == (1, 2, None)
    assert utc(month.window_starts_at) == START - 2 * HOUR
    west = rows["west", "daily"]
    assert utc(west.window_starts_at) == START + 9 * DAY + 4 * HOUR
    assert utc(rows["left", "daily"].next_allowed_at) == START + 10 * DAY + 4 * HOUR


def test_pressure_and_suppressions_end_together(found):
    """Whoever is at a limit now is held by a row that ends when the next is allowed."""
    held, weighed = found
    for key, row in weighed.items():
        now = [r for r in held[key] if utc(r.starts_at) <= AS_OF < utc(r.ends_at)]
        ends = max((r.ends_at for r in now), default=None)
        assert (row.next_allowed_at is not None) == bool(now), key
        assert row.next_allowed_at == ends, key


def test_a_topic_is_the_messages_own_else_its_contents_else_its_campaigns(found):
    assert found[1]["themed", "drops"].counted == 4
