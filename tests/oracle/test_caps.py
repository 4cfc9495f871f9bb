"""What the oracle makes of caps by the calendar, against answers by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tactful.transforms.calendars import WEEKDAYS, window_around
from tests.oracle.test_oracle import Shop, at, send
from tests.oracle.windows import around, first_moment

ANN = "customer_id=ann"
HOUR = 1 / 24


def held(shop, **more):
    rows = shop.table("suppressions", **more)
    return [(row["starts_at"], row["ends_at"]) for row in rows if row["reason"] == "capped"]


def test_a_zone_is_the_one_told_by_the_message(tmp_path):
    caps = [{"name": "daily", "calendar": "day", "limit": 1}]
    shop = Shop(tmp_path, caps=caps, business={"time_zone": "Europe/Berlin"})
    tokyo, paris = {"attribute": "time_zone", "value": "Asia/Tokyo"}, {"time_zone": "Europe/Paris"}
    send(shop, "m1", 2, ANN)  # nobody knows: Berlin, an hour ahead
    shop.tell("clicks", "page_view", 3, ANN, geo={"time_zone": "America/New_York"})
    send(shop, "m2", 3, ANN)
    shop.tell("profiles", "preference_set", 4, ANN, **tokyo)
    shop.tell("clicks", "page_view", 4, ANN, geo=paris)
    send(shop, "m3", 4, ANN)
    assert sorted(held(shop)) == [
        (at(2), at(3 - HOUR)), (at(3), at(3 + 5 * HOUR)), (at(4), at(4 + 15 * HOUR)),
    ]  # fmt: skip
    (row,) = shop.table("pressure", as_of=4 + HOUR)
    assert (row["window_starts_at"], row["next_allowed_at"]) == (
        at(3 + 15 * HOUR), at(4 + 15 * HOUR),
    )  # fmt: skip


def test_who_is_exempt_is_not_counted_and_never_held(tmp_path):
    cap = {"limit": 2, "window": "7d", "exempt_topics": ["Price drop"]}
    caps = [{"name": "but", **cap}, {"name": "with", **cap, "exempt_counts": True}]
    shop = Shop(tmp_path, caps=caps)
    send(shop, "m1", 1, ANN)
    send(shop, "m2", 2, ANN, topic="price_drop")
    send(shop, "m3", 3, ANN, topic="PRICE-DROP")
    found = shop.answer().tables
    (first, second) = sorted(found["suppressions"], key=lambda row: row["starts_at"])
    assert {first["policy"], second["policy"]} == {"with"}
    assert first["scope"][1:] == [{"kind": "topic", "values": ["price_drop"], "negated": True}]
    assert found["regrets"] == []


def test_what_a_message_is_about_may_be_said_by_its_content_or_campaign(tmp_path):
    caps = [{"name": "drops", "limit": 3, "window": "7d", "topics": ["Price drop"]}]
    shop = Shop(tmp_path, caps=caps)
    told = (
        {"topic": "news", "content_id": "half"}, {"content_id": "half", "campaign_id": "spring"},
        {"content_id": "none", "campaign_id": "spring"}, {"campaign_id": "spring"},
        {"topic": "price_drop", "campaign_id": "spring"}, {"content_id": "none"},
    )  # fmt: skip
    for number, one in enumerate(told):
        send(shop, f"m{number}", 1 + number / 10, ANN, **one)
    contents = [{"content_id": "half", "topic": "PRICE-DROP"}, {"content_id": "none"}]
    offered = {"contents": contents, "campaigns": [{"campaign_id": "spring", "topic": "Spring"}]}
    assert held(shop, **offered) == []
    offered["campaigns"] = [{"campaign_id": "spring", "topic": "price drop"}]
    assert held(shop, **offered) == [(at(1.3), at(8.1)), (at(1.4), at(8.2))]


def test_a_cap_of_campaigns_counts_and_holds_its_own(tmp_path):
    caps = [{"name": "spring", "limit": 1, "window": "7d", "campaigns": ["spring"]}]
    shop = Shop(tmp_path, caps=caps)
    for number, campaign in enumerate(("autumn", "spring", "autumn", "spring", None)):
        send(shop, f"m{number}", 1 + number, ANN, campaign_id=campaign)
    found = shop.answer().tables
    assert [row["message_id"] for row in found["regrets"]] == ["m3"]
    assert {len(row["scope"]) for row in found["suppressions"]} == {2}


@pytest.mark.parametrize(
    ("calendar", "week_starts", "starts", "ends"),
    [("day", "monday", (3, 8), (3, 9)), ("week", "sunday", (3, 8), (3, 15)),
     ("week", "monday", (3, 2), (3, 9)), ("month", "monday", (3, 1), (4, 1))],
)  # fmt: skip
def test_windows_by_the_clock_of_new_york(calendar, week_starts, starts, ends):
    """The clock there is put forward on 8 March 2026."""
    zone = "America/New_York"
    found = around(calendar, week_starts, zone, datetime(2026, 3, 8, 12))
    expected = [datetime(2026, *d, tzinfo=ZoneInfo(zone)).astimezone(UTC) for d in (starts, ends)]
    assert [one.replace(tzinfo=UTC) for one in found] == expected
    told = {"calendar": calendar, "week_starts": WEEKDAYS.index(week_starts)}
    assert list(window_around(datetime(2026, 3, 8, 12, tzinfo=UTC), zone, **told)) == expected


def test_a_day_may_begin_without_its_midnight_or_with_two():
    beirut, havana = ZoneInfo("Asia/Beirut"), ZoneInfo("America/Havana")
    assert first_moment(date(2026, 3, 29), beirut) == datetime(2026, 3, 28, 22)
    assert first_moment(date(2026, 11, 1), havana) == datetime(2026, 11, 1, 4)
    day = first_moment(date(2026, 11, 2), havana) - first_moment(date(2026, 11, 1), havana)
    assert day == timedelta(hours=25)
