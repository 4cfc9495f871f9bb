"""Stitch: identifiers seen together become persons; only what new links touch is looked at."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from tactful.jobs.identity.changes import (
    changes_of,
    differing,
    moves,
    persons_changed,
    restated,
)
from tactful.jobs.identity.columns import combine_chunks, flatten_lists
from tactful.jobs.identity.relabel import (
    blocked_labels,
    members_of,
    others,
    previous_labels,
    relabel,
)
from tactful.jobs.runs.batches import Batch
from tactful.jobs.settings.config import Identity
from tactful.schemas.identity import LINKS
from tactful.transforms.identity.links import seen_together, semi_join


@dataclass(frozen=True)
class Stitched:
    """What a batch changed: rows for the logs, the labels of all it affected, persons that moved.

    affected: as the batch leaves them, the labels of every component that holds an identifier of
    the batch. moved: identifiers that are another person's now. restated: those whose state is
    another one now: linked, hub or neutral. persons: person_id of those who own something else now.
    size: how many identifiers the batch bears on, about.
    """

    links: pa.Table
    labels: pa.Table
    changes: pa.Table
    affected: DataFrame
    moved: DataFrame
    restated: DataFrame
    persons: DataFrame
    has_moves: bool
    has_hubs: bool
    size: int

    def labels_of(self, batch: Batch, keys: DataFrame) -> DataFrame:
        """The labels of any identifiers, as this batch leaves them."""
        before = batch.logs.labels_of(keys, count=self.size).drop("batch_id")
        rest = before.join(self.affected.select("identifier_key"), "identifier_key", "left_anti")
        return rest.unionByName(semi_join(self.affected, keys, count=self.size))


def stitch(
    batch: Batch,
    events: DataFrame,
    rules: Identity,
    *,
    reactivated_identifiers: DataFrame | None = None,
) -> Stitched:
    """Join the batch's links to all that they touch, and say anew who is who there.

    reactivated_identifiers: identifier_key of further identifiers whose labels the batch asks for.
    None of its events carries them, so nothing changes for them.
    """
    seen = seen_together(events).withColumn("batch_id", F.lit(batch.number))
    # Once out of Spark the links stay out: all that follows is arrays, and look-ups beside Spark.
    links = LINKS.conform(seen).toArrow()
    keys = pc.unique(flatten_lists(links["identifier_keys"]))
    blocked = flatten_lists(links["blocked_keys"])
    wanted = keys
    if reactivated_identifiers is not None:
        wanted = pc.unique(pa.concat_arrays([keys, blocked, _only(reactivated_identifiers)]))
    elif len(blocked):
        wanted = pc.unique(pa.concat_arrays([keys, blocked]))
    before = batch.logs.touched_labels(wanted).drop_columns("batch_id")
    members = members_of(keys, before)
    fresh = relabel(batch.logs.touching(members, links), members, before, rules)
    fresh = fresh.cast(before.schema)
    if len(blocked):
        fresh = pa.concat_tables([fresh, blocked_labels(links, before)])
    known = previous_labels(fresh, before)
    moved, now = moves(fresh, known), pa.concat_tables([fresh, others(before, fresh)])
    return Stitched(
        links,
        _numbered(differing(fresh, known), batch),
        _numbered(changes_of(moved, links, as_of=batch.as_of), batch),
        batch.logs.held(now),
        batch.logs.frame(moved),
        batch.logs.frame(restated(fresh, known)),
        batch.logs.frame(persons_changed(fresh, known, before)),
        has_moves=moved.num_rows > 0,
        has_hubs=pc.any(pc.equal(now["state"], "hub")).as_py() or False,
        size=max(len(wanted), now.num_rows),
    )


def _only(keys: DataFrame) -> pa.Array:
    return combine_chunks(keys.toArrow().column(0))


def _numbered(rows: pa.Table, batch: Batch) -> pa.Table:
    return rows.append_column("batch_id", pa.repeat(pa.scalar(batch.number), len(rows)))
