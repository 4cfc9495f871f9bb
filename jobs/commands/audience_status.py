"""Audiences: what each destination holds, and which of it no configuration speaks of any more."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rich.markup import escape

from tactful.jobs.audiences import held_now
from tactful.jobs.lake.lake import Lake
from tactful.jobs.settings.config import Config


def orphaned(lake: Path, config: Config | None) -> list[dict[str, Any]]:
    """The audiences that hold somebody, and that are told of nobody any more.

    None without a configuration: then nobody knows which are meant to be told.
    """
    if config is None:
        return []
    told = {(d.name, d.policy) for d in config.destinations}
    sizes = audience_sizes(lake)
    return [row for row in sizes if (row["destination"], row["audience"]) not in told]


def audience_sizes(lake: Path) -> list[dict[str, Any]]:
    """How many values each audience holds that holds any."""
    held = held_now(Lake(None, str(lake)))
    return [{"destination": at, "audience": name, "values": n} for (at, name), n in held.items()]


def orphaned_lines(found: Sequence[dict[str, Any]]) -> Iterator[str]:
    for row in found:
        yield (
            f"[yellow]{escape(row['destination'])} holds {row['values']:,} values of audience "
            f"{escape(row['audience'])}, which the configuration does not name: it is told nothing "
            "more. To empty it, configure it with retired = true.[/]"
        )
