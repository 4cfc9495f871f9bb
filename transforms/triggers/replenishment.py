"""replenishment: remind of what runs out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from tactful.transforms.options import option
from tactful.transforms.persons.intervals import NEWEST, median_gap
from tactful.transforms.rules.suppressions import named
from tactful.transforms.triggers.proposing import (
    bought,
    by_policy,
    cancelling,
    each_policy,
    proposed,
)
from tactful.transforms.triggers.trigger import Facts, Policy, Reads, Trigger

MICROSECONDS_A_DAY = 86_400_000_000
OF_PRODUCT = ("person_id", "policy", "sku")


@dataclass(frozen=True, kw_only=True)
class Replenishment:
    """Remind of what runs out: how long before it does, and whose rhythm counts."""

    before: timedelta | None = option(
        "How long before it runs out it is said; silent: when it does.", default=None
    )
    own_from: int = option(
        "From how many days on which they bought it a customer's own rhythm counts; below that the "
        "product's replenish_days do.",
        default=3,
        at_least=2,
        at_most=11,
    )
    looks_back: timedelta = option(
        "How far back purchases count for their own rhythm.", default=timedelta(days=730)
    )


def replenishment(
    timeline: DataFrame, lines: DataFrame, products: DataFrame, *, policies: Sequence[Policy]
) -> DataFrame:
    """Remind somebody of what they are about to run out of, by their own rhythm.

    Their rhythm is the median of the days between the purchases of that product, of at most the ten
    newest intervals, as `customers.product_intervals` has it; of who has not bought it often enough
    the product's replenish_days count, and without these it is never due. Its cause is the last
    order of a day on which they bought the product, and it is about that product; the next purchase
    withdraws it, wherever it is made. What was given back was never bought.

    Keeps: one row a person × product × day of purchase × policy × step. Adds: the columns of
    `PROPOSALS`.
    timeline: rows with person_id. lines: see `settled_lines`. products: sku, replenish_days.
    """
    had = bought(lines, timeline).where("sku IS NOT NULL AND emptied IS NULL")
    days = had.groupBy("person_id", "sku", F.to_date("occurred_at").alias("day")).agg(
        F.max("cause").alias("cause"),
        F.min("cause").alias("_first"),
        F.max_by("event", F.struct("cause", -F.col("line_number"))).alias("event"),
    )
    each = each_policy(days, policies).transform(_with_rhythm, policies)
    due = each.join(products.select("sku", "replenish_days"), "sku", "left").withColumn(
        "_lasts", _lasts(policies)
    )
    early = {one.name: F.lit(one.options.before or timedelta()) for one in policies}
    runs_out_at = F.timestamp_micros(F.unix_micros("cause.occurred_at") + F.col("_lasts"))
    counts_from = runs_out_at - by_policy(early, "interval day to second")
    causes = due.where("_lasts IS NOT NULL").select(
        "person_id",
        "policy",
        "cause",
        F.col("sku").alias("about"),
        F.array("sku").alias("skus"),
        "event",
        F.greatest(F.col("cause.occurred_at"), counts_from).alias("counts_from_at"),
        F.col("_next").alias("ended_by"),
        F.array(named("cause")).alias("evidence"),
    )
    return proposed(
        causes, cancelling(timeline, policies), policies=policies, caused_by=("order_placed",)
    )


def _with_rhythm(days: DataFrame, policies: Sequence[Policy]) -> DataFrame:
    """Adds: _days, the eleven newest of purchase up to this one and within reach; _next, when."""
    own = Window.partitionBy(*OF_PRODUCT).orderBy("day")
    newest = own.rowsBetween(-NEWEST, Window.currentRow)
    reach = {one.name: F.lit(one.options.looks_back) for one in policies}
    told = days.withColumns(
        {
            "_next": F.lead("_first").over(own),
            "_known": F.collect_list(F.struct("day", "cause")).over(newest),
            "_since": F.col("cause.occurred_at") - by_policy(reach, "interval day to second"),
        }
    )
    within = F.filter("_known", lambda one: one["cause"]["occurred_at"] >= F.col("_since"))
    return told.withColumn("_days", F.transform(within, lambda one: one["day"]))


def _lasts(policies: Sequence[Policy]) -> Column:
    """How long what was bought lasts, in microseconds; null where nobody knows."""
    least = by_policy({one.name: F.lit(one.options.own_from) for one in policies}, "int")
    # Of a single day there is none; what would not be asked for must not fail either.
    places = "sequence(1, greatest(size(_days) - 1, 1))"
    gaps = f"transform({places}, i -> datediff(get(_days, i), _days[i - 1]))"
    median = f"transform(array({gaps}), gaps -> {median_gap('gaps')})[0]"
    own = F.expr(f"CAST(floor({median} + 0.5D) AS BIGINT) * {MICROSECONDS_A_DAY}L")
    product = F.floor(F.col("replenish_days") * F.lit(float(MICROSECONDS_A_DAY))).cast("bigint")
    is_known = F.size("_days") >= F.greatest(least, F.lit(2))
    return F.when(is_known, own).otherwise(product)


def _proposals(facts: Facts, policies: Sequence[Policy]) -> DataFrame:
    assert facts.lines is not None
    return replenishment(facts.timeline, facts.lines, facts.products, policies=policies)


def _reads(policy: Policy, *, slowest: Callable[[], float | None]) -> Reads:
    """As far as their rhythm goes, or the slowest product's, and as long as it may be said."""
    if policy.reach is None:
        return {"order": None, "reversal": None}
    product = timedelta(days=slowest() or 0)
    lookback = max(2 * policy.options.looks_back, product) + policy.reach
    return {"order": lookback, "reversal": lookback}


TRIGGER = Trigger(
    when="replenishment",
    doc="Remind somebody of what they are about to run out of, by their own rhythm.",
    options=Replenishment,
    streams=lambda _: ("purchases",),
    counts_from="when it runs out",
    after=timedelta(),
    expires=timedelta(days=14),
    cancel_on=(),
    cancels=("order_placed", "contact_opened"),
    reads=_reads,
    proposals=_proposals,
    topic="replenishment",
    needs_lines=True,
)
