"""Handed over: what becomes of what is to be said later, and of whom ads are shown to."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from tactful.schemas.words import AD
from tactful.transforms.rules.suppressions import named

# Somebody has paused its policy.
PAUSED = "paused"
# What a destination was told stands as it was told.
TOLD = (
    "content_id", "skus", "proposed_at", "expires_at", "score", "send_at", "emitted_at",
)  # fmt: skip


def followed(
    handed: DataFrame, sent: DataFrame, *, as_of: datetime, is_halted: Column | None = None
) -> DataFrame:
    """Say whether what was handed over is still ahead, is said, or is to be called back.

    Whatever forbids it or cancels it before its moment calls it back, and so does who pauses its
    policy; behind it, or once its sender says that it was sent, it is said, and nothing changes it.
    Nobody is shown an ad any more from the moment on at which it ends, is cancelled, or forbidden.

    Keeps: all rows. Adds: outcome, reason, lost_to, stopped_by, is_final, is_said (false: it was),
    look_at, and the columns `TOLD` as they were handed over.
    handed: what is proposed still, with bars and `was`, which was handed over. sent: decision_id of
    what its sender says was sent. is_halted: whether its policy is paused, and who was told of it
    takes it back; None: nothing is.
    """
    is_sent = sent.withColumn("_is_sent", F.lit(True))
    told = handed.join(is_sent, "decision_id", "left").withColumns(
        {name: F.col(f"was.{name}") for name in TOLD}
    )
    is_said = F.coalesce(F.col("_is_sent"), F.lit(False)) & (F.col("channel") != AD)
    is_over = is_past(as_of) | is_said
    is_cancelled = F.col("withdrawn_by").isNotNull()
    is_barred = F.size("bars") > 0
    is_paused = F.lit(False) if is_halted is None else is_halted
    is_back = ~is_over & (is_cancelled | is_barred | is_paused)
    why = F.when(is_cancelled, F.col("cancelled_by")).otherwise(
        F.coalesce(F.get("bars", 0)["policy"], F.lit(PAUSED))
    )
    return told.withColumns(
        {
            "outcome": F.when(is_back, "withdrawn").otherwise("chosen"),
            "reason": F.when(is_back, why),
            "lost_to": F.array().cast("array<string>"),
            "stopped_by": F.when(is_back, stopped_by(is_cancelled)),
            "is_final": is_over | is_back,
            "is_said": F.lit(False),
            "look_at": F.when(~(is_over | is_back), ends_at()),
        }
    ).drop("_is_sent")


def sent_by_name(timeline: DataFrame) -> DataFrame:
    """What senders say was sent of what they were told to send, by its decision.

    Keeps: decision_id. Grain: decision. timeline: rows with the facts of their message.
    """
    is_sent = (F.col("stream") == "messages") & (F.col("type") == "sent")
    named = timeline.where(is_sent & F.col("decision_id").isNotNull())
    return named.select("decision_id").distinct()


def stopped_by(is_cancelled: Column) -> Column:
    """The events for which something is not said: the one that cancels it, or those of the rule."""
    return F.when(is_cancelled, F.array(named("withdrawn_by"))).otherwise(
        F.get("bars", 0)["evidence"]
    )


def ends_at() -> Column:
    """When nothing changes any more what was handed over: it is said, or nobody is shown it."""
    return F.when(F.col("channel") == AD, F.col("expires_at")).otherwise(F.col("send_at"))


def is_ahead_of(as_of: datetime) -> Column:
    """Of rows of plans: whether it was handed over and is to be said later than that."""
    is_told = F.col("emitted_at").isNotNull() & (F.col("channel") != AD)
    return (F.col("outcome") == "chosen") & is_told & (F.col("send_at") > F.lit(as_of))


def is_past(as_of: datetime) -> Column:
    """Whether that moment has come."""
    return F.coalesce(ends_at() <= F.lit(as_of), F.lit(False))


def is_called_back() -> Column:
    """Of rows of plans: whether a destination is to be told to say it not."""
    was_told = F.col("emitted_at").isNotNull() & (F.col("channel") != AD)
    return (F.col("outcome") == "withdrawn") & was_told


def was_heard() -> Column:
    """Of rows of plans: whether somebody was told it, or may have been until it was withdrawn."""
    is_back = F.col("outcome") == "withdrawn"
    return F.col("emitted_at").isNotNull() & (~is_back | (F.col("channel") == AD))


def is_shown() -> Column:
    """Of rows of plans: whether its moment has come, of what is decided and shown only."""
    return F.col("is_shadow") & F.col("is_final") & (F.col("outcome") == "chosen")


def reached_by_ads(identifiers: DataFrame, *, types: Sequence[str]) -> DataFrame:
    """Whom ads reach: everybody who is known by anything that whoever shows them takes.

    Keeps: person_id. Adds: channel, address, identifier_key, is_dead (never). Grain: person.
    identifiers: person_id, identifier_key, identifier_type, value, state. types: what they take.
    """
    known = identifiers.where((F.col("state") == "linked") & F.col("identifier_type").isin(*types))
    best = F.min(F.struct("identifier_type", "identifier_key", "value")).alias("_b")
    return (
        known.groupBy("person_id")
        .agg(best)
        .select(
            "person_id",
            F.lit(AD).alias("channel"),
            F.col("_b.value").alias("address"),
            F.col("_b.identifier_key").alias("identifier_key"),
            F.lit(False).alias("is_dead"),
        )
    )


def targeted(plans: DataFrame) -> DataFrame:
    """Who is shown ads now, and of which policy.

    Keeps: person_id. Adds: audience, decision_id (the plan that says so). Grain: person × policy.
    plans: of each ad that stands, what was handed over or is so now.
    """
    mine = plans.where(
        (F.col("channel") == AD) & F.col("emitted_at").isNotNull() & ~F.col("is_final")
    )
    told = mine.groupBy("person_id", F.col("policy").alias("audience"))
    return told.agg(F.min("decision_id").alias("decision_id"))
