"""Decisions: how each is named, so that it is the same one whoever makes it again."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from tactful.transforms.identity.keys import KEY_LENGTH, hmac_sha256

NAMED_BY = ("policy", "cause.stream", "cause.event_id", "step", "channel")


def with_decision_id(decisions: DataFrame, pads: DataFrame) -> DataFrame:
    """Name each decision by what asked for it, so that nobody is told the same thing twice.

    Neither its batch nor its person has a part in the name: a repeat, a replay and a merge of two
    persons find the decision that is there. It is handed to senders, who must not be able to
    guess events from it; so it is keyed with the lake's secret.

    Adds: decision_id. Keeps: one row a decision. Drops: nothing.
    decisions: policy, cause (stream, event_id), step (its place in what the policy does one after
    another), channel. pads: one row with inner and outer (see `hmac_pads`).
    """
    digest = hmac_sha256(_message(), inner=F.col("_pads.inner"), outer=F.col("_pads.outer"))
    keyed = decisions.crossJoin(F.broadcast(pads.select(F.struct("inner", "outer").alias("_pads"))))
    return keyed.withColumn("decision_id", F.substring(digest, 1, KEY_LENGTH)).drop("_pads")


def _message() -> Column:
    """The parts one after another, each behind its length: no two decisions read alike."""
    return F.concat(F.lit("decision:"), *(_part(F.col(name).cast("string")) for name in NAMED_BY))


def _part(text: Column) -> Column:
    return F.coalesce(F.concat(F.length(text).cast("string"), F.lit(":"), text), F.lit("-"))
