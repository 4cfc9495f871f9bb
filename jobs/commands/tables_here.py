"""A lake's tables on this machine, read without a session or a JVM, and what is wrong with them.

Of a lake elsewhere, a copy of what is asked for; see `lake/mirror.py`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote

from deltalake import DeltaTable, QueryBuilder
from deltalake.exceptions import TableNotFoundError

from tactful.jobs.errors import LakeDamaged, LakeError, LakeTooNew, PathRefused, TactfulError
from tactful.jobs.lake import mirror, systems
from tactful.jobs.lake.files import files_here
from tactful.jobs.lake.local_files import LocalFiles
from tactful.jobs.lake.names import schema_of
from tactful.jobs.lake.state import read_state, stored_state
from tactful.schemas.catalog import PUBLISHED, TABLES
from tactful.schemas.table import FORMAT_VERSION

DATA_FILE = re.compile(r"[\w.%=-]+\.parquet")
PUT_BACK = "put it back from a copy"
REBUILD = f"{PUT_BACK}, or rebuild with: tactful replay --from received"
# What a lake may never have had that was last run before lakes remembered what they made.
LATER = {
    "activations", "assignments", "audience_members", "contents", "context", "customers_daily",
    "customer_scores",
    "delivery_rows", "delivery_states", "known_shares", "landed_ranges", "models", "plans",
    "quality", "rates",
}  # fmt: skip

Answer = TypeVar("Answer")


class Tables:
    """The tables of one lake; one that cannot be read counts as empty and stands in `damaged`."""

    def __init__(self, lake: Path) -> None:
        self.lake = lake
        self.damaged: dict[str, str] = {}

    def open(self, path: str) -> DeltaTable | None:
        """A table by its folder inside the lake; None where there is none, or it is damaged."""
        return self.tried(path, lambda: opened(self.lake, path), None)

    def ask(self, sql: str, path: str, *others: str, needs: str = "") -> list[dict[str, Any]]:
        """Run SQL over tables, each named as the last part of its path; no rows where one of them
        is missing.

        needs: a column of the first that lakes of an older format do not have.
        """
        table = self.open(path)
        more = {name: self.open(name) for name in others}
        if table is None or None in more.values():
            return []
        if needs and needs not in {f.name for f in table.schema().fields}:
            return []

        def answer() -> list[dict[str, Any]]:
            builder = QueryBuilder()
            for name, one in {path: table, **more}.items():
                builder = builder.register(name.rpartition("/")[2], one)
            found = builder.execute(sql).read_all()
            columns = {name: found.column(name).to_pylist() for name in found.schema.names}
            rows = zip(*columns.values(), strict=True)
            return [dict(zip(columns, row, strict=True)) for row in rows]

        return self.tried(path, answer, [])

    def ask_one(self, sql: str, path: str) -> dict[str, Any]:
        """The one row that SQL answers; nothing where the table is missing."""
        rows = self.ask(sql, path)
        return rows[0] if rows else {}

    def counts(self) -> Iterator[tuple[str, int]]:
        """Rows per table, from the statistics in each table's log: no data file is opened."""
        for name, table in sorted(TABLES.items()):
            if named := mirror.by_name(self.lake):
                counted = self.tried(table.path, lambda p=table.path: named.count(p), None)
                if counted is not None:
                    yield name, counted
                continue
            found = self.tried(
                table.path, lambda p=table.path: opened(self.lake, p, rows=False), None
            )
            if found is not None:
                yield (
                    name,
                    self.tried(table.path, lambda p=table.path, t=found: self._count(p, t), 0),
                )

    def _count(self, path: str, table: DeltaTable) -> int:
        """The rows of a table, and whether every file of it is there."""
        added = table.get_add_actions(flatten=True)
        counts = added.column("num_records").to_pylist()
        if mirror.is_copy(self.lake):
            names = added.column("path").to_pylist() if None in counts else ()
            mirror.bring(self.lake, (f"{path}/{unquote(name)}" for name in names))
        else:
            for uri in table.file_uris():
                if not os.path.exists(uri):
                    raise FileNotFoundError(os.path.basename(uri))
        return sum(counts) if None not in counts else table.count()

    def missing(self, made: Sequence[str] | None) -> tuple[list[str], list[str]]:
        """The tables that this lake had and has not, and those that it never had.

        made: the tables that the lake remembers to have made; None where it does not remember.
        """
        named = mirror.by_name(self.lake)
        absent = [
            name for name, table in sorted(TABLES.items())
            if not (named.has(table) if named else (self.lake / table.path / "_delta_log").is_dir())
        ]  # fmt: skip
        had = set(TABLES) - LATER if made is None else set(made)
        return [name for name in absent if name in had], [n for n in absent if n not in had]

    def tried(self, path: str, work: Callable[[], Answer], otherwise: Answer) -> Answer:
        """What work on a table answers; where that fails, why is noted."""
        try:
            with readable(self.lake, path):
                return work()
        except LakeDamaged as error:
            self.damaged.setdefault(path, str(error))
            return otherwise


