"""Decide: what must not be said to whom, from every configured rule and cap."""

from __future__ import annotations

from functools import reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from tactful.jobs.config import Cap, Config, Suppress
from tactful.transforms.caps import capped, counted_messages
from tactful.transforms.owners import is_person
from tactful.transforms.suppressions import no_consent, purchased, refused_channel


def suppressions(
    timeline: DataFrame, labels: DataFrame, products: DataFrame, config: Config
) -> DataFrame | None:
    """Every suppression these events cause, ended ones too; None without any rule.

    timeline: rows with person_id, and the events that take back these persons' orders, whosever
    they are.
    """
    own = timeline.where(is_person())
    frames = [_ruled(rule, timeline, own, labels, products) for rule in config.rules]
    frames += [_capped(cap, own) for cap in config.caps]
    return reduce(DataFrame.unionByName, frames) if frames else None


def counted(cap: Cap, timeline: DataFrame) -> DataFrame:
    own = timeline.where(is_person())
    return counted_messages(own, counts=cap.counts, channels=cap.channels, purposes=cap.purposes)


def _ruled(
    rule: Suppress, timeline: DataFrame, own: DataFrame, labels: DataFrame, products: DataFrame
) -> DataFrame:
    if rule.when == "purchased":
        return purchased(
            timeline,
            products,
            policy=rule.name,
            match=rule.match or "sku",
            lasts=rule.lasts,
            lasts_share=rule.lasts_share,
            lifted_by=rule.lifted_by,
            channels=rule.channels,
        )
    if rule.when == "no_consent":
        return no_consent(own, policy=rule.name)
    return refused_channel(own, labels, policy=rule.name, when=rule.when)


def _capped(cap: Cap, own: DataFrame) -> DataFrame:
    return capped(
        counted(cap, own),
        cap=cap.name,
        limit=cap.limit,
        window=cap.window,
        channels=cap.channels,
        purposes=cap.purposes,
    )


def shares(config: Config) -> dict[str, float]:
    """The share of a message's products that each rule must touch."""
    return {rule.name: rule.share for rule in config.rules if rule.when == "purchased"}


def falls_due(suppressed: DataFrame, batch_id: int, as_of: object) -> DataFrame:
    """When each of these suppressions ends by itself, filed under an identifier of its person."""
    return (
        suppressed.where(F.col("ends_at") > F.lit(as_of))
        .select(
            F.substring("person_id", 3, 64).alias("anchor_key"),
            F.col("ends_at").alias("due_at"),
            F.lit(batch_id).alias("batch_id"),
        )
        .distinct()
    )
