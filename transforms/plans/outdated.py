"""Outdated: who was passed over by what is known of them from before their newest event."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from pyspark.sql import DataFrame
from pyspark.sql import functions as F


def outdated(
    meant: DataFrame,
    own: DataFrame,
    customers: DataFrame,
    *,
    picky: Collection[str],
    as_of: datetime,
) -> DataFrame:
    """Find who was passed over by what is known of them from before their newest event.

    A first order makes somebody a customer of whom nothing was known: whoever asks for customers
    has to ask again once it is.

    Keeps: person_id. Grain: person with a proposal that could still be said, and is not meant for
    them, or has no content for them. meant: see `with_conditions`. own: person_id, occurred_at of
    their own events. customers: person_id, last_seen_at, one row a person. picky: the policies that
    say nothing without a content.
    """
    is_for_them = F.coalesce("is_wanted", F.lit(False))
    if picky:
        is_for_them &= ~F.col("policy").isin(*picky) | F.col("content_id").isNotNull()
    is_over = F.coalesce(F.col("expires_at") <= F.lit(as_of), F.lit(False))
    passed_over = meant.where(~is_for_them & ~is_over & F.col("withdrawn_by").isNull())
    newest = own.groupBy("person_id").agg(F.max("occurred_at").alias("_newest"))
    known = customers.select("person_id", F.col("last_seen_at").alias("_known"))
    is_known = F.coalesce(F.col("_known") >= F.col("_newest"), F.lit(False))
    return (
        passed_over.select("person_id")
        .distinct()
        .join(newest, "person_id")
        .join(known, "person_id", "left")
        .where(~is_known)
        .select("person_id")
    )
