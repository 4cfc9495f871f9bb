"""What a lake remembers of itself, in one small file beside its tables."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tactful.jobs.errors import LakeDamaged, LakeError, LakeTooNew, ReplayHalfDone
from tactful.jobs.lake.files import Files
from tactful.jobs.lake.listing import STATE
from tactful.schemas.table import FORMAT_VERSION

# What every lake of this format has known since it was made.
KNOWN = {"lake_id": str, "identity_hash": str, "generations": dict, "secret_check": str}
WAY_OUT = (
    "put a copy of it back, or move the whole lake away and start a new one from the same landing "
    "files"
)


def read_state(files: Files, *, known: Mapping[str, type] = KNOWN) -> dict[str, Any] | None:
    """What the lake knows of itself; None where there is no lake.

    Raises: LakeDamaged, where the file is there and does not say it.
    """
    place = f"{files.location}/{STATE}"
    state = read_json(files, place, way_out=WAY_OUT)
    if state is None:
        return None
    version = state.get("format_version")
    if not isinstance(version, int):
        raise LakeDamaged(_damaged(place, "it tells no format_version", WAY_OUT))
    missing = [name for name, kind in known.items() if not isinstance(state.get(name), kind)]
    if missing and version == FORMAT_VERSION:
        raise LakeDamaged(_damaged(place, f"it tells no {missing[0]}", WAY_OUT))
    return state


def stored_state(files: Files) -> dict[str, Any] | None:
    """The same as far as it can be read, for what has to be known before anything is refused."""
    try:
        return read_state(files, known={})
    except LakeError:
        return None


def read_json(files: Files, place: str, *, way_out: str) -> dict[str, Any] | None:
    """A small file of the lake's own; None where there is none.

    way_out: what to do where it cannot be read, for the message.
    Raises: LakeDamaged.
    """
    try:
        text = files.read_text(place)
        found = None if text is None else json.loads(text)
    except OSError as error:
        why = (error.strerror or type(error).__name__).lower()
        raise LakeDamaged(
            f"{place} cannot be read ({why}); give this user the right to read it, or {way_out}."
        ) from error
    except ValueError as error:
        raise LakeDamaged(_damaged(place, "it holds no whole JSON", way_out)) from error
    if text is not None and not isinstance(found, dict):
        raise LakeDamaged(_damaged(place, "it holds other JSON", way_out))
    return found


def refuse_other_format(state: Mapping[str, Any], location: str) -> None:
    """Raises: LakeTooNew, or LakeError where the lake is older than this software writes."""
    found = state["format_version"]
    if found > FORMAT_VERSION:
        raise LakeTooNew(
            f"The lake at {location} has format {found}, this software knows up to "
            f"{FORMAT_VERSION}; install the newer Tactful that made it."
        )
    if found < FORMAT_VERSION:
        raise LakeError(
            f"The lake at {location} has format {found}, this software writes {FORMAT_VERSION}; "
            "start a new lake from the same landing files."
        )


def refuse_half_done_replay(state: Mapping[str, Any], location: str) -> None:
    """Raises: ReplayHalfDone, where a part of the lake may have been taken away."""
    noted = state.get("replay")
    if noted:
        raise ReplayHalfDone(
            f"A replay of the lake at {location} has not come to its end; wait for it, or where "
            f"none is at work run it again: tactful replay --from {noted['from']}."
        )


def _damaged(place: str, why: str, way_out: str) -> str:
    return f"{place} is damaged ({why}); {way_out}."
