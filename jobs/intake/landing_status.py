"""How far the files of each source are: of those that lie there now seen = landed + refused +
waiting; starts no JVM."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from rich.markup import escape

from tactful.jobs.lake.files import files_here
from tactful.jobs.lake.listing import EMPTY, Listing

# So many files of each state are named, and the others counted.
NAMED = 5
STATES = ("waiting", "refused", "landed")
NOT_YET = "it has not been landed yet"
REMOVED = "the configuration has no such source any more"
EVERY = "SELECT DISTINCT source_name FROM files ORDER BY source_name"
ELSEWHERE = "it lies elsewhere, where status does not look"
FILES_OF = """
    SELECT path, state, reason, modified_at, size_bytes FROM files WHERE source_name = '{name}'
"""

Look = Callable[[str], Listing | None]
Rows = Callable[[str], Iterable[Mapping[str, Any]]]


def listed_here(folder: str) -> Listing | None:
    """What lies below a folder of this machine; None of one that is elsewhere."""
    here = files_here(folder)
    return here.listed(here.location) if here else None


def file_facts(
    sources: Mapping[str, str], query: Rows, look: Look = listed_here
) -> dict[str, dict[str, Any]]:
    """What became of the files that lie below each source's folder now.

    A file is read once: one that has changed since counts as what it was, and is named beside.
    A source that was taken out of the configuration is told with what it had landed.
    sources: the folder of each. query: runs SQL over `_log/files`, named `files`. look: lists
    a folder, and answers None where it does not look.
    """
    removed = {row["source_name"] for row in query(EVERY)} - sources.keys()
    here = {name: _facts(name, folder, query, look) for name, folder in sorted(sources.items())}
    return {**here, **{name: _facts(name, None, query, look) for name in sorted(removed)}}


def file_lines(facts: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """What of that needs somebody's eye, a line each."""
    for name, source in facts.items():
        if source["unseen"]:
            folder, why = escape(source["folder"] or "it"), escape(source["unseen"])
            yield f"[yellow]Source {name}: {folder} is not listed: {why}.[/]"
        for row in source["named"]:
            path, why = escape(row["path"]), escape(row["reason"] or "")
            yield f"[yellow]Source {name}: {path} is {row['state']}: {why}.[/]"
        for state, rest in source["more"].items():
            lack = " and lack something" if state == "landed" else ""
            yield f"[yellow]Source {name}: and {rest:,} more that are {state}{lack}.[/]"
        for path in source["changed"]:
            yield (
                f"[yellow]Source {name}: {escape(path)} has changed since it was read, and is not "
                "read again; land it anew under another name.[/]"
            )


def _facts(name: str, folder: str | None, query: Rows, look: Look) -> dict[str, Any]:
    known = {row["path"]: row for row in query(FILES_OF.format(name=name))}
    facts: dict[str, Any] = {"folder": folder, "unseen": None}
    if folder is None:
        facts["unseen"] = REMOVED
    try:
        found = None if folder is None else look(folder)
    except OSError as error:
        found, facts["unseen"] = None, (error.strerror or str(error)).lower()
    if found is None:
        states = [row["state"] for row in known.values()]
        refused = states.count("refused")
        counts = {"seen": None, "landed": len(states) - refused, "refused": refused}
        facts["unseen"] = facts["unseen"] or ELSEWHERE
        named = _named({}, known, known)
        return {**facts, **counts, "waiting": None, **named, "changed": []}
    waiting = {
        **{file.path: NOT_YET for file in found.files if file.path not in known},
        **{path: EMPTY for path in found.empty if path not in known},
        **found.unreadable,
    }
    files = {file.path: file for file in found.files}
    here = [path for path in (*files, *found.empty) if path in known]
    refused = [path for path in here if known[path]["state"] == "refused"]
    changed = [
        path for path in here
        if path not in files or files[path].size_bytes != known[path]["size_bytes"]
        or files[path].modified_at != known[path]["modified_at"]
    ]  # fmt: skip
    counts = {
        "seen": len(here) + len(waiting),
        "landed": len(here) - len(refused),
        "refused": len(refused),
        "waiting": len(waiting),
    }
    return {**facts, **counts, **_named(waiting, known, here), "changed": changed[:NAMED]}


def _named(
    waiting: Mapping[str, str], known: Mapping[str, Mapping[str, Any]], here: Iterable[str]
) -> dict[str, Any]:
    """The first files of each state that were not landed, or landed and lack something, with what
    is known of each; and how many more of a state there are."""
    files = [{"path": p, "state": "waiting", "reason": why} for p, why in sorted(waiting.items())]
    files += [
        {"path": path, "state": known[path]["state"], "reason": known[path]["reason"]}
        for path in sorted(here)
        if known[path]["state"] == "refused" or known[path]["reason"]
    ]
    by_state = {state: [file for file in files if file["state"] == state] for state in STATES}
    return {
        "named": [file for those in by_state.values() for file in those[:NAMED]],
        "more": {s: len(those) - NAMED for s, those in by_state.items() if len(those) > NAMED},
    }
