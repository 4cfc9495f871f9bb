"""Gate: what waits while a table is not as it must be.

What was found last of each table stands in the lake's state, where batches and senders look.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from tactful.jobs.settings.quality import SENDING, SPEECH

if TYPE_CHECKING:
    from tactful.jobs.lake.lake import Lake
    from tactful.jobs.settings.config import Config

STATE = "quality_gate"
HELD = {
    SPEECH: "nothing new is said",
    SENDING: "nothing new is said and nothing is sent",
}


def note(lake: Lake, looked_at: Collection[str], failed: Mapping[str, str]) -> None:
    """Write down which of the tables that were looked at fail, and by what."""
    known = failing(lake.state())
    kept = {name: said for name, said in known.items() if name not in looked_at}
    if {**kept, **failed} != known:
        lake.remember(**{STATE: {**kept, **failed}})


def failing(state: Mapping[str, Any] | None) -> dict[str, str]:
    """The tables of which something critical was not met when they were last looked at: what."""
    return (state or {}).get(STATE, {})


def tables_that_silence(lake: Lake, config: Config) -> list[str]:
    """The tables for whose sake a batch that begins now says nothing new."""
    return [] if config.quality.hold not in HELD else sorted(failing(lake.state()))


def held(state: Mapping[str, Any] | None, config: Config) -> str | None:
    """What waits, why, and how it goes on, as a sentence; None where nothing does."""
    what = HELD.get(config.quality.hold)
    failed = failing(state)
    if what is None or not failed:
        return None
    first, *more = sorted(failed)
    others = f" (and {', '.join(more)})" if more else ""
    return (
        f'By quality.hold = "{config.quality.hold}" {what} while table {first}{others} fails '
        f"{failed[first]}; mend the data or what is expected of it, then run tactful quality."
    )


def stops_sending(state: Mapping[str, Any] | None, config: Config) -> str | None:
    """Why nothing may be sent, as `held`; None where it may."""
    return held(state, config) if config.quality.hold == SENDING else None
