"""Audiences: which of a destination's audiences what somebody must not be told is about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from tactful.transforms.about import attribute_values, topic_words
from tactful.transforms.regrets import LISTS, names_products, pairs

# What an audience can be about, and whatever a policy is about.
BY_PRODUCTS = tuple(LISTS.values())
CAMPAIGN = "campaign"
AUDIENCE_BY = (CAMPAIGN, "category", "brand", "sku", "none")
ROW = ("suppression_id", "person_id")


@dataclass(frozen=True)
class Audience:
    """Whom ads for one campaign, category, brand or product leave out."""

    by: str
    of: str

    @property
    def key(self) -> str:
        """Its name among all."""
        return f"{self.by}:{self.of}"


def with_audiences(
    suppressions: DataFrame,
    *,
    audiences: Sequence[Audience],
    products: DataFrame,
    campaigns: DataFrame,
) -> DataFrame:
    """Say of each suppression out of which audiences it keeps its person.

    It does where it touches what ads for that audience offer: a campaign what its row names and the
    products of that, a category or brand all its products, a product itself with its category and
    brand. One product is enough, whatever `share` a policy asks of messages. Who has bought one
    pair of jeans leaves the audience of jeans and stays in that of belts. What is about no product
    keeps out of all. Whether ads of a category show a discount nobody knows, so that what is only
    about discounts keeps out of it; of a campaign its row says it.

    Adds: audiences (their keys). Keeps: all rows.
    suppressions: with suppression_id, person_id, scope. products, campaigns: the reference tables.
    """
    offers = _offers(audiences, products, campaigns)
    part = F.get(F.filter("scope", names_products), 0)
    held = suppressions.select(*ROW, "scope", part.alias("_part"))
    named = held.where("_part IS NOT NULL AND NOT _part.negated").select(
        *ROW, "scope", F.col("_part.kind").alias("kind"), F.explode("_part.values").alias("value")
    )
    by_value = named.join(F.broadcast(offers), ["kind", "value"]).select(*ROW, "scope", "audience")
    # What is called as the audience is, whether or not the table of products knows it.
    called = F.concat_ws(":", "kind", "value")
    by_name = named.where(called.isin([one.key for one in audiences])).select(
        *ROW, "scope", called.alias("audience")
    )
    is_another = ~F.array_contains("_part.values", F.col("value"))
    by_another = (
        held.where("_part IS NOT NULL AND _part.negated")
        .join(F.broadcast(offers), (F.col("kind") == F.col("_part.kind")) & is_another)
        .select(*ROW, "scope", "audience")
    )
    every = F.explode(F.array(*(F.lit(one.key) for one in audiences)))
    of_all = held.where("_part IS NULL").select(*ROW, "scope", every.alias("audience"))
    touched = (
        by_value.unionByName(by_name)
        .unionByName(by_another)
        .unionByName(of_all)
        .join(F.broadcast(_of_campaigns(audiences, campaigns)), "audience", "left")
        .where(F.forall("scope", _touches))
        .groupBy(*ROW)
        .agg(F.collect_set("audience").alias("audiences"))
    )
    none = F.array().cast("array<string>")
    told = suppressions.join(touched, [*ROW], "left")
    return told.withColumn("audiences", F.coalesce("audiences", none))


def _touches(part: Column) -> Column:
    """Whether a part of a scope that names no product is about an audience."""
    kind, values = part["kind"], part["values"]
    is_campaign = F.col("campaign_id").isNotNull()
    touches = (
        F.when(kind == "all", F.lit(True))
        .when(kind == "purpose", F.array_contains(values, "marketing"))
        .when(kind == "campaign", is_campaign & F.array_contains(values, F.col("campaign_id")))
        .when(kind == "topic", F.array_contains(values, F.col("topic")))
        .when(kind == "discount", ~is_campaign | F.coalesce("offers_discount", F.lit(True)))
    )
    return names_products(part) | (F.coalesce(touches, F.lit(False)) != part["negated"])


def _of_campaigns(audiences: Sequence[Audience], campaigns: DataFrame) -> DataFrame:
    """What audiences of campaigns are about beside products."""
    wanted = [one.of for one in audiences if one.by == CAMPAIGN]
    return campaigns.where(F.col("campaign_id").isin(wanted)).select(
        _key(CAMPAIGN, F.col("campaign_id")), "campaign_id",
        topic_words(F.col("topic")).alias("topic"), "offers_discount",
    )  # fmt: skip


def _offers(audiences: Sequence[Audience], products: DataFrame, campaigns: DataFrame) -> DataFrame:
    """All that ads for each audience offer: audience, kind and value, as scopes name them."""
    goods = products.select("sku", "category", "brand")
    legs = []
    for by in BY_PRODUCTS:
        wanted = [one.of for one in audiences if one.by == by]
        if wanted:
            mine = goods.where(F.col(by).isin(wanted))
            legs.append(mine.select(_key(by, F.col(by)), "sku", "category", "brand"))
    listed = _listed(audiences, campaigns)
    for kind in BY_PRODUCTS:
        named = listed.where(F.col("kind") == kind).select("audience", F.col("value").alias(kind))
        legs.append(named.join(goods, kind).select("audience", "sku", "category", "brand"))
    offered = reduce(DataFrame.unionByName, legs).distinct()
    pairs = F.array(*(_pair(kind, F.col(kind)) for kind in BY_PRODUCTS))
    each = offered.select("audience", F.explode(pairs).alias("_o")).select("audience", "_o.*")
    attributes = offered.join(attribute_values(products), "sku").select(
        "audience", F.col("_kind").alias("kind"), F.col("_value").alias("value")
    )
    return each.unionByName(attributes).unionByName(listed).where("value IS NOT NULL").distinct()


def _listed(audiences: Sequence[Audience], campaigns: DataFrame) -> DataFrame:
    """What campaigns themselves name: audience, kind, value."""
    wanted = [one.of for one in audiences if one.by == CAMPAIGN]
    none = F.array().cast("array<string>")
    listed = [pairs(F.coalesce(name, none), kind) for name, kind in LISTS.items()]
    return (
        campaigns.where(F.col("campaign_id").isin(wanted))
        .select(_key(CAMPAIGN, F.col("campaign_id")), F.explode(F.concat(*listed)).alias("_o"))
        .select("audience", "_o.*")
    )


def _key(by: str, of: Column) -> Column:
    return F.concat(F.lit(f"{by}:"), of).alias("audience")


def _pair(kind: str, value: Column) -> Column:
    return F.struct(F.lit(kind).alias("kind"), value.alias("value"))
