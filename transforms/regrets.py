"""Regrets: messages that should not have been sent, seen with everything known in time."""

from __future__ import annotations

from collections.abc import Mapping

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from tactful.schemas.events import ORDER
from tactful.transforms.owners import is_person


def marketing_messages(timeline: DataFrame, products: DataFrame) -> DataFrame:
    """List every marketing message at its first sending, with all that it is about.

    Its categories are those it names and those of its products; its brands are its products'.

    Keeps: message_id, person_id, channel, campaign_id, purpose, cost, skus, categories, sent
    (occurred_at, stream, event_id). Adds: brands. Grain: message.
    """
    about = ("person_id", "channel", "campaign_id", "purpose", "cost", "skus", "categories")
    sight = F.struct(*ORDER)
    sent = (
        timeline.where((F.col("stream") == "messages") & (F.col("type") == "sent"))
        .groupBy("message_id")
        .agg(F.min_by(F.struct(*about, sight.alias("sent")), sight).alias("_m"))
        .select("message_id", "_m.*")
        .withColumn("purpose", F.coalesce("purpose", F.lit("marketing")))
        .where((F.col("purpose") == "marketing") & is_person())
    )
    # Mailings of one campaign carry the same list of thousands of products: look each list up once.
    lists = sent.where(F.col("skus").isNotNull()).select("skus").distinct()
    known = (
        lists.select("skus", F.explode("skus").alias("sku"))
        .join(products.select("sku", "category", "brand"), "sku")
        .groupBy("skus")
        .agg(F.collect_set("category").alias("_categories"), F.collect_set("brand").alias("brands"))
    )
    none = F.array().cast("array<string>")
    return (
        sent.join(known, "skus", "left")
        .withColumns(
            {
                "skus": F.coalesce("skus", none),
                "categories": F.array_union(
                    F.coalesce("categories", none), F.coalesce("_categories", none)
                ),
                "brands": F.coalesce("brands", none),
            }
        )
        .drop("_categories")
    )


def regrets(
    messages: DataFrame, suppressions: DataFrame, *, shares: Mapping[str, float]
) -> DataFrame:
    """Say which rule would have stopped which message.

    A rule speaks against a message when its suppression began before the sending and had not
    ended, holds for the channel, and touches what the message is about: one product is enough,
    unless the rule asks for a `share` of them.

    Keeps: one row a message × policy. Adds: the columns of `regrets`.
    messages: see `marketing_messages`. suppressions: rows with cause.
    """
    row = suppressions.select(
        F.col("person_id").alias("_person_id"), "policy", F.col("channel").alias("_channel"),
        "scope_kind", "scope_value", "starts_at", "ends_at", "cause",
        F.col("evidence").alias("_evidence"),
    )  # fmt: skip
    sent_at = F.col("sent.occurred_at")
    active = (
        (F.col("person_id") == F.col("_person_id"))
        & (F.struct("starts_at", "cause.stream", "cause.event_id") < F.col("sent"))
        & (F.col("ends_at").isNull() | (sent_at < F.col("ends_at")))
        & (F.col("_channel").isNull() | (F.col("channel") == F.col("_channel")))
    )
    touching = messages.join(row, active).where(_touches())
    gathered = touching.groupBy("message_id", "policy").agg(
        *(
            F.any_value(name).alias(name)
            for name in ("person_id", "channel", "campaign_id", "cost")
        ),
        F.any_value(sent_at).alias("sent_at"),
        F.array_sort(F.array_distinct(F.flatten(F.collect_list("_evidence")))).alias("evidence"),
        *(
            F.count_distinct(F.when(F.col("scope_kind") == kind, F.col("scope_value"))).alias(
                f"_{kind}"
            )
            for kind in ("sku", "category", "brand")
        ),
        *(F.any_value(F.size(name)).alias(f"_{name}") for name in ("skus", "categories", "brands")),
    )
    return gathered.where(_enough(shares))


def _touches() -> Column:
    kind, value = F.col("scope_kind"), F.col("scope_value")
    return (
        F.when(kind == "all", F.lit(True))
        .when(kind == "purpose", value == F.col("purpose"))
        .when(kind == "campaign", value == F.col("campaign_id"))
        .when(kind == "sku", F.array_contains("skus", value))
        .when(kind == "category", F.array_contains("categories", value))
        .when(kind == "brand", F.array_contains("brands", value))
        .otherwise(F.lit(False))
    )


def _enough(shares: Mapping[str, float]) -> Column:
    """Whether the touched part of the message reaches the share its rule asks for."""
    enough = F.lit(True)
    for policy, share in sorted(shares.items()):
        if share <= 0:
            continue
        parts = [
            F.col(f"_{kind}") >= F.lit(share) * F.col(f"_{whole}")
            for kind, whole in (("sku", "skus"), ("category", "categories"), ("brand", "brands"))
            if kind
        ]
        reached = (
            F.when(F.col("_sku") > 0, parts[0])
            .when(F.col("_category") > 0, parts[1])
            .when(F.col("_brand") > 0, parts[2])
            .otherwise(F.lit(True))
        )
        enough = F.when(F.col("policy") == policy, reached).otherwise(enough)
    return enough
