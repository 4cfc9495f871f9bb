"""Local logs: look-ups in a lake on this machine's disk, by DuckDB straight in the files.

Spark plans, schedules and reads for a second what DuckDB answers in a tenth of it; and what comes
out is wanted here anyway. Each look-up reads the files of the version that the batch is pinned to.
"""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.pandas.types import from_arrow_schema, to_arrow_schema

from tactful.jobs.lake import spills
from tactful.jobs.lake.frames import frame_of
from tactful.jobs.lake.lookups import BLOCKED, HUB, IN_COMPONENT, NEWEST
from tactful.schemas.identity import IDENTIFIERS, LABELS, LINKS
from tactful.schemas.records import MEMBERSHIPS
from tactful.schemas.table import Table
from tactful.schemas.timeline import TIMELINE_LOG
from tactful.transforms.identity.links import FEW, MERGED
from tactful.transforms.message_facts import MESSAGE_CLASSES

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

MEMORY = "1GB"
# What goes to Spark as it is lies in its memory from then on, packed and unpacked.
LARGE_BYTES = 64 * 2**20
BY_IDENTIFIER = NEWEST[LABELS.id]


class LocalLogs:
    """The logs as one batch may see them."""

    def __init__(
        self,
        spark: SparkSession,
        place: Callable[[Table], tuple[str, int]],
        keep: Callable[[DataFrame], DataFrame],
    ) -> None:
        """place: where a table lies, and the version to read.

        keep: works a frame out that is used more than once, and holds it.
        """
        self._spark = spark
        self._place = place
        self._keep = keep
        self._files: dict[str, list[str]] = {}
        self._numbers = itertools.count()
        # Here, since a shared lake has no use for it, and since streams outlive Python's modules:
        # what these hold is reported as leaked when the process ends.
        import duckdb

        self._spilled = tempfile.TemporaryDirectory(dir=spills.folder())
        self._database = duckdb.connect(
            config={
                "memory_limit": MEMORY,
                "temp_directory": self._spilled.name,
                "preserve_insertion_order": False,
            }
        )

    def release(self) -> None:
        self._database.close()
        del self._database
        self._spilled.cleanup()

    def frame(self, rows: pa.Table) -> DataFrame:
        """Rows of this process for Spark, until the batch ends: very many of them as a file."""
        if rows.nbytes <= LARGE_BYTES:
            return frame_of(self._spark, rows)
        path = f"{self._spilled.name}/{next(self._numbers)}.parquet"
        pq.write_table(rows, path, compression="zstd")
        return self._spark.read.schema(from_arrow_schema(rows.schema)).parquet(path)

    def held(self, rows: pa.Table) -> DataFrame:
        """The same, for rows that several steps read."""
        frame = self.frame(rows)
        # A file is read as often as one likes, and only the columns that are asked for.
        return self._keep(frame) if 0 < rows.nbytes <= LARGE_BYTES else frame

    def touched_labels(self, asked: pa.Array) -> pa.Table:
        """The labels of these identifiers and of all that was ever linked to them."""
        keys = pa.table({"identifier_key": asked})
        newest = _newest_of_many if len(asked) > FEW else _newest
        with self._session() as db:
            log, seen = self._rows(db, LABELS), self._semi_join(db, LABELS, keys)
            db.execute(f"CREATE TEMP TABLE known AS {newest(seen, BY_IDENTIFIER)}")
            db.execute(
                "CREATE TEMP TABLE components AS "
                f"SELECT DISTINCT component_key FROM known WHERE {IN_COMPONENT}"
            )
            # A row that was overtaken may still name the component, so its identifier is looked up.
            named = f"SELECT identifier_key FROM {log} SEMI JOIN components USING (component_key)"
            linked = newest(f"FROM {log} WHERE identifier_key IN ({named})", BY_IDENTIFIER)
            return _columns(
                db,
                LABELS,
                f"FROM ({linked}) SEMI JOIN components USING (component_key) "
                f"UNION ALL FROM known WHERE {BLOCKED}",
            )

    def news_of(self, links: pa.Table) -> pa.Table:
        """Those of these sets that no batch saw, or none as early or as late."""
        with self._session() as db:
            db.register("links", links)
            known = (
                "SELECT link_id, min(first_seen) AS first_known, max(last_seen) AS last_known "
                f"FROM {self._rows(db, LINKS)} SEMI JOIN links USING (link_id) GROUP BY link_id"
            )
            is_old = "first_known <= first_seen AND last_known >= last_seen"
            both = f"FROM links LEFT JOIN ({known}) USING (link_id)"
            return _columns(db, LINKS, f"{both} WHERE NOT coalesce({is_old}, false)")

    def touching(self, members: pa.Array, links: pa.Table) -> pa.Table:
        """Every set of identifiers that holds one of the members; these links are among them."""
        with self._session() as db:
            db.register("members", pa.table({"identifier_key": members}))
            db.register("links", links)
            log = self._rows(db, LINKS)
            held = (
                "SELECT link_id FROM "
                f"(SELECT link_id, unnest(identifier_keys) AS identifier_key FROM {log}) "
                "SEMI JOIN members USING (identifier_key)"
            )
            merged = ", ".join(f"{sql} AS {name}" for name, sql in MERGED.items())
            return _columns(
                db,
                LINKS,
                f"SELECT link_id, {merged} FROM "
                f"(FROM {log} WHERE link_id IN ({held}) UNION ALL FROM links) GROUP BY link_id",
            )

    def labels_of(self, keys: DataFrame, *, count: int) -> DataFrame:
        """The newest labels of some identifiers."""
        return self._newest_of(LABELS, keys)

    def hubs(self) -> pa.Array:
        """The identifier_key of every hub."""
        with self._session() as db:
            log = self._rows(db, LABELS)
            ever = f"SELECT identifier_key FROM {log} WHERE {HUB}"
            newest = _newest(f"FROM {log} WHERE identifier_key IN ({ever})", BY_IDENTIFIER)
            hubs = _columns(db, LABELS, f"FROM ({newest}) WHERE {HUB}")
            return hubs["identifier_key"].combine_chunks()

    def identifiers(self, keys: DataFrame, *, count: int) -> DataFrame:
        """The raw forms of some identifiers."""
        with self._session() as db:
            rows = self._semi_join(db, IDENTIFIERS, keys.distinct().toArrow())
            return self.frame(_columns(db, IDENTIFIERS, rows))

    def new_identifiers(self, forms: DataFrame) -> pa.Table:
        """Those of these raw forms, each there once, that no earlier batch brought."""
        with self._session() as db:
            told, key = forms.toArrow(), list(IDENTIFIERS.key)
            db.register("forms", told)
            known = self._semi_join(db, IDENTIFIERS, told.select(key))
            new = f"FROM forms ANTI JOIN ({known}) USING ({', '.join(key)})"
            return _columns(db, IDENTIFIERS, new)

    def memberships(self, keys: DataFrame, *, count: int) -> DataFrame:
        """The newest memberships of some identifiers, or of some values at a destination."""
        return self._newest_of(MEMBERSHIPS, keys)

    def messages(self, keys: DataFrame, *, count: int) -> DataFrame:
        """All that became of some messages, however long ago."""
        with self._session() as db:
            db.register("asked", keys.distinct().toArrow())
            found = [f"FROM {self._empty(db, TIMELINE_LOG)}"]
            for name in MESSAGE_CLASSES:
                part = f"/event_class={name}/"
                files = [file for file in self._files_of(TIMELINE_LOG) if part in file]
                # Ids alone are soon looked through; what is not new mostly lies in the last files.
                if holding := _holding(db, files, "message_id"):
                    # Some writers put a partition's column into its files, others do not; files of
                    # before lack what the log got later.
                    names = ", ".join(n for n in TIMELINE_LOG.names if n != "event_class")
                    known = f"FROM {_parquet(holding, ', union_by_name = true')}"
                    rows = f"(FROM {self._empty(db, TIMELINE_LOG)} UNION ALL BY NAME {known})"
                    asked = f"{rows} SEMI JOIN asked USING (message_id)"
                    told = f"SELECT {names}, {_literal(name)} AS event_class FROM {asked}"
                    found.append(f"{told} WHERE stream = 'messages'")
            return self.frame(_columns(db, TIMELINE_LOG, " UNION ALL BY NAME ".join(found)))

    @contextmanager
    def _session(self) -> Iterator[DuckDBPyConnection]:
        with self._database.cursor() as db:
            # Files of an older Spark hold times without a zone; they are UTC wherever this runs.
            db.execute("SET TimeZone = 'UTC'")
            yield db

    def _newest_of(self, table: Table, keys: DataFrame) -> DataFrame:
        with self._session() as db:
            rows = self._semi_join(db, table, keys.distinct().toArrow())
            return self.frame(_columns(db, table, _newest(rows, NEWEST[table.id])))

    def _semi_join(self, db: DuckDBPyConnection, table: Table, keys: pa.Table) -> str:
        """The rows that hold one of these values, in columns of the same names."""
        db.register("keys", keys)
        names = ", ".join(keys.column_names)
        return f"FROM {self._rows(db, table)} SEMI JOIN keys USING ({names})"

    def _rows(self, db: DuckDBPyConnection, table: Table) -> str:
        """The table, for the `FROM` of a query; it has its columns even while it has no file."""
        names = self._files_of(table)
        if not names or not any(column.is_later for column in table.columns):
            return _parquet(names) if names else self._empty(db, table)
        # Files of before lack what the table got later.
        rows = f"FROM {_parquet(names, ', union_by_name = true')}"
        return f"(FROM {self._empty(db, table)} UNION ALL BY NAME {rows})"

    def _files_of(self, table: Table) -> list[str]:
        if table.id not in self._files:
            path, version = self._place(table)
            added = pa.table(DeltaTable(path, version=version).get_add_actions())
            self._files[table.id] = [f"{path}/{name}" for name in added["path"].to_pylist()]
        return self._files[table.id]

    def _empty(self, db: DuckDBPyConnection, table: Table) -> str:
        db.register(f"empty_{table.name}", to_arrow_schema(table.struct()).empty_table())
        return f"empty_{table.name}"


