"""Scratch: rows that several steps read, held so that each reads only the columns it asks for."""

from __future__ import annotations

from types import TracebackType

from pyspark.sql import DataFrame

from tactful.jobs import files
from tactful.jobs.lake import Lake
from tactful.jobs.runtime import let_go, materialise

FOLDER = "_scratch"
# Compressed. Below, what is held in memory is there sooner; above, each step would unpack
# every column of every row, and a table of millions leaves no memory to work in.
LARGE_BYTES = 32_000_000


class Scratch:
    """Holds frames until it is left: in memory, or as Parquet files beside the tables."""

    def __init__(self, lake: Lake, *, size: int) -> None:
        """size: how many bytes the largest table has that frames are worked out from."""
        self._lake = lake
        self._place = f"{lake.location}/{FOLDER}"
        self._in_files = size > LARGE_BYTES
        self._kept: list[DataFrame] = []
        self._count = 0

    def __enter__(self) -> Scratch:
        self._clear()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for frame in self._kept:
            let_go(frame)
        self._clear()

    def keep(self, frame: DataFrame) -> DataFrame:
        """Work a frame out once; what is built on it is planned from its rows."""
        if not self._in_files:
            self._kept.append(materialise(frame))
            return self._kept[-1]
        path = f"{self._place}/{self._count}"
        self._count += 1
        frame.write.parquet(path)
        return frame.sparkSession.read.schema(frame.schema).parquet(path)

    def _clear(self) -> None:
        """Take away what is there, a killed run's too."""
        if files.exists(self._lake.spark, self._place):
            files.remove(self._lake.spark, self._place)
