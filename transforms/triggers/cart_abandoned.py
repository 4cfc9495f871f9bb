"""cart_abandoned: remind of what was put into a cart and not bought."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from tactful.schemas.events import ORDER
from tactful.transforms.identity.owners import is_person
from tactful.transforms.rules.suppressions import named
from tactful.transforms.triggers.proposing import (
    VISIT,
    by_policy,
    cancelling,
    each_policy,
    proposed,
)
from tactful.transforms.triggers.trigger import Facts, Policy, Reads, Trigger, event_told

ADDED, REMOVED, ORDERED = "add_to_cart", "remove_from_cart", "order_placed"
RUN = ("person_id", "policy", "run")


@dataclass(frozen=True, kw_only=True)
class CartAbandoned:
    """Remind of what was put into a cart and not bought: after how long, says `after`."""


def cart_abandoned(timeline: DataFrame, *, policies: Sequence[Policy]) -> DataFrame:
    """Remind somebody of what they put into a cart and did not buy.

    A cart is filled as long as less than `after`, and no less than half an hour, passes between two
    additions, and no order lies between them; what is added later is another cart. Its cause is its
    last addition, so one cart is one occasion however often something is put into it, and whatever
    arrives late. It is about what was not removed again; where all was, the last removal withdraws
    it.

    Keeps: one row a cart × policy × step. Adds: the columns of `PROPOSALS`.
    timeline: rows with person_id.
    """
    ref = F.struct(*ORDER)
    handled = timeline.where(is_person() & F.col("type").isin(ADDED, REMOVED, ORDERED))
    each = handled.select("person_id", "type", "sku", ref.alias("ref"), event_told().alias("event"))
    one = each.dropDuplicates(["person_id", "ref"])
    of_sku = Window.partitionBy(*RUN, "sku")
    added = F.max(F.when(F.col("type") == ADDED, F.struct("ref", "event"))).over(of_sku)
    is_removal = (F.col("type") == REMOVED) & (F.col("ref") > F.col("_added.ref"))
    things = (
        each_policy(one, policies)
        .transform(_with_run, policies)
        .where(F.col("type") != ORDERED)
        .withColumn("_added", added)
        .where("_added IS NOT NULL")
        .groupBy(*RUN, "sku")
        .agg(
            F.any_value("_added").alias("_added"),
            F.min(F.when(is_removal, F.col("ref"))).alias("_removed"),
        )
    )
    is_in = F.col("_removed").isNull()
    carts = things.groupBy(*RUN).agg(
        F.max("_added").alias("_last"),
        F.array_sort(F.collect_set(F.when(is_in, F.col("sku")))).alias("_left"),
        F.array_sort(F.collect_set("sku")).alias("_all"),
        F.sort_array(F.collect_set(named("_added.ref"))).alias("_evidence"),
        F.max(is_in).alias("_is_full"),
        F.max("_removed").alias("_emptied"),
    )
    causes = carts.select(
        "person_id",
        "policy",
        F.col("_last.ref").alias("cause"),
        F.col("_last.event").alias("event"),
        F.when(F.col("_is_full"), F.col("_left")).otherwise(F.col("_all")).alias("skus"),
        F.when(~F.col("_is_full"), F.col("_emptied")).alias("ended_by"),
        "_evidence",
    )
    first = F.array(named("cause"))
    told = causes.withColumn("evidence", F.array_distinct(F.concat(first, "_evidence")))
    return proposed(told, cancelling(timeline, policies), policies=policies, caused_by=(ADDED,))


def _with_run(handled: DataFrame, policies: Sequence[Policy]) -> DataFrame:
    """Number the carts of each person. Adds: run."""
    own = Window.partitionBy("person_id", "policy").orderBy("ref")
    before = own.rowsBetween(Window.unboundedPreceding, -1)
    added_at = F.when(F.col("type") == ADDED, F.col("ref.occurred_at"))
    gaps = {one.name: F.lit(max(one.waits[0], VISIT)) for one in policies}
    gap = by_policy(gaps, "interval day to second")
    is_later = F.col("ref.occurred_at") >= F.last(added_at, ignorenulls=True).over(before) + gap
    begins: Column = (F.col("type") == ORDERED) | ((F.col("type") == ADDED) & is_later)
    number = F.sum(F.coalesce(begins, F.lit(False)).cast("int")).over(
        own.rowsBetween(Window.unboundedPreceding, Window.currentRow)
    )
    return handled.withColumn("_begins", begins).withColumn("run", number).drop("_begins")


def _proposals(facts: Facts, policies: Sequence[Policy]) -> DataFrame:
    return cart_abandoned(facts.timeline, policies=policies)


def _reads(policy: Policy, *, slowest: Callable[[], float | None]) -> Reads:
    """As long as it may speak; of additions a visit more, since they may be those of one cart."""
    reach = policy.reach
    return {
        "intent": None if reach is None else reach + max(policy.waits[0], VISIT),
        "order": reach,
    }


TRIGGER = Trigger(
    when="cart_abandoned",
    doc="Remind somebody of what they put into a cart and did not buy.",
    options=CartAbandoned,
    streams=lambda _: ("clicks",),
    counts_from="the last addition to the cart",
    after=timedelta(hours=4),
    expires=timedelta(days=7),
    cancel_on=(ORDERED,),
    cancels=(ORDERED, "checkout_start", ADDED, "contact_opened"),
    reads=_reads,
    proposals=_proposals,
    topic="cart",
)
