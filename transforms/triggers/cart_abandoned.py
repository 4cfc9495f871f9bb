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
    by_policy,
    cancelling,
    each_policy,
    proposed,
)
from tactful.transforms.triggers.trigger import Facts, Policy, Reads, Trigger, event_told

ADDED, REMOVED, ORDERED = "add_to_cart", "remove_from_cart", "order_placed"
# A visit ends after so much silence (DESIGN 6, *Definitions*): until then a cart is still filled.
VISIT = timedelta(minutes=30)
RUN = ("person_id", "policy", "run")


@dataclass(frozen=True, kw_only=True)
class CartAbandoned:
    """Remind of what was put into a cart and not bought: after how long, says `after`."""


def cart_abandoned(timeline: DataFrame, *, policies: Sequence[Policy]) -> DataFrame:
    """Remind somebody of what they put into a cart and did not buy.

    A cart is filled as long as less than `after`, and no less than half an hour, passes between two
    additions, and no order lies between them; what is added later is another cart. Its cause is its
    last addition, so one cart is one occasion however often something is put into it, and whatever
    arrives late. It is about what was added last and not removed last. A cart of which everything
    was removed again is withdrawn by the last removal.

    Keeps: one row a cart × policy × step. Adds: the columns of `PROPOSALS`.
    timeline: rows with person_id.
    """
    ref = F.struct(*ORDER)
    handled = timeline.where(is_person() & F.col("type").isin(ADDED, REMOVED, ORDERED))
    each = handled.select("person_id", "type", "sku", ref.alias("ref"), event_told().alias("event"))
    one = each.dropDuplicates(["person_id", "ref"])
    things = (
        each_policy(one, policies)
        .transform(_with_run, policies)
        .where(F.col("type") != ORDERED)
        .groupBy(*RUN, "sku")
        .agg(
            F.max(F.struct("ref", "type")).alias("last"),
            F.max(F.when(F.col("type") == ADDED, F.struct("ref", "event"))).alias("added"),
        )
    )
    is_in = F.col("last.type") == ADDED
    carts = things.groupBy(*RUN).agg(
        F.max("added").alias("_added"),
        F.array_sort(F.collect_set(F.when(is_in, F.col("sku")))).alias("skus"),
        F.sort_array(F.collect_set(F.when(is_in, named("added.ref")))).alias("_evidence"),
        F.max(is_in).alias("_is_full"),
        F.max("last.ref").alias("_last"),
    )
    causes = carts.where("_added IS NOT NULL").select(
        "person_id",
        "policy",
        F.col("_added.ref").alias("cause"),
        F.lit(None).cast("string").alias("about"),
        "skus",
        F.col("_added.event").alias("event"),
        "_evidence",
        F.when(~F.col("_is_full"), F.col("_last")).alias("ended_by"),
    )
    first = F.array(named("cause"))
    told = causes.withColumn("evidence", F.array_distinct(F.concat(first, "_evidence")))
    return proposed(told, cancelling(timeline, policies), policies=policies)


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
    stream="clicks",
    counts_from="the last addition to the cart",
    after=timedelta(hours=4),
    expires=timedelta(days=7),
    cancel_on=(ORDERED,),
    cancels=(ORDERED, "checkout_start", ADDED, "contact_opened"),
    reads=_reads,
    proposals=_proposals,
    topic="cart",
)
