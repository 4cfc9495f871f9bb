"""The shop for clothes and sports things, generated: what the same customers buy to wear.

Its mails say neither what they offer nor that it is cheaper: as at most senders, that stands in
the contents and campaigns they name. None of its products is in the groceries' data, so that the
figures about the data's own mailings stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

import pandas as pd
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from tactful.jobs.demo import esp, shop
from tactful.jobs.demo.draws import Dice, later
from tactful.jobs.demo.people import account_told_at, lives_south
from tactful.jobs.demo.web import GENERATED

BUYERS = 0.25
OFTEN = (1, 1, 1, 2, 2, 3)
# For how long a price stands after it was paid, as `conf/demo.toml` says it.
PRICE_STANDS = timedelta(days=30)
ASKED_AFTER = timedelta(days=9)
# After which an order of which nobody hears counts as arrived, where `unfulfilled` says nothing.
COUNTS_AS_THERE = timedelta(days=30)
SALE, ASK, BOOTS = "jeans-half-price", "review-ask", "rain-boots"
# Which of a month's days the sale is told on, and to which share of those who have an address.
SALE_DAY, SALE_HOUR, SALE_SHARE = 18, 10, 0.4
# One day of summer, and one of winter; where it is the other way round, of the other.
BOOTS_DAYS = ((8, 24), (12, 12))
BOOTS_HOUR, BOOTS_SHARE = 16, 0.2
# What is told of each mail, whatever it offers.
MAIL = ("household", "customer_id", "email", "message_id", "campaign_id", "sent_at")
# The meteorologists' seasons of the north by month, from January on; the south is half a year off.
WORN = {"north": (9, 10, 11, 12, 1, 2), "south": (3, 4, 5, 6, 7, 8)}
TOPIC = "review_request"
UNDOING = ("order_cancelled", "order_returned", "order_refunded")


class Product(NamedTuple):
    """A product of this shop; `seasons` are those in which it is worn."""

    sku: str
    category: str
    brand: str
    price: str
    often: int
    complements: tuple[str, ...] = ()
    seasons: tuple[str, ...] = ()


PRODUCTS = (
    Product("JEANS-SLIM", "Jeans", "Harbour", "79.00", 4, ("BELT-BROWN",)),
    Product("JEANS-WIDE", "Jeans", "Harbour", "89.00", 3, ("BELT-BROWN",)),
    Product("MAT-YOGA", "Yoga mats", "Stillwater", "34.00", 4),
    Product("SHOES-RUN", "Running shoes", "Fleet", "120.00", 3, ("SOCKS-RUN", "BELT-RUN")),
    Product("SOCKS-RUN", "Socks", "Fleet", "14.00", 1),
    Product("BELT-BROWN", "Belts", "Harbour", "39.00", 1),
    Product("BELT-RUN", "Belts", "Fleet", "29.00", 1),
    Product("BOOTS-RAIN", "Rain boots", "Marsh", "65.00", 2, (), ("autumn", "winter")),
    Product("SANDALS", "Sandals", "Marsh", "45.00", 1, (), ("spring", "summer")),
)
JEANS = [product.sku for product in PRODUCTS if product.category == "Jeans"]


@dataclass(frozen=True)
class Misfires:
    """What this shop mailed, and what of it a rule would have stopped."""

    sale_mails: int
    price_regrets: int
    review_asks: int
    unfulfilled: int
    boots_mails: int
    out_of_season: int


def product_rows() -> Iterable[dict[str, object]]:
    """Return the products as reference rows."""
    for product in PRODUCTS:
        yield {
            "sku": product.sku,
            "category": product.category,
            "brand": product.brand,
            "price": product.price,
            "complements": list(product.complements) or None,
            "seasons": list(product.seasons) or None,
            "attributes": {"source": GENERATED},
        }


def content_rows() -> Iterable[dict[str, object]]:
    """Return what the mails say, as reference rows."""
    yield {"content_id": SALE, "skus": JEANS, "offers_discount": True}
    yield {"content_id": ASK, "topic": TOPIC}
    yield {"content_id": BOOTS, "skus": ["BOOTS-RAIN"]}


def sales(start: datetime, end: datetime) -> list[datetime]:
    """The mornings on which the jeans are offered at half the price."""
    first = start.replace(day=SALE_DAY, hour=SALE_HOUR)
    months = ((first.month - 1 + n) for n in range(60))
    days = (first.replace(year=first.year + m // 12, month=m % 12 + 1) for m in months)
    return [day for day in days if start <= day < end]


def campaign_rows(days: Iterable[datetime]) -> Iterable[dict[str, object]]:
    """Return the sales as reference rows."""
    for at in days:
        yield {
            "campaign_id": _campaign(at),
            "goal": "conversion",
            "channel": "email",
            "purpose": "marketing",
            "categories": ["Jeans"],
            "starts_at": f"{at:%Y-%m-%dT%H:%M:%SZ}",
            "ends_at": f"{at + timedelta(days=3):%Y-%m-%dT%H:%M:%SZ}",
            "attributes": {"source": GENERATED},
        }


def _campaign(at: datetime) -> str:
    return f"{SALE}-{at:%m}"


def orders(people: DataFrame, *, dice: Dice, start: datetime, end: datetime) -> DataFrame:
    """Return the orders, in the columns of `shop.orders`: one product each, at its full price."""
    who = "household"
    buyers = people.where("customer_id is not null and email is not null").where(
        dice.chance(BUYERS, "wears", who)
    )
    nth = F.explode(F.sequence(F.lit(1), dice.pick(OFTEN, "clothes orders", who)))
    number = F.col("number").cast("string")
    placed = buyers.select("*", nth.alias("nth")).withColumn(
        "order_id", F.concat_ws("-", F.lit("c"), number, F.col("nth").cast("string"))
    )
    return placed.select(
        "household", "number", "customer_id", "email", "plain", "order_id",
        dice.moment(start, end, "clothes order", "order_id").alias("placed_at"),
        F.lit(None).cast("string").alias("campaign_id"),
        _line(dice).alias("lines"),
    )  # fmt: skip


def _line(dice: Dice) -> Column:
    drawn = [n for n, product in enumerate(PRODUCTS) for _ in range(product.often)]
    chosen = dice.pick(drawn, "clothes product", "order_id")

    def told(values: Iterable[str]) -> Column:
        return F.element_at(F.array(*map(F.lit, values)), chosen + 1)

    price = told(product.price for product in PRODUCTS).cast("decimal(18,2)")
    return F.array(
        F.struct(
            F.lit("1").alias("line_id"),
            told(product.sku for product in PRODUCTS).alias("sku"),
            told(product.category for product in PRODUCTS).alias("category"),
            F.lit(1).cast("bigint").alias("quantity"),
            price.alias("unit_price"),
            F.lit(None).cast("decimal(18,2)").alias("discount"),
            price.alias("amount"),
        )
    )


def sale_mails(
    spark: SparkSession, people: DataFrame, days: Iterable[datetime], *, dice: Dice
) -> DataFrame:
    """Return the mails that offer the jeans at half the price, one row a message."""
    told = {_campaign(at): at for at in days}
    mails = _mails(
        spark, people, told, dice.chance(SALE_SHARE, "gets the sale", "message_id"), dice
    )
    return mails.select(*MAIL, F.lit(SALE).alias("content_id"), F.lit("sale").alias("topic"))


def _mails(
    spark: SparkSession,
    people: DataFrame,
    begins: Mapping[str, datetime],
    gets: Column,
    dice: Dice,
) -> DataFrame:
    """Return the mails of campaigns to whoever is on the list, within an hour of their beginning.

    begins: by campaign. gets: who gets which message.
    """
    rows = [(name, int(at.timestamp())) for name, at in begins.items()]
    told = spark.createDataFrame(rows, "campaign_id string, starts bigint")
    message = F.concat_ws("-", F.lit("em"), F.col("campaign_id"), F.col("number").cast("string"))
    seconds = dice.below(3600, "sent", "message_id")
    return (
        people.where("email is not null and leaves is null")
        .crossJoin(F.broadcast(told))
        .withColumn("message_id", message)
        .where(gets)
        .withColumn("sent_at", later(F.timestamp_seconds("starts"), seconds))
    )


def review_asks(orders: DataFrame) -> DataFrame:
    """Return the mails that ask for a review nine days after every order, arrived or not."""
    return orders.select(
        "household", "customer_id", "email",
        F.concat(F.lit("ask-"), F.col("order_id")).alias("message_id"),
        F.lit("review-asks").alias("campaign_id"),
        F.lit(ASK).alias("content_id"),
        F.transform("lines", lambda line: line["sku"]).alias("skus"),
        later(F.col("placed_at"), ASKED_AFTER.total_seconds()).alias("sent_at"),
    )  # fmt: skip


def boots_mails(
    spark: SparkSession, people: DataFrame, *, dice: Dice, start: datetime, end: datetime
) -> DataFrame:
    """Return the mails that offer rain boots to whoever has an account, wherever they live.

    Adds: told_at, is_south (where that is, and since when the shop has known it).
    """
    days = (start.replace(month=month, day=day, hour=BOOTS_HOUR) for month, day in BOOTS_DAYS)
    told = {f"{BOOTS}-{at:%m}": at for at in days if start <= at < end}
    known = people.where("customer_id is not null")
    mails = _mails(
        spark, known, told, dice.chance(BOOTS_SHARE, "gets the boots", "message_id"), dice
    )
    return mails.select(
        *MAIL,
        F.lit(BOOTS).alias("content_id"),
        account_told_at(dice, start).alias("told_at"),
        lives_south(dice).alias("is_south"),
    )


def mail_events(mails: DataFrame, *, knows_all: bool = False) -> DataFrame:
    """Return that each of these mails was sent and delivered. knows_all: see `esp.events`."""
    fate = F.array(esp.outcome("sent", F.lit(0.0)), esp.outcome("delivered", F.lit(6.0)))
    fates = mails.select("*", F.posexplode(fate).alias("at", "fate"))
    return esp.events(fates, "email", knows_all=knows_all)


def truth(
    orders: DataFrame,
    sale: DataFrame,
    asks: DataFrame,
    boots: DataFrame,
    *,
    dice: Dice,
    until: datetime,
) -> pd.DataFrame:
    """Say of every mail of this shop whether it should have been held back (see `judged`)."""
    columns = ("message_id", "household", "sent_at")
    sold, asked = (_sent(mails.select(*columns).toPandas(), until) for mails in (sale, asks))
    told = _sent(boots.select(*columns, "told_at", "is_south").toPandas(), until)
    mails = judged(_fates(orders, dice), sold, asked)
    return pd.concat([mails, out_of_season(told)], ignore_index=True)


def out_of_season(boots: pd.DataFrame) -> pd.DataFrame:
    """Say it of the boots, likewise: a regret is one that was sent where nobody wears them then, or
    before anything was known of where that is. Columns as of `judged`; kind is boots.
    """
    month, is_known = boots.sent_at.dt.month, boots.told_at <= boots.sent_at
    fits = (~boots.is_south & month.isin(WORN["north"])) | (
        boots.is_south & month.isin(WORN["south"])
    )
    told = boots.assign(kind="boots", is_regret=~(is_known & fits))
    return told[["message_id", "household", "sent_at", "kind", "is_regret"]]


def judged(fates: pd.DataFrame, sale: pd.DataFrame, asks: pd.DataFrame) -> pd.DataFrame:
    """Say it with pandas alone, sharing nothing with the rules that it is held against.

    A sale is a regret where its household has bought jeans in the 30 days before and has not given
    them back; to ask for a review is one where an order of that product, this or another of the
    household, was on its way: neither arrived nor undone, and not so long ago that it counts as
    arrived. Grain: mail. Columns: message_id, household, sent_at, kind (sale, ask), is_regret.
    """
    near = sale.merge(fates[fates.sku.isin(JEANS)], on="household")
    since = near.sent_at - near.order_placed
    is_near = (since > pd.Timedelta(0)) & (since < PRICE_STANDS)
    wrong = near[is_near & ~(near.undone <= near.sent_at)]
    own = asks.assign(order_id=asks.message_id.str.removeprefix("ask-"))
    asked = own.merge(fates[["order_id", "sku"]], on="order_id")[[*asks.columns, "sku"]]
    near = asked.merge(fates, on=["household", "sku"])
    since = near.sent_at - near.order_placed
    is_near = (since > pd.Timedelta(0)) & (since < COUNTS_AS_THERE)
    has_come = (near.order_delivered <= near.sent_at) | (near.undone <= near.sent_at)
    waiting = near[is_near & ~has_come]
    return pd.concat(
        [
            sale.assign(kind="sale", is_regret=sale.message_id.isin(wrong.message_id)),
            asks.assign(kind="ask", is_regret=asks.message_id.isin(waiting.message_id)),
        ],
        ignore_index=True,
    )


def _sent(mails: pd.DataFrame, until: datetime) -> pd.DataFrame:
    return mails[mails.sent_at < pd.Timestamp(until).tz_localize(None)]


def _fates(orders: DataFrame, dice: Dice) -> pd.DataFrame:
    """When each order was placed, delivered and undone, with whose it is and what it holds."""
    deeds = shop.order_events(orders, dice=dice)
    told = deeds.select("order_id", "type", "occurred_at").toPandas()
    moments = told.pivot_table(index="order_id", columns="type", values="occurred_at")
    moments = moments.reindex(columns=["order_placed", "order_delivered", *UNDOING])
    moments["undone"] = moments[list(UNDOING)].min(axis=1)
    what = F.col("lines")[0]["sku"].alias("sku")
    held = orders.select("household", "order_id", what).toPandas()
    return held.merge(moments, left_on="order_id", right_index=True)


def misfires(mails: pd.DataFrame) -> Misfires:
    """Count the mails of this shop, and those that should have been held back."""
    counts = []
    for kind in ("sale", "ask", "boots"):
        regrets = mails[mails.kind == kind].is_regret
        counts += [len(regrets), int(regrets.sum())]
    return Misfires(*counts)
