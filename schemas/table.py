"""What a table is: described once, and everything else about it derived from that."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import types as T

FORMAT_VERSION = 3

# How the rows of a person who is forgotten are found (G6).
ERASURES = {
    "keys": "rows that carry one of the person's identifier keys are deleted",
    "persons": "rows that name the person are deleted",
    "raw": "rows in which one of the person's raw identifiers stands are deleted",
    "publication": "the table is made anew from what is left",
    "nothing": "no row is about a person",
}


@dataclass(frozen=True)
class Column:
    """One column: its name, Spark type, what it tells, and what must hold for it.

    `clock` marks what depends on when the table was published (left out of comparisons, G1);
    `protected` marks raw personal data (G8); `allowed` lists the only values it may hold; `note`
    is what the table page tells beside; `is_later` marks what lakes lack that were made before it
    was thought of: they get it, empty, when they are next opened; `unit` is in what its values are
    told, where neither its type nor its name says it (see `schemas/units.py`).
    """

    name: str
    type: str
    doc: str
    nullable: bool = True
    clock: bool = False
    protected: bool = False
    allowed: tuple[str, ...] = ()
    at_least: float | None = None
    note: str = ""
    is_later: bool = False
    unit: str = ""

    @property
    def is_empty_unless_told(self) -> bool:
        """Whether nothing known means none: an empty list or map, or a count of 0."""
        return self.type.startswith(("map", "array")) or self.at_least == 0


@dataclass(frozen=True, eq=False)
class Table:
    """One table: its place in the lake, its grain and key, its columns, how it forgets somebody.

    erased_by: one of `ERASURES`.
    """

    name: str
    grain: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    doc: str
    log: bool = False
    streamed: bool = False
    partitioned_by: tuple[str, ...] = ()
    erased_by: str = ""

    @property
    def path(self) -> str:
        """Where the table lies below the lake's location."""
        return f"_log/{self.name}" if self.log else self.name

    @property
    def id(self) -> str:
        """The name that pins, commits and messages use: `links` the log is not a published table."""
        return f"_log/{self.name}" if self.log else self.name

    @property
    def is_protected(self) -> bool:
        """Whether any of its columns holds raw personal data, so that few may read its files."""
        return any(column.protected for column in self.columns)

    @property
    def names(self) -> list[str]:
        """The names of its columns, in order."""
        return [column.name for column in self.columns]

    def column(self, name: str) -> Column:
        """The column of this name."""
        return next(column for column in self.columns if column.name == name)

    def struct(self) -> T.StructType:
        """The Spark schema, with each column's description as its comment."""
        return _struct(self.columns)

    def ddl(self) -> str:
        """The columns as a DDL string, for small literal tables in tests."""
        return ", ".join(f"`{column.name}` {column.type}" for column in self.columns)

    def conform(self, frame: DataFrame) -> DataFrame:
        """Give a frame exactly this table's columns, in order and type; one it lacks is null."""
        present = set(frame.columns)
        # As text: a column object each would be four calls into the JVM a column and table.
        return frame.selectExpr(
            *(
                f"CAST({f'`{c.name}`' if c.name in present else 'NULL'} AS {c.type}) AS `{c.name}`"
                for c in self.columns
            )
        )

    def skips_by(self) -> list[str]:
        """The columns of which every file's least and greatest value are kept.

        Days and instants: whoever asks for a time reads fewer files. Keys are hashes, which lie
        anywhere in any file, and telling their bounds takes a quarter of the time to write them.
        """
        named = [c.name for c in self.columns if c.type in ("timestamp", "date")]
        return [name for name in named if name not in self.partitioned_by]

    def comparable(self) -> list[str]:
        """The columns that must come out the same whenever and however the table was made."""
        return [column.name for column in self.columns if not column.clock]

    def expectations(self) -> list[dict[str, Any]]:
        """The Great Expectations suite, as plain dictionaries {type, kwargs}."""
        unique = "expect_compound_columns_to_be_unique"
        suite: list[dict[str, Any]] = []
        if len(self.key) == 1:
            unique = "expect_column_values_to_be_unique"
            suite.append({"type": unique, "kwargs": {"column": self.key[0]}})
        elif self.key:
            suite.append({"type": unique, "kwargs": {"column_list": list(self.key)}})
        for column in self.columns:
            about = {"column": column.name}
            if not column.nullable:
                suite.append({"type": "expect_column_values_to_not_be_null", "kwargs": about})
            if column.allowed:
                kwargs = {**about, "value_set": list(column.allowed)}
                suite.append({"type": "expect_column_values_to_be_in_set", "kwargs": kwargs})
            if column.at_least is not None:
                kwargs = {**about, "min_value": column.at_least}
                suite.append({"type": "expect_column_values_to_be_between", "kwargs": kwargs})
        return suite

    def page(self) -> str:
        """The table's page in Markdown."""
        head = [f"## `{self.id}`", "", self.doc, "", f"One row per {self.grain}."]
        if self.key:
            head.append("Key: " + ", ".join(f"`{name}`" for name in self.key) + ".")
        if self.erased_by:
            head.append(f"Who is forgotten: {ERASURES[self.erased_by]}.")
        rows = ["", "| column | type | what it tells |", "|---|---|---|"]
        rows += [f"| `{c.name}` | `{c.type}` | {_cell(c)} |" for c in self.columns]
        return "\n".join([*head, *rows, ""])


@cache
def _struct(columns: tuple[Column, ...]) -> T.StructType:
    fields = []
    for column in columns:
        kind = T._parse_datatype_string(column.type)
        fields.append(T.StructField(column.name, kind, True, {"comment": column.doc}))
    return T.StructType(fields)


def _cell(column: Column) -> str:
    """What a column tells, for the table page: a bar would end the cell."""
    allowed = f" One of {', '.join(column.allowed)}." if column.allowed else ""
    note = f" {column.note}" if column.note else ""
    return f"{column.doc}{_marks(column)}{allowed}{note}".replace("|", "\\|")


def _marks(column: Column) -> str:
    marks = [word for word, on in (("clock", column.clock), ("protected", column.protected)) if on]
    return f" ({', '.join(marks)})" if marks else ""
