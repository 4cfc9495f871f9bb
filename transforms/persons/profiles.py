"""Profiles: what persons say of themselves, what others say of them, and what they agreed to."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from tactful.schemas.customers import GENERATIONS
from tactful.schemas.events import ORDER
from tactful.schemas.words import ALL
from tactful.transforms.consents import consents
from tactful.transforms.persons.parts import as_map

# What somebody says of themselves beats what the shop saw, and that what it bought of others.
PROVENANCES = ("zero", "first", "second", "third")
BIRTH_YEAR, BIRTH_DAYS = "birth_year", ("birthday", "birth_date", "date_of_birth")
TIME_ZONE = "time_zone"


def answers(timeline: DataFrame) -> DataFrame:
    """What is known of each person by name: the best source's newest word on each attribute.

    Zero party (their own answer) beats first, second and third; of one source the newest. Who does
    not say where it is from: a preference is the person's own, an attribute the shop's.

    Keeps: one row a person and attribute. Adds: value, provenance, said_at.
    timeline: rows of somebody's.
    """
    source, rank = known_provenance()
    said = timeline.where(says_attribute() & F.col("attribute").isNotNull()).withColumns(
        {"provenance": source, "_rank": rank}
    )
    best = F.max_by(
        F.struct("value", "provenance", F.col("occurred_at").alias("said_at")),
        F.struct("_rank", *ORDER),
    )
    return said.groupBy("person_id", "attribute").agg(best.alias("v")).select(
        "person_id", "attribute", "v.*"
    )  # fmt: skip


def provenance() -> Column:
    """From whom a word on somebody is: of zero, first, second or third party."""
    told = F.lower(F.trim("provenance"))
    own = F.when(F.col("type") == "preference_set", "zero").otherwise("first")
    return F.coalesce(*(F.when(told.startswith(name), name) for name in PROVENANCES), own)


def says_attribute() -> Column:
    """Whether an event says something of a person by name."""
    return F.col("type").isin("attribute_set", "preference_set")


def known_provenance() -> tuple[Column, Column]:
    """Whose word an event is, and how much that counts: of two the higher one does."""
    known = provenance()
    return known, -F.array_position(F.lit(list(PROVENANCES)), known)


def attributes(answers: DataFrame) -> DataFrame:
    """All that is known of each person by name, and the generation that their birth year says.

    Keeps: one row a person of whom something is known. Adds: attributes, generation.
    answers: see `answers`.
    """
    value = F.struct("value", "provenance", "said_at")
    whole = as_map(
        answers.select("person_id", "attribute", value.alias("v")), "attribute", "attributes"
    )
    return whole.withColumn("generation", generation(_birth_year()))


def _birth_year() -> Column:
    """The year they say themselves, else that of the day they say; null where neither is one."""

    def told(name: str) -> Column:
        return F.trim(F.try_element_at("attributes", F.lit(name))["value"])

    year = F.when(told(BIRTH_YEAR).rlike(r"^\d{4}\z"), told(BIRTH_YEAR))
    days = (
        F.when(told(name).rlike(r"^\d{4}-\d{2}-\d{2}"), F.substring(told(name), 1, 4))
        for name in BIRTH_DAYS
    )
    return F.coalesce(year, *days).cast("int")


def generation(year: Column) -> Column:
    """The generation of a birth year; null for a year that none of the living was born in."""
    named = (F.when(year.between(*years), name) for name, years in GENERATIONS.items())
    return F.coalesce(*named)


def newest_consents(timeline: DataFrame) -> DataFrame:
    """The newest word on each channel, or on all, and purpose; of one moment a withdrawal wins.

    Keeps: one row a person who said something. Adds: consents. timeline: rows with person_id.
    """
    topic = F.concat_ws(":", F.coalesce("channel", F.lit(ALL)), "purpose")
    newest = F.max_by("is_granted", F.struct("occurred_at", ~F.col("is_granted"), *ORDER[1:]))
    latest = consents(timeline).groupBy("person_id", topic.alias("topic")).agg(newest.alias("v"))
    return as_map(latest, "topic", "consents")
