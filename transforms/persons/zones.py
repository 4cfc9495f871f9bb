"""Zones: in which time zone a person lived at any moment."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from tactful.schemas.events import ORDER
from tactful.schemas.time_zones import TIME_ZONES
from tactful.transforms.persons.profiles import TIME_ZONE, known_provenance, says_attribute

# The classes of events that may tell a zone: what somebody says, and whatever has a place.
ZONE_CLASSES = ("browse", "intent", "profile")


def is_time_zone(text: str) -> Column:
    """Whether a text, an expression, is the name of a time zone."""
    # As text: a literal each would be hundreds of calls into the JVM.
    names = ", ".join(f"'{name}'" for name in TIME_ZONES)
    return F.expr(f"coalesce({text} IN ({names}), false)")


def tells_zone() -> Column:
    """Whether an event may say in which zone a person lives."""
    return _says_zone() | F.col(TIME_ZONE).isNotNull()


def zones_by_then(moments: DataFrame, timeline: DataFrame, *, time_zone: str | None) -> DataFrame:
    """Say in which zone each person lived at some moments, as far as was known by then.

    The zone is the one that they had told by then (the best source's newest word), else that of the
    newest event by then whose place is known, else the business's. What is told of the same moment
    counts. A name that is none of a time zone says nothing.

    Keeps: one row a person and moment. Adds: time_zone.
    moments: person_id, at, each once. timeline: rows with person_id. time_zone: the business's;
    None leaves it null of whom nothing is known.
    """
    word = F.struct(known_provenance()[1].alias("rank"), *ORDER, F.trim("value").alias("zone"))
    place = F.struct("occurred_at", F.col(TIME_ZONE).alias("zone"))
    told = timeline.where(tells_zone()).select(
        "person_id",
        F.col("occurred_at").alias("at"),
        F.when(_says_zone(), word).alias("_word"),
        F.when(is_time_zone(TIME_ZONE), place).alias("_place"),
        F.lit(False).alias("_is_asked"),
    )
    asked = moments.select("person_id", "at", F.lit(True).alias("_is_asked"))
    by_then = (
        Window.partitionBy("person_id")
        .orderBy("at")
        .rangeBetween(Window.unboundedPreceding, Window.currentRow)
    )
    known = told.unionByName(asked, allowMissingColumns=True).withColumns(
        {
            "_said": F.max("_word").over(by_then)["zone"],
            "_seen": F.max("_place").over(by_then)["zone"],
        }
    )
    said_zone = F.when(is_time_zone("_said"), F.col("_said"))
    zone = F.coalesce(said_zone, F.col("_seen"), F.lit(time_zone).cast("string"))
    return known.where("_is_asked").select("person_id", "at", zone.alias(TIME_ZONE))


def _says_zone() -> Column:
    return says_attribute() & F.coalesce(F.col("attribute") == TIME_ZONE, F.lit(False))
