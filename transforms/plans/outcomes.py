"""Outcomes: what becomes of everything that is proposed, as of now, and what of it is news."""

from __future__ import annotations

from datetime import datetime, timedelta

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from tactful.schemas.plans import PLANS
from tactful.transforms.plans.arbitration import arbitrate

# What a plan that stands still has to say anew for it to be written again.
NEWS = ("outcome", "reason", "lost_to", "send_at", "is_final", "content_id", "expires_at")
NOT_PROPOSED, LATE, QUIET_HOURS, EXPIRED = "not_proposed", "late", "quiet_hours", "expired"


def decided(
    actions: DataFrame,
    places: DataFrame,
    *,
    as_of: datetime,
    look_ahead: timedelta,
    may_speak: bool,
    paused: tuple[str, ...],
) -> DataFrame:
    """Decide what becomes of each proposal: what forbids it comes first, then its place and moment.

    An event that cancels it withdraws it, and so does whatever forbids what was planned already;
    what has expired is over; what is forbidden waits until that ends; what is too far ahead is
    decided when it comes near; all others are held against each other and the limits. What these
    stop is decided anew when a place is free, unless one of them drops it. Whose moment has come is
    said, unless the batch may not speak or its policy is paused.

    Adds: outcome, reason, lost_to, send_at, is_final, is_said (to be handed over now), look_at.
    Keeps: all rows.
    actions: with bars, moment and limits, `was` (the standing plan: outcome; null without one).
    """
    now = F.lit(as_of)
    is_over = F.coalesce(F.col("expires_at") <= now, F.lit(False))
    is_cancelled = F.col("withdrawn_by").isNotNull()
    is_barred = F.size("bars") > 0
    was_chosen = F.coalesce(F.col("was.outcome") == "chosen", F.lit(False))
    is_near = F.coalesce("moment", F.col("proposed_at")) <= F.lit(as_of + look_ahead)
    fate = (
        F.when(is_cancelled, "cancelled")
        .when(is_over, "over")
        .when(is_barred & was_chosen, "withdrawn")
        .when(is_barred, "barred")
        .when(~is_near, "waiting")
        .otherwise("held")
    )
    # Worked out once: what is asked below of the fold's answer would ask for it again.
    rows = actions.withColumn("_fate", fate)
    contested = arbitrate(rows.where("_fate = 'held'"), places)
    nothing = {
        "send_at": F.lit(None).cast("timestamp"), "next_at": F.lit(None).cast("timestamp"),
        "bound_by": F.lit(None).cast("string"), "winners": F.array().cast("array<string>"),
        "is_dropped": F.lit(False),
    }  # fmt: skip
    others = rows.where("_fate <> 'held'").withColumns(nothing)
    both = contested.unionByName(others)
    bar = F.get("bars", 0)
    is_chosen = (F.col("_fate") == "held") & F.col("send_at").isNotNull()
    has_winner = F.size("winners") > 0
    outcome = (
        F.when(F.col("_fate").isin("cancelled", "withdrawn"), "withdrawn")
        .when(F.col("_fate") == "over", _last_outcome())
        .when(F.col("_fate") == "barred", "suppressed")
        .when(F.col("_fate") == "waiting", "waiting")
        .when(is_chosen, "chosen")
        .when(has_winner, "lost")
        .otherwise("suppressed")
    )
    ended = F.struct(F.array_max(F.transform("bars", _end_of)).alias("at"))["at"]
    reason = (
        F.when(F.col("_fate") == "cancelled", F.col("cancelled_by"))
        .when(F.col("_fate") == "over", _last_reason())
        .when(F.col("_fate").isin("barred", "withdrawn"), bar["policy"])
        .when(F.col("bound_by") == "hours", QUIET_HOURS)
        .otherwise(F.col("bound_by"))
    )
    is_ended = F.col("_fate").isin("cancelled", "withdrawn", "over")
    speaks = F.lit(may_speak) & F.lit("*" not in paused) & ~F.col("policy").isin(*paused)
    is_due = is_chosen & (F.col("send_at") <= now)
    is_said = is_due & ~F.col("is_shadow") & speaks
    # What a cap drops is tried once, at its moment, by who may speak then.
    is_tried = F.col("is_dropped") & (F.col("moment") <= now) & (speaks | F.col("is_shadow"))
    is_final = is_ended | is_said | (is_due & F.col("is_shadow")) | is_tried
    next_look = (
        F.when(F.col("_fate") == "barred", F.when(ended < _never(), ended))
        .when(F.col("_fate") == "waiting", F.coalesce("moment", "proposed_at") - F.lit(look_ahead))
        .when(is_chosen, F.col("send_at"))
        .when(F.col("is_dropped"), F.col("moment"))
        .otherwise(F.col("next_at"))
    )
    # What has been promised and cannot be said yet keeps its moment.
    kept = F.when(is_due & ~is_said & was_chosen, F.col("was.send_at"))
    has_moment = (F.col("_fate") == "waiting") | F.col("is_dropped")
    told = both.withColumns(
        {
            "outcome": outcome,
            "reason": reason,
            "lost_to": F.when(is_ended, F.array().cast("array<string>")).otherwise(
                F.array_sort("winners")
            ),
            "send_at": F.when(
                ~is_ended & (F.col("_fate") != "barred") & ~is_tried,
                F.coalesce(kept, "send_at", "next_at", F.when(has_moment, F.col("moment"))),
            ),
            "is_final": is_final,
            "is_said": is_said,
            "look_at": F.when(~is_final, F.least(next_look, "expires_at")),
        }
    )
    return told.drop("_fate", "next_at", "bound_by", "winners", "is_dropped")


