"""Calendars: when somebody's day, week or month began, and when the next one does."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from pyspark.sql import Column
from pyspark.sql import functions as F

# The windows of a calendar, and how many whole days the longest of each takes at most: a day more
# than by the calendar, since clocks are changed.
CALENDARS = {"day": 2, "week": 8, "month": 32}
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def window_at(
    at: Column,
    *,
    calendar: Column | None = None,
    zone: Column | None = None,
    week_starts: Column | None = None,
) -> tuple[Column, Column]:
    """When the window around a moment began, and when the next begins.

    A day begins with its first moment, also where the clock is put forward at midnight, so that
    there is none, or back over it, so that there are two.

    at: a time. Unless told the row says which window: rule.calendar, time_zone, rule.week_starts
    (0 is Monday).
    """
    calendar = F.col("rule.calendar") if calendar is None else calendar
    zone = F.col("time_zone") if zone is None else zone
    first = F.col("rule.week_starts") if week_starts is None else week_starts
    day = F.to_date(F.from_utc_timestamp(at, zone))
    monday_to_start = F.pmod(F.weekday(day) - first, F.lit(7))
    starts = (
        F.when(calendar == "day", day)
        .when(calendar == "week", F.date_sub(day, monday_to_start))
        .when(calendar == "month", F.trunc(day, "month"))
    )
    ends = (
        F.when(calendar == "day", F.date_add(starts, 1))
        .when(calendar == "week", F.date_add(starts, 7))
        .when(calendar == "month", F.to_date(F.add_months(starts, 1)))
    )
    begin, end = (F.to_utc_timestamp(d.cast("timestamp"), zone) for d in (starts, ends))
    return begin, end


def window_around(
    at: datetime, zone: str, *, calendar: str, week_starts: int
) -> tuple[datetime, datetime]:
    """The same of one moment. week_starts: 0 is Monday."""
    local = ZoneInfo(zone)
    day = at.astimezone(local).date()
    if calendar == "month":
        starts = day.replace(day=1)
        ends = (starts + timedelta(days=31)).replace(day=1)
    else:
        length = 7 if calendar == "week" else 1
        starts = day - timedelta(days=(day.weekday() - week_starts) % length)
        ends = starts + timedelta(days=length)
    return _begins(starts, local), _begins(ends, local)


def _begins(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)
