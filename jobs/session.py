"""The Spark session: what a laptop needs, and nothing that the user has already set."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, TextIO

import pyarrow as pa
from pyspark import SparkConf, SparkContext
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.pandas.types import to_arrow_schema
from pyspark.sql.types import StructType

from tactful.jobs import spills

# Small machines only: on a cluster the operator decides these.
LAPTOP = {
    "spark.master": "local[2]",
    "spark.driver.memory": "4g",
    # Without memory a thread that hands out tasks may end while the others wait for it for ever.
    "spark.driver.extraJavaOptions": (
        "-XX:+UseParallelGC -XX:+ExitOnOutOfMemoryError -Dlog4j2.level=ERROR"
    ),
    "spark.sql.shuffle.partitions": "2",
    "spark.default.parallelism": "2",
    "spark.databricks.delta.snapshotPartitions": "2",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    # Nobody looks at past jobs and plans, and a stream that runs for weeks makes millions.
    "spark.ui.retainedJobs": "20",
    "spark.ui.retainedStages": "20",
    "spark.ui.retainedTasks": "100",
    "spark.sql.ui.retainedExecutions": "5",
    "spark.log.level": "ERROR",
    "spark.sql.autoBroadcastJoinThreshold": "64m",
    # Rows take several times the room that their files do, and what is small goes to everyone.
    "spark.sql.sources.fileCompressionFactor": "4",
    "spark.sql.debug.maxToStringFields": "100",
    "spark.sql.maxPlanStringLength": "4096",
    "spark.sql.streaming.pollingDelay": "5ms",
    "spark.sql.parquet.compression.codec": "zstd",
    # Remembering the Python line of every expression costs a third of all planning.
    "spark.sql.dataFrameQueryContext.enabled": "false",
    # Hadoop's other way to rename starts two processes a file; one machine has no need of it.
    "spark.delta.logStore.file.impl": "io.delta.storage.LocalLogStore",
    "spark.sql.streaming.checkpointFileManagerClass": (
        "org.apache.spark.sql.execution.streaming.checkpointing."
        "FileSystemBasedCheckpointFileManager"
    ),
}
PIECE_BYTES = 16 * 2**20


def shipped_defaults() -> dict[str, str]:
    """The settings in `conf/spark-defaults.conf`, the same file a cluster is given."""
    text = (files("tactful.conf") / "spark-defaults.conf").read_text(encoding="utf-8")
    lines = (line.strip() for line in text.splitlines())
    pairs = (line.split(None, 1) for line in lines if line and not line.startswith("#"))
    return {key: value.strip() for key, value in pairs}


def open_session(app_name: str = "tactful", **extra: str) -> SparkSession:
    """Return the active session, or start one with every setting the user has left open.

    A session that already runs (Databricks, a notebook, spark-submit) is used as it is: its
    operator chose its master, memory and jars, and only settings that can be changed at run
    time and were never set are added.
    """
    active = SparkSession.getActiveSession()
    if active is not None:
        return active
    chosen = SparkConf()
    wanted = {**shipped_defaults(), **extra}
    if not os.environ.get("TACTFUL_ON_CLUSTER") and not chosen.contains("spark.master"):
        wanted = {**LAPTOP, **spills.settings(), **wanted}
        with as_file(files("tactful.conf") / "ivysettings.xml") as settings:
            wanted["spark.jars.ivySettings"] = str(Path(settings).resolve())
    for key, value in wanted.items():
        if not chosen.contains(key):
            chosen.set(key, value)
    with _quiet_launch():
        session = SparkSession.builder.appName(app_name).config(conf=chosen).getOrCreate()
    session.sparkContext.setLogLevel(chosen.get("spark.log.level", "ERROR"))
    return session


def small_frame(
    spark: SparkSession, rows: Iterable[Mapping[str, Any]], struct: StructType
) -> DataFrame:
    """A few rows of the driver as a frame; by Arrow, since plain rows start a Python worker."""
    return spark.createDataFrame(
        pa.Table.from_pylist([dict(row) for row in rows], schema=to_arrow_schema(struct))
    )


def frame_of(spark: SparkSession, rows: pa.Table) -> DataFrame:
    """Columns of the driver as a frame in few pieces: Arrow alone makes one of each 10,000 rows.

    A piece travels inside its task. One too large to be packed would end the thread that hands
    tasks out, and the run would wait for ever; a cluster refuses one of 128 MiB.
    """
    pieces = max(spark.sparkContext.defaultParallelism, rows.nbytes // PIECE_BYTES)
    return spark.createDataFrame(rows).coalesce(pieces)


@contextmanager
def _quiet_launch() -> Iterator[None]:
    """Keep a starting JVM's hundred lines about jars in a file, and show them if it fails.

    The JVM keeps that file for all it prints, since our own output may be JSON for a program; what
    goes wrong later comes as an exception.
    """
    if "PYSPARK_GATEWAY_PORT" in os.environ or SparkContext._gateway is not None:
        yield
        return
    with tempfile.NamedTemporaryFile(dir=spills.folder(), suffix=".log", delete=False) as log:
        try:
            with _turned(sys.stdout, 1, log.fileno()), _turned(sys.stderr, 2, log.fileno()):
                yield
        except BaseException:
            sys.stderr.write(Path(log.name).read_text(encoding="utf-8", errors="replace"))
            raise


@contextmanager
def _turned(stream: TextIO, number: int, log: int) -> Iterator[None]:
    """Let all that is printed by this number, by whatever process, go to a log."""
    stream.flush()
    screen = os.dup(number)
    os.dup2(log, number)
    try:
        yield
    finally:
        os.dup2(screen, number)
        os.close(screen)
