"""Outcomes: what became of each message, up to the orders that followed."""

from __future__ import annotations

from datetime import timedelta

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from tactful.schemas.events import ORDER, TOTAL
from tactful.transforms.attribution import attributed, long_lists, offers
from tactful.transforms.message_facts import by_machine
from tactful.transforms.settled import first_placed


def outcomes(timeline: DataFrame, *, window: timedelta, half_life: timedelta) -> DataFrame:
    """Follow each message from its sending to the orders it may have led to.

    An order counts when it follows the message's click within the attribution window, or, within
    that window after the sending, names the message's campaign or holds a product that it offered.
    To have offered a product is weak evidence, so by that alone no goal is reached. An opening by a
    machine (Apple Mail Privacy Protection and the like) is no opening.

    Keeps: one row a message sent. Adds: the columns of `outcomes`.
    timeline: rows with person_id and the facts of their message.
    """
    life = timeline.where(F.col("stream") == "messages")
    sendings = life.where(F.col("type") == "sent")
    told = F.struct("person_id", "campaign_id", "variant", "channel", "occurred_at", *offers())
    sent = (
        sendings.groupBy("message_id")
        .agg(F.min_by(told, F.struct(*ORDER)).alias("_sent"))
        .select("message_id", "_sent.*")
        .withColumnRenamed("occurred_at", "sent_at")
    )
    at = F.col("occurred_at")
    later = life.groupBy("message_id").agg(
        F.min(F.when(F.col("type") == "delivered", at)).alias("delivered_at"),
        F.min(F.when((F.col("type") == "opened") & ~by_machine(), at)).alias("opened_at"),
        F.min(F.when(F.col("type") == "clicked", at)).alias("clicked_at"),
    )
    followed = sent.join(later, "message_id", "left")
    orders = attributed(
        followed.select(
            "message_id", "person_id", "campaign_id", "skus", "offer_id", "sent_at", "clicked_at"
        ),
        placed_orders(timeline),
        long_lists(sendings),
        window=window,
        half_life=half_life,
    )
    none = F.array().cast(orders.schema["orders"].dataType)
    goals = F.filter("orders", lambda order: order["touch"] != "product")
    return (
        followed.drop("skus", "offer_id")
        .join(orders, "message_id", "left")
        .withColumn("orders", F.coalesce("orders", none))
        .withColumn("goal_reached_at", F.try_element_at(goals, F.lit(1))["converted_at"])
    )


def placed_orders(timeline: DataFrame) -> DataFrame:
    """List every order once, at its first placing, with what was paid and by whom it first names.

    Keeps: order_id, person_id, campaign_id, converted_at, skus, revenue, currency. Grain: order.
    """
    return (
        first_placed(timeline)
        .groupBy("order_id")
        .agg(
            *(F.any_value(name).alias(name) for name in ("person_id", "campaign_id", "currency")),
            F.any_value("occurred_at").alias("converted_at"),
            F.collect_set("sku").alias("skus"),
            F.coalesce(F.sum("amount"), F.lit(0)).cast(TOTAL).alias("revenue"),
        )
    )
