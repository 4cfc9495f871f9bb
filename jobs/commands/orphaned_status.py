"""Orphaned audiences: what a destination still holds that no configuration speaks of any more."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rich.markup import escape

from tactful.jobs.audiences import name_of, sizes_now
from tactful.jobs.lake.lake import Lake
from tactful.jobs.settings.config import Config


def orphaned(lake: Path, config: Config | None) -> list[dict[str, Any]]:
    """The audiences that hold somebody, and that are told of nobody any more.

    None without a configuration: then nobody knows which are meant to be told.
    """
    if config is None:
        return []
    told = {name_of(d.name, d.policy) for d in config.destinations}
    return [
        {"destination": name.partition("/")[0], "audience": name.partition("/")[2], "values": size}
        for name, size in sorted(sizes_now(Lake(None, str(lake))).items())
        if size > 0 and name not in told
    ]


def orphaned_lines(found: Sequence[dict[str, Any]]) -> Iterator[str]:
    for row in found:
        yield (
            f"[yellow]{escape(row['destination'])} holds {row['values']:,} values of audience "
            f"{escape(row['audience'])}, which the configuration does not name: it is told nothing "
            "more. To empty it, configure it with retired = true.[/]"
        )
