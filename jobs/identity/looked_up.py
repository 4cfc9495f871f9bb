"""Looked up: the labels that a batch touches, as they stand and as batches have told of them."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from tactful.jobs.identity.columns import combine_chunks
from tactful.jobs.identity.relabel import members_of, others
from tactful.jobs.runs.batches import Batch


@dataclass(frozen=True)
class LookedUp:
    """The labels of all that a batch touches.

    before: as they stand. told: as the batches before left them, which is another thing where a
    backlog was labelled before they read it: what came of that, each batch still has to tell of all
    that it touches. gathered: those of `before` that came of it. keys: the batch's identifiers, and
    all that was linked to them then.
    """

    before: pa.Table
    told: pa.Table
    gathered: pa.Table
    keys: pa.Array

    def renewed_with(self, fresh: pa.Table) -> pa.Table:
        """The labels that may be others than told. fresh: those worked out anew."""
        return pa.concat_tables([fresh, others(self.gathered, fresh)])


def looked_up(batch: Batch, keys: pa.Array, wanted: pa.Array) -> LookedUp:
    """Look up what a batch touches. keys: those of its events. wanted: all it asks for."""
    if batch.gathered is None:
        before = batch.logs.touched_labels(wanted).drop_columns("batch_id")
        return LookedUp(before, before, before.slice(0, 0), keys)
    then = batch.logs_before_gathering
    once = then.touched_labels(wanted).drop_columns("batch_id")
    both = pc.unique(pa.concat_arrays([wanted, combine_chunks(once["identifier_key"])]))
    rows = batch.logs.touched_labels(both)
    is_late = pc.greater_equal(rows["batch_id"], batch.gathered.number)
    before = rows.drop_columns("batch_id")
    gathered = before.filter(is_late)
    asked = combine_chunks(gathered["identifier_key"])
    earlier = then.touched_labels(asked).drop_columns("batch_id")
    told = earlier.filter(pc.is_in(earlier["identifier_key"], asked))
    return LookedUp(
        before,
        pa.concat_tables([before.filter(pc.invert(is_late)), told]),
        gathered,
        members_of(keys, once),
    )
