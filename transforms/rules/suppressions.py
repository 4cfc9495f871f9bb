"""Rows of suppressions: how each is named by its cause, and how it names others."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F


def with_id(rows: DataFrame) -> DataFrame:
    """Name each row by what causes it and what it is about, never by a person: a merge keeps it.

    Adds: suppression_id. Drops: line_number.
    """
    parts = (
        F.col("policy"),
        named("cause"),
        F.coalesce(F.col("line_number").cast("string"), F.lit("")),
        F.coalesce("channel", F.lit("")),
        F.col("scope_kind"),
        F.coalesce("scope_value", F.lit("")),
        F.unix_micros("starts_at").cast("string"),
    )
    named_rows = rows.withColumn(
        "suppression_id", F.substring(F.sha2(F.concat_ws("|", *parts), 256), 1, 32)
    )
    return named_rows.drop("line_number")


def named(event_ref: str) -> Column:
    """How evidence names an event: stream:event_id."""
    name = F.concat_ws(":", F.col(f"{event_ref}.stream"), F.col(f"{event_ref}.event_id"))
    return F.when(F.col(event_ref).isNotNull(), name)


def channel_list(channels: Sequence[str]) -> Column:
    """The channels of a rule as an array; one null stands for all of them."""
    return F.array(*(F.lit(channel).cast("string") for channel in channels or [None]))
