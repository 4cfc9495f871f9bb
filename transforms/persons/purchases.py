"""Purchases: what a person bought, what of it was kept, and what that says of their taste."""

from __future__ import annotations

from decimal import Decimal

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from tactful.schemas.customers import PRICE_BANDS as BANDS
from tactful.schemas.events import MONEY, TOTAL
from tactful.transforms.allotting import back
from tactful.transforms.money import in_business_currency
from tactful.transforms.persons.parts import as_map
from tactful.transforms.settled import PARTS, is_cancelled, purchased_lines

# The most that a list of categories, brands or stores names.
LISTED = 20
# So many priced products a category has to have before one of them is called cheap or dear.
LEAST_PRICED = 3


def bought_lines(
    lines: DataFrame, products: DataFrame, rates: DataFrame, *, currency: str
) -> DataFrame:
    """Say of every line that somebody bought what was kept of it, and what it was.

    Money is also told in the business's own currency, by the rate of the day it was bought; without
    a rate it is not. A product's cost is in that currency, too, and is that of the goods that did
    not come back: money that is given back brings none. A line of quantity 0 costs nothing; of a
    line whose amount nobody told no margin is known.

    Keeps: one row a line by which a person bought something. Adds: kept, value (both money; kept in
    the order's currency), margin (null where no cost is known), is_cancelled, is_returned, brand,
    price_band; category is the line's, else its product's. Drops: lines of nobody's, and those that
    only lower what others cost.
    lines: see `settled_lines`.
    """
    known = products.select(
        "sku", F.col("category").alias("_category"), "brand", "cost", price_band().alias("_band")
    )
    units = F.expr("if(quantity = 0, 0L, units)") - back("units", goods_only=True)
    kept = ((F.col("paid") - back("paid")) * F.lit(Decimal(1) / PARTS)).cast(MONEY)
    mine = purchased_lines(lines).where(F.col("person_id").isNotNull()).select(
        "person_id", "order_id", "line_number", "occurred_at", "currency", "sku", "category",
        "place", "store_id",
        F.coalesce("is_discounted", F.lit(False)).alias("is_discounted"),
        kept.alias("kept"),
        (F.greatest(units, F.lit(0)) * F.lit(Decimal(1) / PARTS)).cast(MONEY).alias("_kept_units"),
        F.col("amount").isNotNull().alias("_is_told"),
        is_cancelled().alias("is_cancelled"),
        (back("units", ["order_returned"]) > 0).alias("is_returned"),
    )  # fmt: skip
    priced = in_business_currency(mine, rates, currency=currency)
    value = F.round(F.col("kept") * F.col("rate"), 4).try_cast(TOTAL)
    cost = F.round(F.col("cost") * F.col("_kept_units"), 4).try_cast(TOTAL)
    return (
        priced.withColumn("value", value)
        .join(F.broadcast(known), "sku", "left")
        .withColumns(
            {
                "category": F.coalesce("category", "_category"),
                "margin": F.when(F.col("_is_told"), (F.col("value") - cost).try_cast(TOTAL)),
                "price_band": F.col("_band"),
            }
        )
        .drop("_category", "_band", "_kept_units", "_is_told", "cost", "rate")
    )


def price_band() -> Column:
    """Whether a product is cheap or dear among the priced products of its category: low to high."""
    of_category = Window.partitionBy("category", F.col("price").isNotNull())
    place = F.rank().over(of_category.orderBy("price")) - 1
    last = F.count("*").over(of_category) - 1
    is_known = F.col("category").isNotNull() & F.col("price").isNotNull()
    band = F.when(place * 3 < last, BANDS[0]).when(place * 3 < last * 2, BANDS[1])
    return F.when(is_known & (last + 1 >= LEAST_PRICED), band.otherwise(BANDS[2]))


def orders_of(bought: DataFrame) -> DataFrame:
    """Put the lines of each order together. An order that was wholly cancelled is no order.

    Keeps: one row a person and order. Adds: placed_at, is_cancelled, kept, value, margin,
    lines, discounted_lines, returned_lines (of those not cancelled), place, store_id, categories,
    brands, bands (of each line its own).
    bought: see `bought_lines`.
    """
    stands = ~F.col("is_cancelled")

    def names(name: str) -> Column:
        return F.collect_set(F.when(stands, F.col(name)))

    return bought.groupBy("person_id", "order_id", "currency").agg(
        F.min("occurred_at").alias("placed_at"),
        F.bool_and("is_cancelled").alias("is_cancelled"),
        F.sum("kept").cast(TOTAL).alias("kept"),
        F.sum("value").try_cast(TOTAL).alias("value"),
        F.sum("margin").try_cast(TOTAL).alias("margin"),
        F.count_if(stands).alias("lines"),
        F.count_if(stands & F.col("is_discounted")).alias("discounted_lines"),
        F.count_if(stands & F.col("is_returned")).alias("returned_lines"),
        F.min(F.lower("place")).alias("place"),
        F.min("store_id").alias("store_id"),
        names("category").alias("categories"),
        names("brand").alias("brands"),
        F.collect_list(F.when(stands, F.col("price_band"))).alias("bands"),
    )


