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


def materialise_small(frame: DataFrame, holds: list[DataFrame]) -> DataFrame:
    """The same of few rows, in one piece; where there are none, a frame that is known to have none.

    Most of what a few events are looked through for is not there, and whatever is made of nothing
    is neither planned nor run. holds: gets what is to be freed.
    """
    if _is_known_to_be_empty(frame):
        return small_frame(frame.sparkSession, [], frame.schema)
    held = materialise(frame)
    holds.append(held)
    if _rows_of(held).isEmpty():
        return small_frame(frame.sparkSession, [], frame.schema)
    return held.coalesce(1)


def _is_known_to_be_empty(frame: DataFrame) -> bool:
    """Whether Spark sees from its plan alone that nothing comes of a frame."""
    plan = frame._jdf.queryExecution().optimizedPlan()
    return bool(plan.getClass().getSimpleName() == "LocalRelation" and plan.data().isEmpty())


def unpersist(frame: DataFrame) -> None:
    """Free what `materialise` holds."""
    _rows_of(frame).unpersist(False)


def _rows_of(held: DataFrame) -> Any:
    return held._jdf.queryExecution().analyzed().rdd()
