"""Shard: who is who in some whole components, as an executor works it out (G9).

What runs there is what runs on the driver, with less of the world. Executors get the code by its
name, with the archive or the package that they have; they need numpy, scipy and pyarrow besides.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tactful.jobs.identity import manual
from tactful.jobs.identity.changes import is_differing, is_moved, previous_labels
from tactful.jobs.identity.columns import combine_chunks, flatten_lists
from tactful.jobs.identity.labelling import (
    Rules,
    called_by,
    label,
    number_table,
    rows_of,
    when,
)
from tactful.schemas.identity import LABELS
from tactful.transforms.identity.arrays import NOBODY, Bools, Ints

SAID = LABELS.names[:-1]
# A label for each identifier, whether it says something else than before, whose it was before, and
# whether that was somebody else; and when the first of its links ends by itself.
FOUND = {
    **{column.name: column.type for column in LABELS.columns if column.name in SAID},
    "is_changed": "boolean",
    "from_person_id": "string",
    "is_moved": "boolean",
    "expires_at": "timestamp",
}
# Spark's own translation asks for a session, which an executor has not.
ARROW = {"string": pa.string(), "boolean": pa.bool_(), "timestamp": pa.timestamp("us", "UTC")}
SCHEMA = pa.schema([(name, ARROW[kind]) for name, kind in FOUND.items()])


def labeller(rules: Rules, *, as_of: datetime) -> Callable[[pa.Table, pa.Table], pa.Table]:
    """What an executor calls with a shard's sets and its labels of before; see `label_shard`."""

    def labelled(sets: pa.Table, before: pa.Table) -> pa.Table:
        return label_shard(sets, before, rules, as_of=as_of)

    return labelled


def label_shard(sets: pa.Table, before: pa.Table, rules: Rules, *, as_of: datetime) -> pa.Table:
    """Who is who in a shard, a row an identifier. Columns: FOUND.

    sets: as `transforms.identity.shards.without_hubs` leaves them. before: the newest labels, with
    active_since.
    """
    seen, always, never = manual.standing(sets)
    if not seen.num_rows:
        # Words about what was never seen have nothing to say yet.
        return SCHEMA.empty_table()
    keys, numbered = number_table(seen, rules, always, never)
    hubs = flatten_lists(seen.filter(seen["is_hub"])["identifier_keys"])
    inside = pc.invert(pc.is_in(keys, hubs)).to_numpy(zero_copy_only=False)
    minted, active_since = _named_before(before, keys)
    found = label(
        numbered, rules, as_of=as_of, inside=inside, minted=minted, active_since=active_since
    )
    fresh = rows_of(found, np.arange(len(keys)), called_by(keys), rules.names)
    known = previous_labels(fresh, before)
    table = fresh.select(SAID)
    for name, column in {
        "is_changed": is_differing(fresh, known),
        "from_person_id": known["person_id"],
        "is_moved": is_moved(fresh, known),
        "expires_at": when(found.expires_at, found.expires_at == NOBODY),
    }.items():
        table = table.append_column(name, column)
    return table.cast(SCHEMA)


def _named_before(before: pa.Table, keys: pa.Array) -> tuple[Bools, Ints]:
    """Which identifiers ever gave a person id, and since when those living by it are seen."""
    place = pc.index_in(keys, combine_chunks(before["identifier_key"]))
    minted = pc.fill_null(combine_chunks(before["is_minted"]).take(place), False)
    since = combine_chunks(before["active_since"]).take(place)
    micros = since.cast(pa.timestamp("us", "UTC")).cast(pa.int64()).fill_null(NOBODY)
    return minted.to_numpy(zero_copy_only=False), micros.to_numpy(zero_copy_only=False)
