"""Journeys: what became of the lines of an order on their way to the customer, and who paid."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from tactful.schemas.events import ORDER

# Quantities are counted in ten-thousandths.
QUANTITY_PARTS = 10_000
PAID, SHIPPED, DELIVERED = "order_paid", "order_shipped", "order_delivered"


def journeys(timeline: DataFrame, *, types: Sequence[str] = (SHIPPED, DELIVERED)) -> DataFrame:
    """List what is told of each order by events of these types, whoever tells it.

    Keeps: order_id. Adds: journey. Grain: order of which anything is told. timeline: rows of
    events and lines, whosever they are.
    """
    told = timeline.where(F.col("type").isin(*types) & F.col("order_id").isNotNull())
    ref = F.struct(*ORDER).alias("event")
    event = F.struct(ref, "type", "line_id", "sku", "line_number", "quantity")
    return told.groupBy("order_id").agg(F.collect_set(event).alias("journey"))


def first_step(type_: str) -> Column:
    """The first event of a type that is about a row's line; null where there is none."""
    return F.array_min(steps(type_))


def steps(type_: str) -> Column:
    """The events of a type that are about a row's line, each as (occurred_at, stream, event_id).

    One that names a line is about the line of that id, else about the lines of a product, else
    about all lines of the order; what names a line that the order does not have is about none.
    Of rows with journey, line_id and sku.
    """

    def is_about(step: Column) -> Column:
        about = (
            F.when(step["line_id"].isNotNull(), step["line_id"] == F.col("line_id"))
            .when(step["sku"].isNotNull(), step["sku"] == F.col("sku"))
            .otherwise(F.lit(True))
        )
        return (step["type"] == type_) & F.coalesce(about, F.lit(False))

    return F.transform(F.filter("journey", is_about), lambda step: step["event"])


def is_in_store() -> Column:
    """Whether a line was bought in a store, and so taken home."""
    return F.coalesce(F.lower(F.trim("place")) == "store", F.lit(False))
