"""welcome: greet whoever is new."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from tactful.schemas.events import CLASSES, TYPES
from tactful.transforms.options import option
from tactful.transforms.triggers.proposing import (
    by_policy,
    cancelling,
    each_policy,
    occasions,
    proposed,
)
from tactful.transforms.triggers.trigger import Facts, Policy, Reads, Trigger

NEWS = (
    "signup", "loyalty_join", "course_signup", "app_install", "subscribed", "order_placed",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Welcome:
    """Greet whoever is new: by which events, and once only."""

    on: tuple[str, ...] = option(
        "The types of events that somebody is new by.", default=("signup",), allowed=NEWS
    )


def welcome(timeline: DataFrame, *, policies: Sequence[Policy]) -> DataFrame:
    """Greet somebody who is new, once.

    Its cause is the first event ever of the types that say so: who signs up again is not new.

    Keeps: one row a person × policy × step. Adds: the columns of `PROPOSALS`.
    timeline: rows with person_id, of these types for ever.
    """
    types = sorted({type_ for one in policies for type_ in one.options.on})
    is_one = {one.name: F.col("event.type").isin(*one.options.on) for one in policies}
    told = each_policy(occasions(timeline, types), policies)
    mine = told.where(by_policy(is_one, "boolean"))
    first = mine.groupBy("person_id", "policy").agg(
        F.min("cause").alias("cause"),
        *(F.min_by(name, "cause").alias(name) for name in ("event", "skus", "evidence")),
    )
    return proposed(first, cancelling(timeline, policies), policies=policies, caused_by=NEWS)


def _proposals(facts: Facts, policies: Sequence[Policy]) -> DataFrame:
    return welcome(facts.timeline, policies=policies)


def _reads(policy: Policy, *, slowest: Callable[[], float | None]) -> Reads:
    """For ever: who was new before is not new."""
    return {name: None for name, types in CLASSES.items() if {*types} & {*policy.options.on}}


TRIGGER = Trigger(
    when="welcome",
    doc="Greet somebody who is new, once.",
    options=Welcome,
    streams=lambda chosen: [name for name, types in TYPES.items() if {*types} & {*chosen.on}],
    counts_from="the first event that says so",
    after=timedelta(),
    expires=timedelta(days=14),
    cancel_on=(),
    cancels=("order_placed", "contact_opened"),
    reads=_reads,
    proposals=_proposals,
    topic="welcome",
)
