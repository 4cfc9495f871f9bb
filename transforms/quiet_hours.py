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
# So many hours later no clock shows the same hour again.
CHANGE = 3
SPANS = "array<struct<begins:int,ends:int>>"
WEEK = f"array<{SPANS}>"


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

    def is_open(moment: Column) -> Column:
        return F.forall(zones, lambda zone: _is_open(moment, zone, week))

    begins = F.flatten(F.transform(zones, lambda zone: _beginnings(at, zone, week)))
    later = F.filter(F.filter(begins, lambda moment: moment > at), is_open)
    return F.when(is_open(at), at).otherwise(F.array_min(later))


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
                datetime.combine(day, time()) + timedelta(minutes=m) for m in (begins, ends)
            )
            both = (opens.replace(tzinfo=local, fold=fold) for fold in (0, 1))
            for moment in sorted(max(one.astimezone(UTC), at) for one in both):
                if opens <= moment.astimezone(local).replace(tzinfo=None) < closes:
                    return moment
    return None


def outside(begins: str, ends: str) -> Week:
    """A week in which quiet lasts from one time of day to another, past midnight or not."""
    quiet = [int(h) * 60 + int(m or 0) for h, _, m in (t.partition(":") for t in (begins, ends))]
    first, last = quiet
    spans = ((last, first),) if first > last else ((0, first), (last, 24 * 60))
    return (tuple(span for span in spans if span[0] < span[1]),) * 7


def _beginnings(at: Column, zone: Column, week: Column) -> Column:
    """From which moments on a message may go, on the days from a moment on, by one clock.

    On nights on which it changes, the clock may skip the hour at which a span begins, or show it
    twice: what it shows then has to be asked.
    """
    today = F.to_date(F.from_utc_timestamp(at, zone))
    ahead = F.sequence(F.lit(DAYS[0]), F.lit(DAYS[-1]))
    change = F.expr(f"INTERVAL {CHANGE} HOURS")

    def of_day(n: Column) -> Column:
        day = F.date_add(today, n)

        def of_span(span: Column) -> Column:
            begins = _shown_at(day, span["begins"])
            again = F.to_utc_timestamp(begins + change, zone) - change
            return F.array(F.to_utc_timestamp(begins, zone), again)

        return F.flatten(F.transform(_spans_of(day, week), of_span))

    return F.flatten(F.transform(ahead, of_day))


def _is_open(at: Column, zone: Column, week: Column) -> Column:
    """Whether what a clock shows at a moment is in no quiet hour."""
    shown = F.from_utc_timestamp(at, zone)
    day = F.to_date(shown)

    def is_within(span: Column) -> Column:
        return (shown >= _shown_at(day, span["begins"])) & (shown < _shown_at(day, span["ends"]))

    return F.exists(_spans_of(day, week), is_within)


def _spans_of(day: Column, week: Column) -> Column:
    return F.element_at(week, F.weekday(day) + 1)


def _shown_at(day: Column, minutes: Column) -> Column:
    return day.cast("timestamp") + F.make_dt_interval(mins=minutes)


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
