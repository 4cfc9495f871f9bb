"""What is known of those a batch plans for, as it was last published, and who is asked again."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from tactful.jobs.runs.batches import Batch
from tactful.jobs.settings.config import Config
from tactful.schemas.customers import CUSTOMER_SCORES, CUSTOMERS
from tactful.transforms.identity.owners import is_person, named_after
from tactful.transforms.personalisation import not_personalised, without_profiling
from tactful.transforms.plans.outdated import outdated
from tactful.transforms.plans.switching import ASKED

PROFILE = ("last_seen_at", "usual_response_hour", "response_rates", "sends", "attributes")


def switches(config: Config) -> bool:
    """Whether any policy tries another channel with who never answers."""
    return any(one.switch_to for one in config.activate)


def profiles_of(batch: Batch, persons: DataFrame, facts: DataFrame, config: Config) -> DataFrame:
    """What is known of these persons, as it was last published, and may be asked."""
    told = (*(one.chosen.columns for one in config.activate), *(cap.asked for cap in config.caps))
    asked = set(PROFILE).union(*told, ASKED if switches(config) else ())
    of_scores = sorted(asked.intersection(CUSTOMER_SCORES.names) - {*CUSTOMERS.names})
    of_customers = sorted(asked.intersection(CUSTOMERS.names) - {"person_id"})
    known = batch.read(CUSTOMERS).select("person_id", *of_customers)
    theirs = known.join(persons, "person_id", "left_semi")
    if of_scores:
        scores = batch.read(CUSTOMER_SCORES).select("person_id", *of_scores)
        theirs = theirs.join(scores, "person_id", "left")
    return without_profiling(theirs, not_personalised(facts.where(is_person())))


def asked_again(
    batch: Batch, meant: DataFrame, own: DataFrame, profiles: DataFrame, config: Config
) -> DataFrame | None:
    """When to look again at those who were passed over by what was published before their events.

    By then that should have been published; where it was not, they are looked at once more.

    Keeps: rows of `_log/due`. None where no policy asks what is known of a customer.
    meant: see `with_conditions`. own: person_id, occurred_at of their own events.
    """
    asking = [one.name for one in config.activate if one.chosen.columns]
    if not asking:
        return None
    picky = [one.name for one in config.activate if one.speech.is_picky]
    late = outdated(
        meant.where(F.col("policy").isin(*asking)), own, profiles, picky=picky, as_of=batch.as_of
    )
    return late.select(
        named_after().alias("anchor_key"),
        F.lit(batch.as_of + config.lake.publish_every).alias("due_at"),
        F.lit(batch.number).cast("bigint").alias("batch_id"),
    )
