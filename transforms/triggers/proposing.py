"""Proposing: from what happened to what may be said of it, step by step, and what withdraws it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from tactful.schemas.events import ORDER, REVERSALS
from tactful.transforms.allotting import emptied_by
from tactful.transforms.identity.owners import is_person
from tactful.transforms.rules.suppressions import named
from tactful.transforms.settled import is_cancelled, purchased_lines
from tactful.transforms.triggers.trigger import PROPOSALS, Policy, event_told

OF = ("person_id", "policy")
# A visit ends after so much silence (DESIGN 6, *Definitions*): until then a cart is still filled.
VISIT = timedelta(minutes=30)


def proposed(
    causes: DataFrame,
    cancels: DataFrame,
    *,
    policies: Sequence[Policy],
    caused_by: Sequence[str],
) -> DataFrame:
    """Say of every cause when each step of its policy may be said, until when, and what ends it.

    Grain: cause × policy → cause × policy × step. Keeps, adds: the columns of `PROPOSALS`.
    causes: person_id, policy, cause, skus, evidence, event; about where one event is several
    occasions: which of them; key, which a cancelling event must share, where not any ends it;
    counts_from_at where `after` does not count from the cause; lapses_at where it ends by itself;
    ended_by where something else than `cancel_on` ends it.
    cancels: see `cancelling`. caused_by: the types of events that cause it.
    """
    own = {
        "about": F.lit(None).cast("string"),
        "key": F.lit(None).cast("string"),
        "counts_from_at": F.col("cause.occurred_at"),
        "lapses_at": F.lit(None).cast("timestamp"),
        "ended_by": F.lit(None).cast(PROPOSALS["withdrawn_by"]),
    }
    whole = causes.withColumns({n: told for n, told in own.items() if n not in causes.columns})
    ended = _withdrawn(
        whole, cancels.where("key IS NULL"), by=OF, name="_by_any", caused_by=caused_by
    )
    firsts = ["_by_any", "ended_by"]
    if "key" in causes.columns:
        keyed = cancels.where("key IS NOT NULL")
        ended = _withdrawn(ended, keyed, by=(*OF, "key"), name="_by_key", caused_by=caused_by)
        firsts.append("_by_key")
    first = F.array_min(F.array_compact(F.array(*firsts)))
    steps = ended.withColumn("withdrawn_by", first).select(
        "*", F.explode(_of_policy(policies)).alias("_step")
    )
    proposed_at = F.col("counts_from_at") + F.col("_step.wait")
    event_id = F.concat_ws(":", "cause.event_id", "about")
    told = steps.withColumn("proposed_at", proposed_at).withColumns(
        {
            "cause": F.struct("cause.occurred_at", "cause.stream", event_id.alias("event_id")),
            "step": F.col("_step.number"),
            "expires_at": F.least(F.col("proposed_at") + F.col("_step.expires"), "lapses_at"),
        }
    )
    # What lapses before it may be said never is.
    may_be = told.where("coalesce(expires_at > proposed_at, true)")
    return may_be.select(*(F.col(name).cast(kind).alias(name) for name, kind in PROPOSALS.items()))


def each_policy(rows: DataFrame, policies: Sequence[Policy]) -> DataFrame:
    """Repeat each row for every policy. Adds: policy."""
    names = F.array(*(F.lit(policy.name) for policy in policies))
    return rows.withColumn("policy", F.explode(names))


def by_policy(values: dict[str, Column], kind: str) -> Column:
    """A value that each policy has its own of."""
    chosen = [F.when(F.col("policy") == name, value) for name, value in values.items()]
    return F.coalesce(*chosen, F.lit(None)).cast(kind)


def cancelling(
    timeline: DataFrame, policies: Sequence[Policy], *, key: Column | None = None
) -> DataFrame:
    """The events of persons that withdraw what a policy proposes.

    Keeps: one row a person × policy × event × key. Adds: person_id, policy, key, cancel, type. key:
    what a cause must have, too, to be withdrawn by it; where that is null, or silent: any cause is.
    """
    types = {one.name: F.col("type").isin(*one.cancel_on) for one in policies if one.cancel_on}
    every = sorted({type_ for policy in policies for type_ in policy.cancel_on})
    mine = timeline.where(is_person() & F.col("type").isin(*every)).select(
        "person_id",
        "type",
        (F.lit(None) if key is None else key).cast("string").alias("key"),
        F.struct(*ORDER).alias("cancel"),
    )
    cancels = each_policy(mine.distinct(), policies)
    return cancels.where(F.coalesce(by_policy(types, "boolean"), F.lit(False)))


def _withdrawn(
    causes: DataFrame,
    cancels: DataFrame,
    *,
    by: Sequence[str],
    name: str,
    caused_by: Sequence[str],
) -> DataFrame:
    """Add under `name` the first event that cancels a cause, at its moment or behind it.

    Of the types that cause it only what is behind it does: no event cancels itself, nor what
    happened at its moment as well. by: what both share.

    One pass over each person's causes and cancelling events, the latest first, so that a machine
    that sends thousands of both costs no more than sorting them.
    """
    is_other = ~F.col("type").isin(*caused_by) if caused_by else F.lit(True)
    own = {"_at": F.col("cause"), "_is_other": F.lit(False), "_is_cause": F.lit(True)}
    others = {"_at": F.col("cancel"), "_is_other": is_other, "_is_cause": F.lit(False)}
    both = causes.withColumns(own).unionByName(
        cancels.withColumns(others), allowMissingColumns=True
    )
    # At one moment: causes and what is of their types in order, then what cancels them anyway.
    order = F.struct(
        "_at.occurred_at", "_is_other", "_at.stream", "_at.event_id", "_is_cause"
    ).desc()
    behind = Window.partitionBy(*by).orderBy(order).rowsBetween(Window.unboundedPreceding, -1)
    found = both.withColumn(name, F.min("cancel").over(behind)).where("_is_cause")
    return found.drop("cancel", "type", "_at", "_is_other", "_is_cause")


def _of_policy(policies: Sequence[Policy]) -> Column:
    """The steps of the row's policy: number, wait from what it counts from, expires."""

    def steps(policy: Policy) -> Column:
        waits = [sum(policy.waits[: n + 1], timedelta()) for n in range(len(policy.waits))]
        ends = F.lit(policy.expires).cast("interval day to second")
        return F.array(
            *(
                F.struct(
                    F.lit(number).alias("number"), F.lit(wait).alias("wait"), ends.alias("expires")
                )
                for number, wait in enumerate(waits, start=1)
            )
        )

    kind = "array<struct<number:int,wait:interval day to second,expires:interval day to second>>"
    return by_policy({policy.name: steps(policy) for policy in policies}, kind)


