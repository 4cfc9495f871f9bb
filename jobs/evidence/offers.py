"""Offers: whom it concerns that a product, content or campaign is another than it was."""

from __future__ import annotations

from functools import reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from tactful.jobs.evidence.affected import keys_of
from tactful.jobs.evidence.orders import is_of_order
from tactful.jobs.runs.batches import Batch
from tactful.schemas.plans import PLANS
from tactful.schemas.reference import CAMPAIGNS, CONTENTS, OFFER, PRODUCTS
from tactful.schemas.table import Table
from tactful.transforms.changed_rows import changed_keys
from tactful.transforms.identity.links import latest, semi_join
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
    names = [table.id for table in MATTERS]
    return {n: known[n] for n in names if n in known and known[n] != tables.get(n)}


def concerned(
    batch: Batch, relevant_events: DataFrame, standing: DataFrame | None
) -> DataFrame | None:
    """An identifier of everybody whom the batch has to look at again.

    They are those for whom something planned is due, and whom a changed product, content or
    campaign concerns: who bought it, or was sent it, within the time that a rule looks back, and
    for whom something is planned about it. A table that has not been replaced costs nothing.

    Keeps: identifier_key. relevant_events: see `Lookback`. standing: see `due_plans`.
    """
    found = [] if standing is None else [standing]
    for table, (key, columns) in MATTERS.items():
        if table.id not in batch.replaced:
            continue
        before = batch.lake.store.read(table, batch.replaced[table.id])
        now, was = (table.conform(rows) for rows in (batch.read(table), before))
        changed = batch.keep(changed_keys(now, was, key=key, columns=columns))
        if count := changed.count():
            found += _with(batch, relevant_events, changed, key, count)
    return reduce(DataFrame.union, found).distinct() if found else None


def _with(
    batch: Batch, events: DataFrame, changed: DataFrame, key: str, count: int
) -> list[DataFrame]:
    """Who was told of, or bought, or is to be told of, any of these."""
    standing = latest(batch.read(PLANS), key=["decision_id"]).where("NOT is_final")
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
