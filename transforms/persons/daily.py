"""Daily: how customers are divided today, to be kept."""

from __future__ import annotations

from datetime import date

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from tactful.schemas.customers_daily import NO_CHANNEL, UNKNOWN
from tactful.schemas.events import TOTAL


def customers_of_day(customers: DataFrame, scores: DataFrame, *, day: date) -> DataFrame:
    """Count customers by where they stand, what they buy and how they are reached.

    Keeps: one row a lifecycle, value band and preferred channel. Adds: the columns of
    `customers_daily`. customers, scores: one row a person each.
    """
    known = customers.select(
        "person_id",
        "orders",
        "revenue_total",
        F.coalesce("value_band", F.lit(UNKNOWN)).alias("value_band"),
        F.coalesce("preferred_channel", F.lit(NO_CHANNEL)).alias("preferred_channel"),
    )
    return (
        scores.select("person_id", "lifecycle", "revenue_365d")
        .join(known, "person_id")
        .groupBy(F.lit(day).alias("day"), "lifecycle", "value_band", "preferred_channel")
        .agg(
            F.count("*").alias("customers"),
            F.sum("orders").alias("orders"),
            F.sum("revenue_total").try_cast(TOTAL).alias("revenue_total"),
            F.sum("revenue_365d").try_cast(TOTAL).alias("revenue_365d"),
        )
    )
