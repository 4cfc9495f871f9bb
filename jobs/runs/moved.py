"""Moved destinations: one that holds somebody stays what it was, or is emptied first.

A list at a vendor is told only what changed. Were it told by another policy, or were its members
looked for in another list, some would stay where nobody tells of them any more, and the new list
would lack all whom the old one has.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from tactful.jobs.audiences import held_now
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
    held, found = _held(lake), dict(known)
    for destination in config.destinations:
        now, before = _what(destination), known.get(destination.name)
        if before is not None and destination.name in held:
            now["identifiers"] = sorted({*now["identifiers"], *before["identifiers"]})
        found[destination.name] = now
    if found != known:
        lake.remember(**{KEPT: found})


def refuse(lake: Lake, config: Config) -> None:
    """Raises: DestinationMoved, where one that holds somebody is another one now, or is gone while
    another fills its list.
    """
    known = (lake.state() or {}).get(KEPT, {})
    held = _held(lake)
    for destination in config.destinations:
        name = destination.name
        changes = list(_changes(known.get(name), destination, held[name])) if name in held else []
        if changes:
            raise DestinationMoved(
                f"Destination {name} holds {sum(held[name].values()):,} values, and "
                f"{' and '.join(changes)}: nobody would take them out again. Put that back and "
                "empty it by a run with retired = true, or configure the new one under another "
                "name."
            )
    here = {destination.name for destination in config.destinations}
    for name in sorted(held.keys() - here):
        for destination in config.destinations:
            if name in known and _is_same_list(known[name], destination):
                raise DestinationMoved(
                    f"Destination {destination.name} fills the list that {name} filled, which "
                    f"still holds {sum(held[name].values()):,} values: call it {name} again, or "
                    f"first empty {name} by a run with retired = true, without {destination.name}."
                )


def _is_same_list(before: dict[str, Any], destination: Destination) -> bool:
    """Whether a destination fills the list that another one filled; a file is nobody else's."""
    needed, now = destination.sink.place, _what(destination)
    return (
        any(before["options"].get(name) for name in needed)
        and before["kind"] == now["kind"]
        and all(before["options"].get(name) == now["options"].get(name) for name in needed)
    )


def _changes(
    before: dict[str, Any] | None, destination: Destination, audiences: dict[str, int]
) -> Iterator[str]:
    """What a destination was and is no more, each as a part of a sentence.

    audiences: what it holds, by audience. One that is to be emptied may hold others, too.
    """
    now, others = _what(destination), sorted(audiences.keys() - {destination.policy})
    if others and not (destination.retired and destination.policy in audiences):
        yield f"its policy was {others[0]} and is {destination.policy}"
    if before is None:
        return
    if before["kind"] != now["kind"]:
        yield f"its kind was {before['kind']} and is {now['kind']}"
        return
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


def _held(lake: Lake) -> dict[str, dict[str, int]]:
    """How many values each destination holds in which audience, of those that hold any."""
    held: dict[str, dict[str, int]] = {}
    for (destination, audience), size in held_now(lake).items():
        held.setdefault(destination, {})[audience] = size
    return held
