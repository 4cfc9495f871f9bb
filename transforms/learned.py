"""Learned: what everybody's behaviour says of a channel, and of what goes with what."""

from __future__ import annotations

from datetime import timedelta

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from tactful.schemas.models import ALONE, ANY, COMPLEMENT, RESPONSE
from tactful.transforms.identity.owners import is_person

# Of a response nobody knows anything of, as if one in ten had answered ten messages.
PRIOR_RATE, PRIOR_SENDS = 0.1, 10
# As if so many had bought two products one after the other by chance: few are believed less.
BY_CHANCE = 5
# Fewer persons than this tell nothing of two products, and might be recognised.
JOINT_PERSONS = 5
# What is bought so much oftener than by chance goes with it; of the best of them so many are told.
LIFT_FROM, BEST = 1.5, 3
# What is bought later than this after a product is no more bought because of it.
WITHIN = timedelta(days=90)
# Who buys more products than this buys for others: their pairs say nothing, and are millions.
MANY_PRODUCTS = 200


def response_rates(outcomes: DataFrame) -> DataFrame:
    """Say of each channel how many of its messages are answered, by whomever.

    A channel on which little was sent is thought to be answered as any is.

    Keeps: one row a channel, and one of all together. Adds: the columns of `models` but when it was
    learned.
    outcomes: messages with person_id.
    """
    answered = F.col("opened_at").isNotNull() | F.col("clicked_at").isNotNull()
    counted = (
        outcomes.where(F.col("channel").isNotNull() & is_person())
        .groupBy("channel")
        .agg(F.count("*").alias("_sent"), F.count_if(answered).alias("_answered"))
    )
    total = counted.agg(
        F.lit(ANY).alias("channel"),
        F.coalesce(F.sum("_sent"), F.lit(0)).alias("_sent"),
        F.coalesce(F.sum("_answered"), F.lit(0)).alias("_answered"),
    ).withColumn("_any", _shrunk(F.col("_answered"), F.col("_sent"), F.lit(PRIOR_RATE)))
    each = counted.crossJoin(total.select("_any")).withColumn(
        "value", _shrunk(F.col("_answered"), F.col("_sent"), F.col("_any"))
    )
    both = each.unionByName(total.withColumn("value", F.col("_any")))
    return both.select(
        F.lit(RESPONSE).alias("model"),
        F.col("channel").alias("key"),
        F.lit(ALONE).alias("other_key"),
        "value",
        F.col("_sent").alias("events_count"),
    )


def rates_of(models: DataFrame) -> DataFrame:
    """What was learned of channels in one row: rates, by channel and of any."""
    told = models.where(F.col("model") == RESPONSE)
    return told.agg(F.map_from_entries(F.collect_list(F.struct("key", "value"))).alias("rates"))


def likely(answered: Column, sends: Column, *, channel: Column, rates: Column) -> Column:
    """How likely somebody answers: by their own answers the more, the more they were sent.

    rates: see `rates_of`; of a channel of which nothing was learned what was of any.
    """
    prior = F.coalesce(
        F.try_element_at(rates, channel), F.try_element_at(rates, F.lit(ANY)), F.lit(PRIOR_RATE)
    )
    return _shrunk(answered, sends, prior)


def complements(timeline: DataFrame, products: DataFrame) -> DataFrame:
    """Say what is bought with or after each product much oftener than by chance.

    Of two products that are bought one after the other that comes second which mostly does. What is
    of one category stands in for the other, and does not go with it; of what category nobody knows
    may be either. Chance: how many would have both if nothing had to do with anything.

    Keeps: one row a product × what goes with it, the best few, and one of what chance alone would
    be, with how many persons told it. Adds: the columns of `models` but when it was learned.
    timeline: rows with person_id. products: sku, category.
    """
    is_bought = (F.col("type") == "order_placed") & F.col("sku").isNotNull() & is_person()
    had = (
        timeline.where(is_bought).groupBy("person_id", "sku").agg(F.min("occurred_at").alias("at"))
    )
    of_person = Window.partitionBy("person_id")
    few = had.withColumn("_many", F.count("*").over(of_person)).where(
        F.col("_many") <= MANY_PRODUCTS
    )
    known = few.join(products.select("sku", "category").where("category IS NOT NULL"), "sku")
    persons = few.agg(F.count_distinct("person_id").alias("_everybody"))
    buyers = known.groupBy("sku").agg(F.count("*").alias("_buyers"))
    other = known.select(
        "person_id", F.col("sku").alias("other"), F.col("at").alias("_then"),
        F.col("category").alias("_of_other"),
    )  # fmt: skip
    is_after = (F.col("_then") >= F.col("at")) & (F.col("_then") <= F.col("at") + F.lit(WITHIN))
    pairs = (
        known.join(other, "person_id")
        .where(
            is_after & (F.col("sku") != F.col("other")) & (F.col("category") != F.col("_of_other"))
        )
        .groupBy("sku", "other")
        .agg(F.count("*").alias("_joint"))
    )
    reverse = pairs.select(
        F.col("sku").alias("other"), F.col("other").alias("sku"), F.col("_joint").alias("_reverse")
    )
    of_other = buyers.select(F.col("sku").alias("other"), F.col("_buyers").alias("_others"))
    lift = F.round(
        (F.col("_joint") + BY_CHANCE)
        / (F.col("_buyers") * F.col("_others") / F.col("_everybody") + BY_CHANCE),
        4,
    )
    best = Window.partitionBy("sku").orderBy(F.desc("_lift"), F.desc("_joint"), "other")
    found = (
        pairs.where(F.col("_joint") >= JOINT_PERSONS)
        .join(reverse, ["sku", "other"], "left")
        .where(F.col("_joint") >= F.coalesce("_reverse", F.lit(0)))
        .join(buyers, "sku")
        .join(of_other, "other")
        .crossJoin(persons)
        .withColumn("_lift", lift)
        .where(F.col("_lift") >= LIFT_FROM)
        .withColumn("_place", F.row_number().over(best))
        .where(F.col("_place") <= BEST)
    )
    chance = persons.select(
        F.lit(ANY).alias("sku"),
        F.lit(ALONE).alias("other"),
        F.lit(1.0).alias("_lift"),
        F.col("_everybody").alias("_joint"),
    )
    return (
        found.select("sku", "other", "_lift", "_joint")
        .unionByName(chance)
        .select(
            F.lit(COMPLEMENT).alias("model"),
            F.col("sku").alias("key"),
            F.col("other").alias("other_key"),
            F.col("_lift").alias("value"),
            F.col("_joint").alias("events_count"),
        )
    )


def with_learned_complements(products: DataFrame, models: DataFrame) -> DataFrame:
    """Let products of which the shop does not say what goes with them have what was learned.

    Who says of a product that nothing goes with it (an empty list) is believed.

    Changes: complements. Keeps: all rows.
    """
    learned = (
        models.where((F.col("model") == COMPLEMENT) & (F.col("other_key") != ALONE))
        .groupBy(F.col("key").alias("sku"))
        .agg(F.array_sort(F.collect_list("other_key")).alias("_learned"))
    )
    return (
        products.join(learned, "sku", "left")
        .withColumn("complements", F.coalesce("complements", "_learned"))
        .drop("_learned")
    )


def _shrunk(answered: Column, sends: Column, prior: Column) -> Column:
    return F.round((answered + prior * PRIOR_SENDS) / (sends + PRIOR_SENDS), 4)
