"""Stitch: identifiers seen together become persons; only what new links touch is looked at."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from tactful.jobs.config import Identity
from tactful.jobs.relabel import (
    as_before,
    blocked_labels,
    differing,
    members_of,
    moves,
    others,
    persons_changed,
    relabel,
)
from tactful.jobs.runtime import Batch
from tactful.jobs.session import frame_of
from tactful.schemas.identity import LABELS
from tactful.transforms.links import picked, seen_together


@dataclass(frozen=True)
class Stitched:
    """What a batch changed: rows for the logs, the labels of all it touched, persons that moved.

    touched: as the batch leaves them, the labels of every component that holds an identifier of
    the batch. moved: identifiers that are another person's now. persons: person_id of those who
    own something else now. size: how many identifiers the batch bears on, about.
    """

    links: DataFrame
    labels: DataFrame
    touched: DataFrame
    changes: DataFrame
    moved: DataFrame
    persons: DataFrame
    has_moves: bool
    has_hubs: bool
    size: int

    def labels_of(self, batch: Batch, keys: DataFrame) -> DataFrame:
        """The labels of any identifiers, as this batch leaves them."""
        before = batch.logs.labels_of(keys, count=self.size).drop("batch_id")
        rest = before.join(self.touched.select("identifier_key"), "identifier_key", "left_anti")
        return rest.unionByName(picked(self.touched, keys, count=self.size))


def stitch(
    batch: Batch, events: DataFrame, rules: Identity, *, woken: DataFrame | None = None
) -> Stitched:
    """Join the batch's links to all that they touch, and say anew who is who there.

    woken: identifier_key of further identifiers whose labels the batch asks for. None of its
    events carries them, so nothing changes for them.
    """
    links = batch.keep(seen_together(events).withColumn("batch_id", F.lit(batch.number)))
    count, blocks = links.agg(
        F.count("*"), F.coalesce(F.max(F.size("blocked_keys")) > 0, F.lit(False))
    ).first()
    size = 2 * count + (woken.count() if woken is not None else 0)
    before = batch.logs.touched_labels(_asked(links, woken, blocks=blocks), count=size)
    before = before.select(LABELS.names[:-1])
    members = members_of(_keys_in(links), before)
    touching = batch.logs.touching(members, links)
    fresh = relabel(touching, members, before, rules).cast(before.schema)
    if blocks:
        fresh = pa.concat_tables([fresh, blocked_labels(_blocked(links), before)])
    known = as_before(fresh, before)
    moved, now = moves(fresh, known), pa.concat_tables([fresh, others(before, fresh)])
    labels = _held(batch, differing(fresh, known)).withColumn("batch_id", F.lit(batch.number))
    touched = _held(batch, now)
    moved_to = _held(batch, moved)
    return Stitched(
        links,
        labels,
        touched,
        _described(moved_to, links, batch),
        moved_to,
        frame_of(batch.lake.spark, persons_changed(fresh, known, before)),
        has_moves=moved.num_rows > 0,
        has_hubs=pc.any(pc.equal(now["state"], "hub")).as_py() or False,
        size=max(size, now.num_rows),
    )


def _asked(links: DataFrame, woken: DataFrame | None, *, blocks: bool) -> DataFrame:
    asked = links.select(F.explode("identifier_keys").alias("identifier_key"))
    if blocks:
        asked = asked.union(links.select(F.explode("blocked_keys")))
    return asked if woken is None else asked.union(woken)


def _keys_in(links: DataFrame) -> pa.Array:
    held = links.select("identifier_keys").toArrow()["identifier_keys"]
    return held.combine_chunks().flatten()


def _held(batch: Batch, rows: pa.Table) -> DataFrame:
    frame = frame_of(batch.lake.spark, rows)
    return batch.keep(frame) if rows.num_rows else frame


def _blocked(links: DataFrame) -> pa.Table:
    """The blocked identifiers that were just seen, and when first and last."""
    pairs = F.explode(F.arrays_zip("blocked_keys", "blocked_types")).alias("b")
    key, kind = F.col("b.blocked_keys"), F.col("b.blocked_types")
    return (
        links.select(pairs, "first_seen", "last_seen")
        .groupBy(key.alias("identifier_key"), kind.alias("identifier_type"))
        .agg(
            F.min("first_seen.occurred_at").alias("first_seen_at"),
            F.max("last_seen.occurred_at").alias("last_seen_at"),
        )
        .toArrow()
    )


def _described(moves: DataFrame, links: DataFrame, batch: Batch) -> DataFrame:
    """A person whose own identifier became another's was merged; all else came apart."""
    pair = ["from_person_id", "to_person_id"]
    own = F.col("from_person_id") == F.concat(F.lit("p_"), F.col("identifier_key"))
    merged = own & F.col("to_person_id").isNotNull()
    cause = links.select(
        F.explode("identifier_keys").alias("identifier_key"), F.col("last_seen").alias("_cause")
    )
    newest = (
        moves.join(cause, "identifier_key", "left")
        .groupBy(*pair)
        .agg(F.max("_cause").alias("_cause"), F.max(merged).alias("_merged"))
    )
    return newest.select(
        F.lit(batch.as_of).cast("timestamp").alias("changed_at"),
        F.when(F.col("_merged"), "merge").otherwise("split").alias("kind"),
        *pair,
        F.concat_ws(":", "_cause.stream", "_cause.event_id").alias("cause_event_id"),
        F.when(F.col("_merged"), "linked").otherwise("kept_apart").alias("rule"),
        F.lit(batch.number).alias("batch_id"),
    )
