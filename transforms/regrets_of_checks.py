"""Regrets of checks: messages that did not fit when and where they were sent."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from tactful.transforms.checks import Around, spoken_against
from tactful.transforms.jurisdictions import places_by_then
from tactful.transforms.persons.zones import zones_by_then
from tactful.transforms.rules.rule import Policy

REGRET = ("message_id", "policy", "person_id", "channel", "campaign_id", "sent_at", "cost")


def regrets_of_checks(
    messages: DataFrame,
    timeline: DataFrame,
    around: Around,
    *,
    policies: Sequence[Policy],
    time_zone: str,
) -> DataFrame:
    """Say which check would have stopped which message: the boots in summer.

    Asked is what held when it was sent, at the place and by the clock where its customer had last
    been seen by then. A check that names entries of [[activate]] is about what these say alone, and
    of a message that came from elsewhere nobody knows by whose wish it was sent: it regrets none.

    Keeps: one row a message × check. Adds: the columns of `regrets`; evidence is what tells where
    the customer was, if anything does.
    messages: see `marketing_messages`. timeline: rows with person_id. policies: at least one.
    time_zone: the business's.
    """
    sent = messages.withColumn("sent_at", F.col("sent.occurred_at"))
    moments = sent.select("person_id", F.col("sent_at").alias("at")).distinct()
    theirs = zones_by_then(moments, timeline, time_zone=time_zone).join(
        places_by_then(moments, timeline), ["person_id", "at"]
    )
    placed = sent.join(theirs.withColumnRenamed("at", "sent_at"), ["person_id", "sent_at"])
    asked = placed.select(
        F.col("message_id").alias("decision_id"),
        "channel",
        F.lit("").alias("policy"),
        *("skus", "country", "region", "time_zone"),
        F.col("sent_at").alias("moment"),
    )
    found = spoken_against(asked, around, policies=policies)
    assert found is not None
    against = found.select(F.col("decision_id").alias("message_id"), "policy")
    evidence = F.array_compact(F.array("told_by")).alias("evidence")
    return placed.join(against, "message_id").select(*REGRET, evidence)
