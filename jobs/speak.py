"""Speak: what is due to be said, as records for the destinations that say it."""

from __future__ import annotations

from functools import reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from tactful.jobs.runs.batches import Batch
from tactful.jobs.settings.config import Config, Destination
from tactful.schemas.reference import CONTENTS, PRODUCTS
from tactful.transforms.plans.speaking import send_records, with_products, with_template
from tactful.transforms.triggers import TRIGGERS

# What a customer's attributes may call the language they read.
LOCALES = ("locale", "language")


def records(batch: Batch, said: DataFrame, profiles: DataFrame, config: Config) -> DataFrame | None:
    """A record for each destination that says what is due now; None where none speaks.

    said: the plans that are handed over now. profiles: person_id, attributes.
    """
    speaking = [d for d in config.destinations if d.policy in _spoken(config) and not d.retired]
    if not speaking:
        return None
    told = [F.col("attributes")[name]["value"] for name in LOCALES]
    locales = profiles.select("person_id", F.coalesce(*told).alias("locale"))
    ready = batch.keep(with_products(said, batch.read(PRODUCTS)).join(locales, "person_id", "left"))
    frames = [_of(batch, ready, destination) for destination in speaking]
    return reduce(DataFrame.unionByName, frames)


def _of(batch: Batch, ready: DataFrame, destination: Destination) -> DataFrame:
    mine = ready.where(F.col("policy") == destination.policy)
    if destination.channel is not None:
        mine = mine.where(F.col("channel") == destination.channel)
    whole = with_template(mine, batch.read(CONTENTS), kind=destination.kind)
    reasons = {name: trigger.doc for name, trigger in TRIGGERS.items()}
    return send_records(whole, destination=destination.name, reasons=reasons)


def _spoken(config: Config) -> set[str]:
    return {one.name for one in config.activate}