def lake_here(location: str) -> Path:
    """The folder of a lake on this machine, or of a copy of one that lies elsewhere.

    Raises: PathRefused, where Spark does not reach it either.
    """
    here = files_here(location)
    if here is not None and schema_of(stored_state(here)) is None:
        return Path(here.location)
    from tactful.jobs.session import open_session

    spark = open_session()
    if why := systems.fault(location, spark):
        raise PathRefused(f"The lake's location is {location}, which {why}.")
    return mirror.mirrored(spark, location)


def state_here(lake: Path, *, is_configured: bool) -> dict[str, Any]:
    """The lake's state. Raises: LakeError where there is none, LakeTooNew."""
    state, named = read_state(LocalFiles(str(lake)), known={}), mirror.called(lake)
    if state is None and is_configured:
        raise LakeError(
            f"There is no lake at {named} yet; start it with tactful run, or name another with "
            "--lake."
        )
    if state is None:
        raise LakeError(f"There is no lake at {named}; name one with --lake or --conf.")
    if state["format_version"] > FORMAT_VERSION:
        raise LakeTooNew(
            f"The lake at {named} has format {state['format_version']}, this software knows up to "
            f"{FORMAT_VERSION}; install the newer Tactful that made it."
        )
    return state


def opened(
    lake: Path, path: str, version: int | None = None, *, rows: bool = True
) -> DeltaTable | None:
    """A table by its folder inside the lake; None where there is none.

    rows: whether its files are to be read, too, and not its log alone.
    """
    if named := mirror.by_name(lake):
        folder = named.table(path, version)
        return None if folder is None else DeltaTable(str(folder))
    # Asked of the disk first: opening what is not there would make its folder.
    if not (lake / path / "_delta_log").is_dir():
        return None
    try:
        table = DeltaTable(str(lake / path), version=version)
    except TableNotFoundError:
        return None
    if rows and mirror.is_copy(lake):
        added = table.get_add_actions().column("path").to_pylist()
        mirror.bring(lake, (f"{path}/{unquote(name)}" for name in added))
    return table


@contextmanager
def readable(lake: Path, path: str = "") -> Iterator[None]:
    """Say in one sentence that a table cannot be read, where a library would say it over pages.

    path: the table; without it, whichever the error names.

    Raises: LakeDamaged.
    """
    try:
        yield
    # Readers of Delta and Parquet raise what they like, bare `Exception` among it.
    except TactfulError:
        raise
    except Exception as error:
        text = str(error)
        named = DATA_FILE.search(text)
        table = path or _named(lake, text, named[0] if named else "")
        if not table:
            raise
        raise LakeDamaged(_sentence(lake, table, named[0] if named else "")) from error


def _sentence(lake: Path, path: str, file: str) -> str:
    is_rebuilt = path in {table.path for table in PUBLISHED}
    way_out = REBUILD if is_rebuilt else PUT_BACK
    if not file:
        return (
            f"The log of table {path} in the lake at {mirror.called(lake)} is damaged; {way_out}."
        )
    how = "is damaged" if _has(lake / path, file) else "is missing"
    return f"{file} of table {path} in the lake at {mirror.called(lake)} {how}; {way_out}."


def _named(lake: Path, text: str, file: str) -> str:
    """The table that an error is about: it is named there, or has the file in its log."""
    registered = re.search(r"registered as '(\w+)'", text)
    name = registered[1].replace("log_", "_log/", 1) if registered else ""
    if name in TABLES:
        return TABLES[name].path
    parent_row = (t.path for t in TABLES.values() if file and _has(lake / t.path, file))
    return next(parent_row, "")


def _has(folder: Path, file: str) -> bool:
    return any(unquote(file) in files for _, _, files in os.walk(folder))
