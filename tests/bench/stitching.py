"""Who is who from nothing: ten million identifiers, seen together in twelve million pairs.

As a backlog comes in: batches of a million, each through the product's own `stitch` and the commit
of its rows. Prints a table of seconds and the peak of memory of the process tree.
"""

from __future__ import annotations

import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import typer
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from tactful.jobs.demo.command import demo_config
from tactful.jobs.lake.frames import unpersist
from tactful.jobs.lake.lake import Lake
from tactful.jobs.runs.batches import Batch
from tactful.jobs.session import open_session
from tactful.jobs.settings.config import Identity
from tactful.jobs.stitch import stitch
from tactful.schemas.identity import IDENTITY_CHANGES, LABELS, LINKS
from tactful.transforms.identity.links import latest
from tests.bench.memory import Peak

# Of ten identifiers three are customers, three their addresses, four the cookies of their devices.
CUSTOMERS, COOKIES = 0.3, 0.4
WRITTEN = (LINKS, LABELS, IDENTITY_CHANGES)


def main(identifiers: int = 10_000_000, links: int = 12_000_000, batch: int = 1_000_000) -> None:
    """Stitch them in batches, from an empty lake on."""
    spark = open_session()
    with tempfile.TemporaryDirectory() as folder, Peak() as peak:
        lake, config = Lake(spark, folder), demo_config(Path(folder), seed=1)
        lake.create(config)
        seconds = []
        for number, start in enumerate(range(0, links, batch)):
            events = pairs(spark, start, min(start + batch, links), identifiers=identifiers)
            kept = events.localCheckpoint()
            seconds.append(_stitched(lake, kept, config.identity, number))
            unpersist(kept)
            print(f"batch {number}: {seconds[-1]:.1f} s", file=sys.stderr, flush=True)
        labels = latest(lake.store.read(LABELS), key=["identifier_key"])
        known, persons = labels.agg(F.count("*"), F.count_distinct("person_id")).first()
    print("## Who is who, from nothing")
    print()
    print(f"{known:,} identifiers, {links:,} links, {persons:,} persons; {len(seconds)} batches.")
    print()
    print("| | seconds |")
    print("|---|---|")
    print(f"| all batches | {sum(seconds):.1f} |")
    print(f"| the first | {seconds[0]:.1f} |")
    print(f"| the last | {seconds[-1]:.1f} |")
    print()
    print(f"Memory of the whole process tree at its peak: {peak.gib:.1f} GiB.")


def _stitched(lake: Lake, events: DataFrame, rules: Identity, number: int) -> float:
    started = time.monotonic()
    pins = {table.id: lake.store.version(table) for table in WRITTEN}
    batch = Batch(lake, "fused", "g", number, pins, as_of=datetime.now(UTC))
    try:
        found = stitch(batch, events, rules)
        batch.commit({LINKS: found.links, LABELS: found.labels, IDENTITY_CHANGES: found.changes})
    finally:
        batch.release()
    return time.monotonic() - started


def pairs(spark: SparkSession, start: int, end: int, *, identifiers: int) -> DataFrame:
    """Events of two identifiers: customer and address, then either of them and a cookie."""
    customers, cookies = int(identifiers * CUSTOMERS), int(identifiers * COOKIES)

    def key(kind: str, n: Column) -> Column:
        return F.substring(F.sha2(F.concat(F.lit(kind), n.cast("string")), 256), 1, 32)

    n = F.col("id")
    person = n % customers
    cookie = key("anonymous_id", (n - customers) % cookies)
    first = n < customers
    by_address = ~first & ((n - customers) % (2 * cookies) >= cookies)
    named = F.when(by_address, key("email", person)).otherwise(key("customer_id", person))
    other = F.when(first, key("email", person)).otherwise(cookie)
    named_as = F.when(by_address, F.lit("email")).otherwise(F.lit("customer_id"))
    other_as = F.when(first, F.lit("email")).otherwise(F.lit("anonymous_id"))
    nothing = F.array().cast("array<string>")
    return spark.range(start, end).select(
        F.lit("clicks").alias("stream"),
        n.cast("string").alias("event_id"),
        F.timestamp_seconds(F.lit(1_700_000_000) + n).alias("occurred_at"),
        F.array(named, other).alias("identifier_keys"),
        F.array(named_as, other_as).alias("identifier_types"),
        nothing.alias("blocked_keys"),
        nothing.alias("blocked_types"),
    )


if __name__ == "__main__":
    typer.run(main)
