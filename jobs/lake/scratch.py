"""Scratch: rows that several steps read, held so that each reads only the columns it asks for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

from pyspark.sql import DataFrame

from tactful.jobs.lake.frames import materialise, materialise_small, unpersist
from tactful.jobs.lake.lake import Lake
from tactful.jobs.lake.store import Keep

FOLDER = "_scratch"
# Compressed. Below, what is held in memory is there sooner; above, each step would unpack
# every column of every row, and a table of millions leaves no memory to work in.
LARGE_BYTES = 32_000_000
# Below, all that is held is in one piece: many pieces of next to nothing are as many tasks.
ONE_PIECE_BYTES = 2_000_000


@contextmanager
def scratch(lake: Lake, *, size: int) -> Iterator[Keep]:
    """Yield what works a frame out once, and hold it: in memory, or as files beside the tables.

    size: how many bytes the largest table has that frames are worked out from.
    """
    with scratch_files(lake) as in_files, in_memory(in_one_piece=size <= ONE_PIECE_BYTES) as held:
        yield in_files if size > LARGE_BYTES else held


@contextmanager
def in_memory(*, in_one_piece: bool) -> Iterator[Keep]:
    """The same, always in memory: for a part of the rows, however large the tables are."""
    kept: list[DataFrame] = []

    def hold(frame: DataFrame) -> DataFrame:
        if in_one_piece:
            return materialise_small(frame, kept)
        kept.append(materialise(frame))
        return kept[-1]

    try:
        yield hold
    finally:
        for frame in kept:
            unpersist(frame)


@contextmanager
def scratch_files(lake: Lake) -> Iterator[Keep]:
    """The same, always as files: what an executor takes with it when it is lost is still there.

    Where many steps build on one another it is sooner planned, too: Spark remembers of a frame in
    memory all that follows from how it came about, which grows with each step.
    """
    with scratch_folder(lake) as place:
        numbers = count()

        def in_files(frame: DataFrame) -> DataFrame:
            path = f"{place}/{next(numbers)}"
            frame.write.parquet(path)
            return lake.spark.read.schema(frame.schema).parquet(path)

        yield in_files


@contextmanager
def scratch_folder(lake: Lake) -> Iterator[str]:
    """A folder of nobody else's beside the tables, empty, and gone afterwards."""
    place = f"{lake.location}/{FOLDER}"
    clear(lake)
    lake.store.make_private(place)
    try:
        yield place
    finally:
        clear(lake)


def clear(lake: Lake) -> None:
    """Take away what is there, a killed run's too."""
    place = f"{lake.location}/{FOLDER}"
    if lake.store.exists(place):
        lake.store.remove(place)
