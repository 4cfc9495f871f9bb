"""win_back: come back to somebody who has not ordered for long."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from tactful.transforms.rules.suppressions import named
from tactful.transforms.triggers.proposing import (
    bought,
    cancelling,
    each_policy,
    first_event,
    no_skus,
    proposed,
)
from tactful.transforms.triggers.trigger import Facts, Policy, Reads, Trigger

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
    orders = bought(lines, timeline).groupBy("person_id", "cause").agg(first_event().alias("event"))
    causes = orders.withColumns({"skus": no_skus(), "evidence": F.array(named("cause"))})
    cancels = cancelling(timeline, policies)
    return proposed(each_policy(causes, policies), cancels, policies=policies, caused_by=(ORDERED,))


def _proposals(facts: Facts, policies: Sequence[Policy]) -> DataFrame:
    assert facts.lines is not None
    return win_back(facts.timeline, facts.lines, policies=policies)


def _reads(policy: Policy, *, slowest: Callable[[], float | None]) -> Reads:
    return {"order": policy.reach, "reversal": policy.reach}


TRIGGER = Trigger(
    when="win_back",
    doc="Come back to somebody who has not ordered for long.",
    options=WinBack,
    streams=lambda _: ("purchases",),
    counts_from="the last order",
    expires=timedelta(days=30),
    cancel_on=(ORDERED,),
    cancels=(ORDERED, "login", "app_open", "store_visit", "contact_opened"),
    reads=_reads,
    proposals=_proposals,
    topic="win_back",
    needs_lines=True,
)
