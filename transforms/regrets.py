"""Regrets: messages that should not have been sent, seen with everything known in time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from tactful.schemas.events import ORDER
from tactful.transforms.about import ATTRIBUTE, attribute_values, with_offer
from tactful.transforms.identity.owners import is_person
from tactful.transforms.rules.suppressions import named

# Mailings of one campaign carry one list of thousands of products: it is looked through once, and
# never carried through a join. A scope names one of these kinds, or an attribute of products, at
# most once; all else that it names a message has one of, and is asked of each pair.
LISTS = {"skus": "sku", "categories": "category", "brands": "brand"}
# Of these a message names what its products are.
OF_PRODUCTS = {"categories": "category", "brands": "brand"}
NUMBERS = "array<struct<kind:string,value:string,products:int>>"
# A list as short as this is carried through a join, value by value: a customer with very many
# messages meets only those suppressions that name what a message offers.
SHORT = 32


def marketing_messages(
    timeline: DataFrame, products: DataFrame, contents: DataFrame, campaigns: DataFrame
) -> DataFrame:
    """List every marketing message at its first sending, with all that it is about.

    What it offers it says itself, or its content or campaign does (see `with_offer`). Its
    categories and brands are those it so names and those of its products.
    What became of it is at times dated before its sending, where clocks disagree; that is no
    reason not to have sent it.

    Keeps: message_id, person_id, channel, campaign_id, purpose, cost, skus, categories,
    offers_discount, sent (occurred_at, stream, event_id). Adds: brands, topics, own (its events
    dated before its sending, as evidence names them), numbers (see `with_products`).
    Grain: message.
    timeline: rows with person_id and the facts of their message.
    """
    about = (
        "person_id", "channel", "campaign_id", "purpose", "cost", "content_id", "topic", "skus",
        "categories", "offers_discount",
    )  # fmt: skip
    event_ref = F.struct(*ORDER)
    life = timeline.where(F.col("stream") == "messages")
    sent = (
        life.where(F.col("type") == "sent")
        .groupBy("message_id")
        .agg(F.min_by(F.struct(*about, event_ref.alias("sent")), event_ref).alias("_m"))
        .select("message_id", "_m.*")
        .withColumn("purpose", F.coalesce("purpose", F.lit("marketing")))
        .where((F.col("purpose") == "marketing") & is_person())
        .transform(with_offer, contents, campaigns)
        .drop("content_id")
    )
    own = F.coalesce("own", F.array().cast("array<string>"))
    with_own = sent.join(_ahead(sent, life), "message_id", "left").withColumn("own", own)
    return with_products(with_own, products)


def with_products(messages: DataFrame, products: DataFrame) -> DataFrame:
    """Add to what each message names the categories and brands of the products that it offers.

    Changes: categories, brands. Keeps: all rows. Adds: numbers (kind, value, products), how many of
    its products are of each of them; of those that no product of it has nothing is there.
    messages: rows with skus, categories and brands.
    """
    lists = messages.select("skus").distinct()
    own = F.array(
        *(
            F.struct(F.lit(kind).alias("kind"), F.col(kind).alias("value"))
            for kind in OF_PRODUCTS.values()
        )
    )
    known = (
        lists.select("skus", F.explode(F.array_distinct("skus")).alias("sku"))
        .join(products.select("sku", F.explode(own).alias("_own")), "sku")
        .where("_own.value IS NOT NULL")
        .groupBy("skus", "_own")
        .agg(F.count_distinct("sku").cast("int").alias("products"))
        .groupBy("skus")
        .agg(F.array_sort(F.collect_list(F.struct("_own.*", "products"))).alias("numbers"))
    )
    numbers = F.coalesce("numbers", F.array().cast(NUMBERS))
    both = messages.join(known, "skus", "left").withColumn("numbers", numbers)

    def of(kind: str) -> Column:
        return F.transform(F.filter("numbers", lambda n: n["kind"] == kind), lambda n: n["value"])

    return both.withColumns(
        {name: F.array_union(name, of(kind)) for name, kind in OF_PRODUCTS.items()}
    )


def _ahead(sent: DataFrame, life: DataFrame) -> DataFrame:
    """What of a message is dated before its own sending: message_id, own. Grain: message."""
    later = life.where(F.col("type") != "sent").select("message_id", F.struct(*ORDER).alias("at"))
    return (
        sent.select("message_id", "sent")
        .join(later, "message_id")
        .where(F.col("at") < F.col("sent"))
        .groupBy("message_id")
        .agg(F.collect_set(named("at")).alias("own"))
    )


def regrets(
    messages: DataFrame,
    suppressions: DataFrame,
    *,
    shares: Mapping[str, float],
    products: DataFrame | None = None,
) -> DataFrame:
    """Say which rule would have stopped which message.

    A rule speaks against a message when its suppression began before the sending and had not
    ended, holds for the channel, and all parts of its scope touch what the message is about: one
    product is enough, unless the rule asks for a `share` of them. A category or brand is as many
    products as the message offers of it, and one where it only names it; products of which it is
    unknown are none. A message is never evidence against itself.

    Keeps: one row a message × policy. Adds: the columns of `regrets`.
    messages: see `marketing_messages`. suppressions: rows with cause. products: where any scope
    names an attribute of products.
    """
    distinct = {name: F.size(F.array_distinct(name)) for name in LISTS}
    slim = messages.withColumn("_about", F.sha2(F.to_json(F.struct(*LISTS)), 256)).withColumns(
        {
            "_length": sum(distinct.values(), F.lit(0)),
            **{f"_{name}": distinct[name] + _more(kind) for name, kind in LISTS.items()},
        }
    )
    lists = slim.select("_about", *LISTS, "numbers").dropDuplicates(["_about"])
    slim = slim.drop(*LISTS, "numbers")
    named = _named(lists)
    part = F.get(F.filter("scope", lambda part: part["kind"].isin(*LISTS.values())), 0)
    held = suppressions.withColumns({"scope_kind": part["kind"], "scope_values": part["values"]})
    listed = held.where("scope_kind IS NOT NULL").withColumn(
        "scope_value", F.explode("scope_values")
    )
    others = held.where("scope_kind IS NULL").withColumn("scope_value", F.lit(None).cast("string"))
    scope = ["scope_kind", "scope_value"]
    is_short = F.col("_length") <= SHORT
    legs = [
        _active(slim.where(is_short).join(named, "_about"), listed, on=scope),
        _active(slim.where(~is_short), listed).join(named, ["_about", *scope]),
    ]
    if products is not None:
        is_attribute = F.exists("scope", lambda part: part["kind"].startswith(ATTRIBUTE))
        legs.append(_by_attribute(slim, lists, others.where(is_attribute), products))
        others = others.where(~is_attribute)
    legs.append(_active(slim, others).withColumn("_touched", F.lit(None).cast("bigint")))
    gathered = (
        reduce(lambda a, b: a.unionByName(b, allowMissingColumns=True), legs)
        .groupBy("message_id", "policy")
        .agg(
            *(
                F.any_value(name).alias(name)
                for name in ("person_id", "channel", "campaign_id", "cost")
            ),
            F.any_value("sent.occurred_at").alias("sent_at"),
            F.array_sort(F.array_distinct(F.flatten(F.collect_list("_evidence")))).alias(
                "evidence"
            ),
            *(
                _sum(
                    F.collect_set(
                        F.when(F.col("scope_kind") == kind, F.struct("scope_value", "products"))
                    )
                ).alias(f"_{kind}")
                for kind in LISTS.values()
            ),
            *(F.any_value(f"_{name}").alias(f"_{name}") for name in LISTS),
            F.max("_touched").alias("_touched"),
        )
    )
    return gathered.where(_enough(shares))


def _active(messages: DataFrame, suppressions: DataFrame, *, on: Sequence[str] = ()) -> DataFrame:
    """Pair each message with what held for its person and channel when it was sent, and touches it.

    on: further columns that messages have, too, and in which both are alike. What a scope names of
    products is not asked here.
    """
    alike = ("person_id", *on)
    row = suppressions.select(
        *(F.col(name).alias(f"_{name}") for name in alike), "policy",
        F.col("channels").alias("_channels"),
        *(name for name in ("scope_kind", "scope_value") if name not in on), "scope",
        "starts_at", "ends_at", "cause", F.col("evidence").alias("_evidence"),
    )  # fmt: skip
    active = (
        (F.struct("starts_at", "cause.stream", "cause.event_id") < F.col("sent"))
        & (F.col("ends_at").isNull() | (F.col("sent.occurred_at") < F.col("ends_at")))
        & ((F.size("_channels") == 0) | F.array_contains("_channels", F.col("channel")))
        & ~F.arrays_overlap("own", "_evidence")
        & F.forall("scope", _is_about_products_or_touches)
    )
    same = (F.col(name) == F.col(f"_{name}") for name in alike)
    paired = messages.join(row, reduce(Column.__and__, same, active))
    return paired.drop(*(f"_{name}" for name in alike))


def _by_attribute(
    slim: DataFrame, lists: DataFrame, suppressions: DataFrame, products: DataFrame
) -> DataFrame:
    """Pair messages with what held of an attribute of their products.

    A product is touched that has one of the values, or, where they are negated, another one; one
    that does not have the attribute is not. Adds: _touched, how many products are.
    """
    part = F.get(F.filter("scope", lambda part: part["kind"].startswith(ATTRIBUTE)), 0)
    asked = suppressions.withColumn("_part", part)
    kinds = asked.select(F.col("_part.kind").alias("_kind")).distinct()
    values = attribute_values(products).join(F.broadcast(kinds), "_kind", "left_semi")
    offered = lists.select("_about", F.explode(F.array_distinct("skus")).alias("sku")).join(
        values, "sku"
    )
    paired = _active(slim, asked.drop("_part")).withColumn("_part", part)
    has_one = F.array_contains("_part.values", F.col("_value"))
    counts = (
        paired.select("_about", "_part", F.col("_part.kind").alias("_kind"))
        .distinct()
        .join(offered, ["_about", "_kind"])
        .where(has_one != F.col("_part.negated"))
        .groupBy("_about", "_part")
        .agg(F.count_distinct("sku").alias("_touched"))
    )
    return paired.join(counts, ["_about", "_part"]).drop("_part")


def _named(lists: DataFrame) -> DataFrame:
    """Everything that each list of products, categories or brands names, one row each.

    Adds: products, how many of the list it stands for.
    """
    named = F.array(*(_counted(name, kind) for name, kind in LISTS.items()))
    each = lists.select("_about", F.explode(F.flatten(named)).alias("_n"))
    return each.select(
        "_about",
        F.col("_n.kind").alias("scope_kind"),
        F.col("_n.value").alias("scope_value"),
        F.col("_n.products").alias("products"),
    )


def _counted(name: str, kind: str) -> Column:
    """Each value of a list once, as a scope names it, and how many products it stands for."""

    def products(value: Column) -> Column:
        if kind not in OF_PRODUCTS.values():
            return F.lit(1)
        mine = F.filter("numbers", lambda n: (n["kind"] == kind) & (n["value"] == value))
        return F.coalesce(F.get(mine, 0)["products"], F.lit(1))

    return F.transform(
        F.array_distinct(name),
        lambda v: F.struct(
            F.lit(kind).alias("kind"), v.alias("value"), products(v).alias("products")
        ),
    )


def _more(kind: str) -> Column:
    """How many more products than values of a kind a message offers."""
    more = F.transform(
        F.filter("numbers", lambda n: n["kind"] == kind),
        lambda n: F.struct((n["products"] - 1).alias("products")),
    )
    return _sum(more)


def _sum(counted: Column) -> Column:
    return F.aggregate(counted, F.lit(0), lambda so_far, one: so_far + one["products"])


def pairs(name: str | Column, kind: str) -> Column:
    """Each value of a list with its kind, as a scope names it."""
    return F.transform(name, lambda v: F.struct(F.lit(kind).alias("kind"), v.alias("value")))


def names_products(part: Column) -> Column:
    """Whether a part of a scope names products, or an attribute of them."""
    return part["kind"].isin(*LISTS.values()) | part["kind"].startswith(ATTRIBUTE)


def _is_about_products_or_touches(part: Column) -> Column:
    """Whether a part of a scope touches a message, unless it names products."""
    kind, values = part["kind"], part["values"]
    touches = (
        F.when(kind == "all", F.lit(True))
        .when(kind == "purpose", F.array_contains(values, F.col("purpose")))
        .when(kind == "campaign", F.array_contains(values, F.col("campaign_id")))
        .when(kind == "topic", F.arrays_overlap(values, "topics"))
        .when(kind == "discount", F.col("offers_discount"))
    )
    return names_products(part) | (F.coalesce(touches, F.lit(False)) != part["negated"])


def _enough(shares: Mapping[str, float]) -> Column:
    """Whether the touched part of the message reaches the share its rule asks for."""
    enough = F.lit(True)
    for policy, share in sorted(shares.items()):
        if share <= 0:
            continue
        parts = [
            F.col(f"_{kind}") >= F.lit(share) * F.col(f"_{whole}") for whole, kind in LISTS.items()
        ]
        reached = (
            F.when(F.col("_touched") > 0, F.col("_touched") >= F.lit(share) * F.col("_skus"))
            .when(F.col("_sku") > 0, parts[0])
            .when(F.col("_category") > 0, parts[1])
            .when(F.col("_brand") > 0, parts[2])
            .otherwise(F.lit(True))
        )
        enough = F.when(F.col("policy") == policy, reached).otherwise(enough)
    return enough
