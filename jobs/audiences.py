"""How many each audience holds, kept from batch to batch: nobody counts all members each time.

What is counted are the values that the destination holds: an address and a phone of one person are
two. A network counts the persons it finds behind them, which are never more; so whatever is below
the network's least number here is below it there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from tactful.jobs.errors import LakeDamaged
from tactful.jobs.lake.lake import Lake
from tactful.jobs.lake.lookups import fold
from tactful.jobs.lake.state import read_json
from tactful.jobs.runs.batches import FUSED, KEPT_PINS, Batch, last_done
from tactful.schemas.records import MEMBERSHIPS
from tactful.transforms.membership import AUDIENCE, is_held

Sizes = dict[str, int]
# Beside the checkpoint: what each batch left, a file a batch.
FOLDER = "audiences"
WAY_OUT = "remove it, and all members are counted anew"


def name_of(destination: str, audience: str) -> str:
    """Under which name the state keeps how large an audience of a destination is."""
    return f"{destination}/{audience}"


def sizes_after(batch: Batch, steps: Mapping[str, int]) -> Sizes:
    """The size of every audience as the batch leaves it; written down for the next batch.

    steps: by how many values each audience grows in this batch, or shrinks. A repeated batch takes
    the same steps from the same sizes.
    """
    before: Mapping[str, Any] | None = None
    if batch.batch_id:
        before = read_json(
            batch.lake.store, _place(batch.lake, batch.batch_id - 1), way_out=WAY_OUT
        )
    sizes = _counted(batch) if before is None else dict(before)
    for name, step in steps.items():
        sizes[name] = sizes.get(name, 0) + step
    text = json.dumps(sizes, sort_keys=True) + "\n"
    batch.lake.store.write_text(_place(batch.lake, batch.batch_id), text)
    if batch.batch_id >= KEPT_PINS:
        batch.lake.store.remove(_place(batch.lake, batch.batch_id - KEPT_PINS))
    return sizes


def sizes_now(lake: Lake) -> Sizes:
    """How many values each audience holds as the last batch left it; none where nobody can tell."""
    folder = lake.beside_checkpoint(FUSED, FOLDER)
    for name in sorted(lake.store.names(folder), reverse=True):
        try:
            found = read_json(lake.store, f"{folder}/{name}", way_out=WAY_OUT)
        except LakeDamaged:
            continue
        if found is not None:
            return found
    return {}


def held_now(lake: Lake) -> dict[tuple[str, str], int]:
    """The same by destination and audience, of those that hold any."""
    sizes = sorted(sizes_now(lake).items())
    return {(*name.partition("/")[::2],): size for name, size in sizes if size > 0}


def count_anew(lake: Lake) -> None:
    """Count all members after somebody else than a batch has noted some.

    Before the first batch there is nothing to keep it in, and that batch counts itself.
    """
    done = last_done(lake, FUSED)
    if done >= 0:
        text = json.dumps(_sizes_in(lake.store.read(MEMBERSHIPS)), sort_keys=True) + "\n"
        lake.store.write_text(_place(lake, done), text)


def _counted(batch: Batch) -> Sizes:
    """All members there were before the batch: of a checkpoint that no batch left any size in."""
    if not batch.lake.store.size(MEMBERSHIPS, batch.pins[MEMBERSHIPS.id]):
        return {}
    return _sizes_in(batch.read(MEMBERSHIPS))


def _sizes_in(memberships: DataFrame) -> Sizes:
    newest = MEMBERSHIPS.conform(fold(MEMBERSHIPS, memberships))
    values = newest.groupBy(*AUDIENCE, "member_key").agg(is_held().alias("is_held"))
    counts = values.where("is_held").groupBy(*AUDIENCE).agg(F.count("*").alias("size"))
    return {name_of(row.destination, row.audience): row["size"] for row in counts.collect()}


def _place(lake: Lake, batch_id: int) -> str:
    return lake.beside_checkpoint(FUSED, f"{FOLDER}/{batch_id:012d}.json")
