"""Journeys: which lines of an order were sent, and which have arrived."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from tactful.schemas.events import ORDER

DELIVERED, SHIPPED = "order_delivered", "order_shipped"


def journeys(timeline: DataFrame) -> DataFrame:
    """What is told of each order's way to the customer: order_id, journey."""
    told = timeline.where(F.col("type").isin(DELIVERED, SHIPPED) & F.col("order_id").isNotNull())
    event = F.struct(F.struct(*ORDER).alias("event"), "type", "line_id", "sku")
    return told.groupBy("order_id").agg(F.collect_set(event).alias("journey"))


def first_step(type_: str) -> Column:
    """The first event of a type that is about a line; null without one. The line has `journey`."""

    def is_about(step: Column) -> Column:
        about = (
            F.when(step["line_id"].isNotNull(), step["line_id"] == F.col("line_id"))
            .when(step["sku"].isNotNull(), step["sku"] == F.col("sku"))
            .otherwise(F.lit(True))
        )
        return (step["type"] == type_) & F.coalesce(about, F.lit(False))

    return F.array_min(F.transform(F.filter("journey", is_about), lambda step: step["event"]))


def is_in_store() -> Column:
    """Whether a line was bought in a store, and so taken home."""
    return F.coalesce(F.lower(F.trim("place")) == "store", F.lit(False))
