"""The store of a laptop: only what is faster without Spark, or what a local disk alone can do.

Spark reads a whole log anew to look a transaction up, and plans a job for every file: delta-rs
writes the same log entries in a tenth of the time, and DuckDB answers look-ups in as little.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import reduce
from itertools import chain
from operator import and_

import deltalake
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import dataset
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.pandas.types import to_arrow_schema
from pyspark.sql.types import StructType

from tactful.jobs.lake import private
from tactful.jobs.lake.frames import small_frame
from tactful.jobs.lake.local_files import LocalFiles
from tactful.jobs.lake.local_logs import LocalLogs
from tactful.jobs.lake.spark_store import SparkStore
from tactful.jobs.lake.store import FEW_KEYS, Keep, Logs, Part
from tactful.schemas.table import Table

# Below both, Spark need not read the table's own log to leave files out.
FEW_FILES = 24
FEW_BYTES = 4 * 2**20
# The rows of more keys than these do not pass through this process.
MANY_KEYS = 200_000


class LocalStore(LocalFiles, SparkStore):
    """`Store` on this machine's disk; protected tables are their owner's alone there (G8)."""

    def __init__(self, spark: SparkSession, location: str) -> None:
        SparkStore.__init__(self, spark, location)
        # Up to which version each protected table was closed.
        self._closed: dict[str, int] = {}

    def create(self, table: Table, *, properties: Mapping[str, str]) -> None:
        self.confirm()
        if table.is_protected:
            self.make_private(self.path(table))  # before there is anything in it
        if not self._versions(table):
            # delta-rs makes an empty table in milliseconds, Spark in a second each.
            deltalake.DeltaTable.create(
                self.path(table),
                schema=deltalake.Schema.from_json(table.struct().json()),
                name=table.name,
                description=table.doc,
                partition_by=list(table.partitioned_by) or None,
                configuration=dict(properties),
            )
        else:
            self._widen(table)
        self._close(table)

    def _widen(self, table: Table) -> None:
        later = [column.name for column in table.columns if column.is_later]
        if not later:
            return
        delta = deltalake.DeltaTable(self.path(table))
        there = {field.name for field in delta.schema().fields}
        wanted = deltalake.Schema.from_json(table.struct().json()).fields
        lacking = [field for field in wanted if field.name in later and field.name not in there]
        if lacking:
            delta.alter.add_columns(lacking)

    def size(self, table: Table, version: int) -> int:
        """Just at that version."""
        added = deltalake.DeltaTable(self.path(table), version=version).get_add_actions()
        return sum(pa.table(added)["size_bytes"].to_pylist())

    def append(self, table: Table, *parts: Part) -> None:
        """All parts in one commit."""
        brought = [part for part in parts if part.rows.num_rows]
        if not brought:
            return
        delta = deltalake.DeltaTable(self.path(table))
        new = [part for part in brought if _last(delta, part) < part.version]
        if not new:
            return
        self.confirm()
        transactions = [
            deltalake.Transaction(p.application, p.version) for p in new if p.application
        ]
        deltalake.write_deltalake(
            delta,
            pa.concat_tables(_solid(part.rows, table) for part in new),
            mode="append",
            writer_properties=deltalake.WriterProperties(compression="ZSTD"),
            commit_properties=deltalake.CommitProperties(app_transactions=transactions),
        )
        self._close(table)

    def append_pieces(
        self, table: Table, pieces: Iterable[pa.Table], application: str, version: int
    ) -> None:
        """All pieces in one commit, one after another."""
        delta, coming = deltalake.DeltaTable(self.path(table)), iter(pieces)
        if _last(delta, Part(pa.table({}), application)) >= version:
            return
        first = next((piece for piece in coming if piece.num_rows), None)
        if first is None:
            return
        self.confirm()
        batches = (b for piece in chain([first], coming) for b in _solid(piece, table).to_batches())
        schema = to_arrow_schema(table.struct())
        deltalake.write_deltalake(
            delta,
            pa.RecordBatchReader.from_batches(schema, batches),
            mode="append",
            writer_properties=deltalake.WriterProperties(compression="ZSTD"),
            commit_properties=deltalake.CommitProperties(
                app_transactions=[deltalake.Transaction(application, version)]
            ),
        )
        self._close(table)

    def files_of(
        self, table: Table, version: int, columns: Sequence[str], folder: str
    ) -> list[str]:
        """Its own."""
        added = pa.table(deltalake.DeltaTable(self.path(table), version=version).get_add_actions())
        return [f"{self.path(table)}/{name}" for name in added["path"].to_pylist()]

    def append_by_spark(
        self, table: Table, rows: DataFrame, application: str | None = None, version: int = 0
    ) -> None:
        super().append_by_spark(table, rows, application, version)
        self._close(table)

    def collected(self, rows: DataFrame, *, few: bool) -> DataFrame | pa.Table:
        return rows.toArrow() if few else rows

    def overwrite(self, table: Table, rows: DataFrame | pa.Table) -> None:
        self.confirm()
        if isinstance(rows, pa.Table) and not self._is_shaped_otherwise(table):
            deltalake.write_deltalake(
                deltalake.DeltaTable(self.path(table)),
                _solid(rows, table),
                mode="overwrite",
                writer_properties=deltalake.WriterProperties(compression="ZSTD"),
            )
        else:
            super().overwrite(table, rows)
        self._close(table)

    def replace(self, table: Table, rows: DataFrame, keys: pa.Table) -> None:
        """Where most files hold one of the keys, or there are many keys, this process writes all of
        them anew: it copies columns as they are, for which Spark would lay out every row.
        """
        self.confirm()
        is_many = keys.num_rows > FEW_KEYS
        if keys.num_rows > MANY_KEYS or not (is_many or self._most_hold_one(table, keys)):
            super().replace(table, rows, keys)
        else:
            new = _solid(rows.toArrow(), table)
            schema, others = new.schema, _without(self._files(table).scanner(), keys)
            batches = chain(new.to_batches(), (b.cast(schema) for b in others))
            deltalake.write_deltalake(
                deltalake.DeltaTable(self.path(table)),
                pa.RecordBatchReader.from_batches(schema, batches),
                mode="overwrite",
                writer_properties=deltalake.WriterProperties(compression="ZSTD"),
            )
        self._close(table)

    def _most_hold_one(self, table: Table, keys: pa.Table) -> bool:
        """Whether most of a table, by the bytes of its files, lies in files with such a row."""
        names, may_hold = keys.column_names, _of_their_days(keys)
        files = list(self._files(table).get_fragments())
        sizes = [os.path.getsize(file.path) for file in files]
        scanners = (file.scanner(columns=names, filter=may_hold) for file in files)
        held = [s for s, one in zip(sizes, scanners, strict=True) if _holds_one(one, keys)]
        return 2 * sum(held) > sum(sizes)

    def _files(self, table: Table) -> dataset.FileSystemDataset:
        """The files of a table as it stands; what a file lacks of its columns is null."""
        files = self.files_of(table, self.version(table), table.names, "")
        return dataset.dataset(files, schema=to_arrow_schema(table.struct()), format="parquet")

    def _is_shaped_otherwise(self, table: Table) -> bool:
        fields = deltalake.DeltaTable(self.path(table)).schema().fields
        there = {field.name: field.type for field in fields}
        wanted = deltalake.Schema.from_json(table.struct().json()).fields
        return any(there.get(field.name, field.type) != field.type for field in wanted)

    def read(self, table: Table, version: int | None = None) -> DataFrame:
        """A table of a few small files as those files: Spark looks longer for them than in them."""
        delta = deltalake.DeltaTable(self.path(table), version=version)
        added = pa.table(delta.get_add_actions())
        files, size = added["path"].to_pylist(), sum(added["size_bytes"].to_pylist())
        if len(files) > FEW_FILES or size > FEW_BYTES:
            return super().read(table, version)
        if not files:
            return small_frame(self.spark, [], table.struct())
        reader = self.spark.read.schema(table.struct()).option("basePath", self.path(table))
        return reader.parquet(*(f"{self.path(table)}/{name}" for name in files))

    def compact(self, table: Table, *, up_to: int) -> None:
        self.confirm()
        deltalake.DeltaTable(self.path(table)).optimize.compact(target_size=up_to)
        self._close(table)

    def remove_table(self, table: Table) -> None:
        super().remove_table(table)
        self._closed.pop(table.id, None)

    def logs(self, pins: Mapping[str, int], *, batch: int | None, keep: Keep) -> Logs:
        return LocalLogs(self.spark, lambda t: (self.path(t), pins[t.id]), keep)

    def unknown(self, table: Table, keys: Sequence[tuple[str, ...]]) -> set[tuple[str, ...]]:
        added = pa.table(deltalake.DeltaTable(self.path(table)).get_add_actions())["path"]
        if not len(added):
            return set(keys)
        import duckdb  # streams outlive Python's modules, see LocalLogs

        names = list(table.key)
        struct = StructType([table.struct()[name] for name in names])
        rows = [dict(zip(names, key, strict=True)) for key in keys]
        with duckdb.connect() as db:
            db.register("asked", pa.Table.from_pylist(rows, to_arrow_schema(struct)))
            log = db.read_parquet([f"{self.path(table)}/{path}" for path in added.to_pylist()])
            log.create_view("log")
            left = db.sql(f"FROM asked ANTI JOIN log USING ({', '.join(names)})").to_arrow_table()
        return {tuple(row[name] for name in names) for row in left.to_pylist()}

    def _close(self, table: Table) -> None:
        """Let nobody else read what was just written to a protected table (G8)."""
        if not table.is_protected:
            return
        done = self._closed.get(table.id)
        if done is None:
            # Whatever an earlier process was killed behind, or an older version left open.
            private.close_tree(self.path(table))
            done = self.version(table)
        self._closed[table.id] = private.close_commits(self.path(table), after=done)


def _last(delta: deltalake.DeltaTable, part: Part) -> int:
    """The newest version that was written under a part's transaction; -1 before the first."""
    written = delta.transaction_version(part.application) if part.application else None
    return -1 if written is None else written