def money(orders: DataFrame) -> DataFrame:
    """How many orders each person has, and what they were worth.

    What was given back is taken off, never more than was paid, so nobody's revenue falls below
    nothing. Keeps: one row a person with orders. Adds: orders, first_order_at, last_order_at,
    unpriced_orders, revenue, revenue_total, average_order, margin_total, sale_share, returns_share.
    orders: see `orders_of`.
    """
    stands, has_value = ~F.col("is_cancelled"), F.col("value").isNotNull()
    counted = F.count_if(stands & has_value)
    total = F.sum(F.when(stands, F.col("value"))).try_cast(TOTAL)
    lines = F.sum("lines")

    def share(name: str) -> Column:
        some = F.sum(name) / lines.cast("double")
        return F.when(lines > 0, F.round(some, 4))

    by_person = orders.groupBy("person_id").agg(
        F.count_if(stands).alias("orders"),
        F.min(F.when(stands, F.col("placed_at"))).alias("first_order_at"),
        F.max(F.when(stands, F.col("placed_at"))).alias("last_order_at"),
        F.count_if(stands & ~has_value).alias("unpriced_orders"),
        F.coalesce(F.sum("value"), F.lit(0)).try_cast(TOTAL).alias("revenue_total"),
        F.when(counted > 0, F.round(total / counted.cast("decimal(10,0)"), 4))
        .try_cast(TOTAL)
        .alias("average_order"),
        F.sum("margin").try_cast(TOTAL).alias("margin_total"),
        share("discounted_lines").alias("sale_share"),
        share("returned_lines").alias("returns_share"),
    )
    per_currency = orders.groupBy("person_id", "currency").agg(F.sum("kept").cast(TOTAL).alias("v"))
    return by_person.join(as_map(per_currency, "currency", "revenue"), "person_id")


def tastes(orders: DataFrame) -> DataFrame:
    """What each person buys most, and where: at most twenty of each, those of most orders first.

    Keeps: one row a person with orders. Adds: categories, brands, stores, places, value_band.
    orders: see `orders_of`.
    """
    named = {
        "categories": F.col("categories"),
        "brands": F.col("brands"),
        "stores": F.array_compact(F.array("store_id")),
        "places": F.array_compact(F.array("place")),
        "bands": F.col("bands"),
    }
    every = F.flatten(F.array(*(_told_apart(kind, values) for kind, values in named.items())))
    counted = (
        orders.where(~F.col("is_cancelled"))
        .select("person_id", F.explode(every).alias("of"))
        .groupBy("person_id", "of.kind", "of.value")
        .agg((-F.count("*")).alias("fewer"))
    )
    found = counted.groupBy("person_id").agg(
        F.array_sort(F.collect_list(F.struct("kind", "fewer", "value"))).alias("_all")
    )

    def first(kind: str) -> Column:
        mine = F.filter("_all", lambda c: c["kind"] == kind)
        return F.transform(F.slice(mine, 1, LISTED), lambda c: c["value"]).alias(kind)

    return found.select(
        "person_id",
        *(first(kind) for kind in named if kind != "bands"),
        _most_bands(F.filter("_all", lambda c: c["kind"] == "bands")).alias("value_band"),
    )


def _told_apart(kind: str, values: Column) -> Column:
    return F.transform(values, lambda v: F.struct(F.lit(kind).alias("kind"), v.alias("value")))


def _most_bands(counts: Column) -> Column:
    """The band of most lines; of two of as many the middle, also of the lowest and the highest."""
    most = F.filter(counts, lambda c: c["fewer"] == F.array_min(counts)["fewer"])
    return F.when(F.size(most) > 1, BANDS[1]).otherwise(F.try_element_at(most, F.lit(1))["value"])


def switched_brands(bought: DataFrame) -> DataFrame:
    """Whether the newest purchase was of another brand than the one before it in its category.

    Keeps: one row a person who bought twice in the category of their newest purchase, at two
    moments. Adds: switched_brand. bought: see `bought_lines`.
    """
    moment = F.struct("occurred_at", "brand")
    mine = bought.where(
        ~F.col("is_cancelled") & F.col("brand").isNotNull() & F.col("category").isNotNull()
    )
    by_category = mine.groupBy("person_id", "category").agg(
        F.sort_array(F.collect_set(moment), asc=False).alias("_bought")
    )
    newest = F.element_at("_bought", 1)
    before = F.try_element_at(
        F.filter("_bought", lambda b: b["occurred_at"] < newest["occurred_at"]), F.lit(1)
    )
    told = by_category.select(
        "person_id",
        F.struct(
            newest["occurred_at"].alias("at"),
            F.col("category"),
            (newest["brand"] != before["brand"]).alias("switched"),
        ).alias("_newest"),
    )
    last = told.groupBy("person_id").agg(F.max("_newest").alias("_newest"))
    return last.select("person_id", F.col("_newest.switched").alias("switched_brand"))
