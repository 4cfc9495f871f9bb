"""campaign: what a campaign says, when it starts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from tactful.transforms.identity.owners import is_person, named_after
from tactful.transforms.rules.suppressions import named
from tactful.transforms.triggers.proposing import by_policy, cancelling, each_policy, proposed
from tactful.transforms.triggers.trigger import EVENT, Facts, Fault, Policy, Reads, Trigger

STREAM = "campaigns"


@dataclass(frozen=True, kw_only=True)
class Campaign:
    """Say what a campaign says: to whom, says `where`."""


def campaign(
    persons: DataFrame, timeline: DataFrame, campaigns: DataFrame, *, policies: Sequence[Policy]
) -> DataFrame:
    """Say to everybody known what a campaign says, when it starts, and nothing once it has ended.

    Known is who was seen by then. Its cause is the campaign itself, for each of them, at its
    starts_at.

    Keeps: one row a person × policy × step. Adds: the columns of `PROPOSALS`.
    persons: person_id, first_seen_at. campaigns: campaign_id, skus, starts_at, ends_at; one without
    starts_at has not begun.
    """
    own = {one.name: F.lit(one.campaign_id) for one in policies}
    ref = F.struct(
        F.col("starts_at").alias("occurred_at"),
        F.lit(STREAM).alias("stream"),
        F.col("campaign_id").alias("event_id"),
    )
    begun = each_policy(campaigns, policies).where(
        (F.col("campaign_id") == by_policy(own, "string")) & F.col("starts_at").isNotNull()
    )
    told = begun.select(
        "policy",
        ref.alias("cause"),
        F.array_sort(F.array_distinct(F.coalesce("skus", F.array()))).alias("skus"),
        F.col("ends_at").alias("lapses_at"),
        F.lit(None).cast(EVENT).alias("event"),
    )
    mine = persons.where(is_person()).select("person_id", "first_seen_at")
    known = mine.join(F.broadcast(told), F.col("first_seen_at") <= F.col("cause.occurred_at")).drop(
        "first_seen_at"
    )
    causes = known.withColumns({"about": named_after(), "evidence": F.array(named("cause"))})
    return proposed(causes, cancelling(timeline, policies), policies=policies, caused_by=())


def _proposals(facts: Facts, policies: Sequence[Policy]) -> DataFrame:
    assert facts.persons is not None
    return campaign(facts.persons, facts.timeline, facts.campaigns, policies=policies)


def _reads(policy: Policy, *, slowest: Callable[[], float | None]) -> Reads:
    """The calendar alone is its occasion."""
    return {}


def _faults(given: Mapping[str, Any]) -> Iterator[Fault]:
    if "campaign_id" not in given:
        yield Fault("campaign_id", "the campaign that it says", "it starts and ends with it")


TRIGGER = Trigger(
    when="campaign",
    doc="Say what a campaign says to everybody whom it is for, from its start to its end.",
    options=Campaign,
    streams=lambda _: (),
    counts_from="the campaign's starts_at",
    after=timedelta(),
    cancel_on=(),
    cancels=("order_placed", "form_submit", "login", "store_visit", "contact_opened"),
    reads=_reads,
    proposals=_proposals,
    faults=_faults,
    references=lambda _: {"campaigns": "when it starts is told by [reference.campaigns]"},
    caused_in="campaigns",
    needs_persons=True,
)
