"""Frames: rows of this process for Spark, and rows of Spark worked out and held."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa
from pyspark import StorageLevel
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.pandas.types import to_arrow_schema
from pyspark.sql.types import StructType

PIECE_BYTES = 16 * 2**20
# So little is worked on sooner by one task than by two.
ONE_PIECE_BYTES = 2**20


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
    pieces = 1
    if rows.nbytes > ONE_PIECE_BYTES:
        pieces = max(spark.sparkContext.defaultParallelism, rows.nbytes // PIECE_BYTES)
    return spark.createDataFrame(rows).coalesce(pieces)


def materialise(frame: DataFrame) -> DataFrame:
    """Work a frame out now, and forget how: what is built on it is planned from its rows.

    Caching would keep the whole plan inside every plan built on it, and a batch whose frames meet
    again and again would spend minutes planning. What a lost executor takes with it fails the
    batch, and a failed batch is repeated whole.
    """
    return frame.localCheckpoint(eager=True, storageLevel=StorageLevel.MEMORY_AND_DISK)


def unpersist(frame: DataFrame) -> None:
    """Free what `materialise` holds."""
    frame._jdf.queryExecution().analyzed().rdd().unpersist(False)
