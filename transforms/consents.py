"""Consents: what persons said of consent, each word once for every purpose it is about."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from tactful.schemas.words import ALL, PURPOSES

GRANTED, WITHDRAWN = "consent_granted", "consent_withdrawn"


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


def newest_word() -> Column:
    """Whether the newest of several words grants it; at one moment a withdrawal counts."""
    return F.max_by("is_granted", F.struct("occurred_at", ~F.col("is_granted"), "event_id"))


def unless_all(channel: Column) -> Column:
    """The channel, null where it is all of them."""
    return F.when(channel != ALL, channel)