def no_skus() -> Column:
    """About no product."""
    return F.array().cast("array<string>")


def told_of(timeline: DataFrame, types: Sequence[str]) -> DataFrame:
    """What conditions may ask of each line of events of some types.

    Keeps: one row an event × line. Adds: the columns `ORDER`, line_number, event.
    """
    mine = timeline.where(F.col("type").isin(*types))
    return mine.select(*ORDER, "line_number", event_told().alias("event"))


def occasions(timeline: DataFrame, types: Sequence[str]) -> DataFrame:
    """Each event of some types that is somebody's, as a cause of its own.

    Keeps: one row a person × event. Adds: person_id, cause, event, skus (none), evidence.
    """
    mine = timeline.where(is_person() & F.col("type").isin(*types)).select(
        "person_id", F.struct(*ORDER).alias("cause"), "line_number", event_told().alias("event")
    )
    each = mine.groupBy("person_id", "cause").agg(F.min_by("event", "line_number").alias("event"))
    return each.withColumns({"skus": no_skus(), "evidence": F.array(named("cause"))})


def bought(lines: DataFrame, timeline: DataFrame) -> DataFrame:
    """What persons bought and had: no line of quantity 0, none that was wholly cancelled.

    Keeps: those lines. Adds: cause (the order), event, emptied (the event by which no unit of it
    was kept any more; null while one is).
    lines: see `settled_lines`.
    """
    is_nothing = F.coalesce(F.col("quantity") == 0, F.lit(False))
    types = ", ".join(f"'{name}'" for name in REVERSALS)
    emptied = F.when(F.size("taken") > 0, emptied_by(f"array({types})"))
    mine = purchased_lines(lines).where(is_person() & ~is_nothing & ~is_cancelled())
    told = told_of(timeline, ["order_placed"])
    return mine.join(told, [*ORDER, "line_number"]).withColumns(
        {"cause": F.struct(*ORDER), "emptied": emptied}
    )


def first_event() -> Column:
    """Of several lines that are one occasion, what conditions may ask of the first."""
    return F.min_by("event", F.struct("line_number", "sku"))


def gathered(parts: DataFrame) -> DataFrame:
    """Put together the products that one occasion is about, of which some may be over.

    What is over (given back, bought, reviewed) is left out; where all is, the last of it ends the
    occasion, and it stays told what it was about.

    Keeps: one row a person × policy × cause. Adds: skus, event, ended_by, evidence.
    parts: person_id, policy, cause, sku, order (the event that is evidence beside the cause),
    line_number, event, over_by (null while it is not).
    """
    is_left = F.col("over_by").isNull()
    sets = parts.groupBy("person_id", "policy", "cause").agg(
        F.array_sort(F.collect_set(F.when(is_left, F.col("sku")))).alias("_left"),
        F.array_sort(F.collect_set("sku")).alias("_all"),
        F.max(is_left).alias("_is_on"),
        F.max("over_by").alias("_over_by"),
        F.sort_array(F.collect_set("order")).alias("_orders"),
        first_event().alias("event"),
    )
    names = F.transform("_orders", lambda ref: _named(ref))
    return sets.select(
        "person_id",
        "policy",
        "cause",
        "event",
        F.when(F.col("_is_on"), F.col("_left")).otherwise(F.col("_all")).alias("skus"),
        F.when(~F.col("_is_on"), F.col("_over_by")).alias("ended_by"),
        F.array_distinct(F.concat(F.array(named("cause")), names)).alias("evidence"),
    )


def _named(event_ref: Column) -> Column:
    return F.concat_ws(":", event_ref["stream"], event_ref["event_id"])
