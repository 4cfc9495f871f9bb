"""Money: what amounts in other currencies are worth in the business's own."""

from __future__ import annotations

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from tactful.schemas.reference import RATE


def in_business_currency(amounts: DataFrame, rates: DataFrame, *, currency: str) -> DataFrame:
    """Say what one unit of each amount's currency was worth on its day.

    A rate holds from its day on, until the next day of which the currency has one. What is in the
    business's own currency, or names none, is worth what it says, whatever a rate tells.

    Adds: rate, decimal(18,8); null where no rate is known of that day. Keeps: every row. Drops:
    nothing.
    amounts: currency and occurred_at. rates: one row a day and currency, few enough to be sent to
    wherever the amounts are. currency: the business's own.
    """
    days = Window.partitionBy("currency").orderBy("day")
    known = rates.where(F.col("currency") != currency).select(
        F.col("currency").alias("_currency"),
        F.col("day").alias("_from"),
        F.lead("day").over(days).alias("_until"),
        F.col("rate").alias("_rate"),
    )
    day = F.to_date("occurred_at")
    holds = (day >= F.col("_from")) & (F.col("_until").isNull() | (day < F.col("_until")))
    is_own = F.coalesce("currency", F.lit(currency)) == currency
    return (
        amounts.join(F.broadcast(known), (F.col("currency") == F.col("_currency")) & holds, "left")
        .withColumn("rate", F.when(is_own, F.lit(1).cast(RATE)).otherwise(F.col("_rate")))
        .drop("_currency", "_from", "_until", "_rate")
    )
