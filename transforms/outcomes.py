"""Outcomes: what became of each message, up to the orders that followed."""

from __future__ import annotations

from datetime import timedelta

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from tactful.schemas.events import ORDER, TOTAL
from tactful.transforms.settled import first_placed


def outcomes(timeline: DataFrame, *, window: timedelta) -> DataFrame:
    """Follow each message from its sending to the orders it may have led to.

    An order counts when it follows the message's click within the attribution window, or names
    the message's campaign within that window after the sending. An opening by a machine (Apple
    Mail Privacy Protection and the like) is no opening.

    Keeps: one row a message sent. Adds: the columns of `outcomes`.
    timeline: rows with person_id and the facts of their message.
    """
    life = timeline.where(F.col("stream") == "messages")
    sent = (
        life.where(F.col("type") == "sent")
        .groupBy("message_id")
        .agg(
            F.min_by(
                F.struct("person_id", "campaign_id", "variant", "channel", "occurred_at"),
                F.struct(*ORDER),
            ).alias("_sent")
        )
        .select("message_id", "_sent.*")
        .withColumnRenamed("occurred_at", "sent_at")
    )
    human = ~F.coalesce("machine_open", F.lit(False))
    at = F.col("occurred_at")
    later = life.groupBy("message_id").agg(
        F.min(F.when(F.col("type") == "delivered", at)).alias("delivered_at"),
        F.min(F.when((F.col("type") == "opened") & human, at)).alias("opened_at"),
        F.min(F.when(F.col("type") == "clicked", at)).alias("clicked_at"),
    )
    followed = sent.join(later, "message_id", "left")
    orders = _attributed(followed, placed_orders(timeline), window=window)
    none = F.array().cast(orders.schema["orders"].dataType)
    return (
        followed.join(orders, "message_id", "left")
        .withColumn("orders", F.coalesce("orders", none))
        .withColumn("goal_reached_at", F.try_element_at("orders", F.lit(1))["converted_at"])
    )


def placed_orders(timeline: DataFrame) -> DataFrame:
    """List every order once, at its first placing, with what was paid and by whom it first names.

    Keeps: order_id, person_id, campaign_id, converted_at, revenue, currency. Grain: order.
    """
    return (
        first_placed(timeline)
        .groupBy("order_id")
        .agg(
            *(F.any_value(name).alias(name) for name in ("person_id", "campaign_id", "currency")),
            F.any_value("occurred_at").alias("converted_at"),
            F.coalesce(F.sum("amount"), F.lit(0)).cast(TOTAL).alias("revenue"),
        )
    )


def _attributed(messages: DataFrame, orders: DataFrame, *, window: timedelta) -> DataFrame:
    """The orders that each message may have led to, the earliest first; see `outcomes`."""
    placed = orders.where(F.col("person_id").isNotNull()).select(
        F.col("person_id").alias("_person_id"),
        F.col("campaign_id").alias("_campaign_id"),
        F.struct("order_id", "converted_at", "revenue", "currency").alias("_order"),
    )
    at = F.col("_order.converted_at")
    clicked = F.col("clicked_at")
    after_click = (at >= clicked) & (at <= clicked + F.lit(window))
    sent = F.col("sent_at")
    named = F.col("_campaign_id") == F.col("campaign_id")
    after_sending = named & (at >= sent) & (at <= sent + F.lit(window))
    matches = F.coalesce(after_click, F.lit(False)) | F.coalesce(after_sending, F.lit(False))
    same = F.col("person_id") == F.col("_person_id")
    in_order = F.array_sort(
        F.collect_set("_order"),
        lambda a, b: F.when(_key(a) < _key(b), -1).when(_key(a) > _key(b), 1).otherwise(0),
    )
    return (
        messages.select("message_id", "person_id", "campaign_id", "sent_at", "clicked_at")
        .join(placed, same & matches)
        .groupBy("message_id")
        .agg(in_order.alias("orders"))
    )


def _key(order: Column) -> Column:
    return F.struct(order["converted_at"], order["order_id"])