def _parquet(names: list[str], options: str = "") -> str:
    # What a folder above the lake is called is no column.
    return f"read_parquet([{', '.join(map(_literal, names))}], hive_partitioning = false{options})"


def _holding(db: DuckDBPyConnection, names: list[str], key: str) -> list[str]:
    """Those of these files that hold one of the values in `asked`."""
    if not names:
        return []
    rows = f"{_parquet(names, ', filename = true')} SEMI JOIN asked USING ({key})"
    return [name for (name,) in db.execute(f"SELECT DISTINCT filename FROM {rows}").fetchall()]


def _literal(path: str) -> str:
    return "'" + path.replace("'", "''") + "'"


def _newest(rows: str, key: tuple[str, ...]) -> str:
    """What the newest batch said of each key."""
    return f"SELECT unnest(arg_max(r, batch_id)) FROM ({rows}) AS r GROUP BY {', '.join(key)}"


def _newest_of_many(rows: str, key: tuple[str, ...]) -> str:
    """The same, where whole rows of all keys at once would not fit into memory.

    Reads the rows twice, the first time only which batch said the last of each key; a batch says
    one thing of a key.
    """
    names = ", ".join(key)
    last = f"SELECT {names}, max(batch_id) AS batch_id FROM ({rows}) GROUP BY {names}"
    return f"SELECT * FROM ({rows}) SEMI JOIN ({last}) USING ({names}, batch_id)"


def _columns(db: DuckDBPyConnection, table: Table, query: str) -> pa.Table:
    """The rows of a query in the types of a table, whoever wrote the files they come from."""
    found, schema = db.sql(query).to_arrow_table(), to_arrow_schema(table.struct())
    # Without a row there is no piece to take a list's type from.
    return found.select(table.names).cast(schema) if found.num_rows else schema.empty_table()
