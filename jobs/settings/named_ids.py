"""Named ids: which contents and campaigns a configuration names, and which there are.

Without a session: the rows of a reference table on this machine's disks are looked through for
their ids. What cannot be read here is not judged here.
"""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterator, Mapping, Set
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from tactful.jobs.lake.files import files_here
from tactful.jobs.lake.places import absolute
from tactful.jobs.settings.layers import Layers, Place, shown
from tactful.jobs.settings.places import Finding

# By which column of which reference table each key is looked up.
KEYS = {"content_id": "contents", "campaign_id": "campaigns"}
# An error lists no more than so many.
LISTED = 20


def without_table(values: Mapping[str, Any]) -> Iterator[Finding]:
    """Contents and campaigns that are named where no reference table tells of any."""
    tables = values.get("reference")
    known = tables if isinstance(tables, dict) else {}
    for place, key, told in _named(values):
        if KEYS[key] not in known:
            hint = f"what it is, is told by [reference.{KEYS[key]}]"
            yield (*place, key), shown(told), f"no such key without {KEYS[key]}", hint


def on_disk(layers: Layers) -> Iterator[Finding]:
    """Contents and campaigns that are named and that no file of theirs has."""
    found: dict[str, Set[str] | None] = {}
    for place, key, told in _named(layers.values):
        table = KEYS[key]
        if table not in found:
            found[table] = _ids(layers, table, key)
        known = found[table]
        if known is not None and told not in known:
            near = get_close_matches(told, sorted(known), n=1)
            hint = f"did you mean {near[0]}?" if near else ""
            some = ", ".join(sorted(known)[:LISTED]) + (" …" if len(known) > LISTED else "")
            yield (*place, key), shown(told), f"one of reference.{table}: {some}", hint


def _named(values: Mapping[str, Any]) -> Iterator[tuple[Place, str, str]]:
    """Every content and campaign that an entry of [[activate]] names: where, by which key, what."""
    for place, entry in _tables(values.get("activate"), ("activate",)):
        yield from _keys(place, entry)
        for at, one in _tables(entry.get("content"), (*place, "content")):
            yield from _keys(at, one)
        for step_at, step in _tables(entry.get("steps"), (*place, "steps")):
            yield from _keys(step_at, step)
            for at, one in _tables(step.get("content"), (*step_at, "content")):
                yield from _keys(at, one)


def _keys(place: Place, entry: Mapping[str, Any]) -> Iterator[tuple[Place, str, str]]:
    for key in KEYS:
        if isinstance(entry.get(key), str) and entry[key]:
            yield place, key, entry[key]


def _tables(told: Any, place: Place) -> Iterator[tuple[Place, dict[str, Any]]]:
    for at, one in enumerate(told if isinstance(told, list) else ()):
        if isinstance(one, dict):
            yield (*place, at), one


def _ids(layers: Layers, table: str, key: str) -> Set[str] | None:
    """The ids in the files of a reference table; None where they cannot be looked at here."""
    tables = layers.values.get("reference")
    entry = tables.get(table) if isinstance(tables, dict) else None
    path = entry.get("path") if isinstance(entry, dict) else None
    if not isinstance(path, str) or not path.strip() or "\0" in path:
        return None
    whole = absolute(path, base=layers.base(("reference", table, "path")))
    rows = rows_of(whole, is_parquet=entry.get("format") == "parquet", column=key)
    return None if rows is None else {str(row[key]) for row in rows if row.get(key) is not None}


def rows_of(path: str, *, is_parquet: bool, column: str | None = None) -> list[dict] | None:
    """The rows in the files of a reference table; None where there are none, or none can be read.

    column: the one that is wanted, where it is just one.
    """
    here = files_here(path)
    if here is None or not os.path.exists(here.location):
        return None
    try:
        files = list(_files(Path(here.location)))
        rows = [row for file in files for row in _rows_in(file, column, is_parquet)]
        return rows if files else None
    except (OSError, ValueError, EOFError):
        return None


def _files(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
        return
    for file in sorted(path.rglob("*")):
        is_hidden = any(part[0] in "._" for part in file.relative_to(path).parts)
        if file.is_file() and not is_hidden:
            yield file


def _rows_in(file: Path, column: str | None, is_parquet: bool) -> Iterator[dict[str, Any]]:
    """Raises: OSError, ValueError, EOFError."""
    if is_parquet:
        import pyarrow.parquet as pq

        yield from pq.read_table(file, columns=[column] if column else None).to_pylist()
        return
    with (gzip.open if file.suffix == ".gz" else open)(file, "rt", encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line) if line.strip() else None
            if isinstance(row, dict):
                yield row if column is None else {column: row.get(column)}
