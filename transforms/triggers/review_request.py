"""review_request: ask how somebody likes what has arrived."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from tactful.schemas.events import ORDER
from tactful.transforms.arrivals import with_arrivals
from tactful.transforms.identity.owners import is_person
from tactful.transforms.journeys import DELIVERED, is_in_store, journeys, steps
from tactful.transforms.options import option
from tactful.transforms.settled import purchased_lines
from tactful.transforms.triggers.proposing import (
    bought,
    by_policy,
    cancelling,
    each_policy,
    gathered,
    proposed,
)
from tactful.transforms.triggers.trigger import Facts, Policy, Reads, Trigger

REVIEWED = "review_submitted"


@dataclass(frozen=True, kw_only=True)
class ReviewRequest:
    """Ask for a review of what has arrived: how long after, says `after`."""

    delivered_within: timedelta = option(
        "How long before its delivery something was ordered at most.",
        default=timedelta(days=180),
    )
    of_stores: bool = option(
        "Whether what was bought in a store counts, which is taken home at once.", default=True
    )


def review_request(
    timeline: DataFrame, lines: DataFrame, *, policies: Sequence[Policy]
) -> DataFrame:
    """Ask somebody for a review of what has arrived and was kept.

    Its cause is the delivery with which all that is kept of a line was there, quantity by quantity,
    whoever tells of it (see `with_arrivals`), and what was there with it is one occasion; of what
    was bought in a store it is the order. Never of a line of which some is still on its way, nor
    of one of which nothing is kept, nor of a product that the customer has reviewed: where that is
    true of all that an occasion is about, the last of it withdraws it.

    Keeps: one row a delivery × policy × step. Adds: the columns of `PROPOSALS`.
    timeline: rows with person_id, and every delivery of their orders, whosever it is. lines: see
    `settled_lines`.
    """
    # Of whole orders, since a quantity that names no line goes to their lines in turn.
    there = purchased_lines(lines).join(journeys(timeline, types=(DELIVERED,)), "order_id", "left")
    last = F.array_max(F.filter(steps(DELIVERED), lambda event: event <= F.col("_arrived")))
    told = (
        bought(there.transform(with_arrivals), timeline)
        .where("sku IS NOT NULL")
        .withColumns({"order": F.col("cause"), "_delivered": last, "_is_in_store": is_in_store()})
    )
    arrived = F.when(F.col("_is_in_store"), F.col("order")).otherwise(
        F.greatest("_delivered", "order")
    )
    reviews = (
        timeline.where((F.col("type") == REVIEWED) & is_person() & F.col("sku").isNotNull())
        .groupBy("person_id", "sku")
        .agg(F.min(F.struct(*ORDER)).alias("_reviewed"))
    )
    is_there = F.when(F.col("_is_in_store"), F.lit(True)).otherwise(F.col("_delivered").isNotNull())
    ends = F.array_min(F.array_compact(F.array("_reviewed", "emptied")))
    parts = (
        told.withColumn("cause", arrived)
        .where(is_there)
        .join(reviews, ["person_id", "sku"], "left")
        .withColumn("over_by", ends)
        .where("over_by IS NULL OR over_by > cause")
    )
    allowed = {
        one.name: (F.col("cause.occurred_at") - F.col("order.occurred_at"))
        <= F.lit(one.options.delivered_within)
        for one in policies
    }
    stores = {one.name: F.lit(one.options.of_stores) | ~F.col("_is_in_store") for one in policies}
    mine = each_policy(parts, policies).where(
        by_policy(allowed, "boolean") & by_policy(stores, "boolean")
    )
    return proposed(
        gathered(mine),
        cancelling(timeline, policies),
        policies=policies,
        caused_by=(DELIVERED, "order_placed"),
    )


def _proposals(facts: Facts, policies: Sequence[Policy]) -> DataFrame:
    assert facts.lines is not None
    return review_request(facts.timeline, facts.lines, policies=policies)


def _reads(policy: Policy, *, slowest: Callable[[], float | None]) -> Reads:
    """Of orders and what came back of them as much more as a delivery may take."""
    reach = policy.reach
    ordered = None if reach is None else reach + policy.options.delivered_within
    return {"order": ordered, "reversal": ordered, "fulfilment": ordered, "profile": None}


TRIGGER = Trigger(
    when="review_request",
    doc="Ask somebody for a review of what has arrived and was kept.",
    options=ReviewRequest,
    streams=lambda _: ("purchases",),
    counts_from="the delivery",
    after=timedelta(days=7),
    expires=timedelta(days=30),
    cancel_on=(),
    cancels=("contact_opened", "order_returned", "order_placed"),
    reads=_reads,
    proposals=_proposals,
    topic="review_request",
    needs_lines=True,
    is_offer=False,
)
