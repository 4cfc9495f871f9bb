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
SPANS = "array<struct<begins:int,ends:int>>"
WEEK = f"array<{SPANS}>"
STRETCHES = "array<struct<begins:timestamp,ends:timestamp>>"


def open_from(at: Column, zone: Column, week: Week) -> Column:
    """The moment itself where it is no quiet hour, else the first after it that is none.

    Hours are those of the clock there, so on nights on which it changes quiet lasts an hour more or
    less. Null where no hour of the week is open.

    at: a time. zone: its time zone's name.
    """
    return open_in(at, F.array(zone), as_column(week))


def open_in(at: Column, zones: Column, week: Column) -> Column:
    """The same of a week that each row tells (see `as_column`), by the clocks that it lists.

    Of several, all have to allow it: whose clock nobody knows is reached when it is right by each.
    """
    of_each = F.transform(zones, lambda zone: _stretches(at, zone, week))
    shared = F.aggregate(
        F.slice(of_each, 2, F.greatest(F.size(of_each), F.lit(1))),
        F.get(of_each, 0).cast(STRETCHES),
        lambda known, more: _shared(known, more).cast(STRETCHES),
    )
    ahead = F.filter(shared, lambda one: one["ends"] > at)
    return F.array_min(F.transform(ahead, lambda one: F.greatest(one["begins"], at)))


def as_column(week: Week) -> Column:
    """A week as a column: of each weekday from Monday on its spans of minutes since midnight."""
    days = (
        F.array(*(F.struct(F.lit(begins).alias("begins"), F.lit(ends).alias("ends"))
                  for begins, ends in spans)).cast(SPANS)
        for spans in week
    )  # fmt: skip
    return F.array(*days)


def both(one: Column, other: Column) -> Column:
    """The hours that two weeks have in common, as columns."""
    return F.zip_with(one, other, _shared)


def next_open(at: datetime, zones: Sequence[str], week: Week) -> datetime | None:
    """The same of one moment, of somebody who lives by one of these clocks, nobody knows which.

    They are reached when all of the clocks allow it: in doubt the strictest.
    """
    moment = at
    for _ in range(len(DAYS) * len(zones)):
        opened = [_next_open(moment, zone, week) for zone in zones]
        told = [opens for opens in opened if opens is not None]
        if len(told) < len(opened):
            return None
        moment = max(told)
        if moment == min(told):
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


def _stretches(at: Column, zone: Column, week: Column) -> Column:
    """From when until when a message may go on the days from a moment on, by one clock."""
    today = F.to_date(F.from_utc_timestamp(at, zone))
    ahead = F.sequence(F.lit(DAYS[0]), F.lit(DAYS[-1]))

    def of_day(n: Column) -> Column:
        day = F.date_add(today, n)

        def moment(minutes: Column) -> Column:
            shown = day.cast("timestamp") + F.make_dt_interval(mins=minutes)
            return F.to_utc_timestamp(shown, zone)

        return F.transform(
            F.element_at(week, F.weekday(day) + 1),
            lambda span: F.struct(
                moment(span["begins"]).alias("begins"), moment(span["ends"]).alias("ends")
            ),
        )

    return F.flatten(F.transform(ahead, of_day))


def _shared(one: Column, other: Column) -> Column:
    pairs = F.flatten(
        F.transform(
            one,
            lambda a: F.transform(
                other,
                lambda b: F.struct(
                    F.greatest(a["begins"], b["begins"]).alias("begins"),
                    F.least(a["ends"], b["ends"]).alias("ends"),
                ),
            ),
        )
    )
    return F.filter(pairs, lambda span: span["begins"] < span["ends"])
