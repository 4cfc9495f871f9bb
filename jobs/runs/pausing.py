"""Pausing: which policies do not speak for now; suppressions go on.

It stands in a file of its own, so that whoever pauses need not wait for a run to end, and changes
nothing else that the run keeps.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from tactful.jobs.lake.files import Files
from tactful.jobs.lake.state import read_json

FILE = "_paused.json"
# Stands for every policy.
ALL = "*"


def paused(files: Files) -> tuple[str, ...]:
    """The policies that are paused; `ALL` stands for every one."""
    found = read_json(files, _place(files), way_out="remove it, and nothing is paused any more")
    return tuple((found or {}).get("paused", ()))


def pause(files: Files, names: Iterable[str]) -> tuple[str, ...]:
    """Let these be paused, and no others. Returns them, in order."""
    kept = tuple(sorted({*names}))
    files.write_text(_place(files), json.dumps({"paused": kept}) + "\n")
    return kept


def _place(files: Files) -> str:
    return f"{files.location}/{FILE}"
