"""Rows of suppressions: how each is named by its cause, and how it names others."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F


def with_id(rows: DataFrame) -> DataFrame:
    """Name each row by what causes it and what it is about, never by a person: a merge keeps it.

    Adds: suppression_id, scope (of one part). Drops: line_number, scope_kind, scope_values.
    """
    parts = (
        F.col("policy"),
        named("cause"),
        F.coalesce(F.col("line_number").cast("string"), F.lit("")),
        F.col("scope_kind"),
        F.array_join("scope_values", ","),
        F.unix_micros("starts_at").cast("string"),
    )
    part = F.struct(
        F.col("scope_kind").alias("kind"),
        F.col("scope_values").alias("values"),
        F.lit(False).alias("negated"),
    )
    named_rows = rows.withColumns(
        {
            "suppression_id": F.substring(F.sha2(F.concat_ws("|", *parts), 256), 1, 32),
            "scope": F.array(part),
        }
    )
    return named_rows.drop("line_number", "scope_kind", "scope_values")


def named(event_ref: str) -> Column:
    """How evidence names an event: stream:event_id."""
    name = F.concat_ws(":", F.col(f"{event_ref}.stream"), F.col(f"{event_ref}.event_id"))
    return F.when(F.col(event_ref).isNotNull(), name)


def channel_list(channels: Sequence[str]) -> Column:
    """The channels of a rule as an array; an empty one stands for all of them."""
    return F.array(*(F.lit(channel) for channel in sorted(channels))).cast("array<string>")


def holds_for(channel: str | Column) -> Column:
    """Whether a suppression is about a channel."""
    return (F.size("channels") == 0) | F.array_contains("channels", channel)


def is_about(kind: str, value: str) -> Column:
    """Whether a suppression's scope names a value, such as a purpose."""
    return F.exists(
        "scope", lambda part: (part["kind"] == kind) & F.array_contains(part["values"], value)
    )
