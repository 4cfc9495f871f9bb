"""Consents: what persons said of consent, each word once for every purpose it is about."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from tactful.schemas.events import ORDER
from tactful.schemas.words import AD, ALL, PURPOSES, SIGNALS

GRANTED, WITHDRAWN = "consent_granted", "consent_withdrawn"
# What proves that somebody said yes: the event, as stream:event_id, and what it was said to.
PROOF = "struct<event:string,policy_text:string>"


def consents(timeline: DataFrame) -> DataFrame:
    """List who granted or withdrew consent, for which channel and purpose.

    A word that names no channel, or all of them, is about every channel; one that names no purpose
    is about marketing, and one for all purposes is about each.

    Keeps: one row a consent event × purpose, with all columns. Changes: channel (null = every
    channel), purpose (never null, never all). Adds: is_granted.
    """
    purpose = F.coalesce("purpose", F.lit("marketing"))
    each = F.array(*(F.lit(name) for name in PURPOSES))
    return timeline.where(F.col("type").isin(GRANTED, WITHDRAWN)).withColumns(
        {
            "purpose": F.explode(F.when(purpose == ALL, each).otherwise(F.array(purpose))),
            "channel": unless_all(F.col("channel")),
            "is_granted": F.col("type") == GRANTED,
        }
    )


def without_repeats(said: DataFrame) -> DataFrame:
    """Of signals that withdraw consent the first, until consent was granted again.

    A browser that asks not to be sold asks so with every page: that is one withdrawal, not a
    thousand. After a grant it is one anew.

    Keeps: all words of consent but such repeats, all columns. said: see `consents`.
    """
    by_then = (
        Window.partitionBy("person_id", "purpose")
        .orderBy("occurred_at")
        .rangeBetween(Window.unboundedPreceding, Window.currentRow)
    )
    opens = F.col("is_granted") & F.coalesce(F.col("channel") == AD, F.lit(True))
    is_signal = F.coalesce(F.col("attribute").isin(*SIGNALS), F.lit(False)) & ~F.col("is_granted")
    granted = F.max(F.when(opens, F.col("occurred_at"))).over(by_then)
    alike = Window.partitionBy("person_id", "purpose", "_is_signal", "_granted_at")
    place = F.row_number().over(alike.orderBy(*ORDER))
    marked = said.withColumns({"_is_signal": is_signal, "_granted_at": granted})
    kept = marked.withColumn("_place", place).where("NOT _is_signal OR _place = 1")
    return kept.drop("_is_signal", "_granted_at", "_place")


def newest_word() -> Column:
    """Whether the newest of several words grants it; at one moment a withdrawal counts."""
    return F.max_by("is_granted", _newest())


def proof() -> Column:
    """What proves the newest of several words, where it grants; null where it withdraws."""
    event = F.concat_ws(":", "stream", "event_id").alias("event")
    return F.max_by(F.when(F.col("is_granted"), F.struct(event, "policy_text")), _newest())


def proven(by: Column) -> tuple[Column, Column]:
    """What a record keeps of a proof: consent_event and policy_text."""
    return by["event"].alias("consent_event"), by["policy_text"].alias("policy_text")


def _newest() -> Column:
    return F.struct("occurred_at", ~F.col("is_granted"), "event_id")


def unless_all(channel: Column) -> Column:
    """The channel, null where it is all of them."""
    return F.when(channel != ALL, channel)
