"""What a batch's stitching costs on a lake where nearly everything hangs together.

A million identifiers are gathered, in a world of households and in one where every cookie is
shared. Then ordinary batches of 20,000 sets are stitched, and three that are not ordinary: one that
joins two persons of a thousand identifiers each, one in which an address is seen with more devices
than may be, and one in which 10,000 links end. Prints seconds of each; medians of three of the
ordinary ones, the first of four left out.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import reduce
from pathlib import Path

import typer
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

sys.path.insert(0, str(Path(__file__).parents[2]))  # it is run as a file, too

from tactful.jobs.gather import gather
from tactful.jobs.lake.frames import unpersist
from tactful.jobs.lake.lake import Lake
from tactful.jobs.runs.batches import Batch
from tactful.jobs.settings.config import Config
from tactful.jobs.stitch import stitch
from tactful.schemas.identity import IDENTITY_CHANGES, LABELS, LINKS
from tactful.schemas.suppressions import DUE
from tactful.transforms.identity.links import latest
from tests.bench.memory import Peak
from tests.bench.stitching import (
    AS_OF,
    CLICKS,
    WRITTEN,
    events_of,
    hostile,
    households,
    named_,
    opened,
)

WORLDS = {"households": households, "crowd": hostile}
DAY = timedelta(days=1)
# Two persons of so many addresses with so many devices each, the most that one may have, and links
# that end at once.
ADDRESSES, DEVICES, ENDING = 10, 100, 10_000


def main(identifiers: int = 1_000_000, rows: int = 20_000) -> None:
    """Stitch the same batches on both lakes."""
    told = {world: _measured(world, identifiers, rows) for world in WORLDS}
    print("## Stitching a batch where all hangs together")
    print()
    print(f"{identifiers:,} identifiers known, {rows:,} sets a batch.")
    print()
    print("| | " + " | ".join(told) + " |")
    print("|---|" + "---|" * len(told))
    for line in told["crowd"]:
        print(f"| {line} | " + " | ".join(str(each[line]) for each in told.values()) + " |")


def _measured(world: str, identifiers: int, rows: int) -> dict[str, str]:
    with tempfile.TemporaryDirectory() as folder, Peak() as peak:
        lake, config = opened(folder)
        config = with_window(config, days=365)
        sets = WORLDS[world](lake.spark, identifiers, int(identifiers * 1.2))
        before = AS_OF - timedelta(days=364) + DAY / 2
        events = _at(events_of(sets), before + DAY).unionByName(
            _at(events_of(_special(lake)), before)
        )
        lake.store.append_by_spark(CLICKS, CLICKS.conform(events))
        started = time.monotonic()
        gather(lake, config, lake.generation("fused"))
        found = {"gathered, seconds": f"{time.monotonic() - started:.1f}"}
        labels = latest(lake.store.read(LABELS), key=["identifier_key"])
        parts = labels.groupBy("component_key").count()
        found["looked at together at most"] = f"{parts.agg(F.max('count')).first()[0]:,}"
        numbers = iter(range(1, 100))
        run = _Runner(lake, config, numbers)
        ordinary = [run(_ordinary(lake, identifiers, rows, number)) for number in range(4)][1:]
        usual = statistics.median(ordinary)
        found["an ordinary batch"] = f"{usual:.1f}"
        for name, special in SPECIAL.items():
            seconds = run(special(_ordinary(lake, identifiers, rows, 9), lake))
            found[name] = f"{seconds:.1f} ({seconds / usual:.2f} times)"
        ends = _ordinary(lake, identifiers, rows, 10)
        seconds = run(ends, as_of=AS_OF + 2 * DAY)
        found[f"{ENDING:,} links end"] = f"{seconds:.1f} ({seconds / usual:.2f} times)"
    return found | {"memory, GiB": f"{peak.gib:.1f}"}


class _Runner:
    """Stitches batch after batch of a lake; seconds of each."""

    def __init__(self, lake: Lake, config: Config, numbers: Iterator[int]) -> None:
        self.lake, self.config, self.numbers = lake, config, numbers

    def __call__(self, sets: DataFrame, *, as_of: datetime = AS_OF) -> float:
        events = _at(events_of(sets), AS_OF - DAY)
        events = events.withColumn("stream", F.lit("clicks")).localCheckpoint()
        number = next(self.numbers)
        started = time.monotonic()
        pins = {table.id: self.lake.store.version(table) for table in (*WRITTEN, DUE)}
        batch = Batch(self.lake, "fused", "g", number, pins, as_of=as_of)
        due = None
        if as_of > AS_OF:
            between = F.col("due_at").between(F.lit(AS_OF), F.lit(as_of))
            due = batch.read(DUE).where(between).selectExpr("anchor_key AS identifier_key")
        try:
            found = stitch(
                batch, events, self.config.identity, hubs=batch.logs.hubs(),
                due=None if due is None else due.distinct(),
            )  # fmt: skip
            changes = found.changes
            batch.commit({LINKS: found.links, LABELS: found.labels, IDENTITY_CHANGES: changes})
        finally:
            batch.release()
        seconds = time.monotonic() - started
        print(f"{number}: {seconds:.1f} s, {found.size:,}", file=sys.stderr, flush=True)
        unpersist(events)
        return seconds


def with_window(config: Config, *, days: int) -> Config:
    """The same, but links of a cookie end, and persons may be large."""
    cookie = config.identity.types["anonymous_id"].model_copy(
        update={"window": timedelta(days=days)}
    )
    types = {**config.identity.types, "anonymous_id": cookie}
    return config.model_copy(
        update={
            "identity": config.identity.model_copy(
                update={"types": types, "max_identifiers": 5_000}
            )
        }
    )


def _at(events: DataFrame, moment: datetime) -> DataFrame:
    return events.withColumn("occurred_at", F.lit(moment))


def _ordinary(lake: Lake, identifiers: int, rows: int, number: int) -> DataFrame:
    """Customers with their address, or with a cookie of their own that is new in one of five."""
    customers = int(identifiers * 0.3)
    n = F.col("n")
    person = F.pmod(F.xxhash64(n, F.lit(number)), F.lit(customers))
    new = named_("k", person + identifiers * (number + 10))
    other = F.when(n % 5 == 0, new).otherwise(named_("e", person))
    ids = n + F.lit(2**40) + F.lit(number * 2**34)
    frame = lake.spark.range(rows).toDF("n")
    return frame.select(ids.alias("n"), F.array(named_("c", person), other).alias("set"))


def _special(lake: Lake) -> DataFrame:
    """Two large persons, an address with as many devices as may be, links that end first."""
    n = F.col("n")
    address, other = named_("ea", n % ADDRESSES), named_("eb", n % ADDRESSES)
    sets = [
        (ADDRESSES, F.array(F.lit("ca"), address)),
        (ADDRESSES * DEVICES, F.array(address, named_("ka", n))),
        (ADDRESSES, F.array(F.lit("eb0"), other)),
        (ADDRESSES * DEVICES, F.array(other, named_("kb", n))),
        (DEVICES, F.array(F.lit("ec"), named_("kc", n))),
        (ENDING, F.array(named_("c", n), named_("kd", n))),
    ]
    frames = [
        lake.spark.range(count)
        .toDF("n")
        .select((n + F.lit(2**45 + i * 2**40)).alias("n"), s.alias("set"))
        for i, (count, s) in enumerate(sets)
    ]
    whole = reduce(DataFrame.union, frames)
    return whole.withColumn("set", F.array_distinct("set"))


def _and(lake: Lake, sets: DataFrame, *more: tuple[str, str]) -> DataFrame:
    rows = [(2**50 + i, list(pair)) for i, pair in enumerate(more)]
    return sets.union(lake.spark.createDataFrame(rows, "n bigint, set array<string>"))


SPECIAL: dict[str, Callable[[DataFrame, Lake], DataFrame]] = {
    "two persons of 1,000 become one": lambda s, lake: _and(lake, s, ("ca", "eb0")),
    "an address becomes a hub": lambda s, lake: _and(lake, s, ("ec", "kc-late")),
}


if __name__ == "__main__":
    typer.run(main)
