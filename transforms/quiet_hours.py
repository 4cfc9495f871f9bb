"""Quiet hours: when somebody may next be called or texted, by the clock where they live."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from pyspark.sql import Column
from pyspark.sql import functions as F

from tactful.transforms.legal_hours import Week

# A week later the same hours come again.
DAYS = range(8)


def open_from(at: Column, zone: Column, week: Week) -> Column:
    """The moment itself where it is no quiet hour, else the first after it that is none.

    Hours are those of the clock there, so on nights on which it changes quiet lasts an hour more or
    less. Null where no hour of the week is open.

    at: a time. zone: its time zone's name.
    """
    day = F.to_date(F.from_utc_timestamp(at, zone))
    spans = [
        F.when(F.weekday(F.date_add(day, ahead)) == weekday, _span(F.date_add(day, ahead), s, zone))
        for ahead in DAYS
        for weekday, of_day in enumerate(week)
        for s in of_day
    ]
    if not spans:
        return F.lit(None).cast("timestamp")
    later = F.filter(F.array(*spans), lambda s: s["ends"] > at)
    return F.array_min(F.transform(later, lambda s: F.greatest(s["begins"], at)))


def next_open(at: datetime, zones: Sequence[str], week: Week) -> datetime | None:
    """The same of one moment, of somebody who lives by one of these clocks, nobody knows which.

    They are reached when all of the clocks allow it: in doubt the strictest.
    """
    moment: datetime | None = at
    for _ in range(len(DAYS) * len(zones)):
        opened = [moment and _next_open(moment, zone, week) for zone in zones]
        if None in opened:
            return None
        moment = max(filter(None, opened))
        if all(moment == other for other in opened):
            return moment
    return None


def _next_open(at: datetime, zone: str, week: Week) -> datetime | None:
    local = ZoneInfo(zone)
    first = at.astimezone(local).date()
    for ahead in DAYS:
        day = first + timedelta(days=ahead)
        for begins, ends in week[day.weekday()]:
            opens, closes = (
                datetime.combine(day, time(), local) + timedelta(minutes=m) for m in (begins, ends)
            )
            if closes.astimezone(UTC) > at:
                return max(opens.astimezone(UTC), at)
    return None


def outside(begins: str, ends: str) -> Week:
    """A week in which quiet lasts from one time of day to another, past midnight or not."""
    quiet = [int(h) * 60 + int(m or 0) for h, _, m in (t.partition(":") for t in (begins, ends))]
    first, last = quiet
    spans = ((last, first),) if first > last else ((0, first), (last, 24 * 60))
    return (tuple(span for span in spans if span[0] < span[1]),) * 7


def _span(day: Column, span: tuple[int, int], zone: Column) -> Column:
    begins, ends = (
        F.to_utc_timestamp(day.cast("timestamp") + F.lit(timedelta(minutes=minutes)), zone)
        for minutes in span
    )
    return F.struct(begins.alias("begins"), ends.alias("ends"))
