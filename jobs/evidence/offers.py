"""Offers: whom it concerns that a product, content, campaign or the weather is another."""

from __future__ import annotations

from datetime import timedelta
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from tactful.jobs.evidence.affected import keys_of
from tactful.jobs.evidence.orders import is_of_order
from tactful.jobs.runs.batches import Batch
from tactful.jobs.settings.config import Config
from tactful.schemas.plans import PLANS
from tactful.schemas.reference import CAMPAIGNS, CONTENTS, CONTEXT, OFFER, PRODUCTS
from tactful.schemas.table import Table
from tactful.transforms.changed_rows import changed_keys
from tactful.transforms.checks import CHECKS
from tactful.transforms.checks.check import is_meant
from tactful.transforms.identity.links import latest, semi_join
from tactful.transforms.jurisdictions import place_of_weather, places, tells_country
from tactful.transforms.message_facts import is_of_message

# What of each has a say in what must not, or might, be said; what it costs has none.
MATTERS: dict[Table, tuple[str, tuple[str, ...]]] = {
    PRODUCTS: ("sku", tuple(name for name in PRODUCTS.names if name != "cost")),
    CONTENTS: ("content_id", tuple(column.name for column in OFFER)),
    CAMPAIGNS: (
        "campaign_id",
        (*(column.name for column in OFFER), "starts_at", "ends_at", "holdout_share"),
    ),
}


def versions(tables: dict[str, int], earlier: dict[str, int] | None) -> dict[str, int]:
    """Of the tables that offers stand in those that are others than for the batch before, as they
    were for it.
    """
    known = earlier or {}
    names = [table.id for table in (*MATTERS, CONTEXT)]
    return {n: known[n] for n in names if n in known and known[n] != tables.get(n)}


def concerned(
    batch: Batch, relevant_events: DataFrame, standing: DataFrame | None, config: Config
) -> DataFrame | None:
    """An identifier of everybody whom the batch has to look at again.

    They are those for whom something planned is due, and whom a changed product, content or
    campaign concerns: who bought it, or was sent it, within the time that a rule looks back, and
    for whom something is planned about it; and whom another weather concerns. A table that has not
    been replaced costs nothing.

    Keeps: identifier_key. relevant_events: see `Lookback`. standing: see `due_plans`.
    """
    found = [] if standing is None else [standing]
    for table, (key, columns) in MATTERS.items():
        if table.id not in batch.replaced:
            continue
        now, was = _now_and_before(batch, table)
        changed = batch.keep(changed_keys(now, was, key=key, columns=columns))
        if count := changed.count():
            found += _with(batch, relevant_events, changed, key, count)
    found += _under_other_skies(batch, relevant_events, config)
    return reduce(DataFrame.union, found).distinct() if found else None


def _now_and_before(batch: Batch, table: Table) -> tuple[DataFrame, DataFrame]:
    before = batch.lake.store.read(table, batch.replaced[table.id])
    return table.conform(batch.read(table)), table.conform(before)


def _under_other_skies(batch: Batch, events: DataFrame, config: Config) -> list[DataFrame]:
    """For whom anything is planned that asks for the weather, and who was ever seen where that of
    today or of a day to come is told otherwise than before.
    """
    asking = [
        is_meant(one.options)
        for one in config.checks
        if CONTEXT.name in CHECKS[one.when].references(one.options)
    ]
    if not asking or CONTEXT.id not in batch.replaced:
        return []
    # By the calendar of whoever lives furthest west it is still the day before.
    today = (batch.as_of - timedelta(days=1)).date()
    ahead = (rows.where(F.col("day") >= F.lit(today)) for rows in _now_and_before(batch, CONTEXT))
    columns = ("day", "temperature", "rain")
    changed = changed_keys(*ahead, key="region", columns=columns)
    regions = [row.place for row in changed.select(place_of_weather().alias("place")).collect()]
    standing = batch.keep(_standing(batch).where(reduce(Column.__or__, asking)))
    if not regions or standing.isEmpty():
        return []
    # Who moves on says so by an event of their own, which has them looked at.
    there = events.where(tells_country() & F.arrays_overlap(places(), F.lit(regions)))
    seen = _labels(batch, keys_of(there)).select("person_id").distinct()
    planned = _labels(batch, standing.select(F.col("anchor_key").alias("identifier_key")))
    return [planned.join(seen, "person_id", "left_semi").select("identifier_key")]


def _labels(batch: Batch, keys: DataFrame) -> DataFrame:
    each = batch.keep(keys.distinct())
    return batch.logs.labels_of(each, count=each.count())


def _standing(batch: Batch) -> DataFrame:
    return latest(batch.read(PLANS), key=["decision_id"]).where("NOT is_final")


def _with(
    batch: Batch, events: DataFrame, changed: DataFrame, key: str, count: int
) -> list[DataFrame]:
    """Who was told of, or bought, or is to be told of, any of these."""
    standing = _standing(batch)
    names = ["identifier_keys"]
    if key == "sku":
        sent = _each(events.where(is_of_message()), names, "skus", key)
        told = events.where(is_of_order()).select(*names, key).unionByName(sent)
        planned = _each(standing, ["anchor_key"], "skus", key)
    else:
        told = events.where(is_of_message() & F.col(key).isNotNull()).select(*names, key)
        planned = standing.select("anchor_key", key)
    theirs = semi_join(planned, changed, count=count)
    return [
        keys_of(semi_join(told, changed, count=count)),
        theirs.select(F.col("anchor_key").alias("identifier_key")),
    ]


def _each(rows: DataFrame, names: list[str], many: str, one: str) -> DataFrame:
    return rows.select(*names, F.explode(many).alias(one))
