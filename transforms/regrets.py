"""Regrets: messages that should not have been sent, seen with everything known in time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from tactful.schemas.events import ORDER
from tactful.transforms.caps import topic_words
from tactful.transforms.identity.owners import is_person
from tactful.transforms.rules.suppressions import named

# Mailings of one campaign carry one list of thousands of products: it is looked through once, and
# never carried through a join.
LISTS = {"skus": "sku", "categories": "category", "brands": "brand"}
# A list as short as this is carried through a join, value by value: a customer with very many
# messages meets only those suppressions that name what a message offers.
SHORT = 32


def marketing_messages(timeline: DataFrame, products: DataFrame) -> DataFrame:
    """List every marketing message at its first sending, with all that it is about.

    Its categories are those it names and those of its products; its brands are its products'.
    What became of it is at times dated before its sending, where clocks disagree; that is no
    reason not to have sent it.

    Keeps: message_id, person_id, channel, campaign_id, purpose, cost, skus, categories, sent
    (occurred_at, stream, event_id). Adds: brands, own (its events dated before its sending, as
    evidence names them). Grain: message.
    timeline: rows with person_id and the facts of their message.
    """
    about = (
        "person_id",
        "channel",
        "campaign_id",
        "purpose",
        "cost",
        "topic",
        "skus",
        "categories",
    )
    event_ref = F.struct(*ORDER)
    life = timeline.where(F.col("stream") == "messages")
    sent = (
        life.where(F.col("type") == "sent")
        .groupBy("message_id")
        .agg(F.min_by(F.struct(*about, event_ref.alias("sent")), event_ref).alias("_m"))
        .select("message_id", "_m.*")
        .withColumn("purpose", F.coalesce("purpose", F.lit("marketing")))
        .where((F.col("purpose") == "marketing") & is_person())
    )
    lists = sent.where(F.col("skus").isNotNull()).select("skus").distinct()
    known = (
        lists.select("skus", F.explode("skus").alias("sku"))
        .join(products.select("sku", "category", "brand"), "sku")
        .groupBy("skus")
        .agg(F.collect_set("category").alias("_categories"), F.collect_set("brand").alias("brands"))
    )
    none = F.array().cast("array<string>")
    return (
        sent.join(_ahead(sent, life), "message_id", "left")
        .join(known, "skus", "left")
        .withColumns(
            {
                "skus": F.coalesce("skus", none),
                "categories": F.array_union(
                    F.coalesce("categories", none), F.coalesce("_categories", none)
                ),
                "brands": F.coalesce("brands", none),
                "own": F.coalesce("own", none),
            }
        )
        .drop("_categories")
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
    messages: DataFrame, suppressions: DataFrame, *, shares: Mapping[str, float]
) -> DataFrame:
    """Say which rule would have stopped which message.

    A rule speaks against a message when its suppression began before the sending and had not
    ended, holds for the channel, and touches what the message is about: one product is enough,
    unless the rule asks for a `share` of them. A message is never evidence against itself.

    Keeps: one row a message × policy. Adds: the columns of `regrets`.
    messages: see `marketing_messages`. suppressions: rows with cause, of scopes of one part.
    """
    slim = messages.withColumn("_about", F.sha2(F.to_json(F.struct(*LISTS)), 256)).withColumns(
        {f"_{name}": F.size(name) for name in LISTS}
    )
    lists = slim.select("_about", *LISTS).dropDuplicates(["_about"])
    slim = slim.drop(*LISTS)
    named = _named(lists)
    held = suppressions.withColumns(
        {"scope_kind": F.get("scope", 0)["kind"], "scope_values": F.get("scope", 0)["values"]}
    )
    is_listed = F.col("scope_kind").isin(*LISTS.values())
    listed = held.where(is_listed).withColumn("scope_value", F.explode("scope_values"))
    others = held.where(~is_listed).withColumn("scope_value", F.lit(None).cast("string"))
    length = sum((F.col(f"_{name}") for name in LISTS), F.lit(0))
    scope = ["scope_kind", "scope_value"]
    by_value = _active(slim.where(length <= SHORT).join(named, "_about"), listed, on=scope)
    by_list = _active(slim.where(length > SHORT), listed).join(
        named, ["_about", *scope], "left_semi"
    )
    whole = _active(slim, others).where(_touches())
    gathered = (
        reduce(DataFrame.unionByName, (whole, by_value, by_list))
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
                F.size(
                    F.collect_set(F.when(F.col("scope_kind") == kind, F.col("scope_value")))
                ).alias(f"_{kind}")
                for kind in LISTS.values()
            ),
            *(F.any_value(f"_{name}").alias(f"_{name}") for name in LISTS),
        )
    )
    return gathered.where(_enough(shares))


def _active(messages: DataFrame, suppressions: DataFrame, *, on: Sequence[str] = ()) -> DataFrame:
    """Pair each message with what held for its person and channel when it was sent.

    on: further columns that messages have, too, and in which both are alike.
    """
    alike = ("person_id", *on)
    row = suppressions.select(
        *(F.col(name).alias(f"_{name}") for name in alike), "policy",
        F.col("channels").alias("_channels"),
        *(name for name in ("scope_kind", "scope_value") if name not in on), "scope_values",
        "starts_at", "ends_at", "cause", F.col("evidence").alias("_evidence"),
        F.expr("slice(scope, 2, 9)").alias("_further"),
    )  # fmt: skip
    active = (
        (F.struct("starts_at", "cause.stream", "cause.event_id") < F.col("sent"))
        & (F.col("ends_at").isNull() | (F.col("sent.occurred_at") < F.col("ends_at")))
        & ((F.size("_channels") == 0) | F.array_contains("_channels", F.col("channel")))
        & ~F.arrays_overlap("own", "_evidence")
        & F.forall("_further", _holds)
    )
    same = (F.col(name) == F.col(f"_{name}") for name in alike)
    paired = messages.join(row, reduce(Column.__and__, same, active))
    return paired.drop("_further", *(f"_{name}" for name in alike))


def _holds(part: Column) -> Column:
    """Whether a further part of a scope is about a message."""
    told = F.when(part["kind"] == "topic", topic_words("topic")).otherwise(F.col("campaign_id"))
    has_one = F.coalesce(F.array_contains(part["values"], told), F.lit(False))
    return has_one != part["negated"]


def _named(lists: DataFrame) -> DataFrame:
    """Everything that each list of products, categories or brands names, one row each."""
    named = F.array(*(_pairs(name, kind) for name, kind in LISTS.items()))
    each = lists.select("_about", F.explode(F.flatten(named)).alias("_n"))
    return each.select(
        "_about", F.col("_n.kind").alias("scope_kind"), F.col("_n.value").alias("scope_value")
    )


def _pairs(name: str, kind: str) -> Column:
    return F.transform(name, lambda v: F.struct(F.lit(kind).alias("kind"), v.alias("value")))


def _touches() -> Column:
    """Whether a suppression of everything, of a purpose or a campaign is about a message."""
    kind = F.col("scope_kind")
    return (
        F.when(kind == "all", F.lit(True))
        .when(kind == "purpose", F.array_contains("scope_values", F.col("purpose")))
        .when(kind == "campaign", F.array_contains("scope_values", F.col("campaign_id")))
        .otherwise(F.lit(False))
    )


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
            F.when(F.col("_sku") > 0, parts[0])
            .when(F.col("_category") > 0, parts[1])
            .when(F.col("_brand") > 0, parts[2])
            .otherwise(F.lit(True))
        )
        enough = F.when(F.col("policy") == policy, reached).otherwise(enough)
    return enough
