"""Moments: at what hour and on which weekday, in their own zone, a person does something."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from tactful.transforms.message_facts import by_machine

# So many of the newest count, and fewer than so many are no habit.
NEWEST, LEAST = 100, 5
HOURS, WEEKDAYS = range(24), range(1, 8)


def responded(timeline: DataFrame) -> DataFrame:
    """When each person last opened or clicked messages. A machine that opens is no person.

    Keeps: one row a person who did. Adds: responded_at, the newest hundred moments.
    timeline: rows of somebody's.
    """
    opened = (F.col("type") == "opened") & ~by_machine()
    is_response = opened | (F.col("type") == "clicked")
    rows = timeline.where((F.col("event_class") == "message") & is_response)
    return rows.groupBy("person_id").agg(newest("occurred_at").alias("responded_at"))


def newest(name: str) -> Column:
    """The newest hundred moments of a column, each once."""
    return F.slice(F.sort_array(F.collect_set(name), asc=False), 1, NEWEST)


def usual_hour(moments: str, zone: str) -> Column:
    """The hour in which most of these moments lie, in that zone; null where fewer than five do.

    Of two hours with as many the earlier one.
    """
    return _most(moments, f"hour(from_utc_timestamp(m, {zone}))", HOURS)


def usual_weekday(moments: str, zone: str) -> Column:
    """The same of the day of the week, 1 for Monday to 7 for Sunday."""
    return _most(moments, f"weekday(from_utc_timestamp(m, {zone})) + 1", WEEKDAYS)


def _most(moments: str, told: str, among: range) -> Column:
    values = f"transform({moments}, m -> {told})"
    counts = f"transform(sequence({among[0]}, {among[-1]}), v -> size(filter(values, x -> x = v)))"
    most = f"transform(array({values}), values -> {counts})[0]"
    place = f"transform(array({most}), c -> array_position(c, array_max(c)))[0]"
    return F.expr(
        f"CASE WHEN size({moments}) >= {LEAST} THEN CAST({place} - 1 + {among[0]} AS INT) END"
    )
