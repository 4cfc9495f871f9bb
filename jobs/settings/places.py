"""Where a configuration's files lie: what must not share files, and what is not there.

Each check reads raw values and passes over what has the wrong type, as those in `checks` do.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Set
from typing import Any

from tactful.jobs.lake.files import files_here
from tactful.jobs.lake.places import absolute, fault, names_nobody
from tactful.jobs.settings.layers import Layers, Place, shown
from tactful.schemas.catalog import TABLES

# catalog.schema, catalog.schema.table: no path has two names, a dot between them and no slash.
NAMED = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*){1,2}")
Finding = tuple[Place, str, str, str]
LAKE: Place = ("lake", "location")
# What a lake keeps in its folder, beside what has a name that begins with _ or a dot.
OWN = {"outbox", "docs", "sending", *(table.path.partition("/")[0] for table in TABLES.values())}


def faults(layers: Layers) -> Iterator[Finding]:
    """What can be said of the paths without a look at what they lead to."""
    yield from _of_nobody(layers)
    yield from _not_understood(layers)
    yield from _of_a_catalog(layers)
    yield from _half_named(layers)
    in_the_lake = list(_with_the_lake(layers))
    yield from in_the_lake
    yield from _with_each_other(layers, apart={place for place, *_ in in_the_lake})


def on_disk(layers: Layers) -> Iterator[Finding]:
    """Sources that are there, but no folder; what is not there yet may come."""
    for place, path in _told(layers).items():
        here = files_here(_whole(layers, place, path).rstrip("/"))
        if place[0] == "sources" and here is not None and os.path.isfile(here.location):
            yield place, f"{shown(path)}, which is a file", "the folder in which files land", ""


def _told(layers: Layers) -> dict[Place, str]:
    """The path of each source and reference table."""
    paths = {}
    for section in ("sources", "reference"):
        entries = layers.values.get(section)
        for name, entry in entries.items() if isinstance(entries, dict) else ():
            path = entry.get("path") if isinstance(entry, dict) else None
            if _is_path(path):
                paths[section, name, "path"] = path
    return paths


def _location(layers: Layers) -> Any:
    lake = layers.values.get("lake")
    location = lake.get("location") if isinstance(lake, dict) else None
    return location if _is_path(location) else None


def _is_path(value: Any) -> bool:
    """Whether a disk can be asked for it; what is none is told where values are checked."""
    return isinstance(value, str) and "\0" not in value


def _every(layers: Layers) -> dict[Place, str]:
    """The path of the lake, and of each source and reference table."""
    location = _location(layers)
    paths = {LAKE: location} if isinstance(location, str) else {}
    return {**paths, **_told(layers)}


def _not_understood(layers: Layers) -> Iterator[Finding]:
    for place, path in _every(layers).items():
        if found := fault(path):
            why, instead = found
            hint = f"such as {instead}; a folder of that name is ./{path}"
            yield place, f"{shown(path)}, {why}", "a path, or a URI as its file system has it", hint


def _of_nobody(layers: Layers) -> Iterator[Finding]:
    for place, path in _every(layers).items():
        if names_nobody(path):
            hint = f"a folder of that name is ./{path}"
            allowed = "a path, with ~user only of a user whom this machine knows"
            yield place, f"{shown(path)}, whose user nobody knows", allowed, hint


def _of_a_catalog(layers: Layers) -> Iterator[Finding]:
    """Names of a catalog are no folder, and a folder is not what their writer expects."""
    location = _location(layers)
    if isinstance(location, str) and NAMED.fullmatch(location):
        allowed = "a folder or a URI; lake.catalog and lake.schema name where tables are kept"
        found = f"{shown(location)}, which reads as the names of a catalog and a schema"
        yield LAKE, found, allowed, f"a folder of that name is ./{location}"


def _half_named(layers: Layers) -> Iterator[Finding]:
    """A catalog without a schema, or the other way round."""
    lake = layers.values.get("lake")
    told = [key for key in ("catalog", "schema") if isinstance(lake, dict) and key in lake]
    if len(told) == 1:
        [other] = {"catalog", "schema"} - {*told}
        yield ("lake", *told), f"{shown(lake[told[0]])} alone", f"lake.{other} beside it", ""


def _with_the_lake(layers: Layers) -> Iterator[Finding]:
    """What lands must not lie among the lake's own files, which would be read as rows."""
    location = _location(layers)
    if not isinstance(location, str):
        return
    lake = _whole(layers, LAKE, location)
    for place, path in _told(layers).items():
        lies = among(_whole(layers, place, path), lake)
        if lies:
            found = f"{shown(path)}, which {lies}"
            allowed = f"a place beside the lake's own files, which lie in {lake.rstrip('/')}"
            yield place, found, allowed, ""


def among(place: str, lake: str) -> str | None:
    """How a place shares files with a lake; None where it does not, as a folder `landing` there."""
    if lake == place:
        return "is the lake"
    if lake.startswith(place):
        return "contains the lake"
    inside = place.removeprefix(lake).partition("/")[0] if place.startswith(lake) else ""
    return "lies in the lake" if inside in OWN or inside.startswith(("_", ".")) else None


def _with_each_other(layers: Layers, *, apart: Set[Place]) -> Iterator[Finding]:
    """No file may be read as the rows of two sources, or of a source and a reference table.

    apart: what is refused for something else already.
    """
    before: dict[Place, str] = {}
    for place, path in _told(layers).items():
        if place in apart:
            continue
        whole = _whole(layers, place, path)
        for other, folder in before.items():
            if "sources" in (place[0], other[0]) and (lies := _beside(whole, folder)):
                found = f"{shown(path)}, which {lies} that of {other[0]}.{other[1]}"
                yield place, found, "a folder of its own, since every file below it is read", ""
                break
        before[place] = whole


def _beside(one: str, other: str) -> str | None:
    """How two folders share files; None where they share none."""
    if one == other:
        return "is"
    if one.startswith(other):
        return "lies in"
    return "contains" if other.startswith(one) else None


def _whole(layers: Layers, place: Place, path: str) -> str:
    """A place as it may be compared with others: behind all links, and with a slash at its end."""
    path = absolute(path, base=layers.base(place))
    here = files_here(path)
    return (path if here is None else os.path.realpath(here.location)).rstrip("/") + "/"
