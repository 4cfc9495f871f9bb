"""What takes a purchase back: cancellations, returns and refunds, and the lines they act on."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from tactful.schemas.events import ORDER

TAKES_BACK = ("order_cancelled", "order_returned", "order_refunded")


def undone(placed: DataFrame, timeline: DataFrame, *, types: Sequence[str]) -> DataFrame:
    """Pair every bought line with the events that took it back.

    An event that names a line acts on that line; one that names a product but no line acts on
    that product's lines; one that names neither acts on the whole order. Whose event it is does
    not matter: a warehouse that cancels an order knows the order's number, not the customer.

    Keeps: one row a bought line × event that acts on it. Adds: undo (struct of occurred_at,
    stream, event_id), undo_type, undo_amount, undo_all (it names no line).
    placed: order_id, line_id, sku and whatever else should be kept.
    timeline: one row an event and line.
    """
    back = timeline.where(F.col("type").isin(list(types)) & F.col("order_id").isNotNull()).select(
        F.col("order_id").alias("_order_id"),
        F.col("line_id").alias("_line_id"),
        F.col("sku").alias("_sku"),
        F.struct(*ORDER).alias("undo"),
        F.col("type").alias("undo_type"),
        F.col("amount").alias("undo_amount"),
    )
    acts = (F.col("order_id") == F.col("_order_id")) & _acts_on()
    return (
        placed.join(back, acts, "inner")
        .withColumn("undo_all", F.col("_line_id").isNull() & F.col("_sku").isNull())
        .drop("_order_id", "_line_id", "_sku")
    )


def _acts_on() -> Column:
    names_line, names_sku = F.col("_line_id").isNotNull(), F.col("_sku").isNotNull()
    same_line = F.coalesce(F.col("_line_id") == F.col("line_id"), F.lit(False))
    same_sku = F.coalesce(F.col("_sku") == F.col("sku"), F.lit(False))
    return F.when(names_line, same_line).when(names_sku, same_sku).otherwise(F.lit(True))
