"""Known shares: how much of what happened, and of what was paid, is of somebody who is known."""

from __future__ import annotations

from decimal import Decimal
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from tactful.schemas.events import MONEY, TOTAL
from tactful.schemas.words import MANUAL_LINK_TYPES
from tactful.transforms.identity.owners import is_person
from tactful.transforms.money import in_business_currency
from tactful.transforms.settled import PARTS

KEY = ("source", "stream", "week_on")
SUMS = ("events", "known_events", "revenue", "known_revenue", "unpriced_orders")


def known_shares(
    timeline: DataFrame, placed: DataFrame, rates: DataFrame, *, currency: str
) -> DataFrame:
    """Say of each system, stream and week how much is of persons whom the business knows.

    What was paid counts when and where the order was first placed, for the person whom that first
    named; what came back is not taken off. An order in a currency without a rate of its day is
    counted beside.

    Keeps: one row a source, stream and week in which anything happened. Adds: the columns of
    `known_shares`. Drops: what the business says of who is who, which nobody does.
    timeline: one row an event and line, with person_id. placed: every order's first placing (see
    `first_placed`). rates, currency: see `in_business_currency`.
    """
    # An event has one row a line, and always a first.
    events = timeline.where((F.col("line_number") == 0) & ~F.col("type").isin(*MANUAL_LINK_TYPES))
    counted = events.groupBy(*_key()).agg(
        F.count("*").alias("events"), F.count_if(is_person()).alias("known_events")
    )
    paid = _paid(placed, rates, currency=currency)
    none = F.lit(0)
    whole = counted.join(paid, [*KEY], "left").withColumns(
        {name: F.coalesce(name, none) for name in paid.columns if name not in KEY}
    )
    return whole.withColumn("known_share", _share())


def brought_up(told: DataFrame, before: DataFrame, now: DataFrame) -> DataFrame:
    """Bring the shares up to date by some events: what they counted for is taken off, and what
    they count for now is added.

    Whose an order or a message is, is said by all events that name it, so these must be among them
    together. All sums are whole numbers or exact decimals: the same comes out as from everything.

    Keeps: one row a source, stream and week in which anything is left. told: the shares before, of
    everything. before, now: the shares of these events alone (see `known_shares`), as they were
    known before and as they are known now.
    """
    off = before.withColumns({name: -F.col(name) for name in SUMS})
    each = (part.select(*KEY, *SUMS) for part in (told, off, now))
    sums = (
        reduce(DataFrame.unionByName, each)
        .groupBy(*KEY)
        .agg(*(F.sum(name).alias(name) for name in SUMS))
    )
    return sums.where("events > 0").withColumn("known_share", _share())


def _share() -> Column:
    return F.round(F.col("known_events") / F.col("events"), 4)


def _paid(placed: DataFrame, rates: DataFrame, *, currency: str) -> DataFrame:
    """What was paid, one row a source, stream and week in which an order was placed."""
    lines = in_business_currency(placed, rates, currency=currency)
    # Rounded line by line, so that parts of it add up to the whole.
    paid = (F.col("paid").cast("decimal(19,0)") * F.lit(Decimal(1) / PARTS)).cast(MONEY)
    worth = (paid * F.col("rate")).cast(TOTAL)
    is_unpriced = (F.col("line_number") == 0) & F.col("rate").isNull()
    return lines.groupBy(*_key()).agg(
        F.sum(worth).alias("revenue"),
        F.sum(F.when(is_person(), worth)).alias("known_revenue"),
        F.count_if(is_unpriced).alias("unpriced_orders"),
    )


def _key() -> tuple[Column, ...]:
    return (
        F.coalesce("source", F.lit("")).alias("source"),
        F.col("stream"),
        F.trunc(F.to_date("occurred_at"), "week").alias("week_on"),
    )