def news(decided: DataFrame, *, as_of: datetime, batch_id: int) -> DataFrame:
    """What of these decisions is not yet written: the rows that `_log/plans` gets.

    What had expired, or was cancelled and had expired since, before anybody thought of it was never
    a plan. Drops: what stands as it did. Columns: those of the log.
    """
    is_new = F.col("was").isNull()
    was_over = F.coalesce(F.col("expires_at") <= F.lit(as_of), F.lit(False))
    differs = F.lit(False)
    for name in NEWS:
        differs |= ~F.col(name).eqNullSafe(F.col(f"was.{name}"))
    written = decided.where((is_new & ~was_over) | (~is_new & differs))
    return PLANS.conform(
        written.withColumns(
            {
                "emitted_at": F.when(F.col("is_said"), F.lit(as_of)),
                "as_of": F.lit(as_of),
                "batch_id": F.lit(batch_id),
            }
        )
    )


def given_up(
    standing: DataFrame, proposed: DataFrame, *, as_of: datetime, batch_id: int
) -> DataFrame:
    """Withdraw what was planned and is no longer proposed: its cause is another's, or no more.

    Keeps: rows of `_log/plans`. standing: those that are not final, of the persons concerned.
    proposed: decision_id of all that is proposed now.
    """
    gone = standing.join(proposed.select("decision_id"), "decision_id", "left_anti")
    is_over = F.coalesce(F.col("expires_at") <= F.lit(as_of), F.lit(False))
    none = F.lit(None).cast("timestamp")
    rows = gone.withColumns(
        {
            "reason": F.when(is_over, _reason_of(F.col("outcome"), F.col("reason"))).otherwise(
                NOT_PROPOSED
            ),
            "outcome": F.when(is_over, _outcome_of(F.col("outcome"))).otherwise("withdrawn"),
            "lost_to": F.array().cast("array<string>"),
            "send_at": none,
            "look_at": none,
            "is_final": F.lit(True),
            "as_of": F.lit(as_of),
            "batch_id": F.lit(batch_id),
        }
    )
    return PLANS.conform(rows)


def _last_outcome() -> Column:
    return _outcome_of(F.col("was.outcome"))


def _last_reason() -> Column:
    return _reason_of(F.col("was.outcome"), F.col("was.reason"))


def _outcome_of(was: Column) -> Column:
    """What is over stays what it was; what was to be said and was not in time is lost."""
    return F.when(was.isin("lost", "suppressed"), was).otherwise("lost")


def _reason_of(was: Column, reason: Column) -> Column:
    return (
        F.when(was == "chosen", LATE)
        .when(was.isin("lost", "suppressed"), reason)
        .otherwise(EXPIRED)
    )


def _end_of(bar: Column) -> Column:
    return F.coalesce(bar["ends_at"], _never())


def _never() -> Column:
    return F.lit("9999-12-31 00:00:00").cast("timestamp")
