"""Look-ups: what earlier batches left in a log, kept in memory from one batch to the next."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pyarrow as pa
from pyspark import StorageLevel
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from tactful.jobs.lake.frames import frame_of
from tactful.schemas.identity import IDENTIFIERS, LABELS, LINKS
from tactful.schemas.records import MEMBERSHIPS
from tactful.schemas.table import Table
from tactful.schemas.timeline import TIMELINE_LOG
from tactful.transforms.identity.links import (
    MANY,
    labels_of,
    labels_with,
    latest,
    links_of,
    merge_links,
    news_of,
    semi_join,
)
from tactful.transforms.membership import MEMBER
from tactful.transforms.message_facts import is_of_message

# The rules of look-ups stand once, in words that Spark and DuckDB read alike: of which key the
# newest word stands, which labels count, and, beside `merge_links`, what stays of a link. How rows
# are found stays with each engine: Spark sends keys or their hashes to its executors, DuckDB leaves
# files out and reads twice what would not fit at once; one SQL for both would be slow in one.
NEWEST = {LABELS.id: ("identifier_key",), MEMBERSHIPS.id: MEMBER}
BLOCKED = "state = 'blocked'"
IN_COMPONENT = "state != 'blocked'"
HUB = "state = 'hub'"

# Reading the whole log anew costs as much as some fifty look-ups in its newest files.
REFOLD_EVERY = 50
FOLDS: dict[str, Callable[[DataFrame], DataFrame]] = {
    LABELS.id: lambda rows: latest(rows, key=[*NEWEST[LABELS.id]]),
    # Files of before lack what the log got later.
    LINKS.id: lambda rows: merge_links(LINKS.conform(rows)),
    MEMBERSHIPS.id: lambda rows: latest(rows, key=[*NEWEST[MEMBERSHIPS.id]]),
}


@dataclass
class HeldLogs:
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


class SharedLogs:
    """The logs as one batch may see them, on a disk that only Spark's executors reach."""

    def __init__(
        self,
        spark: SparkSession,
        known: Callable[[Table], DataFrame],
        read: Callable[[Table], DataFrame],
        keep: Callable[[DataFrame], DataFrame],
    ) -> None:
        """known: a log, from memory where it is held there. read: a table as it is pinned.

        keep: works a frame out that is used more than once, and holds it.
        """
        self._spark = spark
        self._known = known
        self._read = read
        self._keep = keep

    def release(self) -> None:
        """What is held is held for the next batch, too."""

    def frame(self, rows: pa.Table) -> DataFrame:
        """Rows of this process for Spark."""
        return frame_of(self._spark, rows)

    def held(self, rows: pa.Table) -> DataFrame:
        """The same, for rows that several steps read."""
        frame = self.frame(rows)
        return self._keep(frame) if rows.num_rows else frame

    def touched_labels(self, asked: pa.Array) -> pa.Table:
        """The labels of these identifiers and of all that was ever linked to them."""
        log, count = self._known(LABELS), len(asked)
        keys = frame_of(self._spark, pa.table({"identifier_key": asked}))
        known = self._keep(labels_of(log, keys, count=count))
        components = known.where(IN_COMPONENT).select("component_key")
        linked = labels_with(log, components, count=count)
        return LABELS.conform(linked.unionByName(known.where(BLOCKED))).toArrow()

    def news_of(self, links: pa.Table) -> pa.Table:
        """Those of these sets that no batch saw, or none as early or as late."""
        seen = frame_of(self._spark, links)
        return LINKS.conform(news_of(seen, self._known(LINKS))).toArrow()

    def touching(self, members: pa.Array, links: pa.Table) -> pa.Table:
        """Every set of identifiers that holds one of the members; these links are among them."""
        log = LINKS.conform(self._known(LINKS))
        keys = frame_of(self._spark, pa.table({"identifier_key": members}))
        both = links_of(log, keys, count=len(members)).unionByName(frame_of(self._spark, links))
        return LINKS.conform(merge_links(both)).toArrow()

    def labels_of(self, keys: DataFrame, *, count: int) -> DataFrame:
        """The newest labels of some identifiers."""
        return labels_of(self._known(LABELS), keys, count=count)

    def hubs(self) -> pa.Array:
        """The identifier_key of every hub."""
        log = self._known(LABELS)
        ever = log.where(HUB).select("identifier_key")
        hubs = labels_of(log, ever, count=MANY).where(HUB).select("identifier_key").toArrow()
        return hubs.column(0).combine_chunks()

    def identifiers(self, keys: DataFrame, *, count: int) -> DataFrame:
        """The raw forms of some identifiers."""
        return semi_join(self._read(IDENTIFIERS), keys, count=count)

    def new_identifiers(self, forms: DataFrame) -> DataFrame:
        """Those of these raw forms, each there once, that no earlier batch brought."""
        known = self._read(IDENTIFIERS).select(*IDENTIFIERS.key)
        return self._keep(forms.join(known, [*IDENTIFIERS.key], "left_anti"))

    def messages(self, keys: DataFrame, *, count: int) -> DataFrame:
        """All that became of some messages, however long ago."""
        log = self._read(TIMELINE_LOG).where(is_of_message())
        return self._keep(TIMELINE_LOG.conform(semi_join(log, keys, count=count)))

    def memberships(self, keys: DataFrame, *, count: int) -> DataFrame:
        """The newest memberships of some identifiers, or of some values at a destination."""
        found = fold(MEMBERSHIPS, semi_join(self._known(MEMBERSHIPS), keys, count=count))
        # A batch that is repeated may be pinned to a version that lacks a later column.
        return MEMBERSHIPS.conform(found)
