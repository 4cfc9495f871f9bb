"""Arrivals: when what is kept of a bought line was with its customer, quantity by quantity."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window, WindowSpec
from pyspark.sql import functions as F

from tactful.transforms.allotting import back, back_of
from tactful.transforms.journeys import DELIVERED, QUANTITY_PARTS

# Sums of many quantities fit in it.
WIDE = "DECIMAL(38, 0)"
# What a delivery names: the line by its id, else its product, else only the order.
BY_ID, BY_PRODUCT, OF_ORDER = 0, 1, 2


def with_arrivals(lines: DataFrame) -> DataFrame:
    """Say of each line by which event all that is kept of it was there.

    A delivery that tells a quantity delivers so much, and one that tells none all that it is about:
    the line that it names by its id, else the lines of a product, else all lines of the order. What
    names a line that the order does not have delivers none, a quantity of 0 nothing. Several add
    up. A quantity that names no line by its id goes to the first line that still waits, then to
    the next: what was cancelled waits for none, and what comes by a line's id is that line's. What
    is taken back is not waited for, so a line of which the rest is given back is there as well.

    Adds: _arrived, as (occurred_at, stream, event_id), null while some of it is missing.
    Keeps: all columns and rows. lines: rows of whole orders with order_id, line_number, line_id,
    sku, units and taken (see `settled_lines`) and journey (see `journeys`).
    """
    order = _earlier("order_id")
    product = _earlier("order_id", "sku")
    kept = F.col("units") - back("units", ["order_cancelled"])
    return (
        lines.withColumn("_steps", _steps())
        .withColumn("_room", _room(kept, _told(BY_ID)))
        .withColumn("_before", _sum_of("_room", product))
        .withColumn("_left", _room(F.col("_room"), F.expr(_share(BY_PRODUCT, "_room", "_before"))))
        .withColumn("_ahead", _sum_of("_left", order))
        .withColumn("_arrived", F.when(F.size("_steps") + F.size("taken") > 0, _first()))
        .drop("_steps", "_room", "_before", "_left", "_ahead")
    )


def _earlier(*columns: str) -> WindowSpec:
    earlier = Window.partitionBy(*columns).orderBy("line_number")
    return earlier.rowsBetween(Window.unboundedPreceding, -1)


def _sum_of(name: str, window: WindowSpec) -> Column:
    return F.coalesce(F.sum(name).over(window), F.lit(0)).cast(WIDE)


def _room(of: Column, told: Column) -> Column:
    """What is left to come of so much, after so much has come."""
    return F.greatest(F.lit(0), of - told).cast(WIDE)


def _steps() -> Column:
    """The deliveries that are about the line, with what they name and the parts they tell."""
    is_about = f"""step.type = '{DELIVERED}' AND coalesce(CASE
        WHEN step.line_id IS NOT NULL THEN step.line_id = line_id
        WHEN step.sku IS NOT NULL THEN step.sku = sku ELSE true END, false)"""
    names = f"""CASE WHEN step.line_id IS NOT NULL THEN {BY_ID}
        WHEN step.sku IS NOT NULL THEN {BY_PRODUCT} ELSE {OF_ORDER} END"""
    units = f"CAST(abs(step.quantity) * {QUANTITY_PARTS} AS {WIDE})"
    made = f"named_struct('event', step.event, 'names', {names}, 'units', {units})"
    steps = f"transform(filter(journey, step -> {is_about}), step -> {made})"
    return F.expr(f"coalesce({steps}, array())")


def _told(names: int) -> Column:
    return F.expr(f"if({_is_whole(names)}, units, {_summed(names)})")


def _is_whole(names: int) -> str:
    return f"exists(_steps, step -> step.names = {names} AND step.units IS NULL)"


def _summed(names: int, steps: str = "_steps") -> str:
    own = f"filter({steps}, step -> step.names = {names} AND step.units IS NOT NULL)"
    add = f"CAST(sum + step.units AS {WIDE})"
    return f"aggregate({own}, CAST(0 AS {WIDE}), (sum, step) -> {add})"


def _share(names: int, room: str, before: str) -> str:
    """What of all that was told falls to the line, whose turn comes after so much."""
    return f"if({_is_whole(names)}, {room}, {_part(_summed(names), room, before)})"


def _part(told: str, room: str, before: str) -> str:
    return f"greatest(0, least({room}, {told} - {before}))"


def _first() -> Column:
    """The first event up to which as much has come or was taken back as the line has."""
    come = f"""{_summed(BY_ID, "upto")}
        + {_part(_summed(BY_PRODUCT, "upto"), "_room", "_before")}
        + {_part(_summed(OF_ORDER, "upto"), "_left", "_ahead")}"""
    given_back = back_of("filter(taken, share -> share.event <= at)", "units")
    upto = "filter(_steps, step -> step.event <= at)"
    is_there = f"""transform(array({upto}), upto ->
        exists(upto, step -> step.units IS NULL) OR {come} + {given_back} >= units)[0]"""
    events = "concat(transform(_steps, step -> step.event), transform(taken, share -> share.event))"
    return F.expr(f"array_min(filter({events}, at -> {is_there}))")
