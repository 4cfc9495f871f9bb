"""Who is who from nothing: ten million identifiers, seen together in twelve million pairs.

One batch of the product's own `stitch`, from the links to the rows of its logs, and the commit of
those rows. Prints a table of seconds and the peak of memory of the process tree.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import typer
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from tactful.jobs.demo.command import demo_config
from tactful.jobs.lake import Lake
from tactful.jobs.runtime import Batch
from tactful.jobs.session import open_session
from tactful.jobs.stitch import stitch
from tactful.schemas.identity import IDENTITY_CHANGES, LABELS, LINKS
from tactful.schemas.intake import TICKS
from tactful.schemas.table import Table
from tests.bench.memory import Peak

# Of ten identifiers three are customers, three their addresses, four the cookies of their devices.
CUSTOMERS, COOKIES = 0.3, 0.4
WRITTEN = (LINKS, LABELS, IDENTITY_CHANGES)


def main(identifiers: int = 10_000_000, links: int = 12_000_000) -> None:
    """Stitch them in one batch of an empty lake."""
    spark = open_session()
    with tempfile.TemporaryDirectory() as folder, Peak() as peak:
        lake = _empty_lake(spark, folder)
        events = pairs(spark, identifiers=identifiers, links=links).localCheckpoint()
        started = time.monotonic()
        batch = Batch(lake, "fused", "g", 0, {t.id: 0 for t in WRITTEN}, as_of=None)
        stitched = stitch(batch, events, demo_config(Path(folder), seed=1).identity)
        known = time.monotonic()
        batch.commit({LINKS: stitched.links, LABELS: stitched.labels})
        done = time.monotonic()
        persons = lake.read(LABELS).select("person_id").distinct().count()
    print("## Who is who, from nothing")
    print()
    print(f"{identifiers:,} identifiers, {links:,} links, {persons:,} persons.")
    print()
    print("| step | seconds |")
    print("|---|---|")
    print(f"| stitch | {known - started:.1f} |")
    print(f"| commit | {done - known:.1f} |")
    print(f"| both | {done - started:.1f} |")
    print()
    print(f"Memory of the whole process tree at its peak: {peak.gib:.1f} GiB.")


def pairs(spark: SparkSession, *, identifiers: int, links: int) -> DataFrame:
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
    return spark.range(links).select(
        F.lit("clicks").alias("stream"),
        n.cast("string").alias("event_id"),
        F.timestamp_seconds(F.lit(1_700_000_000) + n).alias("occurred_at"),
        F.array(named, F.when(first, key("email", person)).otherwise(cookie)).alias(
            "identifier_keys"
        ),
        F.array(
            F.when(by_address, F.lit("email")).otherwise(F.lit("customer_id")),
            F.when(first, F.lit("email")).otherwise(F.lit("anonymous_id")),
        ).alias("identifier_types"),
        F.array().cast("array<string>").alias("blocked_keys"),
        F.array().cast("array<string>").alias("blocked_types"),
    )


def _empty_lake(spark: SparkSession, folder: str) -> Lake:
    lake = Lake(spark, folder)
    for table in (*WRITTEN, TICKS):
        _empty(lake, table)
    return lake


def _empty(lake: Lake, table: Table) -> None:
    nothing = lake.spark.createDataFrame([], table.struct())
    nothing.write.format("delta").save(lake.path(table))


if __name__ == "__main__":
    typer.run(main)
