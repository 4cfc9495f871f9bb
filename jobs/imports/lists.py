"""Lists: files of people by their identifiers, as other systems export them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from tactful.jobs.errors import ListRefused
from tactful.jobs.imports.list_files import (
    IS_ADDRESS,
    headers_of,
    is_read_whole,
    numbered,
    ragged_words,
    reader_of,
    refuse_unreadable,
    text_of,
    unreadable,
    written_headers,
)
from tactful.jobs.imports.separated import Uneven, uneven, whole_rows
from tactful.jobs.progress import Step
from tactful.jobs.settings.config import Config
from tactful.schemas.words import IDENTIFIER_WORDS
from tactful.transforms.blanks import BLANKS

# Rows of a list that pass through this process at once.
PIECE = 100_000
# So many columns that say nothing here are named.
MOST_NAMED = 10
# What people also write over a column; events have no such headers.
HEADERS = {
    "emailadresse": "email",
    "emailid": "email",
    "mobile": "phone",
    "mobilenumber": "phone",
    "telephone": "phone",
    "telephonenumber": "phone",
}
Row = dict[str, str]
# What it is, and what it says: of a list where several columns are of one type.
Said = list[tuple[str, str]]


@dataclass(frozen=True)
class PeopleList:
    """A list of people: its file, which column is what, and which columns say nothing here.

    beside: further columns of types that are in `columns`, with their types. headers: as the file
    writes them, where two of its columns have the same; else empty. uneven: of a text whose rows
    are not all as long as its header, which of them are left out, since nobody can read them.
    """

    path: Path
    columns: Mapping[str, str]
    left_aside: Sequence[str]
    written_at: datetime
    beside: Sequence[tuple[str, str]] = field(default_factory=tuple)
    headers: Sequence[str] = field(default_factory=tuple)
    uneven: Uneven | None = None

    @property
    def ragged(self) -> dict[str, Any]:
        """How many rows are left out, and of the first of them on which lines and why."""
        count = self.uneven.ragged if self.uneven else 0
        return {"ragged": count, "ragged_rows": [*self.uneven.told] if self.uneven else []}

    def rows(self) -> Iterator[list[Row]]:
        """The rows, some at a time; of each what it says: identifier types, and other fields."""
        if self.uneven is not None:
            yield from self._told_by_line(self.uneven)
            return
        with duckdb.connect() as db:
            for piece in self._told(db, reader_of(self.path, is_as_written=True)):
                yield [dict(row) for row in piece]

    def put(self, db: duckdb.DuckDBPyConnection, table: str, number: str) -> Iterator[list[Said]]:
        """Make a table of the whole list, every column of it, its rows numbered from 1 in a column
        of this name; then what its rows say in that order, of each type once or several times.
        """
        if self.uneven is None:
            whole = f"SELECT *, row_number() OVER () AS {number} FROM {reader_of(self.path)}"
            try:
                db.execute(f"CREATE TABLE {table} AS {whole}")
            except duckdb.Error as error:
                raise unreadable(self.path, error) from error
        else:
            self._put_by_line(db, table, number, self.uneven)
        yield from self._told(db.cursor(), f"(FROM {table} ORDER BY {number})")

    def _told(self, db: duckdb.DuckDBPyConnection, source: str) -> Iterator[list[Said]]:
        columns = [*self.columns.items(), *self.beside]
        names = [kind for kind, _ in columns]
        try:
            types = dict(row[:2] for row in db.execute(f"DESCRIBE FROM {source}").fetchall())
            told = ", ".join(text_of(header, types[header]) for _, header in columns)
            found = db.execute(f"SELECT {told} FROM {source}")
            while piece := found.fetchmany(PIECE):
                yield [_said(zip(names, row, strict=True)) for row in piece]
        except duckdb.Error as error:
            raise unreadable(self.path, error) from error

    def _told_by_line(self, text: Uneven) -> Iterator[list[Row]]:
        headers = numbered(text.header)
        places = [(kind, headers.index(header)) for kind, header in self.columns.items()]
        for piece in _pieces(whole_rows(self.path)):
            yield [dict(_said((kind, row[at]) for kind, at in places)) for row in piece]

    def _put_by_line(
        self, db: duckdb.DuckDBPyConnection, table: str, number: str, text: Uneven
    ) -> None:
        headers = [*numbered(text.header), number]
        schema = pa.schema([(name, pa.string()) for name in headers[:-1]] + [(number, pa.int64())])
        db.register("whole_rows", schema.empty_table())
        db.execute(f"CREATE TABLE {table} AS FROM whole_rows")
        before = 0
        for piece in _pieces(whole_rows(self.path)):
            columns = [[value or None for value in column] for column in zip(*piece, strict=True)]
            numbers = [*range(before + 1, before + len(piece) + 1)]
            db.register("whole_rows", pa.table([*columns, numbers], schema=schema))
            db.execute(f"INSERT INTO {table} FROM whole_rows")
            before += len(piece)
        db.unregister("whole_rows")

    @property
    def content_hash(self) -> str:
        """Which list it is, whatever its file is called."""
        with open(self.path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()


def read_so_far(rows: int) -> Step:
    """How far a list was read."""
    return Step(f"read the list: {rows:,} rows", name="read the list", done=rows, unit="rows")


def read_list(
    path: Path,
    config: Config,
    *,
    named: Mapping[str, str],
    also: Sequence[str] = (),
    several: bool = False,
) -> PeopleList:
    """Find out what the columns of a list are.

    A column is what its header says, in any spelling: E-Mail, email address, customer_id. named:
    the header of a column that its name does not tell, by what it holds. also: what a column may
    say beside identifiers. several: whether more than one column may be of one type, and all of
    them are read, unless `named` says which.

    Raises: ListRefused.
    """
    known = {**identifier_words(config), **{without_separators(name): name for name in also}}
    people = _read(path, known, named, several=several)
    if not set(people.columns) - {*also}:
        kinds = dict.fromkeys(kind for kind in known.values() if kind not in also)
        headers = headers_of(path)
        if (why := ragged_words(uneven(path))) or any(map(IS_ADDRESS.search, headers)):
            raise ListRefused(
                f"{path} cannot be read as a list: {why or 'its first line is no header'}."
            )
        raise ListRefused(
            f"{path}: none of its columns ({', '.join(headers)}) is an identifier, which are "
            f'{", ".join(kinds)}; name one, such as: --column email="{headers[0]}".'
        )
    return people


def read_columns(
    path: Path, *, named: Mapping[str, str], needed: Sequence[str], also: Sequence[str]
) -> PeopleList:
    """Find out which columns of a list are the ones that it needs, and what else it says.

    named: see `read_list`.

    Raises: ListRefused, where one of them is missing.
    """
    people = _read(path, {without_separators(name): name for name in (*needed, *also)}, named)
    for name in needed:
        if name not in people.columns:
            raise ListRefused(
                f"{path} has no column {name}; such a list has {', '.join(needed)}, and may have "
                f'{", ".join(also)}; say which is meant: --column {name}="...".'
            )
    return people


def _read(
    path: Path, known: Mapping[str, str], named: Mapping[str, str], *, several: bool = False
) -> PeopleList:
    """known: what a header may say, without separators and case, and what such a column holds."""
    refuse_unreadable(path)
    text = _read_by_line(path, {*known, *map(without_separators, named.values())})
    headers = numbered(text.header) if text else headers_of(path)
    written = written_headers(path, headers)
    columns = _named(path, headers, named, list(dict.fromkeys(known.values())))
    beside = []
    for header, own in zip(headers, written, strict=True):
        kind = known.get(without_separators(own))
        if kind is None or header in columns.values() or kind in named:
            continue
        if kind in columns and several:
            beside.append((kind, header))
            continue
        if kind in columns:
            raise ListRefused(
                f"{path}: both {columns[kind]} and {header} are columns of {kind}; say which is "
                f'meant: --column {kind}="{header}".'
            )
        columns[kind] = header
    read = {*columns.values(), *(header for _, header in beside)}
    aside = [header for header in headers if header not in read]
    if len(aside) > MOST_NAMED:
        aside = [*aside[:MOST_NAMED], f"and {len(aside) - MOST_NAMED:,} more"]
    written_at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    is_twice = written != headers
    return PeopleList(
        path, columns, aside, written_at,
        beside=beside, headers=written if is_twice else (), uneven=text,
    )  # fmt: skip


def _read_by_line(path: Path, known: Collection[str]) -> Uneven | None:
    """A text of which rows have to be left out, and the others can be read: its header says what
    they hold, as far as any does, and where a ragged one ends is no question. None where it is read
    as a whole, or cannot be read at all.

    Raises: ListRefused, where nobody knows where a ragged row ends, or no other is left.
    """
    text = uneven(path)
    if text is None or not any(without_separators(own) in known for own in text.header):
        return None
    if is_read_whole(path, numbered(text.header)):
        return None
    if text.ragged and not (text.is_apart and text.whole):
        raise ListRefused(f"{path} cannot be read as a list: {ragged_words(text)}.")
    return text


def _pieces(rows: Iterable[list[str]]) -> Iterator[list[list[str]]]:
    each = iter(rows)
    while piece := [*islice(each, PIECE)]:
        yield piece


def identifiers_of(row: Row, also: Sequence[str] = ()) -> list[dict[str, str]]:
    """The identifiers that a row tells, as events do."""
    return [{"type": k, "value": v} for k, v in row.items() if k not in also]


def _named(
    path: Path, headers: Sequence[str], named: Mapping[str, str], kinds: Sequence[str]
) -> dict[str, str]:
    for kind, header in named.items():
        if kind not in kinds:
            raise ListRefused(f"--column {kind}={header}: {kind} is none of {', '.join(kinds)}.")
        if header not in headers:
            raise ListRefused(f"{path} has no column {header}; it has {', '.join(headers)}.")
    return dict(named)


def identifier_words(config: Config) -> dict[str, str]:
    """What a header may say, without separators and case, and which type of identifier it is."""
    types = [*config.identity.types]
    if "email" in types:
        types.append("email_sha256")
    known = {without_separators(name): name for name in types}
    known |= {word: name for word, name in HEADERS.items() if name in types}
    return known | {word: name for name, also in IDENTIFIER_WORDS if name in types for word in also}


def without_separators(header: str) -> str:
    """A header, or the name of a type, as it is compared: letters and digits alone."""
    return "".join(letter for letter in header.lower() if letter.isalnum())


def _said(row: Iterable[tuple[str, str | None]]) -> Said:
    """What a row tells, without its blanks."""
    bare = ((name, (value or "").strip(BLANKS)) for name, value in row)
    alone = ((n, address_alone(value) if n == "email" else value) for n, value in bare)
    return [(name, value) for name, value in alone if value]


def address_alone(written: str) -> str:
    """The address alone, of what mail programs write: Ann <ann@x.io>, mailto:ann@x.io."""
    within = re.fullmatch(r".*<([^<>]*)>", written, re.S)
    bare = within.group(1) if within else written
    return re.sub(r"^mailto:", "", bare, flags=re.I).strip(BLANKS)
