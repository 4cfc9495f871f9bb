"""Pausing: which policies do not speak for now; suppressions go on.

It stands in a file of its own, so that whoever pauses need not wait for a run to end, and changes
nothing else that the run keeps.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from tactful.jobs.lake.files import Files
from tactful.jobs.lake.state import read_json

FILE = "_paused.json"
# Stands for every policy.
ALL = "*"


def paused(files: Files) -> tuple[str, ...]:
    """The policies that are paused; `ALL` stands for every one."""
    return _read(files)[0]


def paused_since(files: Files) -> Mapping[str, datetime | None]:
    """The policies that are paused, each with when it was, where that is known."""
    names, since = _read(files)
    return {name: datetime.fromisoformat(since[name]) if name in since else None for name in names}


def pause(files: Files, names: Iterable[str]) -> tuple[str, ...]:
    """Let these be paused, and no others. Returns them, in order."""
    kept = tuple(sorted({*names}))
    (before, known), now = _read(files), datetime.now(UTC).isoformat()
    since = {name: known[name] for name in kept if name in known}
    since |= {name: now for name in kept if name not in before}
    files.write_text(_place(files), json.dumps({"paused": kept, "since": since}) + "\n")
    return kept


def _read(files: Files) -> tuple[tuple[str, ...], Mapping[str, str]]:
    """Which are paused, and since when those of which that is known."""
    way_out = "remove it, and nothing is paused any more"
    found = read_json(files, _place(files), way_out=way_out) or {}
    return tuple(found.get("paused", ())), found.get("since", {})


def _place(files: Files) -> str:
    return f"{files.location}/{FILE}"
