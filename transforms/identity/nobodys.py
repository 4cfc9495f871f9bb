"""Nobody's: which hubs and neutral devices no two customers share, of one customer as they are."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from tactful.transforms.identity.links import is_seen


def over(labels: DataFrame, links: DataFrame, *, windows: Sequence[timedelta]) -> DataFrame:
    """The identifiers that are nobody's since their link to their only customer ended.

    A link ends as long after it was last seen as a type's window says, and then what hung by it is
    neutral from that very moment; what several share is so from when a second was seen with it.

    Keeps: identifier_key. labels: newest label of each identifier. links: the log of sets. windows:
    those that the configuration names.
    """
    neutral = labels.where("state = 'neutral'").select("identifier_key", "neutral_from_at")
    if not windows:
        return neutral.select("identifier_key").limit(0)
    sets = links.where(is_seen()).select(
        "link_id",
        F.explode("identifier_keys").alias("identifier_key"),
        F.col("last_seen.occurred_at").alias("_last"),
    )
    last = (
        sets.join(neutral, "identifier_key")
        .groupBy("identifier_key", "neutral_from_at", "link_id")
        .agg(F.max("_last").alias("_last"))
    )
    ends = F.lit(False)
    for window in dict.fromkeys(windows):
        ends = ends | (F.col("_last") + F.lit(window) == F.col("neutral_from_at"))
    return last.where(ends).select("identifier_key").distinct()


def of_too_many(labels: DataFrame, links: DataFrame, *, max_identifiers: int) -> DataFrame:
    """The hubs of one customer who would have more identifiers than one person has.

    What was seen with too many hangs together with nothing; what several share was seen with what
    is theirs now.

    Keeps: identifier_key. labels, links: as `over` takes them.
    """
    large = (
        labels.where("state != 'blocked'")
        .groupBy("component_key")
        .agg(F.count("*").alias("_held"))
        .where(F.col("_held") > max_identifiers)
    )
    hubs = labels.where("state = 'hub'").join(large, "component_key").select("identifier_key")
    owned = labels.where("state = 'linked'").select(
        F.col("identifier_key").alias("_other"), F.col("person_id").alias("_person")
    )
    sets = links.where(is_seen()).select(
        "identifier_keys", F.explode("identifier_keys").alias("identifier_key")
    )
    shared = (
        sets.join(hubs, "identifier_key")
        .select("identifier_key", F.explode("identifier_keys").alias("_other"))
        .join(owned, "_other")
        .groupBy("identifier_key")
        .agg(F.min("_person").alias("_least"), F.max("_person").alias("_most"))
        .where("_least != _most")
    )
    return hubs.join(shared, "identifier_key", "left_anti")
