"""Checked: what is asked of each message alone before it is said, beside what events forbid."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from tactful.jobs.runs.batches import Batch
from tactful.jobs.settings.config import Config
from tactful.schemas.assignments import ASSIGNMENTS
from tactful.schemas.reference import CAMPAIGNS, CONTENTS, CONTEXT, PRODUCTS
from tactful.schemas.table import Table
from tactful.transforms.checks import CHECKS, Around, spoken_against
from tactful.transforms.checks.check import is_meant
from tactful.transforms.holdout import arms
from tactful.transforms.identity.owners import is_person
from tactful.transforms.jurisdictions import whereabouts
from tactful.transforms.legal_hours import Week
from tactful.transforms.persons.zones import zones_by_then
from tactful.transforms.plans.barred import offered


def arms_of(
    batch: Batch, asked: DataFrame, standing: DataFrame, labels: DataFrame, config: Config
) -> DataFrame | None:
    """In which arm everybody is of the campaigns that are about to speak to them (see `arms`).

    Adds: is_live (whether anything of that campaign is more than shown). None where no campaign
    that speaks holds anybody out.
    """
    speaking = {one.campaign_id or one.name for one in config.activate}
    shares = (
        batch.read(CAMPAIGNS)
        .where(F.col("campaign_id").isin(*speaking) & (F.col("holdout_share") > 0))
        .select("campaign_id", "holdout_share")
    )
    if shares.isEmpty():
        return None
    owners = labels.where("state = 'linked'").select(
        F.col("identifier_key").alias("anchor_key"), "person_id"
    )
    settled = standing.where("is_final").select("decision_id")
    is_over = F.coalesce(F.col("expires_at") <= F.lit(batch.as_of), F.lit(False))
    spoken = (
        asked.where((F.col("purpose") == "marketing") & F.col("withdrawn_by").isNull() & ~is_over)
        .join(settled, "decision_id", "left_anti")
        .groupBy("person_id", "campaign_id")
        .agg(F.bool_or(~F.col("is_shadow")).alias("is_live"))
        .join(F.broadcast(shares), "campaign_id")
    )
    assigned = batch.read(ASSIGNMENTS).join(owners, "anchor_key")
    return batch.keep(arms(spoken, assigned, batch.lake.pads(config), as_of=batch.as_of))


def assignments(batch: Batch, drawn: DataFrame | None) -> dict[Table, DataFrame]:
    """The rows of `assignments` that a batch writes of the arms that it has drawn.

    What is shown only is no experiment, and in the midst of a backlog nobody knows yet who is one
    with whom: there the same hash says the same, and nothing is written.
    """
    if drawn is None or not batch.may_speak:
        return {}
    return {ASSIGNMENTS: ASSIGNMENTS.conform(drawn.where("is_live AND assigned_at IS NOT NULL"))}


def fitting(config: Config) -> list[tuple[Week, Column]]:
    """The hours that checks leave, with the messages that each is about."""
    told = [(CHECKS[one.when].hours(one.options), is_meant(one.options)) for one in config.checks]
    return [(hours, is_about) for hours, is_about in told if hours is not None]


def against(batch: Batch, moments: DataFrame, facts: DataFrame, config: Config) -> list[DataFrame]:
    """What the configured checks say against each message (see `Check.against`).

    moments: what could be said, with the moment of each.
    """
    if not config.checks:
        return []
    at = F.coalesce("moment", F.greatest(F.col("proposed_at"), F.lit(batch.as_of)))
    messages = moments.withColumns({"moment": at, "sent": at})
    about = offered(messages, batch.read(CONTENTS), batch.read(CAMPAIGNS))
    skus = about.select(F.col("message_id").alias("decision_id"), "skus")
    names = ("decision_id", "person_id", "channel", "policy", "time_zone", "moment")
    placed = messages.select(*names).join(whereabouts(facts), "person_id", "left")
    whole = batch.keep(placed.join(skus, "decision_id"))
    around = Around(batch.read(PRODUCTS), batch.read(CONTEXT))
    found = spoken_against(whole, around, policies=[one.policy for one in config.checks])
    return [] if found is None else [found]


def zones_of(
    batch: Batch, facts: DataFrame, asked: DataFrame, standing: DataFrame, config: Config
) -> DataFrame:
    """By whose clock everybody lives of whom something is planned, and whether that is known.

    Keeps: person_id. Adds: time_zone (the business's where nobody knows), is_zone_known.
    """
    at = F.lit(batch.as_of).alias("at")
    persons = asked.select("person_id").union(standing.select("person_id")).distinct()
    zones = zones_by_then(
        persons.select("person_id", at),
        facts.where(is_person()),
        time_zone=None,
    )
    own = F.coalesce("time_zone", F.lit(config.business.time_zone))
    is_known = F.col("time_zone").isNotNull().alias("is_zone_known")
    return batch.keep(zones.select("person_id", own.alias("time_zone"), is_known))
