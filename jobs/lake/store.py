"""Store: all that depends on what a lake lies on, so that nothing else needs to ask.

`SparkStore` keeps these promises on anything that Hadoop opens; `LocalStore` keeps the same ones
faster on this machine's disk. tests/contract holds both to them, on a disk that fails, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

import pyarrow as pa
from pyspark.sql import DataFrame

from tactful.jobs.lake.files import Files
from tactful.schemas.table import Table

Keep = Callable[[DataFrame], DataFrame]
# Whose file holds one of more keys than this holds one of nearly every other row's, too.
FEW_KEYS = 5_000


class Part(NamedTuple):
    """Rows for one table, and the transaction under which they are written once, if under any."""

    rows: pa.Table
    application: str | None = None
    version: int = 0


class Logs(Protocol):
    """What earlier batches left, as one batch may see it."""

    def release(self) -> None:
        """Free what is held for this batch alone."""

    def frame(self, rows: pa.Table) -> DataFrame:
        """Rows of this process for Spark, until the batch ends."""

    def held(self, rows: pa.Table) -> DataFrame:
        """The same, for rows that several steps read."""

    def touched_labels(self, asked: pa.Array) -> pa.Table:
        """The labels of these identifiers and of all that was ever linked to them."""

    def news_of(self, links: pa.Table) -> pa.Table:
        """Those of these sets that no batch saw, or none as early or as late."""

    def touching(self, members: pa.Array, links: pa.Table) -> pa.Table:
        """Every set of identifiers that holds one of the members; these links are among them."""

    def labels_of(self, keys: DataFrame, *, count: int) -> DataFrame:
        """The newest labels of some identifiers."""

    def hubs(self) -> pa.Array:
        """The identifier_key of every hub."""

    def identifiers(self, keys: DataFrame, *, count: int) -> DataFrame:
        """The raw forms of some identifiers."""

    def new_identifiers(self, forms: DataFrame) -> pa.Table | DataFrame:
        """Those of these raw forms, each there once, that no earlier batch brought."""

    def messages(self, keys: DataFrame, *, count: int) -> DataFrame:
        """All that became of some messages, however long ago."""

    def memberships(self, keys: DataFrame, *, count: int) -> DataFrame:
        """The newest memberships of some identifiers, or of some values at a destination."""


class Store(Files, Protocol):
    """The tables of one lake, and the files beside them."""

    def path(self, table: Table) -> str:
        """Where a table lies."""

    def create(self, table: Table, *, properties: Mapping[str, str]) -> None:
        """Make a table, empty, where there is none; one that is there gets the columns it lacks."""

    def version(self, table: Table) -> int:
        """The newest version of a table."""

    def size(self, table: Table, version: int) -> int:
        """How many bytes a table's files have, at a version or at least now."""

    def read(self, table: Table, version: int | None = None) -> DataFrame:
        """The table as it stands, or as it stood at a version."""

    def stream(self, table: Table, **options: str) -> DataFrame:
        """What is appended to the table, from its first row on."""

    def append(self, table: Table, *parts: Part) -> None:
        """Append a few rows of this process, but no part whose transaction was written before.

        Without rows there is no version.
        """

    def append_pieces(
        self, table: Table, pieces: Iterable[pa.Table], application: str, version: int
    ) -> None:
        """The same for rows that come piece by piece; a repeat brings the same pieces."""

    def append_by_spark(
        self, table: Table, rows: DataFrame, application: str | None = None, version: int = 0
    ) -> None:
        """Append rows in the table's columns; none, where this version of the application has."""

    def collected(self, rows: DataFrame, *, few: bool) -> DataFrame | pa.Table:
        """Rows in the form in which this store writes them soonest: by Spark, or by this process.

        few: whether they are so little that they may pass through this process.
        """

    def files_of(
        self, table: Table, version: int, columns: Sequence[str], folder: str
    ) -> list[str]:
        """Parquet files of this machine with at least these columns of the table at a version.

        folder: an empty one of this machine, for a store whose own files lie elsewhere.
        """

    def overwrite(self, table: Table, rows: DataFrame | pa.Table) -> None:
        """Put rows, as `collected` gives them, in the place of all that are there."""

    def replace(self, table: Table, rows: DataFrame, keys: pa.Table) -> None:
        """Put rows in the place of those with these keys, in one version.

        rows: in the table's columns, each with one of the keys; they are not made from this table.
        keys: in columns of text or days; the last is the one that tells most of them apart.
        """

    def compact(self, table: Table, *, up_to: int) -> None:
        """Make few files of many small ones; their rows stay, and streams do not notice.

        up_to: the bytes of a file that is large enough to be left alone.
        """

    def remove_table(self, table: Table) -> None:
        """Take a table away; that it is gone already is no error. Raises: StepFailed."""

    def appended_rows(self, table: Table, *, since: int) -> int:
        """The rows that this version and later ones brought; putting files together brings none.

        A version of which nobody wrote down how many rows it brought counts as empty.
        """

    def logs(self, pins: Mapping[str, int], *, batch: int | None, keep: Keep) -> Logs:
        """Where a batch looks up what earlier ones left, in the versions that it is pinned to.

        batch: None for versions that are not those before it, of which nothing is held.
        keep: works a frame out that is used more than once, and holds it.
        """

    def unknown(self, table: Table, keys: Sequence[tuple[str, ...]]) -> set[tuple[str, ...]]:
        """Those of these keys that no row of a table has, such as files that never landed."""

    def release(self) -> None:
        """Free what is held from one batch to the next, and what Spark holds of ended queries."""
