"""Hubs: the identifiers that link nobody, and how many others each was seen with."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from tactful.transforms.identity.links import is_seen


def hubs(labels: DataFrame, links: DataFrame) -> DataFrame:
    """List every identifier of too many, with how many others it was ever seen.

    One with very many is a constant of an app, a till's address or a call centre's phone, and
    belongs among the blocked values; one with a few more than its bound may be a large family.

    Keeps: one row a hub. Adds: the columns of `hubs`. labels: newest label of each identifier.
    links: the log of sets seen together.
    """
    told = labels.where("state = 'hub'").select(
        "identifier_key", "identifier_type", "first_seen_at", "last_seen_at"
    )
    keys = told.select("identifier_key")
    sets = links.where(is_seen()).select(
        "identifier_keys", F.explode("identifier_keys").alias("identifier_key")
    )
    seen_with = (
        sets.join(F.broadcast(keys), "identifier_key")
        .select("identifier_key", F.explode("identifier_keys").alias("other_key"))
        .where("identifier_key != other_key")
        .groupBy("identifier_key")
        .agg(F.count_distinct("other_key").alias("seen_with_count"))
    )
    return told.join(seen_with, "identifier_key", "left").withColumn(
        "seen_with_count", F.coalesce("seen_with_count", F.lit(0))
    )
