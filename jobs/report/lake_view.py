"""The lake as the report reads it: its Delta tables in DuckDB, without a session or a JVM."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa
from deltalake import DeltaTable

from tactful.jobs.commands.tables_here import opened, readable
from tactful.jobs.lake.local_files import LocalFiles
from tactful.jobs.lake.state import read_json
from tactful.schemas.catalog import APPENDED, PUBLISHED, TABLES
from tactful.schemas.intake import BATCHES
from tactful.schemas.table import Table

if TYPE_CHECKING:
    # It takes half a second to import, which a command that asks one question has no use for.
    import pandas as pd

PLAIN = {
    "string": "VARCHAR", "boolean": "BOOLEAN", "int": "INTEGER", "bigint": "BIGINT",
    "double": "DOUBLE", "timestamp": "TIMESTAMPTZ", "date": "DATE", "binary": "BLOB",
}  # fmt: skip

# A message's purpose and topic are what its sending says of it, else the first event that does.
PURPOSES = """
    SELECT message_id, coalesce(
        arg_min(purpose, (type <> 'sent', occurred_at, event_id)) FILTER (purpose IS NOT NULL),
        'marketing'
    ) AS purpose,
    arg_min(topic, (type <> 'sent', occurred_at, event_id)) FILTER (topic IS NOT NULL) AS topic,
    arg_min(content_id, (type <> 'sent', occurred_at, event_id))
        FILTER (content_id IS NOT NULL) AS content_id
    FROM messages GROUP BY message_id
"""


@dataclass(frozen=True)
class LakeView:
    """A lake's tables as one database: `timeline` is the published table, `log_links` a log.

    batch: the newest of which the published tables tell; None where that is not known. opens: lets
    the database read one more table, by its id.
    """

    database: duckdb.DuckDBPyConnection
    as_of: datetime | None
    batch: int | None = None
    opens: Callable[[str], None] = lambda _: None

    def frame(self, sql: str, **parameters: Any) -> pd.DataFrame:
        """What a query answers; `$name` in it stands for a parameter."""
        return self.database.execute(sql, parameters or None).df()

    def rows(self, sql: str, **parameters: Any) -> list[dict[str, Any]]:
        """What a query answers, row by row; see `frame`."""
        answer = self.database.execute(sql, parameters or None)
        names = [column[0] for column in answer.description]
        return [dict(zip(names, row, strict=True)) for row in answer.fetchall()]

    def row(self, sql: str, **parameters: Any) -> dict[str, Any]:
        """The first row that a query answers."""
        return self.rows(sql, **parameters)[0]

    def close(self) -> None:
        self.database.close()


def open_lake(lake: Path, only: Collection[str] = ()) -> LakeView:
    """Open every table of a lake; one that is not there yet is empty.

    Published tables are read in the versions that were published together, and any other in the
    one that it has now, whatever a run adds in the meantime; of what batches only ever add to, no
    more is seen than was there when the tables were published. `purposes` says of each message
    what it was for, its topic and its content.

    only: the ids of the tables to open; without any, all of them.
    """
    state = published_state(lake)
    together = state.get("tables", {})
    database = _database()
    # By their ids: the log `timeline` has the name of a published table, and versions of its own.
    published = {table.id for table in PUBLISHED}
    wanted = [name for name in TABLES if not only or name in only]

    @cache
    def show(name: str) -> None:
        table = TABLES[name]
        version = together.get(table.name) if name in published else None
        with readable(Path(lake), table.path):
            _show(database, table, opened(Path(lake), table.path, version), state.get("batch"))

    for name in wanted:
        show(name)
    if not only or "messages" in only:
        database.execute(f"CREATE VIEW purposes AS {PURPOSES}")
    view = LakeView(database, None)
    return LakeView(database, _clock(view, state), state.get("batch"), show)


def published_state(lake: Path) -> dict[str, Any]:
    """What was published last, and in which versions; nothing before the first time."""
    way_out = "remove it, and let the next run publish anew"
    return read_json(LocalFiles(str(lake)), f"{lake}/_published.json", way_out=way_out) or {}


def columns(table: Table) -> str:
    """A table's columns in DuckDB's words."""
    return ", ".join(f'"{column.name}" {duck_type(column.type)}' for column in table.columns)


def arrow_schema(table: Table) -> pa.Schema:
    """A table's columns in Arrow's words, for whoever writes one without Spark."""
    with _database() as database:
        database.execute(f"CREATE TABLE t ({columns(table)})")
        return database.sql("SELECT * FROM t").to_arrow_table().schema


def duck_type(spark: str) -> str:
    """Say a Spark type in DuckDB's words: `array<string>` is `VARCHAR[]`."""
    inner = re.fullmatch(r"(\w+)<(.*)>", spark)
    if inner is None:
        return PLAIN.get(spark, spark.upper())
    kind, parts = inner[1], list(_parts(inner[2]))
    if kind == "array":
        return f"{duck_type(parts[0])}[]"
    if kind == "map":
        return f"MAP({duck_type(parts[0])}, {duck_type(parts[1])})"
    named = (part.split(":", 1) for part in parts)
    return "STRUCT(" + ", ".join(f'"{name}" {duck_type(kind)}' for name, kind in named) + ")"


