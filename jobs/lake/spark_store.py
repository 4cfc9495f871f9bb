"""The store of reference: Spark and Delta, on any file system that Hadoop opens."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from tactful.jobs.lake.appended import appended_rows
from tactful.jobs.lake.frames import frame_of, small_frame
from tactful.jobs.lake.hadoop_files import HadoopFiles
from tactful.jobs.lake.lookups import HeldLogs, SharedLogs
from tactful.jobs.lake.store import FEW_KEYS, Keep, Logs, Part
from tactful.schemas.table import Table

# Of a table's files, as they are packed: so much passes through this process at once.
PIECE_BYTES = 64 * 2**20


class SparkStore(HadoopFiles):
    """`Store` wherever Spark's executors reach."""

    def __init__(self, spark: SparkSession, location: str) -> None:
        super().__init__(spark, location.rstrip("/"))
        self._held = HeldLogs()

    def path(self, table: Table) -> str:
        return f"{self.location}/{table.path}"

    def create(self, table: Table, *, properties: Mapping[str, str]) -> None:
        self.confirm()
        if self._versions(table):
            self._widen(table)
            return
        self._make(table, properties)

    def _make(self, table: Table, properties: Mapping[str, str]) -> None:
        empty = small_frame(self.spark, [], table.struct())
        writer = empty.write.format("delta").partitionBy(*table.partitioned_by)
        writer.options(description=table.doc, **properties).save(self.path(table))

    def _sql_name(self, table: Table) -> str:
        """A table as SQL calls it."""
        return f"delta.`{self.path(table)}`"

    def _widen(self, table: Table) -> None:
        """Give a table the columns that were thought of after it was made."""
        later = [column for column in table.columns if column.is_later]
        if not later:
            return
        there = set(self.read(table).columns)
        if lacking := [column for column in later if column.name not in there]:
            named = ", ".join(f"`{column.name}` {column.type}" for column in lacking)
            self.spark.sql(f"ALTER TABLE {self._sql_name(table)} ADD COLUMNS ({named})")

    def version(self, table: Table) -> int:
        """From the names in its log, which takes no Spark job."""
        return max(self._versions(table))

    def _versions(self, table: Table) -> list[int]:
        """The versions whose commits lie in the log; none where making it was cut short."""
        logged = self.names(f"{self.path(table)}/_delta_log")
        return [int(name[:20]) for name in logged if name.endswith(".json")]

    def size(self, table: Table, version: int) -> int:
        told = self.spark.sql(f"DESCRIBE DETAIL {self._sql_name(table)}").first()
        return int(told["sizeInBytes"])

    def read(self, table: Table, version: int | None = None) -> DataFrame:
        reader = self.spark.read.format("delta")
        if version is not None:
            reader = reader.option("versionAsOf", version)
        return reader.load(self.path(table))

    def stream(self, table: Table, **options: str) -> DataFrame:
        return self.spark.readStream.format("delta").options(**options).load(self.path(table))

    def append(self, table: Table, *parts: Part) -> None:
        for part in parts:
            if part.rows.num_rows:
                rows = table.conform(frame_of(self.spark, part.rows))
                self.append_by_spark(table, rows, part.application, part.version)

    def append_pieces(
        self, table: Table, pieces: Iterable[pa.Table], application: str, version: int
    ) -> None:
        """Each piece in a commit of its own."""
        for number, piece in enumerate(pieces):
            self.append(table, Part(piece, f"{application}/{number}", version))

    def files_of(
        self, table: Table, version: int, columns: Sequence[str], folder: str
    ) -> list[str]:
        """Copies, each of a part of the rows that fits into this process."""
        rows = self.read(table, version)
        parts = self.size(table, version) // PIECE_BYTES + 1
        part = F.pmod(F.xxhash64(columns[0]), F.lit(parts))
        whole = dict.fromkeys(name.partition(".")[0] for name in columns)
        files = [f"{folder}/{number}.parquet" for number in range(parts)]
        for number, file in enumerate(files):
            pq.write_table(rows.where(part == number).select(*whole).toArrow(), file)
        return files

    def append_by_spark(
        self, table: Table, rows: DataFrame, application: str | None = None, version: int = 0
    ) -> None:
        self.confirm()
        writer = rows.write.format("delta").mode("append")
        if application:
            writer = writer.option("txnAppId", application).option("txnVersion", version)
        writer.save(self.path(table))

    def collected(self, rows: DataFrame, *, few: bool) -> DataFrame | pa.Table:
        return rows

    def overwrite(self, table: Table, rows: DataFrame | pa.Table) -> None:
        self.confirm()
        is_here = isinstance(rows, pa.Table)
        self._overwrite(table, table.conform(frame_of(self.spark, rows)) if is_here else rows)

    def _overwrite(self, table: Table, rows: DataFrame) -> None:
        writer = rows.write
        if self._is_shaped_otherwise(table):
            # Its comments, too, which rows do not carry.
            writer = rows.to(table.struct()).write.option("overwriteSchema", "true")
        writer.format("delta").mode("overwrite").save(self.path(table))

    def replace(self, table: Table, rows: DataFrame, keys: pa.Table) -> None:
        """Of few keys only the files that hold one are written anew; of more, all are."""
        self.confirm()
        if keys.num_rows > FEW_KEYS:
            gone = F.broadcast(frame_of(self.spark, keys))
            others = self.read(table).join(gone, keys.column_names, "left_anti")
            self._overwrite(table, table.conform(others.unionByName(rows)))
            return
        self._replace_where(table, rows, _among(keys))

    def _replace_where(self, table: Table, rows: DataFrame, condition: str) -> None:
        writer = rows.write.format("delta").mode("overwrite").option("replaceWhere", condition)
        writer.save(self.path(table))

    def _is_shaped_otherwise(self, table: Table) -> bool:
        """Whether a column is of another type than when the table was made."""
        there = {field.name: field.dataType for field in self.read(table).schema}
        return any(there.get(f.name, f.dataType) != f.dataType for f in table.struct())

    def compact(self, table: Table, *, up_to: int) -> None:
        self.confirm()
        self.spark.sql(f"OPTIMIZE {self._sql_name(table)}")

    def remove_table(self, table: Table) -> None:
        self.confirm()
        self.remove(self.path(table))

    def appended_rows(self, table: Table, *, since: int) -> int:
        return appended_rows(self, table, since=since)

    def logs(self, pins: Mapping[str, int], *, batch: int | None, keep: Keep) -> Logs:
        def read(table: Table) -> DataFrame:
            return self.read(table, pins[table.id])

        def known(table: Table) -> DataFrame:
            rows = read(table)
            return rows if batch is None else self._held.rows(table, rows, batch=batch)

        return SharedLogs(self.spark, known, read, keep)

    def unknown(self, table: Table, keys: Sequence[tuple[str, ...]]) -> set[tuple[str, ...]]:
        names = list(table.key)
        struct = StructType([table.struct()[name] for name in names])
        asked = small_frame(self.spark, [dict(zip(names, k, strict=True)) for k in keys], struct)
        left = asked.join(self.read(table).select(names), names, "left_anti").toArrow()
        return {tuple(row[name] for name in names) for row in left.to_pylist()}

    def release(self) -> None:
        """Spark keeps the state of a query that has ended loaded, and up to a minute later writes
        a snapshot of it into its checkpoint: into one that was taken away meanwhile, too.
        """
        self._held.release()
        if not self.spark.streams.active:
            self.spark._jvm.org.apache.spark.sql.execution.streaming.state.StateStore.stop()


def _among(keys: pa.Table) -> str:
    """What is true of the rows with these keys, as SQL."""
    *first, last = keys.column_names
    groups: dict[tuple[Any, ...], list[Any]] = {}
    for row in keys.to_pylist():
        groups.setdefault(tuple(row[name] for name in first), []).append(row[last])
    return " OR ".join(
        "(" + " AND ".join([*map(_is, first, values), _in(last, lasts)]) + ")"
        for values, lasts in groups.items()
    )


def _is(name: str, value: Any) -> str:
    return f"{name} IS NULL" if value is None else f"{name} = {literal(value)}"


def _in(name: str, values: Sequence[Any]) -> str:
    told = [value for value in values if value is not None]
    tests = [f"{name} IN ({', '.join(map(literal, told))})"] if told else []
    return f"({' OR '.join(tests + [_is(name, None)] * (len(told) < len(values)))})"


def literal(value: str | date) -> str:
    """A text or a day as SQL writes it."""
    if isinstance(value, date):
        return f"DATE'{value.isoformat()}'"
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
