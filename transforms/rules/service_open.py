"""service_open: say nothing of marketing while somebody waits for customer service."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from tactful.schemas.events import CHANNELS, ORDER
from tactful.transforms.identity.owners import is_person
from tactful.transforms.options import option
from tactful.transforms.rules.rule import Facts, Policy, Reads, Rule, in_words
from tactful.transforms.rules.suppressions import channel_list, forever, named, with_id


@dataclass(frozen=True, kw_only=True)
class ServiceOpen:
    """Say nothing of marketing while a service contact is open: where, and for how long at most."""

    lasts_at_most: timedelta | None = option(
        "How long after its opening a contact counts as open at most, where nobody closes it.",
        default=None,
    )
    channels: tuple[str, ...] = option(
        "The channels it holds for; empty means all.", default=(), allowed=CHANNELS
    )


def service_open(timeline: DataFrame, *, policies: Sequence[Policy]) -> DataFrame:
    """Say nothing of marketing to somebody whose service contact is open.

    It holds from the opening until the first closing of the same contact that is not before it,
    whoever closes it: a desk that closes a contact knows its number, not the customer. One that is
    opened again is open again. What opens without a number nobody can close, and what closes
    without one closes nothing: doubt is silence.

    Keeps: one row a person's contact_opened × policy. Adds: the columns of `suppressions`, cause.
    timeline: rows with person_id, and every contact_closed of their contacts, whosever it is.
    """
    every = F.explode(F.array(*(_as_struct(policy) for policy in policies))).alias("rule")
    opened = (
        timeline.where((F.col("type") == "contact_opened") & is_person())
        .select("person_id", "contact_id", "occurred_at", F.struct(*ORDER).alias("cause"))
        .join(_closings(timeline), "contact_id", "left")
    )
    not_before = F.filter("closings", lambda one: one["occurred_at"] >= F.col("occurred_at"))
    closed = opened.withColumn("_closed", F.array_min(not_before)).select("*", every)
    in_time = F.col("_closed.occurred_at") < F.coalesce("rule.ends_at", forever())
    ended = closed.withColumn("_lift", F.when(in_time, F.col("_closed")))
    return ended.select(
        "person_id",
        F.col("rule.policy").alias("policy"),
        F.lit("service_open").alias("reason"),
        F.col("rule.channels").alias("channels"),
        F.lit("purpose").alias("scope_kind"),
        F.array(F.lit("marketing")).alias("scope_values"),
        F.col("occurred_at").alias("starts_at"),
        F.coalesce("_lift.occurred_at", "rule.ends_at").alias("ends_at"),
        named("_lift").alias("lifted_by"),
        F.array_compact(F.array(named("cause"), named("_lift"))).alias("evidence"),
        "cause",
        F.lit(None).cast("int").alias("line_number"),
    ).transform(with_id)


def _closings(timeline: DataFrame) -> DataFrame:
    """What closes each contact: contact_id, closings."""
    closed = timeline.where("type = 'contact_closed' AND contact_id IS NOT NULL")
    return closed.groupBy("contact_id").agg(F.collect_set(F.struct(*ORDER)).alias("closings"))


def _as_struct(policy: Policy) -> Column:
    chosen: ServiceOpen = policy.options
    ends_at = F.lit(None).cast("timestamp")
    if chosen.lasts_at_most is not None:
        ends_at = F.col("occurred_at") + F.lit(chosen.lasts_at_most)
    return F.struct(
        F.lit(policy.name).alias("policy"),
        ends_at.alias("ends_at"),
        channel_list(chosen.channels).alias("channels"),
    )


def _rows(facts: Facts, policies: Sequence[Policy]) -> DataFrame:
    return service_open(facts.timeline, policies=policies)


def _reads(chosen: ServiceOpen, *, slowest: Callable[[], float | None]) -> Reads:
    """As long as a row may last; what closes it in time is no older than what opened it."""
    return {"service": chosen.lasts_at_most}


def _says(chosen: ServiceOpen) -> str:
    if chosen.lasts_at_most is None:
        return "a service contact was open"
    return f"a service contact was open, opened in the {in_words(chosen.lasts_at_most)} before"


RULE = Rule(
    when="service_open",
    doc="Say nothing of marketing to somebody whose service contact is open.",
    precedence=50,
    options=ServiceOpen,
    stream="service",
    reads=_reads,
    rows=_rows,
    says=_says,
    lifts=lambda _: "the end of the contact (contact_closed)",
    is_bad_experience=True,
)
