"""Owners: whose an event is, worked out when it is read, so that a merge rewrites no event."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F


def with_owner(events: DataFrame, labels: DataFrame, *, hubs: bool = True) -> DataFrame:
    """Say whose each event is: the person of its best identifier that is not a hub.

    A shared device's events belong to its first person until a second was seen with it, and to
    the steady neutral id from then on. An event whose identifiers are all hubs, or that has
    none, belongs to nobody.

    Adds: person_id. Keeps: one row an event row. Drops: nothing.
    events: anchor_key, identifier_keys, occurred_at. labels: one row an identifier.
    hubs: whether any label is a hub; without one the second look is not even planned.
    """
    slim = labels.select(
        F.col("identifier_key").alias("_key"),
        F.col("state").alias("_state"),
        F.col("person_id").alias("_person"),
        F.col("neutral_from_at").alias("_from"),
        F.col("neutral_person_id").alias("_neutral"),
    )
    direct = events.join(slim, F.col("anchor_key") == F.col("_key"), "left")
    if not hubs:
        owned = direct.withColumn("person_id", _owner())
        return owned.drop("_key", "_state", "_person", "_from", "_neutral")
    anchored = direct.where(F.coalesce(F.col("_state"), F.lit("")) != "hub").withColumn(
        "person_id", _owner()
    )
    # Few events have a hub as their best identifier; only those look at their further ones.
    behind = direct.where("_state = 'hub'").drop("_key", "_state", "_person", "_from", "_neutral")
    return anchored.drop("_key", "_state", "_person", "_from", "_neutral").unionByName(
        behind.transform(_next_best, slim)
    )


def _next_best(events: DataFrame, slim: DataFrame) -> DataFrame:
    """Whose events are whose best identifier is a hub: the next that is no hub decides."""
    sets = events.select("identifier_keys").distinct()
    best = (
        sets.select("identifier_keys", F.posexplode("identifier_keys").alias("_place", "_key"))
        .join(slim.where("_state NOT IN ('hub', 'blocked')"), "_key")
        .groupBy("identifier_keys")
        .agg(
            F.min_by(F.struct("_state", "_person", "_from", "_neutral"), F.col("_place")).alias(
                "_best"
            )
        )
        .select("identifier_keys", "_best.*")
    )
    owned = events.join(best, "identifier_keys", "left").withColumn("person_id", _owner())
    return owned.drop("_state", "_person", "_from", "_neutral")


def _owner() -> Column:
    shared = (F.col("_state") == "neutral") & (F.col("occurred_at") >= F.col("_from"))
    return F.when(F.coalesce(shared, F.lit(False)), F.col("_neutral")).otherwise(F.col("_person"))


def named_after(person_id: str = "person_id") -> Column:
    """The identifier that a person, or what stands for one, is named after."""
    return F.substring(person_id, 3, 64)


def is_person(person_id: str = "person_id") -> Column:
    """Whether an id stands for a person: not for nobody, and not for a shared device."""
    return F.coalesce(~F.col(person_id).startswith("n_"), F.lit(False))
