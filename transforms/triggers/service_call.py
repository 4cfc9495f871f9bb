"""service_call: ring who was not helped well."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from tactful.schemas.events import ORDER
from tactful.transforms.identity.owners import is_person
from tactful.transforms.options import option
from tactful.transforms.rules.suppressions import named
from tactful.transforms.triggers.proposing import (
    by_policy,
    cancelling,
    each_policy,
    no_skus,
    proposed,
)
from tactful.transforms.triggers.trigger import Facts, Policy, Reads, Trigger, event_told

OPENED, CLOSED = "contact_opened", "contact_closed"


@dataclass(frozen=True, kw_only=True)
class ServiceCall:
    """Ring who was not helped well: how little they must have been pleased with a contact."""

    satisfaction_up_to: int = option(
        "Up to which satisfaction with a contact, of 1 (bad) to 5 (good).",
        default=2,
        at_least=1,
        at_most=5,
    )


def service_call(timeline: DataFrame, *, policies: Sequence[Policy]) -> DataFrame:
    """Ring somebody who told that a service contact was bad.

    Its cause is the newest event of the contact that tells how they liked it: who thinks better of
    it later is not rung. A desk that closes a contact often knows its number alone, so it is theirs
    who opened it first.

    Keeps: one row a contact × policy × step. Adds: the columns of `PROPOSALS`.
    timeline: rows with person_id, and every closing of their contacts, whosever it is.
    """
    contact = F.coalesce("contact_id", F.concat_ws(":", F.lit(""), "stream", "event_id"))
    about = timeline.where(F.col("type").isin(OPENED, CLOSED)).select(
        contact.alias("contact"),
        "type",
        "satisfaction",
        F.when(is_person(), F.col("person_id")).alias("person_id"),
        F.struct(*ORDER).alias("cause"),
        event_told().alias("event"),
    )
    is_theirs = F.col("person_id").isNotNull()
    tells = F.when(F.col("satisfaction").isNotNull(), F.struct("cause", "satisfaction", "event"))
    opening = F.when((F.col("type") == OPENED) & is_theirs, F.col("cause"))
    contacts = about.groupBy("contact").agg(
        F.coalesce(
            F.min_by("person_id", opening), F.min_by("person_id", F.when(is_theirs, F.col("cause")))
        ).alias("person_id"),
        F.max(tells).alias("_told"),
    )
    told = contacts.where("person_id IS NOT NULL AND _told IS NOT NULL")
    causes = told.select("person_id", "_told.*").withColumns(
        {"skus": no_skus(), "evidence": F.array(named("cause"))}
    )
    bad = {one.name: F.col("satisfaction") <= one.options.satisfaction_up_to for one in policies}
    low = each_policy(causes, policies).where(by_policy(bad, "boolean")).drop("satisfaction")
    return proposed(
        low, cancelling(timeline, policies), policies=policies, caused_by=(OPENED, CLOSED)
    )


def _proposals(facts: Facts, policies: Sequence[Policy]) -> DataFrame:
    return service_call(facts.timeline, policies=policies)


def _reads(policy: Policy, *, slowest: Callable[[], float | None]) -> Reads:
    """For ever: whose a contact is says its opening, however long ago that was."""
    return {"service": None}


TRIGGER = Trigger(
    when="service_call",
    doc="Ring somebody who told that a service contact was bad.",
    options=ServiceCall,
    streams=lambda _: ("service",),
    counts_from="the event that tells so",
    after=timedelta(),
    expires=timedelta(days=3),
    cancel_on=(OPENED,),
    cancels=(OPENED, CLOSED, "order_placed"),
    reads=_reads,
    proposals=_proposals,
    topic="service",
    purpose="transactional",
    is_offer=False,
)
