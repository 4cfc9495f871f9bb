"""Backlog: how much the main query has still to read, and which of its batches read what of it."""

from __future__ import annotations

import json
from typing import Any

from tactful.jobs.lake.lake import Lake
from tactful.jobs.runs.batches import FUSED, GATHER, Gathered, last_done, read_pins
from tactful.schemas.events import STREAMS
from tactful.schemas.identity import LABELS, LINKS

# Three batches of the main query, about: to gather is to read all of it once more, and as long as
# persons have not grown together, a batch that stitches costs little more than one that does not.
BACKLOG_ROWS = 3_000_000
# Everything is gathered, old and new: where little is new, batches touch less.
BACKLOG_SHARE = 0.5


def is_long(lake: Lake) -> bool:
    """Whether so much is unread that it is worth gathering once, before any batch reads it.

    What was gathered already is not gathered again, read or not.
    """
    read, gathered = read_until(lake, last_done(lake, FUSED)), _streams_of(_newest(lake))
    since = {name: max(read[name], gathered.get(name, 0)) for name in STREAMS}
    unread = sum(lake.store.appended_rows(t, since=since[name]) for name, t in STREAMS.items())
    if unread < BACKLOG_ROWS:
        return False
    everything = sum(lake.store.read(table).count() for table in STREAMS.values())
    return unread >= BACKLOG_SHARE * everything


def read_until(lake: Lake, batch_id: int) -> dict[str, int]:
    """Of each stream the first version that this batch of the main query did not read to its end.

    As Spark keeps it: behind two lines a line each source, in the order in which the query names
    them. Before a source's first version is read to its end it is 0.
    """
    text = lake.store.read_text(f"{lake.checkpoint(FUSED)}/offsets/{batch_id}")
    lines = text.splitlines()[2:] if text else []
    told = dict(zip(STREAMS, map(_first_unread, lines), strict=False))
    return {name: told.get(name, 0) for name in STREAMS}


def has_read_all(lake: Lake, batch_id: int) -> bool:
    """Whether a batch of the main query reads all that had been accepted by now."""
    read = read_until(lake, batch_id)
    return not any(lake.store.appended_rows(t, since=read[name]) for name, t in STREAMS.items())


def gathered_before(lake: Lake, batch_id: int) -> Gathered | None:
    """What was gathered of the backlog that a batch of the main query reads; None without one."""
    noted = _newest(lake)
    if noted is None:
        return None
    read, gathered = read_until(lake, batch_id - 1), _streams_of(noted)
    if all(read[name] >= gathered[name] for name in STREAMS):
        return None
    return Gathered(**noted["since"])


def before_all(lake: Lake, number: int, tables: dict[str, int]) -> Gathered:
    """Up to what the batches to come have told: the lake as it is, or as it was before a backlog
    that they have not read to its end.

    number, tables: of what is about to be gathered.
    """
    earlier = gathered_before(lake, last_done(lake, FUSED) + 1)
    return earlier or Gathered(number, {t.id: tables[t.id] for t in (LINKS, LABELS)})


def _newest(lake: Lake) -> dict[str, Any] | None:
    """The pins of what was gathered last; None where nothing ever was."""
    return read_pins(lake, GATHER, last_done(lake, GATHER))


def _streams_of(noted: dict[str, Any] | None) -> dict[str, int]:
    """Of each stream the first version that was not gathered."""
    return {n: noted["tables"][t.id] + 1 for n, t in STREAMS.items()} if noted else {}


def _first_unread(line: str) -> int:
    told = json.loads(line) if line.startswith("{") else {}
    whole = told and not told["isStartingVersion"]
    return int(told["reservoirVersion"]) if whole else 0
