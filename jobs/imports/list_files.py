"""The files that lists come as: what their headers say, how they are read, and why one is not."""

from __future__ import annotations

import codecs
import gzip
import os
import re
from collections.abc import Sequence
from pathlib import Path

import duckdb

from tactful.jobs.errors import ListRefused
from tactful.jobs.imports.separated import PACKED, Uneven, header_of, uneven
from tactful.transforms.blanks import BLANKS

JSON_LINES = "read_json({path}, sample_size = -1)"
# Each value as it is written, whatever the others of its column are.
AS_WRITTEN = {JSON_LINES: "read_json({path}, sample_size = -1, maximum_depth = 1)"}
READ = {
    ".csv": "read_csv({path}, all_varchar = true, header = true)",
    ".tsv": "read_csv({path}, all_varchar = true, header = true)",
    ".txt": "read_csv({path}, all_varchar = true, header = true)",
    ".json": JSON_LINES,
    ".jsonl": JSON_LINES,
    ".ndjson": JSON_LINES,
    ".parquet": "read_parquet({path})",
}
TEXT = tuple(ending for ending in READ if ending != ".parquet")
# Below this every whole number has a decimal of its own.
EXACT = 2**53
IS_ADDRESS = re.compile(r"\S+@\S+")


def is_read_whole(path: Path, headers: Sequence[str]) -> bool:
    """Whether the reader finds these columns, and reads all rows."""
    with duckdb.connect() as db:
        try:
            found = db.sql(f"FROM {reader_of(path)}")
            if found.columns != [*headers]:
                return False
            db.execute(f"SELECT count(COLUMNS(*)) FROM {reader_of(path)}")
        except duckdb.Error:
            return False
    return True


def numbered(written: Sequence[str]) -> list[str]:
    """Headers as the reader names them: those that repeat with a number, a blank one by its place.

    They are compared without regard to case, as columns are.
    """
    taken: set[str] = set()
    headers: list[str] = []
    for at, own in enumerate(written):
        header = name = own.strip(BLANKS) or f"column{at}"
        count = 0
        while header.lower() in taken:
            count += 1
            header = f"{name}_{count}"
        taken.add(header.lower())
        headers.append(header)
    return headers


def refuse_unreadable(path: Path) -> None:
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


def headers_of(path: Path) -> list[str]:
    with duckdb.connect() as db:
        try:
            found = db.execute(f"DESCRIBE SELECT * FROM {reader_of(path)}").fetchall()
        except duckdb.Error as error:
            raise unreadable(path, error) from error
    return [row[0] for row in found]


def written_headers(path: Path, headers: Sequence[str]) -> list[str]:
    """The headers as a text's first line has them, where readers number those that repeat."""
    written = header_of(path)
    is_plain = not any("\n" in own or "\r" in own for own in written)
    is_same = (
        is_plain
        and len(written) == len(headers)
        and all(header.startswith(own) for own, header in zip(written, headers, strict=True) if own)
    )
    return (
        [own or header for own, header in zip(written, headers, strict=True)]
        if is_same
        else [*headers]
    )


def ragged_words(text: Uneven | None) -> str | None:
    """Which row of a text is ragged, without saying what it holds; None where none is."""
    return f"its {text.told[0]}" if text and text.told else None


def reader_of(path: Path, *, is_as_written: bool = False) -> str:
    """The file as DuckDB reads it; a name it would take for a pattern is one all the same.

    is_as_written: of JSON, every value as it stands in the file, and not as what its whole column
    is: one decimal would make decimals of all numbers.
    """
    name = path.name.lower().removesuffix(PACKED)
    form = READ.get(os.path.splitext(name)[1])
    if form is None:
        raise ListRefused(
            f"{path} is no list: its name has to end in {', '.join(READ)}, packed ({PACKED}) or "
            "not."
        )
    if is_as_written:
        form = AS_WRITTEN.get(form, form)
    plain = "".join(f"[{letter}]" if letter in "*?[" else letter for letter in str(path))
    return form.format(path="'" + plain.replace("'", "''") + "'")


def text_of(header: str, type_: str) -> str:
    """A column as texts in SQL: a number that is whole as such, a text of JSON without its quotes.

    A column that holds texts and numbers is JSON to the reader, and one of whole numbers with gaps
    is one of decimals to whoever wrote it (pandas).
    """
    value = quoted(header)
    as_it_is = f"CAST({value} AS VARCHAR)"
    if type_ == "JSON":
        return f"""CASE json_type({value}) WHEN 'VARCHAR' THEN {value} ->> '$' WHEN 'NULL' THEN NULL
            ELSE {as_it_is} END"""
    if type_ in ("DOUBLE", "FLOAT"):
        whole = f"{value} = trunc({value}) AND abs({value}) < {EXACT}"
        return f"""CASE WHEN isnan({value}) THEN NULL
            WHEN {whole} THEN CAST(CAST({value} AS BIGINT) AS VARCHAR) ELSE {as_it_is} END"""
    return as_it_is


def quoted(header: str) -> str:
    return '"' + header.replace('"', '""') + '"'


def unreadable(path: Path, error: Exception) -> ListRefused:
    """What is wrong with it, without the people in it."""
    first = str(error).strip().splitlines()[0][:200].rstrip(".")
    why = ragged_words(uneven(path)) or IS_ADDRESS.sub("…", first)
    return ListRefused(f"{path} cannot be read as a list: {why}.")
