"""Moved destinations: one that holds somebody stays what it was, or is emptied first.

A list at a vendor is told only what changed. Were it told by another policy, or were its members
looked for in another list, some would stay where nobody tells of them any more, and the new list
would lack all whom the old one has.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from tactful.jobs.audiences import sizes_now
from tactful.jobs.errors import DestinationMoved
from tactful.jobs.lake.lake import Lake
from tactful.jobs.settings.config import Config, Destination

# Where the lake's state keeps what each destination was when it was told last.
KEPT = "destinations"


def remember(lake: Lake, config: Config) -> None:
    """Keep what each destination is, before it is told anything.

    One that has left the configuration is kept as it was: it may still hold somebody.
    """
    known = (lake.state() or {}).get(KEPT, {})
    held = _held(lake)
    found = dict(known)
    for destination in config.destinations:
        now, before = _what(destination), known.get(destination.name)
        if before is not None and destination.name in held:
            now["identifiers"] = sorted({*now["identifiers"], *before["identifiers"]})
        found[destination.name] = now
    if found != known:
        lake.remember(**{KEPT: found})


def refuse(lake: Lake, config: Config) -> None:
    """Raises: DestinationMoved, where a destination that holds somebody is another one now."""
    known = (lake.state() or {}).get(KEPT, {})
    held = _held(lake) if known else {}
    for destination in config.destinations:
        if destination.name not in held or destination.name not in known:
            continue
        changes = list(_changes(known[destination.name], destination))
        if changes:
            raise DestinationMoved(
                f"Destination {destination.name} holds {held[destination.name]:,} values, and "
                f"{' and '.join(changes)}: nobody would take them out again. Put that back and "
                "empty it by a run with retired = true, or configure the new one under another "
                "name."
            )


def _changes(before: dict[str, Any], destination: Destination) -> Iterator[str]:
    """What a destination was and is no more, each as a part of a sentence."""
    now = _what(destination)
    for key in ("kind", "policy"):
        if before[key] != now[key]:
            yield f"its {key} was {before[key]} and is {now[key]}"
    if before["kind"] == now["kind"]:
        for key, was in before["options"].items():
            will = now["options"].get(key)
            if was != will:
                yield f"its {key} was {_shown(was)} and is {_shown(will)}"
    if gone := sorted(set(before["identifiers"]) - set(now["identifiers"])):
        yield f"it is told by {' and '.join(gone)} no more"


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {inner}" for key, inner in value.items()) + " }"
    return "none" if value is None else str(value)


def _what(destination: Destination) -> dict[str, Any]:
    """What makes a destination's list the one it is."""
    return {
        "kind": destination.kind,
        "policy": destination.policy,
        "options": json.loads(json.dumps(destination.options)),
        "identifiers": sorted(destination.identifiers),
    }


def _held(lake: Lake) -> dict[str, int]:
    """How many values each destination holds, of those that hold any."""
    held: dict[str, int] = {}
    for name, size in sizes_now(lake).items():
        if size > 0:
            destination = name.partition("/")[0]
            held[destination] = held.get(destination, 0) + size
    return held
