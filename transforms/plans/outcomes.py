"""Outcomes: what becomes of everything that is proposed, as of now, and what of it is news."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from tactful.schemas.plans import PLANS
from tactful.schemas.words import AD
from tactful.transforms.plans.arbitration import arbitrate, worth
from tactful.transforms.plans.days import next_day, over_the_day
from tactful.transforms.plans.handed import PAUSED, ends_at, is_past, stopped_by
from tactful.transforms.plans.limits import INTERRUPTING
from tactful.transforms.quiet_hours import WEEK, open_in

# What a plan that stands still has to say anew for it to be written again.
NEWS = (
    "outcome", "reason", "lost_to", "send_at", "is_final", "content_id", "expires_at", "emitted_at",
    "is_shadow",
)  # fmt: skip
NOT_PROPOSED, LATE, QUIET_HOURS, EXPIRED = "not_proposed", "late", "quiet_hours", "expired"
PER_DAY = "per-day"
# Of what is paused: every policy.
ALL = "*"


def decided(
    actions: DataFrame,
    places: DataFrame,
    *,
    as_of: datetime,
    look_ahead: timedelta,
    may_speak: bool,
    paused: tuple[str, ...],
    ahead: timedelta = timedelta(),
    taken: DataFrame | None = None,
    time_zone: str = "UTC",
    keep: Callable[[DataFrame], DataFrame] = lambda frame: frame,
) -> DataFrame:
    """Decide what becomes of each proposal: what forbids it comes first, then its place and moment.

    An event that cancels it withdraws it, and so does whatever forbids what was planned already;
    what has expired is over; what is forbidden waits until that ends; what is too far ahead is
    decided when it comes near; all others are held against each other and the limits. What these
    stop is decided anew when a place is free, unless one of them drops it. Whose moment has come is
    said, unless the batch may not speak or its policy is paused; what falls due before the next run
    is handed over now where it can be called back until then, and where nothing that is worth more
    waits for an earlier place. No step is said while the one before it waits for a place. What is
    paused holds no place against others. What is too much for its day gives its place up, and is
    decided anew on the next.

    Adds: outcome, reason, lost_to, stopped_by, send_at, is_final, is_said (to be handed over now),
    emitted_at, look_at. Keeps: all rows.
    actions: with bars, moment and limits, `was` (the standing plan: outcome; null without one);
    can_wait: whether its destinations take it ahead of its moment; quotas (see `QUOTA`).
    ahead: until when the next run comes. taken: see `over_the_day`; None where no day is bounded.
    time_zone: the business's. keep: holds a frame that is read several times.
    """
    now = F.lit(as_of)
    rows = actions.withColumn("_fate", _fate(as_of, look_ahead))
    is_paused = F.lit(ALL in paused) | F.col("policy").isin(*paused)
    speaks = F.lit(may_speak) & ~is_paused
    named = [name for name in paused if name != ALL]
    until = F.when(F.col("can_wait"), F.lit(as_of + ahead)).otherwise(now)
    is_due = F.col("send_at").isNotNull() & (F.col("send_at") <= until)
    held = rows.where("_fate = 'held'")
    contested = arbitrate(held, places, paused=named).withColumn("too_much", _text())
    if taken is not None:
        contested = _within_days(
            keep(contested), places, taken, is_due=is_due & speaks, time_zone=time_zone, keep=keep,
            paused=named,
        )  # fmt: skip
    contested = contested.withColumn("_is_held_back", _is_held_back(now, is_paused))
    nothing = {
        "send_at": _time(), "next_at": _time(), "bound_by": _text(), "too_much": _text(),
        "winners": F.array().cast("array<string>"), "is_dropped": F.lit(False),
        "_is_held_back": F.lit(False),
    }  # fmt: skip
    both = contested.unionByName(rows.where("_fate <> 'held'").withColumns(nothing))
    is_chosen = (F.col("_fate") == "held") & F.col("send_at").isNotNull()
    is_now = is_chosen & (F.col("send_at") <= now)
    is_said = is_chosen & is_due & ~F.col("is_shadow") & speaks & ~F.col("_is_held_back")
    is_ended = F.col("_fate").isin("cancelled", "withdrawn", "over")
    is_open = (F.col("channel") == AD) | (F.col("send_at") > now)
    # What a cap drops is tried once, at its moment, by who may speak then.
    is_tried = F.col("is_dropped") & (F.col("moment") <= now) & (speaks | F.col("is_shadow"))
    is_final = is_ended | (is_said & ~is_open) | (is_now & F.col("is_shadow")) | is_tried
    ended = F.struct(F.array_max(F.transform("bars", _end_of)).alias("at"))["at"]
    next_look = (
        F.when(F.col("_fate") == "barred", F.when(ended < _never(), ended))
        .when(F.col("_fate") == "waiting", F.coalesce("moment", "proposed_at") - F.lit(look_ahead))
        .when(is_said, ends_at())
        .when(is_chosen, F.col("send_at"))
        .when(F.col("is_dropped"), F.col("moment"))
        .otherwise(F.col("next_at"))
    )
    # What has been promised and cannot be said yet keeps its moment; what is shown only is said
    # when it would be.
    was_chosen = F.coalesce(F.col("was.outcome") == "chosen", F.lit(False))
    kept = F.when(is_now & ~speaks & was_chosen, F.col("was.send_at"))
    has_moment = (F.col("_fate") == "waiting") | F.col("is_dropped")
    told = both.withColumns(
        {
            "outcome": _outcome(is_chosen),
            "reason": F.when(is_chosen & is_paused & ~F.col("is_shadow"), PAUSED).otherwise(
                _reason()
            ),
            "lost_to": _lost_to(is_ended),
            "stopped_by": F.when(
                F.col("_fate").isin("cancelled", "withdrawn", "barred"),
                stopped_by(F.col("_fate") == "cancelled"),
            ),
            "send_at": F.when(
                ~is_ended & (F.col("_fate") != "barred") & ~is_tried,
                F.coalesce(kept, "send_at", "next_at", F.when(has_moment, F.col("moment"))),
            ),
            "is_final": is_final,
            "is_said": is_said,
            "emitted_at": F.when(is_said, now),
            "look_at": F.when(~is_final, F.least(next_look, "expires_at")),
        }
    )
    return told.drop(
        "_fate", "next_at", "bound_by", "winners", "too_much", "is_dropped", "_is_held_back"
    )


def _is_held_back(now: Column, is_paused: Column) -> Column:
    """Whether something of the same person comes first that waits for a place still.

    A deferral reserves no place, so what is handed over ahead would take it from what is worth
    more; and the second message of a sequence says nothing to whom never got the first.
    """
    interrupts = F.col("channel").isin(*INTERRUPTING)
    is_waiting = interrupts & F.col("send_at").isNull() & ~F.col("is_dropped")
    waits_at = F.when(is_waiting & ~F.col("is_shadow") & ~is_paused, F.col("next_at"))
    better = Window.partitionBy("person_id").orderBy(*worth(), "channel")
    before = better.rowsBetween(Window.unboundedPreceding, -1)
    first = F.min(waits_at).over(before)
    earlier = Window.partitionBy("person_id", "occasion_id").orderBy("step")
    step_before = F.max(waits_at).over(earlier.rangeBetween(Window.unboundedPreceding, -1))
    is_ahead = F.col("send_at") > now
    return interrupts & F.coalesce(
        (is_ahead & (first <= F.col("send_at"))) | step_before.isNotNull(), F.lit(False)
    )


def _fate(as_of: datetime, look_ahead: timedelta) -> Column:
    """What comes of a proposal before it is held against any other."""
    is_over = F.coalesce(F.col("expires_at") <= F.lit(as_of), F.lit(False))
    is_barred = F.size("bars") > 0
    was_chosen = F.coalesce(F.col("was.outcome") == "chosen", F.lit(False))
    is_near = F.coalesce("moment", F.col("proposed_at")) <= F.lit(as_of + look_ahead)
    return (
        F.when(F.col("withdrawn_by").isNotNull(), "cancelled")
        .when(is_over, "over")
        .when(is_barred & was_chosen, "withdrawn")
        .when(is_barred, "barred")
        .when(~is_near, "waiting")
        .otherwise("held")
    )


def _outcome(is_chosen: Column) -> Column:
    return (
        F.when(F.col("_fate").isin("cancelled", "withdrawn"), "withdrawn")
        .when(F.col("_fate") == "over", _last_outcome())
        .when(F.col("_fate") == "barred", "suppressed")
        .when(F.col("_fate") == "waiting", "waiting")
        .when(is_chosen, "chosen")
        .when(F.size("winners") > 0, "lost")
        .otherwise("suppressed")
    )


def _reason() -> Column:
    return (
        F.when(F.col("_fate") == "cancelled", F.col("cancelled_by"))
        .when(F.col("_fate") == "over", _last_reason())
        .when(F.col("_fate").isin("barred", "withdrawn"), F.get("bars", 0)["policy"])
        .when(F.col("too_much").isNotNull(), F.concat_ws(":", F.lit(PER_DAY), "too_much"))
        .when(F.col("bound_by") == "hours", QUIET_HOURS)
        .otherwise(F.col("bound_by"))
    )


def _lost_to(is_ended: Column) -> Column:
    """The winners; of what lost until it was over, those of then."""
    was_lost = (F.col("_fate") == "over") & (F.col("was.outcome") == "lost")
    winners = F.when(F.coalesce(was_lost, F.lit(False)), F.col("was.lost_to")).when(
        ~is_ended, F.array_sort("winners")
    )
    return F.coalesce(winners, F.array().cast("array<string>"))


def _within_days(
    contested: DataFrame,
    places: DataFrame,
    taken: DataFrame,
    *,
    is_due: Column,
    time_zone: str,
    keep: Callable[[DataFrame], DataFrame],
    paused: Sequence[str],
) -> DataFrame:
    """Let what is too much for its day give up its place, for others of the same person to take.

    Whoever gets a place so may be too much for their own day, and waits then, too: a day is never
    exceeded, and what could have gone in their place is looked at with the next batch.
    """
    late = keep(over_the_day(contested.where(is_due), taken, time_zone=time_zone))
    if late.isEmpty():
        return contested
    found = ("send_at", "bound_by", "winners", "next_at", "too_much", "is_dropped")
    persons = contested.join(late, "decision_id", "left_semi").select("person_id").distinct()
    theirs = contested.join(persons, "person_id", "left_semi").drop(*found)
    settled = contested.join(persons, "person_id", "left_anti")
    again = arbitrate(theirs.join(late, "decision_id", "left_anti"), places, paused=paused)
    both = keep(settled.unionByName(again.withColumn("too_much", _text())))
    more = over_the_day(both.where(is_due), taken, time_zone=time_zone)
    tomorrow = next_day(F.col("_was_at"), time_zone)
    opens = open_in(F.greatest(tomorrow, "proposed_at"), F.col("clocks"), F.col("week").cast(WEEK))
    later = F.when(F.col("expires_at").isNull() | (opens < F.col("expires_at")), opens)
    given = {
        "send_at": _time(), "bound_by": _text(), "next_at": later,
        "winners": F.array().cast("array<string>"), "is_dropped": F.lit(False),
    }  # fmt: skip
    was_at = contested.select("decision_id", F.col("send_at").alias("_was_at"))
    first = theirs.join(late, "decision_id").join(was_at, "decision_id").withColumns(given)
    marked = both.drop("too_much").join(more, "decision_id", "left")
    is_more = F.col("too_much").isNotNull()
    second = marked.withColumn("_was_at", F.col("send_at")).withColumns(
        {name: F.when(is_more, value).otherwise(F.col(name)) for name, value in given.items()}
    )
    return first.drop("_was_at").unionByName(second.drop("_was_at"))


def news(decided: DataFrame, *, as_of: datetime, batch_id: int) -> DataFrame:
    """What of these decisions is not yet written: the rows that `_log/plans` gets.

    What had expired before anybody thought of it, or was cancelled before it might have been said,
    was never a plan. Drops: what stands as it did. Columns: those of the log.
    """
    is_new = F.col("was").isNull()
    was_expired = F.coalesce(F.col("expires_at") <= F.lit(as_of), F.lit(False))
    is_before = F.col("withdrawn_by.occurred_at") <= F.col("proposed_at")
    was_over = was_expired | F.coalesce(is_before, F.lit(False))
    differs = F.lit(False)
    for name in NEWS:
        differs |= ~F.col(name).eqNullSafe(F.col(f"was.{name}"))
    written = decided.where((is_new & ~was_over) | (~is_new & differs))
    return PLANS.conform(
        written.withColumns(
            {
                "as_of": F.lit(as_of),
                "batch_id": F.lit(batch_id),
            }
        )
    )


def given_up(
    standing: DataFrame, proposed: DataFrame, *, as_of: datetime, batch_id: int
) -> DataFrame:
    """Withdraw what was planned and is no longer proposed: its cause is another's, or no more.

    What was handed over and has been said stays said.

    Keeps: rows of `_log/plans`. standing: those that are not final, of the persons concerned.
    proposed: decision_id of all that is proposed now.
    """
    gone = standing.join(proposed.select("decision_id"), "decision_id", "left_anti")
    is_told = F.col("emitted_at").isNotNull()
    is_said = is_told & is_past(as_of)
    is_over = ~is_told & F.coalesce(F.col("expires_at") <= F.lit(as_of), F.lit(False))
    rows = gone.withColumns(
        {
            "reason": F.when(is_over, _reason_of(F.col("outcome"), F.col("reason"))).when(
                ~is_said, NOT_PROPOSED
            ),
            "outcome": F.when(is_over, _outcome_of(F.col("outcome")))
            .when(is_said, "chosen")
            .otherwise("withdrawn"),
            "lost_to": F.array().cast("array<string>"),
            "stopped_by": F.lit(None).cast("array<string>"),
            "send_at": F.when(is_told, F.col("send_at")),
            "look_at": _time(),
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


def _time() -> Column:
    return F.lit(None).cast("timestamp")


def _text() -> Column:
    return F.lit(None).cast("string")


def _end_of(bar: Column) -> Column:
    return F.coalesce(bar["ends_at"], _never())


def _never() -> Column:
    return F.lit("9999-12-31 00:00:00").cast("timestamp")
