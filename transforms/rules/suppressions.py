"""Rows of suppressions: how each is named by its cause, and how it names others."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F


def with_id(rows: DataFrame) -> DataFrame:
    """Name each row by what causes it and what it is about, never by a person: a merge keeps it.

    Adds: suppression_id; scope (of one part) where scope_kind and scope_values tell it. Drops:
    line_number, scope_kind, scope_values.
    """
    if "scope" not in rows.columns:
        rows = rows.withColumn("scope", F.array(scope_part("scope_kind", "scope_values")))
    parts = (
        F.col("policy"),
        named("cause"),
        F.coalesce(F.col("line_number").cast("string"), F.lit("")),
        F.array_join(F.transform("scope", _in_short), "|"),
        F.unix_micros("starts_at").cast("string"),
    )
    name = F.substring(F.sha2(F.concat_ws("|", *parts), 256), 1, 32)
    return rows.withColumn("suppression_id", name).drop("line_number", "scope_kind", "scope_values")


def scope_part(kind: str | Column, values: str | Column, *, negated: bool = False) -> Column:
    """One part of a scope: all of its parts must hold for a message that it is about."""
    return F.struct(
        (F.col(kind) if isinstance(kind, str) else kind).alias("kind"),
        (F.col(values) if isinstance(values, str) else values).alias("values"),
        F.lit(negated).alias("negated"),
    )


def _in_short(part: Column) -> Column:
    """A part of a scope as the name of its row is made of it."""
    values = F.array_join(part["values"], ",")
    sign = F.when(part["negated"], F.lit("!")).otherwise(F.lit(""))
    return F.concat(part["kind"], F.lit("|"), sign, values)


def named(event_ref: str) -> Column:
    """How evidence names an event: stream:event_id."""
    name = F.concat_ws(":", F.col(f"{event_ref}.stream"), F.col(f"{event_ref}.event_id"))
    return F.when(F.col(event_ref).isNotNull(), name)


def channel_list(channels: Sequence[str]) -> Column:
    """The channels of a rule as an array; an empty one stands for all of them."""
    return F.array(*(F.lit(channel) for channel in sorted(channels))).cast("array<string>")


def forever() -> Column:
    """Later than whatever ends: what a row without an end is compared as."""
    return F.lit("9999-12-31 00:00:00").cast("timestamp")


def holds_for(channel: str | Column) -> Column:
    """Whether a suppression is about a channel."""
    return (F.size("channels") == 0) | F.array_contains("channels", channel)


def is_about(kind: str, value: str) -> Column:
    """Whether a suppression's scope names a value, such as a purpose."""
    return F.exists(
        "scope", lambda part: (part["kind"] == kind) & F.array_contains(part["values"], value)
    )
