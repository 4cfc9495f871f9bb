"""win_back: come back to somebody who has not ordered for long."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from tactful.schemas.events import ORDER
from tactful.transforms.identity.owners import is_person
from tactful.transforms.rules.suppressions import named
from tactful.transforms.settled import is_cancelled, purchased_lines
from tactful.transforms.triggers.proposing import cancelling, each_policy, proposed
from tactful.transforms.triggers.trigger import Facts, Policy, Reads, Trigger, event_told

ORDERED = "order_placed"


@dataclass(frozen=True, kw_only=True)
class WinBack:
    """Come back to somebody who has not ordered for long: how long, says `after`."""


def win_back(timeline: DataFrame, lines: DataFrame, *, policies: Sequence[Policy]) -> DataFrame:
    """Come back to somebody who has not ordered since.

    Its cause is an order that was not wholly cancelled, and the next order withdraws it.

    Keeps: one row an order × policy × step. Adds: the columns of `PROPOSALS`.
    timeline: rows with person_id. lines: see `settled_lines`.
    """
    kept = purchased_lines(lines).where(is_person() & ~is_cancelled())
    orders = kept.select("person_id", *ORDER).distinct()
    told = timeline.where(F.col("type") == ORDERED).select(
        *ORDER, "line_number", event_told().alias("event")
    )
    first = told.groupBy(*ORDER).agg(F.min_by("event", "line_number").alias("event"))
    causes = orders.join(first, [*ORDER]).select(
        "person_id",
        F.struct(*ORDER).alias("cause"),
        F.lit(None).cast("string").alias("about"),
        F.array().cast("array<string>").alias("skus"),
        "event",
    )
    named_causes = causes.withColumn("evidence", F.array(named("cause")))
    return proposed(
        each_policy(named_causes, policies), cancelling(timeline, policies), policies=policies
    )


def _proposals(facts: Facts, policies: Sequence[Policy]) -> DataFrame:
    assert facts.lines is not None
    return win_back(facts.timeline, facts.lines, policies=policies)


def _reads(policy: Policy, *, slowest: Callable[[], float | None]) -> Reads:
    return {"order": policy.reach, "reversal": policy.reach}


TRIGGER = Trigger(
    when="win_back",
    doc="Come back to somebody who has not ordered for long.",
    options=WinBack,
    stream="purchases",
    counts_from="the last order",
    expires=timedelta(days=30),
    cancel_on=(ORDERED,),
    cancels=(ORDERED, "login", "app_open", "store_visit", "contact_opened"),
    reads=_reads,
    proposals=_proposals,
    topic="win_back",
    needs_lines=True,
)
