"""Lists: files of people by their identifiers, as other systems export them."""

from __future__ import annotations

import codecs
import gzip
import hashlib
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from tactful.jobs.errors import ListRefused
from tactful.jobs.settings.config import Config
from tactful.schemas.words import IDENTIFIER_WORDS
from tactful.transforms.blanks import BLANKS

# Rows of a list that pass through this process at once.
PIECE = 100_000
READ = {
    ".csv": "read_csv({path}, all_varchar = true, header = true)",
    ".tsv": "read_csv({path}, all_varchar = true, header = true)",
    ".txt": "read_csv({path}, all_varchar = true, header = true)",
    ".json": "read_json({path})",
    ".jsonl": "read_json({path})",
    ".ndjson": "read_json({path})",
    ".parquet": "read_parquet({path})",
}
PACKED = ".gz"
TEXT = tuple(ending for ending in READ if ending != ".parquet")
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


@dataclass(frozen=True)
class PeopleList:
    """A list of people: its file, which column is what, and which columns say nothing here."""

    path: Path
    columns: Mapping[str, str]
    left_aside: Sequence[str]
    written_at: datetime

    def rows(self) -> Iterator[list[Row]]:
        """The rows, some at a time; of each what it says: identifier types, and other fields."""
        with duckdb.connect() as db:
            yield from self._told(db, _source(self.path))

    def put(self, db: duckdb.DuckDBPyConnection, table: str, number: str) -> Iterator[list[Row]]:
        """Make a table of the whole list, every column of it, its rows numbered from 1 in a column
        of this name; then its rows in that order, see `rows`.
        """
        whole = f"SELECT *, row_number() OVER () AS {number} FROM {_source(self.path)}"
        try:
            db.execute(f"CREATE TABLE {table} AS {whole}")
        except duckdb.Error as error:
            raise _unreadable(self.path, error) from error
        yield from self._told(db.cursor(), f"(FROM {table} ORDER BY {number})")

    def _told(self, db: duckdb.DuckDBPyConnection, source: str) -> Iterator[list[Row]]:
        told = ", ".join(f"CAST({_quoted(c)} AS VARCHAR)" for c in self.columns.values())
        names = list(self.columns)
        try:
            found = db.execute(f"SELECT {told} FROM {source}")
            while piece := found.fetchmany(PIECE):
                yield [_said(dict(zip(names, row, strict=True))) for row in piece]
        except duckdb.Error as error:
            raise _unreadable(self.path, error) from error

    @property
    def content_hash(self) -> str:
        """Which list it is, whatever its file is called."""
        with open(self.path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()


def read_list(
    path: Path, config: Config, *, named: Mapping[str, str], also: Sequence[str] = ()
) -> PeopleList:
    """Find out what the columns of a list are.

    A column is what its header says, in any spelling: E-Mail, email address, customer_id. named:
    the header of a column that its name does not tell, by what it holds. also: what a column may
    say beside identifiers.

    Raises: ListRefused.
    """
    known = {**identifier_words(config), **{without_separators(name): name for name in also}}
    people = _read(path, known, named)
    if not set(people.columns) - {*also}:
        kinds = dict.fromkeys(kind for kind in known.values() if kind not in also)
        headers = _headers(path)
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


def _read(path: Path, known: Mapping[str, str], named: Mapping[str, str]) -> PeopleList:
    """known: what a header may say, without separators and case, and what such a column holds."""
    _refuse_unreadable(path)
    headers = _headers(path)
    columns = _named(path, headers, named, list(dict.fromkeys(known.values())))
    for header in headers:
        kind = known.get(without_separators(header))
        if kind is None or header in columns.values() or kind in named:
            continue
        if kind in columns:
            raise ListRefused(
                f"{path}: both {columns[kind]} and {header} are columns of {kind}; say which is "
                f'meant: --column {kind}="{header}".'
            )
        columns[kind] = header
    aside = [header for header in headers if header not in columns.values()]
    if len(aside) > MOST_NAMED:
        aside = [*aside[:MOST_NAMED], f"and {len(aside) - MOST_NAMED:,} more"]
    written_at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    return PeopleList(path, columns, aside, written_at)


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


def _said(row: Mapping[str, str | None]) -> Row:
    """What a row tells, without its blanks."""
    bare = {name: (value or "").strip(BLANKS) for name, value in row.items()}
    if address := bare.get("email"):
        bare["email"] = address_alone(address)
    return {name: value for name, value in bare.items() if value}


def address_alone(written: str) -> str:
    """The address alone, of what mail programs write: Ann <ann@x.io>, mailto:ann@x.io."""
    within = re.fullmatch(r".*<([^<>]*)>", written, re.S)
    bare = within.group(1) if within else written
    return re.sub(r"^mailto:", "", bare, flags=re.I).strip(BLANKS)


def _refuse_unreadable(path: Path) -> None:
    """Raises: ListRefused, where there is no file, nothing in it, or text that is not UTF-8."""
    if path.is_dir():
        raise ListRefused(f"{path} is a folder; name its files one by one.")
    if not path.is_file():
        raise ListRefused(f"There is no file {path}.")
    try:
        name = path.name.lower()
        is_packed = name.endswith(PACKED)
        text = name.removesuffix(PACKED).endswith(TEXT)
        decoder = codecs.getincrementaldecoder("utf-8")()
        with gzip.open(path) if is_packed else open(path, "rb") as file:
            piece = file.read(2**20)
            if not piece:
                raise ListRefused(f"{path} is empty.")
            while text and piece:
                decoder.decode(piece)
                piece = file.read(2**20)
    except UnicodeDecodeError as error:
        raise ListRefused(f"{path} is not in UTF-8; save it as CSV in UTF-8.") from error
    except (OSError, EOFError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise ListRefused(f"{path} cannot be read ({why.lower()}).") from error


def _headers(path: Path) -> list[str]:
    with duckdb.connect() as db:
        try:
            found = db.execute(f"DESCRIBE SELECT * FROM {_source(path)}").fetchall()
        except duckdb.Error as error:
            raise _unreadable(path, error) from error
    return [row[0] for row in found]


def _source(path: Path) -> str:
    """The file as DuckDB reads it; a name it would take for a pattern is one all the same."""
    name = path.name.lower().removesuffix(PACKED)
    form = READ.get(os.path.splitext(name)[1])
    if form is None:
        raise ListRefused(
            f"{path} is no list: its name has to end in {', '.join(READ)}, packed ({PACKED}) or "
            "not."
        )
    plain = "".join(f"[{letter}]" if letter in "*?[" else letter for letter in str(path))
    return form.format(path="'" + plain.replace("'", "''") + "'")


def _quoted(header: str) -> str:
    return '"' + header.replace('"', '""') + '"'


def _unreadable(path: Path, error: Exception) -> ListRefused:
    first = str(error).strip().splitlines()[0][:200].rstrip(".")
    return ListRefused(f"{path} cannot be read as a list: {first}.")
