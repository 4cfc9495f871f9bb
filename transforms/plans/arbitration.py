"""Arbitration: of all that could be said to one person, what is said and when, by one exact fold.

Proposals take their places in the order of their worth; each one at the first moment that its hours
leave it. A place is taken for all that come behind, so that a limit is exact, however many come
at once. What finds no place loses to those that hold them, who are named; when the first place
is free again is worked out, and reserved for nobody: it is decided anew then.
"""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from tactful.transforms.plans.limits import PLACES, in_the_way, own_places, place_in
from tactful.transforms.quiet_hours import WEEK, open_in

FOUND = (
    "struct<send_at:timestamp,next_at:timestamp,bound_by:string,winners:array<string>,"
    "is_dropped:boolean>"
)
STATE = f"struct<places:{PLACES},found:array<{FOUND}>>"
# Later than anything ends, in microseconds.
NEVER = 2**62
# What the fold reads of a proposal beside its worth.
READ = (
    "decision_id", "moment", "expires_at", "clocks", "week", "held_by", "counts_in",
)  # fmt: skip


def arbitrate(proposals: DataFrame, places: DataFrame, *, paused: Sequence[str] = ()) -> DataFrame:
    """Choose what each person is told, and when; say of the others what they lost to.

    Keeps: all rows. Adds: send_at (when it is said; null where it is not), bound_by (null where it
    is; else the limit that has no place left, or `hours` where no hour is left before it expires),
    winners (decision_id of each plan that holds the place it would need), next_at (the first moment
    at which it could be said as things stand; null where it never could), is_dropped (whether what
    bounds it drops what it stops: it is said at its moment or not at all).
    proposals: person_id, channel, policy, what `worth` asks, and those of `READ` (moment: the first
    that its hours leave it; held_by, counts_in: see `limits_of`), is_shadow (it is decided and
    takes no place).
    places: person_id, places: what is taken already. Grain: person. paused: policies that do not
    speak for now: theirs take no place from others either.
    """
    # In the order in which structs are compared.
    one = F.struct(*worth(), "channel", *READ, _yields(paused).alias("yields"))
    by_person = (
        proposals.groupBy("person_id")
        .agg(F.array_sort(F.collect_list(one)).alias("_all"))
        .join(places, "person_id", "left")
    )
    nothing = F.struct(
        F.coalesce("places", F.array().cast(PLACES)).alias("places"),
        F.array().cast(f"array<{FOUND}>").alias("found"),
    ).cast(STATE)
    folded = by_person.withColumn("_done", F.aggregate("_all", nothing, _take))
    found = folded.select(
        F.explode(F.arrays_zip(F.col("_all.decision_id"), F.col("_done.found"))).alias("_one")
    )
    # By place: what a zip of fields calls its parts is none of its promises.
    names = found.schema["_one"].dataType.names
    told = found.select(
        F.col("_one")[names[0]].alias("decision_id"), F.col("_one")[names[1]].alias("_f")
    ).select(
        "decision_id", "_f.send_at", "_f.next_at", "_f.bound_by", "_f.winners", "_f.is_dropped"
    )
    return proposals.join(told, "decision_id")


def worth() -> tuple[Column, ...]:
    """What goes first is least: by priority, what it brings, when, and the plan's own id."""
    return (
        (-F.col("priority")).alias("worse"),
        (-F.coalesce("score", F.lit(0.0))).alias("dearer"),
        F.col("proposed_at"),
        F.col("plan_id"),
    )


def _yields(paused: Sequence[str]) -> Column:
    is_shadow = F.col("is_shadow")
    return is_shadow | F.col("policy").isin(*paused) if paused else is_shadow


def _take(state: Column, one: Column) -> Column:
    """Give a proposal its place, or say why it gets none."""
    at = F.unix_micros(one["moment"])
    bars = _bars(one, at, state["places"])
    is_open = at.isNotNull() & _is_before_end(one, at)
    is_chosen = is_open & (F.size(bars) == 0)
    dropping = F.filter(bars, lambda bar: bar["drops"])
    is_dropped = is_open & (F.size(dropping) > 0)
    winners = F.array_distinct(
        F.filter(
            F.flatten(F.transform(bars, lambda bar: bar["ids"])), lambda name: name.isNotNull()
        )
    )
    found = F.struct(
        F.when(is_chosen, one["moment"]).alias("send_at"),
        F.when(is_chosen, one["moment"])
        .when(is_open & ~is_dropped, F.timestamp_micros(_next_free(one, at, state["places"])))
        .alias("next_at"),
        F.when(~is_open, F.lit("hours"))
        .when(is_dropped, F.get(dropping, 0)["name"])
        .when(~is_chosen, F.array_max(F.transform(bars, _as_last))["name"])
        .alias("bound_by"),
        F.when(is_open, winners).otherwise(F.slice(winners, 1, 0)).alias("winners"),
        is_dropped.alias("is_dropped"),
    )
    taken = F.transform(
        one["counts_in"],
        lambda limit: place_in(limit, one["moment"], decision_id=one["decision_id"]),
    )
    places = F.when(is_chosen & ~one["yields"], F.concat(state["places"], taken)).otherwise(
        state["places"]
    )
    return F.struct(
        places.alias("places"), F.concat(state["found"], F.array(found)).alias("found")
    ).cast(STATE)


def _as_last(bar: Column) -> Column:
    """Of several limits the reason is the one that holds it back longest."""
    return F.struct(bar["until"].alias("until"), bar["name"].alias("name"))


def _bars(one: Column, at: Column, places: Column) -> Column:
    """The limits that have no place left at a moment, and whose places these are."""

    def bar(limit: Column) -> Column:
        ways = in_the_way(limit, at, own_places(limit, places))
        return F.struct(
            limit["name"].alias("name"),
            limit["drops"].alias("drops"),
            F.transform(ways, lambda p: p["decision_id"]).alias("ids"),
            F.size(ways).alias("size"),
            # A limit of n has room when the n-th newest of these is over; one that never is comes
            # behind all.
            F.get(
                F.reverse(
                    F.array_sort(
                        F.transform(ways, lambda p: F.coalesce(p["ends_at"], F.lit(NEVER)))
                    )
                ),
                limit["limit"] - 1,
            ).alias("until"),
        )

    return F.filter(F.transform(one["held_by"], bar), lambda b: b["size"] > 0)


def _next_free(one: Column, at: Column, places: Column) -> Column:
    """The first moment at which all limits have a place and the hours are right, before it expires.

    Where a place becomes free a stretch begins in which it stays so; the first moment of such a
    stretch that the hours leave is the first of all, so no others need to be looked at.
    """
    ends = F.flatten(
        F.transform(
            one["held_by"],
            lambda limit: F.transform(own_places(limit, places), lambda p: p["ends_at"]),
        )
    )
    later = F.array_distinct(F.filter(ends, lambda end: end > at))
    opened = F.transform(
        later,
        lambda end: F.unix_micros(
            open_in(F.timestamp_micros(end), one["clocks"], one["week"].cast(WEEK))
        ),
    )
    free = F.filter(
        opened,
        lambda moment: (
            moment.isNotNull()
            & _is_before_end(one, moment)
            & (F.size(_bars(one, moment, places)) == 0)
        ),
    )
    return F.array_min(free)


def _is_before_end(one: Column, at: Column) -> Column:
    return one["expires_at"].isNull() | (at < F.unix_micros(one["expires_at"]))
