"""Jurisdictions: by which country's law somebody is asked for consent, and what silence means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from tactful.schemas.countries import COUNTRIES
from tactful.schemas.events import ORDER
from tactful.transforms.consents import GRANTED, WITHDRAWN
from tactful.transforms.identity.owners import is_person
from tactful.transforms.rules.suppressions import named

# The classes of events that have a place; what consents are under is read of all of them.
PLACE_CLASSES = ("browse", "intent", "profile", "service")


@dataclass(frozen=True)
class Silence:
    """What it means that somebody has said nothing: `opt_in`, no consent, or consent.

    of: what it means where another law holds, by country. Of whom no country is known it is the
    strictest of all of these.
    """

    opt_in: bool
    of: Mapping[str, bool] = field(default_factory=dict)

    @property
    def varies(self) -> bool:
        """Whether it matters where somebody lives."""
        return any(opt_in != self.opt_in for opt_in in self.of.values())

    @property
    def is_never_consent(self) -> bool:
        """Whether nobody has consented who has said nothing."""
        return self.opt_in and all(self.of.values())

    @property
    def is_no_nowhere(self) -> bool:
        """Whether it is no where nobody knows of any country: by the strictest of all laws."""
        return self.opt_in or any(self.of.values())

    def is_no_in(self, country: str | None) -> bool:
        """Whether silence is no in a country; None where none is known."""
        return self.is_no_nowhere if country is None else self.of.get(country, self.opt_in)

    def is_no(self) -> Column:
        """Whether silence is no where a row's person lives. Of rows with jurisdiction."""
        own = (F.when(F.col("jurisdiction") == c, F.lit(no)) for c, no in sorted(self.of.items()))
        known = F.when(F.col("jurisdiction").isNotNull(), F.lit(self.opt_in))
        return F.coalesce(*own, known, F.lit(self.is_no_nowhere))


def tells_country() -> Column:
    """Whether an event says in which country it happened."""
    return F.col("event_class").isin(*PLACE_CLASSES) & country("country").isNotNull()


def country(text: str) -> Column:
    """The country whose code a text is, alone or before a part of it (US-CA); else null."""
    # As text: a literal each would be hundreds of calls into the JVM.
    names = ", ".join(f"'{code}'" for code in COUNTRIES)
    code = f"regexp_extract(upper(trim({text})), '^([A-Z]{{2}})(-[A-Z0-9]{{1,3}})?\\\\z', 1)"
    return F.expr(f"CASE WHEN {code} IN ({names}) THEN {code} END")


def places() -> Column:
    """The places a row is of, the nearest first: a part of a country (US-CA), and the country."""
    return F.array_compact(F.array(part_of_country(), country("country")))


def part_of_country() -> Column:
    """The part of a country that a row is of (US-CA); null where it names none, or no country."""
    return F.concat(country("country"), F.lit("-"), F.upper(F.trim("region")))


def place_of_weather() -> Column:
    """The place that a row of `context` is about, as `places` has it."""
    return F.upper(F.trim("region"))


def jurisdictions(timeline: DataFrame) -> DataFrame:
    """Say by which country's law each person is asked for consent.

    It is that of the newest word of consent that names one; where that is no country, nobody knows.
    Of whom no such word was told it is the country of their newest event of which one is known.

    Keeps: one row a person of whom a country is known. Adds: jurisdiction.
    timeline: rows with person_id, what closes a channel once for everybody whom it may be about.
    """
    is_word = F.col("type").isin(GRANTED, WITHDRAWN) & (F.trim("jurisdiction") != "")
    word = F.struct(*ORDER, country("jurisdiction").alias("country"))
    place = F.struct(*ORDER, country("country").alias("country"))
    told = timeline.where(is_person() & (F.coalesce(is_word, F.lit(False)) | tells_country()))
    newest = told.groupBy("person_id").agg(
        F.max(F.when(is_word, word)).alias("_word"),
        F.max(F.when(tells_country(), place)).alias("_place"),
    )
    law = F.when(F.col("_word").isNotNull(), F.col("_word.country")).otherwise(
        F.col("_place.country")
    )
    return newest.select("person_id", law.alias("jurisdiction")).where("jurisdiction IS NOT NULL")


def whereabouts(timeline: DataFrame) -> DataFrame:
    """Say where each person was last, as far as anything that happened says it.

    Keeps: one row a person of whom a country is known. Adds: country, region (as told).
    timeline: see `jurisdictions`.
    """
    place = F.max_by(F.struct("country", "region"), F.struct(*ORDER)).alias("_place")
    located = timeline.where(is_person() & tells_country())
    return located.groupBy("person_id").agg(place).select("person_id", "_place.*")


def places_by_then(moments: DataFrame, timeline: DataFrame) -> DataFrame:
    """Say where each person was at some moments, as far as had happened by then.

    Keeps: one row a person and moment. Adds: country, region (as told; null where nobody knows),
    told_by (the event that says so, as evidence names it).
    moments: person_id, at, each once. timeline: rows with person_id.
    """
    place = F.struct(*ORDER, "country", "region").alias("_place")
    located = timeline.where(tells_country()).select(
        "person_id", F.col("occurred_at").alias("at"), place, F.lit(False).alias("_is_asked")
    )
    asked = moments.select("person_id", "at", F.lit(True).alias("_is_asked"))
    by_then = (
        Window.partitionBy("person_id")
        .orderBy("at")
        .rangeBetween(Window.unboundedPreceding, Window.currentRow)
    )
    known = located.unionByName(asked, allowMissingColumns=True)
    told = known.withColumn("_last", F.max("_place").over(by_then)).where("_is_asked")
    return told.select(
        "person_id", "at", "_last.country", "_last.region", named("_last").alias("told_by")
    )
