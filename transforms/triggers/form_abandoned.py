"""form_abandoned: remind of a form that was begun and not submitted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from tactful.transforms.options import option
from tactful.transforms.triggers.proposing import (
    VISIT,
    by_policy,
    cancelling,
    each_policy,
    occasions,
    proposed,
)
from tactful.transforms.triggers.trigger import Facts, Policy, Reads, Trigger

STARTED, SUBMITTED, ORDERED = "form_start", "form_submit", "order_placed"


@dataclass(frozen=True, kw_only=True)
class FormAbandoned:
    """Remind of a form that was begun and not submitted: after how long, says `after`."""

    forms: tuple[str, ...] = option("The forms that it is about; empty means all.", default=())


def form_abandoned(timeline: DataFrame, *, policies: Sequence[Policy]) -> DataFrame:
    """Remind somebody of a form that they began and did not submit.

    Its cause is the last start of the form: one that is begun again before `after`, and before half
    an hour, is over is one occasion. A submission withdraws what is about the same form, one that
    names no form whatever it may be about.

    Keeps: one row a started form × policy × step. Adds: the columns of `PROPOSALS`.
    timeline: rows with person_id.
    """
    started = each_policy(occasions(timeline, [STARTED]), policies).withColumn(
        "key", F.coalesce("event.form", F.lit(""))
    )
    wanted = {
        one.name: F.col("key").isin(*one.options.forms) if one.options.forms else F.lit(True)
        for one in policies
    }
    gaps = {one.name: F.lit(max(one.waits[0], VISIT)) for one in policies}
    until = F.col("cause.occurred_at") + by_policy(gaps, "interval day to second")
    same = Window.partitionBy("person_id", "policy", "key").orderBy("cause")
    goes_on = F.lead("cause.occurred_at").over(same) < until
    causes = started.where(by_policy(wanted, "boolean")).withColumn("_goes_on", goes_on)
    last = causes.where("NOT coalesce(_goes_on, false)").drop("_goes_on")
    form = F.when(F.col("type") == SUBMITTED, F.col("form"))
    return proposed(
        last, cancelling(timeline, policies, key=form), policies=policies, caused_by=(STARTED,)
    )


def _proposals(facts: Facts, policies: Sequence[Policy]) -> DataFrame:
    return form_abandoned(facts.timeline, policies=policies)


def _reads(policy: Policy, *, slowest: Callable[[], float | None]) -> Reads:
    return {"intent": policy.reach}


TRIGGER = Trigger(
    when="form_abandoned",
    doc="Remind somebody of a form that they began and did not submit.",
    options=FormAbandoned,
    streams=lambda _: ("clicks",),
    counts_from="the last start of the form",
    after=timedelta(hours=1),
    expires=timedelta(days=7),
    cancel_on=(SUBMITTED,),
    cancels=(SUBMITTED, ORDERED, "contact_opened"),
    reads=_reads,
    proposals=_proposals,
    topic="form",
)
