"""Outcomes: what became of each message, up to the orders that followed."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from tactful.schemas.events import ORDER, TOTAL
from tactful.transforms.attribution import attributed, long_lists, offers
from tactful.transforms.message_facts import by_machine
from tactful.transforms.settled import PARTS, is_cancelled, purchased_lines


def outcomes(
    timeline: DataFrame, lines: DataFrame, *, window: timedelta, half_life: timedelta
) -> DataFrame:
    """Follow each message from its sending to the orders it may have led to.

    An order counts when it follows the message's click within the attribution window, or, within
    that window after the sending, names the message's campaign or holds a product that it offered.
    To have offered a product is weak evidence, so by that alone no goal is reached. An opening by a
    machine (Apple Mail Privacy Protection and the like) is no opening, and an order that was wholly
    cancelled none that followed.

    Keeps: one row a message sent. Adds: the columns of `outcomes`.
    timeline: rows with person_id and the facts of their message. lines: see `settled_lines`.
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
        placed_orders(lines),
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


def placed_orders(lines: DataFrame) -> DataFrame:
    """List every order once, at its first placing, with what was paid and by whom it first names.

    Keeps: order_id, person_id, campaign_id, converted_at, skus, revenue, currency. Grain: order.
    Drops: orders that were wholly cancelled, and those by which nothing was bought.
    lines: see `settled_lines`.
    """
    return (
        purchased_lines(lines)
        .withColumn("_is_cancelled", is_cancelled())
        .groupBy("order_id")
        .agg(
            *(F.any_value(name).alias(name) for name in ("person_id", "campaign_id", "currency")),
            F.any_value("occurred_at").alias("converted_at"),
            F.collect_set("sku").alias("skus"),
            (F.sum(F.col("paid").cast("decimal(19,0)")) * F.lit(Decimal(1) / PARTS))
            .cast(TOTAL)
            .alias("revenue"),
            F.bool_and("_is_cancelled").alias("_is_cancelled"),
        )
        .where(~F.col("_is_cancelled"))
        .drop("_is_cancelled")
    )
