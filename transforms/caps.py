"""Frequency caps: how often somebody was contacted, and when the limit was reached."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from tactful.transforms.suppressions import finish, named
from tactful.transforms.undo import ORDER


def counted_messages(
    timeline: DataFrame, *, counts: str, channels: Sequence[str], purposes: Sequence[str]
) -> DataFrame:
    """List the messages that a cap counts: each message once, at its first event of the type.

    A message repeated by its sender is still one message; an opening by a machine is none.

    Keeps: person_id, message_id, cause (occurred_at, stream, event_id). Grain: person × message.
    """
    counted = (F.col("stream") == "messages") & (F.col("type") == counts)
    if counts == "opened":
        counted &= ~F.coalesce("machine_open", F.lit(False))
    if channels:
        counted &= F.col("channel").isin(list(channels))
    if purposes:
        counted &= F.coalesce("purpose", F.lit("marketing")).isin(list(purposes))
    return (
        timeline.where(counted)
        .groupBy("person_id", "message_id")
        .agg(F.min(F.struct(*ORDER)).alias("cause"))
    )


def capped(
    messages: DataFrame,
    *,
    cap: str,
    limit: int,
    window: timedelta,
    channels: Sequence[str],
    purposes: Sequence[str],
) -> DataFrame:
    """Do not contact somebody again while they have heard as often as the cap allows.

    The window is rolling, (t − window, t]: exactly one window after the oldest of `limit`
    messages the next is allowed. Every message that fills the window makes one interval, from
    that message until the oldest falls out of it.

    Keeps: one row a message that fills the window × channel × purpose. Adds: the columns of
    `suppressions`, cause.
    """
    in_order = Window.partitionBy("person_id").orderBy("cause")
    oldest = F.lag("cause", limit - 1).over(in_order) if limit > 1 else F.col("cause")
    lately = F.collect_list(named("cause")).over(in_order.rowsBetween(1 - limit, 0))
    full = (
        messages.withColumns({"_oldest": oldest, "evidence": lately})
        .withColumns(
            {
                "starts_at": F.col("cause.occurred_at"),
                "ends_at": F.col("_oldest.occurred_at") + F.lit(window),
            }
        )
        .where(F.col("starts_at") < F.col("ends_at"))
    )
    spoken = F.array(*(F.lit(purpose).cast("string") for purpose in purposes or [None]))
    return full.withColumns(
        {
            "scope_value": F.explode(spoken),
            "lifted_by": F.lit(None).cast("string"),
            "line_number": F.lit(None).cast("int"),
        }
    ).transform(
        finish,
        policy=cap,
        reason="capped",
        scope_kind="purpose" if purposes else "all",
        channels=channels,
    )


def pressure(
    messages: DataFrame, *, cap: str, limit: int, window: timedelta, as_of: datetime
) -> DataFrame:
    """Count how often each person was contacted within the cap's window up to now.

    `next_allowed_at` is when the limit-th newest message leaves the window; null means now.

    Keeps: one row a person with at least one message in the window. Adds: cap, counted (exact
    up to the limit), cap_limit, window_starts_at, next_allowed_at, as_of.
    """
    now = F.lit(as_of)
    starts = now - F.lit(window)
    at = F.col("cause.occurred_at")
    newest_first = Window.partitionBy("person_id").orderBy(F.col("cause").desc())
    recent = messages.where((at > starts) & (at <= now)).withColumn(
        "_place", F.row_number().over(newest_first)
    )
    full = F.max(F.when(F.col("_place") == limit, at))
    return recent.groupBy("person_id").agg(
        F.lit(cap).alias("cap"),
        F.least(F.count("*"), F.lit(limit)).cast("int").alias("counted"),
        F.lit(limit).alias("cap_limit"),
        starts.alias("window_starts_at"),
        (full + F.lit(window)).alias("next_allowed_at"),
        now.alias("as_of"),
    )
