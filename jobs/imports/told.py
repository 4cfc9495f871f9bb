"""Told: events that a command brings land in the lake as those of a source do.

The next run accepts them. So they are told apart, refused, explained and replayed like all others.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pyspark.sql import functions as F

from tactful.jobs import land
from tactful.jobs.errors import StepFailed
from tactful.jobs.imports.lists import read_so_far
from tactful.jobs.lake.lake import Lake
from tactful.jobs.progress import Step
from tactful.jobs.settings.config import Config, Source
from tactful.schemas.intake import RECEIVED

FOLDER = "_imports"
Event = dict[str, Any]


@dataclass(frozen=True)
class Brought:
    """How many events there were, how many are in the lake to be accepted or refused.

    known_before: how many were there already, since the same was brought before.
    """

    rows: int
    landed: int
    refused: int
    known_before: int


def with_id(event: Mapping[str, Any], prefix: str) -> Event:
    """The event under an id of what it says, whoever brings it."""
    told = json.dumps({**event, "source": None}, sort_keys=True)
    return {"event_id": f"{prefix}-{hashlib.sha256(told.encode()).hexdigest()[:32]}", **event}


def bring(
    lake: Lake,
    config: Config,
    stream: str,
    pieces: Iterable[list[Event]],
    *,
    mark: str,
    on_progress: Callable[[str], None] = lambda _: None,
) -> Brought:
    """Land events, some at a time; what was brought under this mark before lands nothing again."""
    name, folder = f"_imported_{stream}", f"{lake.location}/{FOLDER}/{stream}"
    rows, files = 0, []
    before = sum(_counts(lake, name, mark))
    for number, events in enumerate(pieces):
        files.append(f"{folder}/{mark}-{number:05d}.json")
        text = "".join(json.dumps(event, ensure_ascii=False) + "\n" for event in events)
        lake.store.write_text(files[-1], text, keep=True, is_private=True)
        rows += len(events)
        on_progress(read_so_far(rows))
    on_progress(Step("land"))
    failed = land.land(lake, config.landing_only(name, Source(stream=stream, path=folder)))
    if failed:
        raise StepFailed(" ".join(failed.values()))
    for file in files:
        lake.store.remove(file)
    lake.remember(imported=sorted({*(lake.state() or {}).get("imported", ()), stream}))
    landed, refused = _counts(lake, name, mark)
    return Brought(rows, landed, refused, before)


def _counts(lake: Lake, name: str, mark: str) -> tuple[int, int]:
    """How many of the events are in the lake to be accepted, and how many to be refused."""
    mine = lake.store.read(RECEIVED).where(
        (F.col("source_name") == name) & F.col("source_position.file").contains(mark)
    )
    is_refused = F.size("reasons") > 0
    return mine.agg(F.count_if(~is_refused), F.count_if(is_refused)).first()
