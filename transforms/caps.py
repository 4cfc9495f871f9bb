"""Frequency caps: how often somebody was contacted, and when the limit was reached."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from tactful.schemas.events import ORDER
from tactful.schemas.words import ALL
from tactful.transforms.identity.owners import is_person
from tactful.transforms.message_facts import by_machine
from tactful.transforms.rules.suppressions import channel_list, with_id


@dataclass(frozen=True)
class CapRule:
    """At most `limit` messages in a rolling window, over channels and purposes."""

    name: str
    channels: Sequence[str]
    purposes: Sequence[str]
    limit: int
    window: timedelta
    counts: str


def counted_messages(timeline: DataFrame, *, rules: Sequence[CapRule]) -> DataFrame:
    """List the messages that each cap counts: each once, at its first event of the type.

    A message repeated by its sender is still one message; an opening by a machine is none.

    Keeps: person_id, message_id, rule (name, limit, window …), cause (occurred_at, stream,
    event_id). Grain: person × cap × message.
    timeline: rows with person_id and the facts of their message; of each message all there are.
    """
    own = timeline.where((F.col("stream") == "messages") & is_person())
    applying = F.array_compact(
        F.array(*(F.when(_counts(rule), _as_struct(rule)) for rule in rules))
    )
    return (
        own.select("person_id", "message_id", F.struct(*ORDER).alias("cause"), applying.alias("_r"))
        .select("person_id", "message_id", "cause", F.explode("_r").alias("rule"))
        .groupBy("person_id", "rule", "message_id")
        .agg(F.min("cause").alias("cause"))
    )


def capped(messages: DataFrame, *, longest: int) -> DataFrame:
    """Do not contact somebody again while they have heard as often as a cap allows.

    The window is rolling, (t − window, t]: exactly one window after the oldest of `limit`
    messages the next is allowed. Every message that fills the window makes one interval, from
    that message until the oldest falls out of it.

    Keeps: one row a message that fills the window. Adds: the columns of `suppressions`, cause.
    messages: see `counted_messages`. longest: the highest limit.
    """
    in_order = (
        Window.partitionBy("person_id", "rule.name").orderBy("cause").rowsBetween(1 - longest, 0)
    )
    limit = F.col("rule.limit")
    full = (
        messages.withColumn("_lately", F.collect_list("cause").over(in_order))
        .where(F.size("_lately") >= limit)
        .withColumn("_lately", F.slice("_lately", -limit, limit))
        .withColumn("_ends_at", F.get("_lately", 0)["occurred_at"] + F.col("rule.window"))
        .where(F.col("cause.occurred_at") < F.col("_ends_at"))
    )
    return full.select(
        "person_id",
        F.col("rule.name").alias("policy"),
        F.lit("capped").alias("reason"),
        F.col("rule.channels").alias("channels"),
        F.lit("purpose").alias("scope_kind"),
        F.col("rule.purposes").alias("scope_values"),
        F.col("cause.occurred_at").alias("starts_at"),
        F.col("_ends_at").alias("ends_at"),
        F.lit(None).cast("string").alias("lifted_by"),
        F.transform("_lately", lambda c: F.concat_ws(":", c["stream"], c["event_id"])).alias(
            "evidence"
        ),
        "cause",
        F.lit(None).cast("int").alias("line_number"),
    ).transform(with_id)


def pressure(messages: DataFrame, *, as_of: datetime) -> DataFrame:
    """Count how often each person was contacted within each cap's window up to now.

    `next_allowed_at` is when the limit-th newest message leaves the window; null means now.

    Keeps: one row a person × cap with at least one message in the window. Adds: counted (exact
    up to the limit), cap_limit, window_starts_at, next_allowed_at, as_of.
    """
    now, at = F.lit(as_of), F.col("cause.occurred_at")
    starts = now - F.col("rule.window")
    newest_first = Window.partitionBy("person_id", "rule.name").orderBy(F.col("cause").desc())
    recent = messages.where((at > starts) & (at <= now)).withColumn(
        "_place", F.row_number().over(newest_first)
    )
    full = F.max(F.when(F.col("_place") == F.col("rule.limit"), at + F.col("rule.window")))
    return recent.groupBy("person_id", F.col("rule.name").alias("cap")).agg(
        F.least(F.count("*"), F.max("rule.limit")).cast("int").alias("counted"),
        F.max("rule.limit").alias("cap_limit"),
        F.max(starts).alias("window_starts_at"),
        full.alias("next_allowed_at"),
        now.alias("as_of"),
    )


def _counts(rule: CapRule) -> Column:
    """Whether a cap counts an event of a message."""
    counted = F.col("type") == rule.counts
    if rule.counts == "opened":
        counted &= ~by_machine()
    if rule.channels:
        # A message of a channel that nobody knows (all) counts for every one.
        counted &= F.coalesce(F.col("channel").isin([*rule.channels, ALL]), F.lit(False))
    return counted & F.coalesce("purpose", F.lit("marketing")).isin(list(rule.purposes))


def _as_struct(rule: CapRule) -> Column:
    return F.struct(
        F.lit(rule.name).alias("name"),
        F.lit(rule.limit).alias("limit"),
        F.lit(rule.window).alias("window"),
        channel_list(rule.channels).alias("channels"),
        F.array(*(F.lit(purpose) for purpose in sorted(rule.purposes))).alias("purposes"),
    )
