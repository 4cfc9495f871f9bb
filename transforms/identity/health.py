"""Health: how identifiers make persons, in numbers that somebody can judge."""

from __future__ import annotations

from datetime import datetime, timedelta

from pyspark.sql import DataFrame, GroupedData
from pyspark.sql import functions as F

from tactful.schemas.identity import STATES

# Beside the types, a row over all of them.
ALL = "all"
DAY = timedelta(days=1)


def health(
    labels: DataFrame,
    changes: DataFrame,
    *,
    as_of: datetime,
    over: DataFrame,
    of_too_many: DataFrame,
) -> DataFrame:
    """Count what identifiers of each type came to, and how many of them one person has at most.

    A type of which one person has hundreds, or of which most are hubs, links too much: a constant
    of a device's maker, a till's address, a call centre's phone. What devices of several tie
    together is no person, but what a batch costs that touches any of it.

    Keeps: one row a type of which any was seen, and one over all. Adds: the columns of
    `identity_health`. labels: newest label of each identifier. changes: rows of `identity_changes`;
    those of the 24 hours until `as_of` count, in the row over all. over, of_too_many: the neutral
    and the hubs that no two customers share, identifier_key each (see `nobodys`).
    """
    told = (
        labels.join(over.withColumn("_is_over", F.lit(True)), "identifier_key", "left")
        .join(of_too_many.withColumn("_is_many", F.lit(True)), "identifier_key", "left")
        .select("identifier_type", "state", "person_id", "component_key", "_is_over", "_is_many")
    )
    everything = told.unionByName(told.withColumn("identifier_type", F.lit(ALL)))
    is_state = {name: F.col("state") == name for name in STATES}
    counts = everything.groupBy("identifier_type").agg(
        *(F.count_if(is_state[name]).alias(f"{name}_count") for name in STATES),
        F.count_if("_is_many").alias("hub_of_one_count"),
        F.count_if("_is_over").alias("neutral_over_count"),
    )
    held = _held(everything.where(is_state["linked"]), "person_id")
    of_persons = held.agg(
        F.count("*").alias("persons_count"), F.max("held").alias("most_of_one_person_count")
    )
    together = _held(everything.where(~is_state["blocked"]), "component_key").agg(
        F.max("held").alias("together_count")
    )
    found = (
        counts.join(of_persons, "identifier_type", "left")
        .join(together, "identifier_type", "left")
        .join(_changed(changes, as_of), "identifier_type", "left")
    )
    none, is_all = F.lit(0), F.col("identifier_type") == ALL
    everywhere = ("persons_count", "most_of_one_person_count", "together_count")
    daily = ("merges_1d_count", "splits_1d_count")
    return found.withColumns(
        {name: F.coalesce(name, none) for name in everywhere}
        | {name: F.when(is_all, F.coalesce(name, none)) for name in daily}
    )


def _held(rows: DataFrame, by: str) -> GroupedData:
    """How many identifiers of a type each person, or all that hangs together, has; by type."""
    held = rows.groupBy("identifier_type", by).agg(F.count("*").alias("held"))
    return held.groupBy("identifier_type")


def _changed(changes: DataFrame, as_of: datetime) -> DataFrame:
    """How often persons became one and came apart in the day until then, in one row over all."""
    newest = changes.where(F.col("changed_at") > F.lit(as_of - DAY))
    return newest.agg(
        F.count_if(F.col("kind") == "merge").alias("merges_1d_count"),
        F.count_if(F.col("kind") == "split").alias("splits_1d_count"),
    ).withColumn("identifier_type", F.lit(ALL))
