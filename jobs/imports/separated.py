"""Separated text, row by row: which rows are not as long as their header, and all others."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tactful.transforms.blanks import BLANKS

PACKED = ".gz"
SEPARATED, SEPARATORS = (".csv", ".tsv", ".txt"), ",;\t|"
# So many ragged rows are told by their lines; the rest is counted.
LISTED = 20


@dataclass(frozen=True)
class Uneven:
    """A text whose rows are not all as long as its header: blank fields behind its last are none.

    ragged: how many rows have more or fewer fields, which nobody can read. told: the first of them,
    without saying what they hold. whole: how many have as many. is_apart: whether each of the
    ragged ones is a line of its own; where one goes over several, nobody knows where it ends.
    """

    header: Sequence[str]
    ragged: int
    told: Sequence[str]
    whole: int
    is_apart: bool


def uneven(path: Path) -> Uneven | None:
    """How a text is uneven; None where all rows are as long as its header, or it cannot be read."""
    with suppress(csv.Error):
        return _uneven(path)
    return None


def _uneven(path: Path) -> Uneven | None:
    header: list[str] = []
    told: list[str] = []
    ragged = whole = 0
    is_even = is_apart = True
    for first, last, row in _rows(path):
        if not header:
            header = row
            continue
        is_even = is_even and len(row) == len(header)
        if _cut(row, len(header)) is not None:
            whole += 1
            continue
        ragged += 1
        is_apart = is_apart and first == last
        if len(told) < LISTED:
            told.append(
                f"line {last} has {_fields(len(row))} where its header has {_fields(len(header))}"
            )
    return None if is_even else Uneven(header, ragged, told, whole, is_apart)


def whole_rows(path: Path) -> Iterator[list[str]]:
    """The rows of a text that are as long as its header, which is not among them."""
    rows = (row for _, _, row in _rows(path))
    width = len(next(rows, []))
    return (cut for row in rows if (cut := _cut(row, width)) is not None)


def header_of(path: Path) -> list[str]:
    """The first row of a text; empty where it is none."""
    with suppress(csv.Error):
        return next((row for _, _, row in _rows(path)), [])
    return []


def _cut(row: list[str], width: int) -> list[str] | None:
    """A row of as many fields as its header, where only blank ones are over or the whole row is
    blank; None of a ragged one.
    """
    if not any(field.strip(BLANKS) for field in row):
        return [""] * width
    is_whole = len(row) >= width and not any(field.strip(BLANKS) for field in row[width:])
    return row[:width] if is_whole else None


def _rows(path: Path) -> Iterator[tuple[int, int, list[str]]]:
    """The rows of separated text with the lines they begin and end on, empty lines aside; none
    where the file is no such text.
    """
    name = path.name.lower()
    if not name.removesuffix(PACKED).endswith(SEPARATED):
        return
    opened = gzip.open if name.endswith(PACKED) else open
    with opened(path, "rt", encoding="utf-8-sig", newline="") as file:
        head = next((line for line in file if line.strip(BLANKS)), "")
        separator = max(SEPARATORS, key=head.count)
        file.seek(0)
        rows = csv.reader(file, delimiter=separator)
        before, is_begun = 0, False
        for row in rows:
            is_begun = is_begun or any(row)
            if row and is_begun:
                yield before + 1, rows.line_num, row
            before = rows.line_num


def _fields(count: int) -> str:
    return "1 field" if count == 1 else f"{count} fields"
