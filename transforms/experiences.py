"""Bad experiences: what has annoyed a customer, or should have been spared them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from tactful.schemas.events import ORDER
from tactful.transforms.closings import is_address
from tactful.transforms.identity.owners import is_person
from tactful.transforms.regrets import regrets


def bad_experiences(
    timeline: DataFrame,
    messages: DataFrame,
    suppressions: DataFrame | None,
    *,
    shares: Mapping[str, float],
    is_one: Sequence[Column],
) -> DataFrame:
    """List what each customer has been annoyed by: wrong messages, late deliveries, complaints.

    A marketing message that a rule spoke against when it was sent is one, however many did; so is
    an order that is late, from when the first of its lines is, and each complaint, for everybody
    whom it may be about.

    Keeps: one row a person × experience: person_id, at, cause (occurred_at, stream, event_id).
    timeline: rows with person_id. messages: see `marketing_messages`. suppressions: rows with
    cause of the rules that make experiences bad; None without any. shares: see `regrets`. is_one:
    whether a row of suppressions is an experience by itself, by any of these.
    """
    complained = timeline.where((F.col("type") == "complained") & is_person() & ~is_address())
    found = complained.select(
        "person_id", F.col("occurred_at").alias("at"), F.struct(*ORDER).alias("cause")
    ).distinct()
    if suppressions is None:
        return found
    wrong = regrets(messages, suppressions, shares=shares).select("message_id").distinct()
    sent = messages.join(wrong, "message_id").select(
        "person_id", F.col("sent.occurred_at").alias("at"), F.col("sent").alias("cause")
    )
    late = suppressions.where(reduce(Column.__or__, is_one)).groupBy("person_id", "cause")
    late_at = late.agg(F.min("starts_at").alias("at")).select("person_id", "at", "cause")
    return found.unionByName(sent).unionByName(late_at)
