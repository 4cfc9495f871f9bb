"""Attribution: which orders count for which message, and how much of each."""

from __future__ import annotations

from datetime import timedelta

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from tactful.transforms.regrets import SHORT

# Of three touches or more the first and the last get this much each, by position.
ENDS = 0.4
MICROSECOND = timedelta(microseconds=1)


def attributed(
    messages: DataFrame,
    orders: DataFrame,
    lists: DataFrame,
    *,
    window: timedelta,
    half_life: timedelta,
) -> DataFrame:
    """Gather of each message the orders that it may have led to, and its share in each.

    Keeps: one row a message for which an order counts. Adds: orders, by time, then order_id, each
    with touch and weights.
    messages, orders, lists: see `touches`; orders with revenue and currency.
    """
    shared = with_weights(touches(messages, orders, lists, window=window), half_life=half_life)
    entry = F.struct("order_id", "converted_at", "revenue", "currency", "touch", "weights")
    in_order = F.array_sort(
        F.collect_list(entry),
        lambda a, b: F.when(_key(a) < _key(b), -1).when(_key(a) > _key(b), 1).otherwise(0),
    )
    return shared.groupBy("message_id").agg(in_order.alias("orders"))


def touches(
    messages: DataFrame, orders: DataFrame, lists: DataFrame, *, window: timedelta
) -> DataFrame:
    """Say which orders count for which of their person's messages, and why.

    An order follows the message's click within the window (`click`); else, within the window after
    the sending, it names the message's campaign (`campaign`); else it holds, within that window, a
    product that the message offered (`product`).

    Keeps: one row a message × order that counts for it. Adds: touch, moment: of the click, else of
    the sending.
    messages: message_id, person_id, campaign_id, sent_at, clicked_at, and what `offers` adds.
    orders: order_id, person_id, campaign_id, converted_at, skus. lists: see `long_lists`.
    """
    placed = orders.where(F.col("person_id").isNotNull()).select(
        *(F.col(name).alias(f"_{name}") for name in ("person_id", "campaign_id", "skus")),
        *(name for name in orders.columns if name not in ("person_id", "campaign_id", "skus")),
    )
    is_long = F.col("offer_id").isNotNull()
    overlaps = F.arrays_overlap("skus", "_skus")
    by_list = _paired(messages.where(~is_long), placed, is_offered=overlaps, window=window)
    may_be = _paired(messages.where(is_long), placed, is_offered=F.lit(True), window=window)
    at = F.when(F.col("touch") == "click", F.col("clicked_at")).otherwise(F.col("sent_at"))
    return (
        by_list.unionByName(_offered(may_be, lists))
        .withColumn("moment", at)
        .drop("_skus", "skus", "offer_id", "_person_id", "_campaign_id", "campaign_id")
    )


def offers() -> list[Column]:
    """What a message offers, as touches read it: skus of a short list, offer_id of a long one.

    A mailing's list of thousands of products is one for all its messages: carried through the
    joins, it would be most of what there is to move.
    """
    is_long = F.size("skus") > SHORT
    return [
        F.when(~is_long, F.col("skus")).alias("skus"),
        F.when(is_long, F.sha2(F.to_json("skus"), 256)).alias("offer_id"),
    ]


def long_lists(sendings: DataFrame) -> DataFrame:
    """List what each long list of products holds, whatever number of messages carry it.

    Keeps: one row a list × product: offer_id, sku. sendings: rows with skus.
    """
    lists = sendings.where(F.size("skus") > SHORT).select(offers()[1], F.col("skus").alias("_all"))
    each = lists.dropDuplicates(["offer_id"]).select("offer_id", F.explode("_all").alias("sku"))
    return each.where(F.col("sku").isNotNull()).distinct()


