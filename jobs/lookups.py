"""Look-ups: what earlier batches left in a log, kept in memory from one batch to the next."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from pyspark import StorageLevel
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from tactful.schemas.identity import LABELS, LINKS
from tactful.schemas.records import MEMBERSHIPS
from tactful.schemas.table import Table
from tactful.transforms.links import latest, merge_links
from tactful.transforms.membership import MEMBER

# Reading the whole log anew costs as much as some fifty look-ups in its newest files.
REFOLD_EVERY = 50
FOLDS: dict[str, Callable[[DataFrame], DataFrame]] = {
    LABELS.id: lambda rows: latest(rows, key=["identifier_key"]),
    LINKS.id: merge_links,
    MEMBERSHIPS.id: lambda rows: latest(rows, key=[*MEMBER]),
}


@dataclass
class Lookups:
    """The logs that a query looks things up in, folded to one row a key and held in memory.

    A query's first batch reads the log itself: a run of one batch has no use for a copy.
    """

    _bases: dict[str, tuple[DataFrame, int]] = field(default_factory=dict)
    _used: set[str] = field(default_factory=set)

    def rows(self, table: Table, log: DataFrame, *, batch: int) -> DataFrame:
        """All rows of the log that matter; those of one key are still to be folded.

        log: the table as the batch is pinned to it, so that no row is of the batch itself.
        """
        held = self._bases.get(table.id)
        if held and batch - held[1] > REFOLD_EVERY:
            held[0].unpersist()
            held = None
        if held is None and table.id in self._used:
            held = self._bases[table.id] = (_held(table, log), batch - 1)
        self._used.add(table.id)
        if held is None:
            return log
        base, through = held
        return base.unionByName(log.where(F.col("batch_id") > through))

    def release(self) -> None:
        for base, _ in self._bases.values():
            base.unpersist()
        self._bases.clear()


def fold(table: Table, rows: DataFrame) -> DataFrame:
    """One row a key of what a log says of it."""
    return FOLDS[table.id](rows)


def _held(table: Table, log: DataFrame) -> DataFrame:
    folded = table.conform(fold(table, log))
    return folded.persist(StorageLevel.MEMORY_AND_DISK)