def _without(rows: dataset.Scanner, keys: pa.Table) -> Iterator[pa.RecordBatch]:
    """The rows that have none of these keys."""
    names, wanted = keys.column_names, _one_text(keys)
    for batch in rows.to_batches():
        others = batch.filter(pc.invert(pc.is_in(_one_text(batch.select(names)), wanted)))
        if others.num_rows:
            yield others


def _holds_one(rows: dataset.Scanner, keys: pa.Table) -> bool:
    wanted = _one_text(keys)
    return any(pc.any(pc.is_in(_one_text(b), wanted)).as_py() for b in rows.to_batches())


def _one_text(keys: pa.Table | pa.RecordBatch) -> pa.Array:
    """Each row of keys as one text; another for each other key."""
    texts = [keys[name].cast(pa.string()) for name in keys.column_names]
    joined = pc.binary_join_element_wise(
        *texts, "\x1f", null_handling="replace", null_replacement="\x00"
    )
    return joined.combine_chunks() if isinstance(joined, pa.ChunkedArray) else joined


def _of_their_days(keys: pa.Table) -> pc.Expression | None:
    """What is true of all rows of the days that keys name, so that other files are not opened."""
    days = [f.name for f in keys.schema if pa.types.is_date(f.type) and not keys[f.name].null_count]
    spans = [(pc.field(name), pc.min_max(keys[name])) for name in days]
    tests = [(day >= span["min"]) & (day <= span["max"]) for day, span in spans]
    return reduce(and_, tests) if tests else None


def _solid(rows: pa.Table, table: Table) -> pa.Table:
    """The same rows in the table's columns, and in buffers of their own: Java leaves out those of
    a list without elements, and Rust reads them.
    """
    named = rows.select(table.names).cast(to_arrow_schema(table.struct()))
    return named.take(pa.array(np.arange(rows.num_rows)))
