"""Partitions: into how many pieces Spark cuts what a run works on, where nobody has said.

Spark's own number is 200 whatever there is to do, so that a few rows on two cores are 200 tasks a
step. What a checkpoint remembers lies in as many pieces for ever, so its number is chosen by what
lies before it and by the cores there are, and written down before its first batch.
"""

from __future__ import annotations

from collections.abc import Iterable

from pyspark.sql import SparkSession

from tactful.jobs.lake import systems
from tactful.jobs.lake.lake import Lake
from tactful.schemas.table import Table

SHUFFLE = "spark.sql.shuffle.partitions"
SNAPSHOT = "spark.databricks.delta.snapshotPartitions"
# What Spark and Delta take where nobody has said anything.
UNSAID = {SHUFFLE: "200", SNAPSHOT: "50"}
# What we have set on this session ourselves.
OURS = "tactful.{}"
# So much of a backlog is one piece, up to so many pieces a core.
PIECE_BYTES, MOST_A_CORE = 128 * 2**20, 8
KEPT = "partitions"


def fit(spark: SparkSession) -> None:
    """Cut what is small into as many pieces as there are cores; on a laptop that is set already."""
    if all(_is_chosen(spark, key) for key in UNSAID):
        return
    cores = systems.cores(spark)
    _set(spark, SHUFFLE, cores)
    _set(spark, SNAPSHOT, min(cores, int(UNSAID[SNAPSHOT])))


def settle(lake: Lake, query: str, generation: str, reads: Iterable[Table]) -> None:
    """Choose the number of a checkpoint before its first batch, and stay with it.

    reads: the tables whose rows lie before it.
    """
    if _is_chosen(lake.spark, SHUFFLE):
        return
    known = (lake.state() or {}).get(KEPT, {})
    note = known.get(query, {})
    if note.get("generation") != generation:
        cores = systems.cores(lake.spark)
        size = sum(lake.store.size(table, lake.store.version(table)) for table in reads)
        number = min(max(cores, -(-size // PIECE_BYTES)), MOST_A_CORE * cores)
        note = {"generation": generation, "number": number, "cores": cores, "bytes": size}
        lake.remember(**{KEPT: {**known, query: note}})
    _set(lake.spark, SHUFFLE, note["number"])


def _set(spark: SparkSession, key: str, number: int) -> None:
    if not _is_chosen(spark, key):
        spark.conf.set(key, str(number))
        spark.conf.set(OURS.format(key), str(number))


def _is_chosen(spark: SparkSession, key: str) -> bool:
    """Whether somebody else has said a number, be it the one that Spark would take."""
    now = spark.conf.get(key, UNSAID[key])
    is_ours = now == spark.conf.get(OURS.format(key), None)
    return systems.is_set(spark, key) or not (is_ours or now == UNSAID[key])
