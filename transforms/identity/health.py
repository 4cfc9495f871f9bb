"""Health: how identifiers make persons, in numbers that somebody can judge."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from tactful.schemas.identity import STATES

# Beside the types, a row over all of them.
ALL = "all"


def health(labels: DataFrame) -> DataFrame:
    """Count what identifiers of each type came to, and how many of them one person has at most.

    A type of which one person has hundreds, or of which most are hubs, links too much: a constant
    of a device's maker, a till's address, a call centre's phone.

    Keeps: one row a type of which any was seen, and one over all. Adds: the columns of
    `identity_health`. labels: newest label of each identifier.
    """
    told = labels.select("identifier_type", "state", "person_id")
    everything = told.unionByName(told.withColumn("identifier_type", F.lit(ALL)))
    is_state = {name: F.col("state") == name for name in STATES}
    counts = everything.groupBy("identifier_type").agg(
        *(F.count_if(is_state[name]).alias(f"{name}_count") for name in STATES)
    )
    of_persons = (
        everything.where(is_state["linked"])
        .groupBy("identifier_type", "person_id")
        .agg(F.count("*").alias("_held"))
        .groupBy("identifier_type")
        .agg(
            F.count("*").alias("persons_count"),
            F.max("_held").alias("most_of_one_person_count"),
        )
    )
    none = F.lit(0)
    return counts.join(of_persons, "identifier_type", "left").withColumns(
        {name: F.coalesce(name, none) for name in ("persons_count", "most_of_one_person_count")}
    )
