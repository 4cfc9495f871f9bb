"""Baskets and mailings of the Complete Journey data as canonical events."""

from __future__ import annotations

from datetime import datetime

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from tactful.jobs.demo.draws import Dice, identifiers, later
from tactful.jobs.demo.journey import Journey, campaign_name, data_file

REAL = "complete_journey"


def basket_lines(spark: SparkSession, households: DataFrame, *, since: datetime) -> DataFrame:
    """Return the landed basket lines of these households, with their category.

    Grain: basket x product (no basket of the data holds a product twice).
    """
    lines = spark.read.parquet(str(data_file("transactions")))
    products = spark.read.parquet(str(data_file("products"))).select(
        "product_id", F.col("product_category").alias("category")
    )
    discount = F.col("retail_disc") + F.col("coupon_disc") + F.col("coupon_match_disc")
    return (
        lines.where(F.col("transaction_timestamp") >= F.lit(since))
        .join(F.broadcast(households.select("household_id", "household", "copy")), "household_id")
        .join(F.broadcast(products), "product_id", "left")
        .select(
            "household",
            "copy",
            "basket_id",
            "store_id",
            F.col("transaction_timestamp").alias("occurred_at"),
            F.col("product_id").cast("string").alias("sku"),
            "category",
            "quantity",
            F.col("sales_value").cast("decimal(18,2)").alias("amount"),
            F.when(discount > 0, discount.cast("decimal(18,2)")).alias("discount"),
        )
    )


def baskets(spark: SparkSession, lines: DataFrame, *, journey: Journey) -> DataFrame:
    """Return one order_placed event a basket, with the coupons that were redeemed in it."""
    # No basket holds a product twice, so the product names the line too.
    line = F.struct(
        F.col("sku").alias("line_id"),
        "sku",
        "category",
        "quantity",
        F.lit(None).cast("decimal(18,2)").alias("unit_price"),
        "discount",
        "amount",
    )
    found, _ = journey.redeemed
    redeemed = spark.createDataFrame(
        found.to_dict("records"),
        "basket_id bigint, campaign_id string, coupons array<string>, campaigns array<string>",
    )
    many = F.size("campaigns") > 1
    name = F.concat(
        F.col("basket_id").cast("string"),
        F.when(F.col("copy") > 0, F.concat(F.lit("x"), F.col("copy").cast("string"))).otherwise(""),
    )
    return (
        lines.groupBy("basket_id", "copy")
        .agg(
            F.collect_list(line).alias("bought"),
            # The same in every line of a basket: carried along instead of being grouped by.
            *(F.min(name).alias(name) for name in ("household", "store_id", "occurred_at")),
        )
        .join(F.broadcast(redeemed), "basket_id", "left")
        .select(
            F.concat(F.lit("basket-"), name).alias("event_id"),
            F.lit("order_placed").alias("type"),
            "occurred_at",
            F.lit(REAL).alias("source"),
            identifiers(loyalty_id=F.col("household")).alias("identifiers"),
            F.concat(F.lit("b-"), name).alias("order_id"),
            "campaign_id",
            "coupons",
            F.lit("store").alias("place"),
            F.col("store_id").cast("string").alias("store_id"),
            F.lit("USD").alias("currency"),
            F.sort_array("bought").alias("lines"),
            F.when(many, F.create_map(F.lit("campaigns"), F.array_join("campaigns", ","))).alias(
                "properties"
            ),
            "household",
        )
    )


def mailings(spark: SparkSession, households: DataFrame, *, journey: Journey) -> DataFrame:
    """Return one sent event a mailing; Type B and C mailings carry every product they offered."""
    sent = journey.mailings
    pools = journey.offered.groupby("campaign_id").product_id
    offered = spark.createDataFrame(
        [(int(one), [str(int(p)) for p in sorted(pool)]) for one, pool in pools],
        "campaign bigint, skus array<string>",
    )
    rows = [
        (int(row.household_id), int(row.campaign_id), campaign_name(row.campaign_id), row.kind,
         int(row.starts_at.timestamp()))
        for row in sent.itertuples(index=False)
    ]  # fmt: skip
    columns = "household_id bigint, campaign bigint, campaign_id string, kind string, starts bigint"
    message = F.concat_ws("-", F.lit("mail"), F.col("campaign_id"), F.col("household"))
    return (
        spark.createDataFrame(rows, columns)
        .join(F.broadcast(households), "household_id")
        .join(F.broadcast(offered), "campaign", "left")
        .select(
            F.concat(message, F.lit("-sent")).alias("event_id"),
            F.lit("sent").alias("type"),
            F.timestamp_seconds("starts").alias("occurred_at"),
            F.lit(REAL).alias("source"),
            identifiers(loyalty_id=F.col("household")).alias("identifiers"),
            message.alias("message_id"),
            F.lit("direct_mail").alias("channel"),
            F.lit("marketing").alias("purpose"),
            "campaign_id",
            "skus",
            F.lit(True).alias("offers_discount"),
            F.create_map(F.lit("kind"), F.col("kind")).alias("properties"),
        )
    )


def favourites(baskets: DataFrame, offered: DataFrame, *, dice: Dice) -> DataFrame:
    """Return up to twelve products of each household: what it looks at and orders online.

    `plain` leaves out every product that a landed mailing offered: generated orders are made of
    these alone, so that what is said about mailings rests on the Complete Journey data only.
    """
    who, sku = "household", "sku"
    bought = baskets.select("household", F.explode("lines").alias("line")).select(
        "household", "line.*"
    )
    price = F.expr("cast(amount / quantity as decimal(18,2))").alias("price")
    usual = (
        bought.where("quantity between 1 and 12 and amount >= 0.5")
        .where(dice.chance(0.1, "favourite", who, sku))
        .join(F.broadcast(offered), "sku", "left")
        .select(
            "household",
            F.struct(
                dice.number("favourite", who, sku).alias("turn"), "sku", "category", price,
                F.coalesce("offered", F.lit(False)).alias("offered"),
            ).alias("item"),
        )
    )  # fmt: skip
    return (
        usual.groupBy("household")
        .agg(F.slice(F.sort_array(F.collect_set("item")), 1, 12).alias("favourites"))
        .withColumn("plain", F.filter("favourites", lambda item: ~item["offered"]))
    )


def offered(spark: SparkSession, *, journey: Journey) -> DataFrame:
    """Return every product that a landed Type B or C mailing offered: sku, offered."""
    skus = sorted({str(int(product)) for product in journey.offered.product_id})
    return spark.createDataFrame([(sku, True) for sku in skus], "sku string, offered boolean")


def trips(baskets: DataFrame, *, dice: Dice, share: float) -> DataFrame:
    """Return the visits to the site that came before a basket: household, id, time, products."""
    basket = "event_id"
    before = later(F.col("occurred_at"), -(dice.share("trip", basket) * 40 * 3600 + 1800))
    return baskets.where(dice.chance(share, "looks first", basket)).select(
        "household",
        F.concat(F.lit("before-"), basket).alias("visit"),
        F.lit("trip").alias("kind"),
        before.alias("started_at"),
        F.transform(
            F.slice("lines", 1, 3),
            lambda line: F.struct(line["sku"].alias("sku"), line["category"].alias("category")),
        ).alias("items"),
    )
