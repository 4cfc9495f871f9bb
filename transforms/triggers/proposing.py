"""Proposing: from what happened to what may be said of it, step by step, and what withdraws it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from tactful.schemas.events import ORDER
from tactful.transforms.identity.owners import is_person
from tactful.transforms.rules.suppressions import named
from tactful.transforms.triggers.trigger import PROPOSALS, Policy

OF = ("person_id", "policy", "about")


def proposed(causes: DataFrame, cancels: DataFrame, *, policies: Sequence[Policy]) -> DataFrame:
    """Say of every cause when each step of its policy may be said, until when, and what ends it.

    Grain: cause × policy → cause × policy × step. Keeps, adds: the columns of `PROPOSALS`.
    causes: person_id, policy, cause, about (what a cancelling event must be about; null where any
    ends it), skus, evidence, event; counts_from_at where `after` does not count from the cause,
    lapses_at where it ends by itself, ended_by where something else than `cancel_on` ends it.
    cancels: see `cancelling`.
    """
    own = {
        "counts_from_at": F.col("cause.occurred_at"),
        "lapses_at": F.lit(None).cast("timestamp"),
        "ended_by": F.lit(None).cast(PROPOSALS["withdrawn_by"]),
    }
    whole = causes.withColumns({n: told for n, told in own.items() if n not in causes.columns})
    ended = _withdrawn(whole, cancels)
    first = F.array_min(F.array_compact(F.array("_withdrawn", "ended_by")))
    steps = ended.withColumn("withdrawn_by", first).select(
        "*", F.explode(_of_policy(policies)).alias("_step")
    )
    proposed_at = F.col("counts_from_at") + F.col("_step.wait")
    told = steps.withColumn("proposed_at", proposed_at).withColumns(
        {
            "step": F.col("_step.number"),
            "expires_at": F.least(F.col("proposed_at") + F.col("_step.expires"), "lapses_at"),
        }
    )
    return told.select(*(F.col(name).cast(kind).alias(name) for name, kind in PROPOSALS.items()))


def each_policy(rows: DataFrame, policies: Sequence[Policy]) -> DataFrame:
    """Repeat each row for every policy. Adds: policy."""
    names = F.array(*(F.lit(policy.name) for policy in policies))
    return rows.withColumn("policy", F.explode(names))


def by_policy(values: dict[str, Column], kind: str) -> Column:
    """A value that each policy has its own of."""
    chosen = [F.when(F.col("policy") == name, value) for name, value in values.items()]
    return F.coalesce(*chosen, F.lit(None)).cast(kind)


def cancelling(
    timeline: DataFrame, policies: Sequence[Policy], *, about: Column | None = None
) -> DataFrame:
    """The events of persons that withdraw what a policy proposes.

    Keeps: one row a person × policy × event × what it is about. Adds: person_id, policy, about,
    cancel. about: what a cause must be about to be withdrawn; silent: any cause is.
    """
    types = {one.name: F.col("type").isin(*one.cancel_on) for one in policies if one.cancel_on}
    every = sorted({type_ for policy in policies for type_ in policy.cancel_on})
    mine = timeline.where(is_person() & F.col("type").isin(*every)).select(
        "person_id",
        "type",
        (F.lit(None) if about is None else about).cast("string").alias("about"),
        F.struct(*ORDER).alias("cancel"),
    )
    cancels = each_policy(mine.distinct(), policies)
    return cancels.where(F.coalesce(by_policy(types, "boolean"), F.lit(False))).drop("type")


def _withdrawn(causes: DataFrame, cancels: DataFrame) -> DataFrame:
    """Adds: _withdrawn, the first event that cancels a cause, at its moment or behind it.

    One pass over each person's causes and cancelling events, the latest first, so that a machine
    that sends thousands of both costs no more than sorting them. An event does not cancel itself.
    """
    both = causes.withColumns({"_at": F.col("cause"), "_is_cause": F.lit(True)}).unionByName(
        cancels.withColumns({"_at": F.col("cancel"), "_is_cause": F.lit(False)}),
        allowMissingColumns=True,
    )
    own = Window.partitionBy(*OF)
    moment = F.unix_micros("_at.occurred_at")
    not_before = own.orderBy(moment.desc()).rangeBetween(
        Window.unboundedPreceding, Window.currentRow
    )
    # Of one event as a cause and as what cancels the cause comes first: it is not behind itself.
    behind = own.orderBy(F.col("_at").desc(), F.col("_is_cause").desc()).rowsBetween(
        Window.unboundedPreceding, -1
    )
    first, other = F.min("cancel").over(not_before), F.min("cancel").over(behind)
    found = both.withColumns({"_first": first, "_other": other})
    withdrawn = F.when(F.col("_first") != F.col("cause"), F.col("_first")).otherwise(
        F.col("_other")
    )
    return (
        found.where("_is_cause")
        .withColumn("_withdrawn", withdrawn)
        .drop("cancel", "_at", "_is_cause", "_first", "_other")
    )


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


def evidence(*event_refs: str) -> Column:
    """The events named, in this order, each once; null ones are passed over."""
    return F.array_distinct(F.array_compact(F.array(*(named(ref) for ref in event_refs))))
