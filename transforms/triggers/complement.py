"""complement: offer what goes with what was bought."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from tactful.schemas.models import COMPLEMENT
from tactful.transforms.triggers.proposing import (
    bought,
    cancelling,
    each_policy,
    gathered,
    proposed,
)
from tactful.transforms.triggers.trigger import Facts, Policy, Reads, Trigger


@dataclass(frozen=True, kw_only=True)
class Complement:
    """Offer what goes with what was bought: how long after the order, says `after`."""


def complement(
    timeline: DataFrame, lines: DataFrame, products: DataFrame, *, policies: Sequence[Policy]
) -> DataFrame:
    """Offer somebody what goes with what they have bought.

    As the shop says of its products, else as others have bought (see `with_learned_complements`).

    Its cause is the order. What they had bought by then is never offered. What they buy
    afterwards, wherever, is offered no more, nor what goes with something of which nothing is kept:
    where that is true of all that an order gives occasion to offer, the last of it withdraws it.

    Keeps: one row an order × policy × step. Adds: the columns of `PROPOSALS`.
    timeline: rows with person_id. lines: see `settled_lines`, of all that they ever bought.
    products: sku, complements.
    """
    had = bought(lines, timeline).where("sku IS NOT NULL")
    owned = had.groupBy("person_id", F.col("sku").alias("other")).agg(F.min("cause").alias("owned"))
    goes_with = products.select("sku", F.explode("complements").alias("other")).distinct()
    pairs = had.join(goes_with, "sku").join(owned, ["person_id", "other"], "left")
    # Two lines may give occasion to offer the same: it is over where nothing of either is kept.
    is_kept = F.col("emptied").isNull()
    each = pairs.groupBy("person_id", "cause", "other").agg(
        F.max(is_kept).alias("_is_kept"),
        F.max("emptied").alias("_emptied"),
        F.any_value("owned").alias("owned"),
        F.min("line_number").alias("line_number"),
        F.min_by("event", F.struct("line_number", "sku")).alias("event"),
    )
    emptied = F.when(~F.col("_is_kept"), F.greatest("_emptied", "cause"))
    over_by = F.array_min(F.array_compact(F.array("owned", emptied)))
    parts = each.where("owned IS NULL OR owned > cause").select(
        "person_id",
        "cause",
        F.col("other").alias("sku"),
        F.col("cause").alias("order"),
        "line_number",
        "event",
        over_by.alias("over_by"),
    )
    causes = gathered(each_policy(parts, policies))
    return proposed(
        causes, cancelling(timeline, policies), policies=policies, caused_by=("order_placed",)
    )


def _proposals(facts: Facts, policies: Sequence[Policy]) -> DataFrame:
    assert facts.lines is not None
    return complement(facts.timeline, facts.lines, facts.products, policies=policies)


def _reads(policy: Policy, *, slowest: Callable[[], float | None]) -> Reads:
    """For ever: what somebody has is not offered."""
    return {"order": None, "reversal": None}


TRIGGER = Trigger(
    when="complement",
    doc="Offer somebody what goes with what they have bought.",
    options=Complement,
    streams=lambda _: ("purchases",),
    counts_from="the order",
    after=timedelta(days=3),
    expires=timedelta(days=30),
    cancel_on=(),
    cancels=("order_placed", "order_returned", "contact_opened"),
    reads=_reads,
    proposals=_proposals,
    references=lambda _: {"products": "what goes with what is told by [reference.products]"},
    topic="complement",
    needs_lines=True,
    learns=COMPLEMENT,
)
