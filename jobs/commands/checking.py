"""What `check` tells of a configuration that is in order, for its reader to judge."""

from __future__ import annotations

import os
from pathlib import Path

from tactful.jobs import java
from tactful.jobs.commands.contradictions import contradictions
from tactful.jobs.commands.starting import one_number
from tactful.jobs.errors import SessionUnfit
from tactful.jobs.lake.files import files_here
from tactful.jobs.lake.local_files import LocalFiles
from tactful.jobs.lake.state import read_state
from tactful.jobs.settings.config import Config, idle
from tactful.jobs.settings.variables import unread
from tactful.schemas.words import AD
from tactful.transforms.sources import DIALECTS

# A reference table may come later; see `runs/may_run.py`.
MISSING = {"sources": "; run refuses a source whose folder was never there"}


def notes(config: Config) -> list[str]:
    """Everything worth knowing, a sentence each."""
    lines = unread(os.environ, secret=config.lake.secret)
    return [
        *_java(),
        *idle(config, imported=_imported(config)),
        *_advice(config),
        *_late(config),
        *_equals(config),
        *_oddities(config),
        *contradictions(config),
        *_numbers(config),
        *_absent(config),
        *_no_tables(config),
        *_in_the_lake(config),
        *(f"{line}." for line in lines),
        *_left_out(config),
        *_renamed(config),
    ]


def _imported(config: Config) -> list[str]:
    """The streams that lists have fed that were imported into a lake of this machine."""
    place = _on_disk(config.location)
    state = read_state(LocalFiles(place)) if place else None
    return (state or {}).get("imported", [])


def _advice(config: Config) -> list[str]:
    """What is to be done at destinations besides telling them."""
    return [
        f"destinations.{destination.name}: {advice}."
        for destination in config.destinations
        if (advice := destination.sink.advice(destination.options, destination.policy))
    ]


def _late(config: Config) -> list[str]:
    """Who is told what is to be said only when its moment has come, and so a little late."""
    spoken = {one.name for one in config.activate}
    late = [
        d
        for d in config.destinations
        if d.policy in spoken and d.sink.speech and d.channel != AD and not d.sink.takes_ahead
    ]
    return [
        f"destinations.{d.name}: {d.kind} cannot take back what it was told, so what falls due "
        "between two runs is told with the run behind it, rather late than early."
        for d in late
        if not d.retired
    ]


def _equals(config: Config) -> list[str]:
    """Of policies of one priority the value of what they say decides, and then a stable key."""
    by_priority: dict[int, list[str]] = {}
    for one in config.activate:
        by_priority.setdefault(one.priority, []).append(f"activate.{one.name}")
    return [
        f"{' and '.join(names)} have one priority, {priority}: of what falls together the larger "
        "expected value is said first."
        for priority, names in sorted(by_priority.items())
        if len(names) > 1
    ]


def _oddities(config: Config) -> list[str]:
    """What rules say that is allowed, and hardly meant."""
    return [
        f"suppress.{rule.name}: {oddity}."
        for rule in config.rules
        for oddity in rule.kind.oddities(rule.options)
    ]


def _numbers(config: Config) -> list[str]:
    """Systems that each have a number of their own for a customer."""
    dialects = {source.dialect for source in config.sources.values()}
    told = one_number(DIALECTS[name] for name in DIALECTS if name in dialects)
    return [told] if told else []


def _java() -> list[str]:
    """What `run` would say of this machine's Java; another machine may be the one that runs."""
    try:
        java.refuse_unfit()
    except SessionUnfit as error:
        return [f"run would not start here: {error}"]
    return []


def _places(config: Config) -> dict[str, str]:
    """The paths on this machine of sources and reference tables, by their sections."""
    told = {
        **{f"sources.{name}": path for name, path in config.folders.items()},
        **{f"reference.{name}": config.reference_path(name) for name in config.reference},
    }
    for name in config.sources:
        schemas = config.schema_paths(name)
        told |= {f"sources.{name}.avro_schemas.{number}": path for number, path in schemas.items()}
    here = {key: _on_disk(path) for key, path in told.items()}
    return {key: place for key, place in here.items() if place is not None}


def _on_disk(place: str) -> str | None:
    """The place as a path of this machine's disks; None where it lies elsewhere."""
    here = files_here(place)
    return None if here is None else here.location


def _absent(config: Config) -> list[str]:
    """The local paths of sources and reference tables that are not there (yet)."""
    return [
        f"{key} does not exist: {place}."
        if ".avro_schemas." in key
        else f"{key}.path does not exist: {place}{MISSING.get(key.partition('.')[0], '')}."
        for key, place in _places(config).items()
        if not os.path.exists(place)
    ]


def _no_tables(config: Config) -> list[str]:
    """The folders that are to be Delta tables and are none (yet)."""
    places = _places(config)
    told = {
        f"sources.{name}": places.get(f"sources.{name}")
        for name, source in config.sources.items()
        if source.format == "delta"
    }
    return [
        f"{key}.path is no Delta table: {place}."
        for key, place in told.items()
        if place and os.path.exists(place) and not os.path.isdir(os.path.join(place, "_delta_log"))
    ]


def _in_the_lake(config: Config) -> list[str]:
    """What lands inside the lake's folder, though among none of its own files."""
    lake = _on_disk(config.location)
    if lake is None:
        return []
    inside = os.path.join(os.path.realpath(lake), "")
    return [
        f"{key}.path lies in the lake's folder: {place}; whoever removes the lake, to land all "
        "files anew, removes those files with it."
        for key, place in _places(config).items()
        if os.path.realpath(place).startswith(inside)
    ]


def _left_out(config: Config) -> list[str]:
    """Who is left out of which audience now, where there is a lake on this machine."""
    place = _on_disk(config.location)
    if place is None or not os.path.exists(place):
        return []
    from tactful.jobs.commands.status import left_out, left_out_lines
    from tactful.jobs.commands.tables_here import Tables

    return [f"{line}." for line in left_out_lines(left_out(Tables(Path(place))))]


def _renamed(config: Config) -> list[str]:
    """Policies that are new where others are gone: what was said under one name the other forgets.

    What a policy decided is known by its name, where there is a lake on this machine.
    """
    place = _on_disk(config.location)
    if place is None or not os.path.exists(place):
        return []
    from tactful.jobs.commands.tables_here import Tables

    rows = Tables(Path(place)).ask("SELECT DISTINCT policy FROM activations", "activations")
    known, told = {row["policy"] for row in rows}, {one.name for one in config.activate}
    gone = ", ".join(sorted(known - told))
    return [
        f"activate.{one.name} has decided nothing yet, and {gone} of the lake is gone: a policy is "
        "known by its name, so where it is only called otherwise, every occasion from its "
        "starts_at on is decided anew and its customers may hear it again; keep the name, or set "
        "starts_at."
        for one in config.activate
        if gone and one.name not in known
    ]