def with_weights(touched: DataFrame, *, half_life: timedelta) -> DataFrame:
    """Share each order out among the messages that it counts for, in each of five ways.

    Of one order each way's weights sum to 1: all to the last touch, all to the first, to each the
    same, to each half as much for every half-life that it is older, or two fifths to the first and
    the last and the rest to those between. Touches stand in the order of their moments, then of
    message_id.

    Keeps: every row. Adds: weights.
    touched: order_id, message_id, moment; one row an order × message.
    """
    in_time = Window.partitionBy("order_id").orderBy("moment", "message_id")
    # Doubles are added up in one order always, so that the sum has the same last digit.
    whole = in_time.rowsBetween(Window.unboundedPreceding, Window.unboundedFollowing)
    # Against the last touch, not the order: that one's worth is 1, so no sum is ever 0.
    age = F.last(F.unix_micros("moment")).over(whole) - F.unix_micros("moment")
    counted = touched.withColumns(
        {
            "_place": F.row_number().over(in_time),
            "_count": F.count("*").over(whole),
            "_worth": F.pow(F.lit(2.0), -age / F.lit(half_life / MICROSECOND)),
        }
    )
    summed = counted.withColumn("_worths", F.sum("_worth").over(whole))
    place, count = F.col("_place"), F.col("_count")
    is_first, is_last = place == 1, place == count
    share = F.lit(1.0) / count
    ends = F.when(is_first | is_last, F.lit(ENDS)).otherwise(F.lit(1 - 2 * ENDS) / (count - 2))
    weights = F.struct(
        is_last.cast("double").alias("last_touch"),
        is_first.cast("double").alias("first_touch"),
        share.alias("linear"),
        (F.col("_worth") / F.col("_worths")).alias("time_decay"),
        F.when(count <= 2, share).otherwise(ends).alias("position"),
    )
    return summed.withColumn("weights", weights).drop("_place", "_count", "_worth", "_worths")


def _paired(
    messages: DataFrame, placed: DataFrame, *, is_offered: Column, window: timedelta
) -> DataFrame:
    """Pair messages with the orders that count for them, by the first reason that holds."""
    at, sent, clicked = F.col("converted_at"), F.col("sent_at"), F.col("clicked_at")
    after_click = (at >= clicked) & (at <= clicked + F.lit(window))
    after_sending = (at >= sent) & (at <= sent + F.lit(window))
    touch = (
        F.when(after_click, "click")
        .when(after_sending & (F.col("_campaign_id") == F.col("campaign_id")), "campaign")
        # Last, since it looks into lists: only of what lies within the window.
        .when(after_sending & is_offered, "product")
    )
    # By period, too: who has very many of both meets only what lies near in time, and every order
    # lies in one, so that no pair is met twice.
    bounds = (sent, sent + F.lit(window), clicked, clicked + F.lit(window))
    periods = F.array_distinct(F.array_compact(F.array(*(_period(b, window) for b in bounds))))
    same = (F.col("person_id") == F.col("_person_id")) & (F.col("_near") == _period(at, window))
    spread = messages.withColumn("_near", F.explode(periods))
    return spread.join(placed, same & touch.isNotNull()).withColumn("touch", touch).drop("_near")


def _period(moment: Column, window: timedelta) -> Column:
    """When the stretch of time began, as long as the window, in which a moment lies."""
    micros = F.unix_micros(moment)
    return micros - F.pmod(micros, F.lit(window // MICROSECOND))


def _offered(pairs: DataFrame, lists: DataFrame) -> DataFrame:
    """Of messages with long lists: keep what counts for another reason, or what the list holds."""
    is_sure = F.col("touch") != "product"
    nothing = F.array(F.lit(None).cast("string"))
    looked_up = F.explode(F.when(is_sure, nothing).otherwise(F.col("_skus")))
    held = lists.withColumnsRenamed({"offer_id": "_offer_id", "sku": "_held"})
    is_held = (F.col("offer_id") == F.col("_offer_id")) & (F.col("_sku") == F.col("_held"))
    return (
        pairs.withColumn("_sku", looked_up)
        .join(held, is_held, "left")
        .where(is_sure | F.col("_held").isNotNull())
        .dropDuplicates(["message_id", "order_id"])
        .drop("_sku", "_offer_id", "_held")
    )


def _key(order: Column) -> Column:
    return F.struct(order["converted_at"], order["order_id"])