def _database() -> duckdb.DuckDBPyConnection:
    """An empty database in memory whose days and weeks are those of UTC, wherever it runs."""
    database = duckdb.connect()
    database.execute("SET TimeZone = 'UTC'")
    return database


def _parts(text: str) -> Iterator[str]:
    """Split at the commas that stand in no bracket."""
    depth, begin = 0, 0
    for at, letter in enumerate(text):
        depth += (letter in "<(") - (letter in ">)")
        if letter == "," and depth == 0:
            yield text[begin:at].strip()
            begin = at + 1
    yield text[begin:].strip()


def _show(
    database: duckdb.DuckDBPyConnection, table: Table, found: DeltaTable | None, batch: int | None
) -> None:
    """Let the database read a table, with no row of a later batch; one that is not there is empty.

    DuckDB's own reader looks into the columns that a question filters by before it unpacks any
    other: a tenth of the time where a question is about one customer. Arrow reads what it cannot.
    """
    name = table.id.replace("_log/", "log_")
    files = [] if found is None else found.file_uris()
    if found is None or not files:
        database.execute(f"CREATE TABLE {name} ({columns(table)})")
        return
    until = ""
    # Logs are folded, and what is left of an older row then says a later batch.
    only_grows = table in APPENDED and table is not BATCHES
    if batch is not None and only_grows and "batch_id" in table.names:
        until = f" WHERE batch_id IS NULL OR batch_id <= {batch:d}"
    if found.protocol().reader_features or not all(map(_is_plain, files)):
        database.register(f"arrow_{name}", found.to_pyarrow_dataset())
        database.execute(f"CREATE VIEW {name} AS SELECT * FROM arrow_{name}{until}")
    else:
        told = ", ".join(f"'{file}'" for file in files)
        is_in_parts = "true" if found.metadata().partition_columns else "false"
        source = f"read_parquet([{told}], union_by_name = true, hive_partitioning = {is_in_parts})"
        there = {row[0] for row in database.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()}
        shown = (
            f'"{c.name}"' if c.name in there else f'CAST(NULL AS {duck_type(c.type)}) AS "{c.name}"'
            for c in table.columns
        )
        database.execute(f"CREATE VIEW {name} AS SELECT {', '.join(shown)} FROM {source}{until}")


def _is_plain(file: str) -> bool:
    """Whether a path is a path to DuckDB as well: it takes some signs for patterns or parts."""
    folder = file.rpartition("/")[0]
    return not re.search(r"[\\[\]*?'%{}]|://", file) and all(
        re.fullmatch(r"[a-z_]+=[\w.-]+", part) for part in folder.split("/") if "=" in part
    )


def _clock(view: LakeView, state: dict[str, Any]) -> datetime | None:
    """The decision clock that the published tables were made at."""
    if "as_of" in state:
        return datetime.fromisoformat(state["as_of"]).astimezone(UTC)
    newest = view.row("SELECT max(as_of) AS as_of FROM log_ticks")["as_of"]
    return newest.astimezone(UTC) if newest else None
