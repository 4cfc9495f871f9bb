"""Online orders and what became of them, generated: shipped, delivered, returned, or nothing.

They hold no product that a landed mailing offered, so that figures about mailings rest on the
Complete Journey data alone.
"""

from __future__ import annotations

from datetime import datetime

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from tactful.jobs.demo.draws import Dice, identifiers, later, put_together
from tactful.jobs.demo.web import GENERATED

OFTEN = (0, 0, 1, 1, 2, 3, 5)
DEED = "struct<type:string,after:double,line_id:string>"
HOUR = 3600.0


def orders(
    people: DataFrame, clicked: DataFrame, *, dice: Dice, start: datetime, end: datetime
) -> DataFrame:
    """Return the online orders: some at any time, some an hour after an email was clicked."""
    who = "household"
    buyers = people.where("customer_id is not null and size(plain) > 0")
    often = dice.pick(OFTEN, "orders", who)
    number = F.col("number").cast("string")
    plain = buyers.where(often > 0).select("*", F.explode(F.sequence(F.lit(1), often)).alias("nth"))
    plain = plain.withColumn(
        "order_id", F.concat_ws("-", F.lit("w"), number, F.col("nth").cast("string"))
    )
    some = plain.select(
        *_kept(),
        dice.moment(start, end, "order", "order_id").alias("placed_at"),
        F.lit(None).cast("string").alias("campaign_id"),
    )
    led = clicked.where(dice.chance(0.2, "orders after click", "message_id")).select(
        "household",
        F.concat(F.lit("w-"), F.col("message_id")).alias("order_id"),
        later(F.col("clicked_at"), 900 + dice.share("order after", "message_id") * 9000).alias(
            "placed_at"
        ),
        F.when(dice.chance(0.5, "names campaign", "message_id"), F.col("campaign_id")).alias(
            "campaign_id"
        ),
    )
    after = buyers.join(led, "household").select(*_kept(), "placed_at", "campaign_id")
    return some.unionByName(after).withColumn("lines", _lines(dice))


def _kept() -> list[str]:
    return ["household", "number", "customer_id", "email", "plain", "order_id"]


def _lines(dice: Dice) -> Column:
    order = "order_id"
    first = F.least(dice.below(9, "first product", order) + 1, F.size("plain"))
    items = F.slice("plain", first, dice.below(3, "order size", order) + 1)
    quantity = (dice.below(3, "quantity", order) + 1).cast("bigint")
    return F.transform(
        items,
        lambda one, at: F.struct(
            (at + 1).cast("string").alias("line_id"),
            one["sku"].alias("sku"),
            one["category"].alias("category"),
            quantity.alias("quantity"),
            one["price"].alias("unit_price"),
            F.lit(None).cast("decimal(18,2)").alias("discount"),
            # Every other order leaves the sum to be worked out from quantity and price.
            F.when(
                dice.chance(0.5, "amount", order), (one["price"] * quantity).cast("decimal(18,2)")
            ).alias("amount"),
        ),
    )


def order_events(orders: DataFrame, *, dice: Dice) -> DataFrame:
    """Return each order's events: placed, paid, shipped, delivered; or undone."""
    walked = orders.select("*", F.posexplode(_deeds(dice)).alias("at", "deed"))
    deed = F.col("deed")
    placed = deed["type"] == "order_placed"
    return walked.select(
        F.concat_ws("-", F.col("order_id"), (F.col("at") + 1).cast("string")).alias("event_id"),
        deed["type"].alias("type"),
        later(F.col("placed_at"), deed["after"]).alias("occurred_at"),
        F.lit(GENERATED).alias("source"),
        identifiers(customer_id=F.col("customer_id"), email=F.when(placed, F.col("email"))).alias(
            "identifiers"
        ),
        "order_id",
        deed["line_id"].alias("line_id"),
        F.when(placed, F.col("campaign_id")).alias("campaign_id"),
        F.lit("online").alias("place"),
        F.lit("USD").alias("currency"),
        F.when(placed, F.col("lines")).alias("lines"),
    )


def visits_before(orders: DataFrame) -> DataFrame:
    """Return the visit in which each online order was made."""
    return orders.select(
        "household",
        F.col("order_id").alias("visit"),
        F.lit("order").alias("kind"),
        later(F.col("placed_at"), -600).alias("started_at"),
        F.transform(
            F.slice("lines", 1, 3),
            lambda line: F.struct(line["sku"].alias("sku"), line["category"].alias("category")),
        ).alias("items"),
    )


def reviews(orders: DataFrame, *, dice: Dice) -> DataFrame:
    """Return the reviews that some buyers write three weeks after the order."""
    some = orders.where(dice.chance(0.08, "reviews", "order_id"))
    return some.select(
        F.concat(F.lit("review-"), F.col("order_id")).alias("event_id"),
        F.lit("review_submitted").alias("type"),
        later(F.col("placed_at"), 21 * 24 * HOUR).alias("occurred_at"),
        F.lit(GENERATED).alias("source"),
        identifiers(customer_id=F.col("customer_id")).alias("identifiers"),
        F.col("lines")[0]["sku"].alias("sku"),
        F.col("lines")[0]["category"].alias("category"),
        F.lit("online").alias("place"),
    )


def _deeds(dice: Dice) -> Column:
    """What happens to an order: most are delivered, some never, some come back."""
    order = "order_id"
    fate = dice.share("order fate", order)
    shipped = dice.share("shipped", order) * 30 * HOUR + 4 * HOUR
    arrived = shipped + dice.share("arrived", order) * 90 * HOUR + 14 * HOUR
    back = arrived + dice.share("back", order) * 200 * HOUR + 24 * HOUR
    whole, first = F.lit(None).cast("string"), F.lit("1")
    paid = fate >= 0.04
    cancelled = paid & (fate < 0.10)
    sent = fate >= 0.15
    delivered = fate >= 0.20
    line_back = fate >= 0.90
    all_back = (fate >= 0.86) & (fate < 0.90)
    return put_together(
        DEED,
        F.array(_deed("order_placed", F.lit(0.0), whole)),
        (paid, F.array(_deed("order_paid", F.lit(35.0), whole))),
        (cancelled, F.array(_deed("order_cancelled", shipped / 2, whole))),
        (cancelled & (fate < 0.08), F.array(_deed("order_refunded", shipped / 2 + HOUR, whole))),
        (sent, F.array(_deed("order_shipped", shipped, whole))),
        (delivered, F.array(_deed("order_delivered", arrived, whole))),
        (line_back, F.array(_deed("order_returned", back, first))),
        (line_back & (fate < 0.96), F.array(_deed("order_refunded", back + 40 * HOUR, first))),
        (all_back, F.array(_deed("order_refunded", back, whole))),
    )


def _deed(kind: str, after: Column, line_id: Column) -> Column:
    return F.struct(
        F.lit(kind).alias("type"), after.cast("double").alias("after"), line_id.alias("line_id")
    )
