"""Replay: rebuild everything downstream of a table, the way out of a changed rule."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from tactful.jobs import accept, files, fused, pipeline
from tactful.jobs.config import Config
from tactful.jobs.errors import LakeError
from tactful.jobs.lake import Lake
from tactful.jobs.publish import publish
from tactful.jobs.runtime import Pace, last_begun
from tactful.jobs.session import open_session
from tactful.schemas.events import STREAMS
from tactful.schemas.identity import IDENTIFIERS, IDENTITY_CHANGES, LABELS, LINKS
from tactful.schemas.intake import QUARANTINE, RECEIVED, TICKS, WAITING
from tactful.schemas.suppressions import DUE
from tactful.schemas.table import Table
from tactful.schemas.timeline import EVENTS, MESSAGE_KEYS

# What was sent stays told: memberships, records and deliveries are no conclusions from events.
CONCLUSIONS = (LINKS, LABELS, EVENTS, MESSAGE_KEYS, WAITING, DUE, IDENTITY_CHANGES)
ACCEPTED = (*STREAMS.values(), QUARANTINE, IDENTIFIERS)


def replay(
    config: Config,
    *,
    from_table: str,
    as_of: datetime | None = None,
    on_progress: Callable[[str], None] = lambda _: None,
) -> pipeline.RunSummary:
    """Forget every conclusion drawn from a table, and draw it again under today's rules.

    From `received` the rows that landed are accepted anew; from any of the five streams the
    accepted events stay. Everything is worked out in one batch, so that audiences see only the
    difference between what they hold and what they should hold, not the way there. The clock
    may be set back, since nothing that depended on it is left.
    """
    spark = open_session()
    lake = Lake(spark, config.location)
    choices = (RECEIVED.name, *STREAMS)
    if from_table not in choices:
        raise LakeError(f"Cannot replay from {from_table}; choose one of {', '.join(choices)}.")
    state = lake.state()
    if state is None:
        raise LakeError(f"There is no lake at {lake.location}; start one with: tactful run.")
    if not files.is_local(lake.location):
        raise LakeError(
            f"The lake at {lake.location} is not a folder of this machine, and replay deletes "
            "folders; delete the tables and checkpoints it names yourself, then run."
        )
    with files.locked(lake.location) as free:
        if not free:
            raise LakeError(f"Another run holds the lake at {lake.location}; wait for it.")
        if from_table == RECEIVED.name:
            _forget(lake, accept.QUERY, ACCEPTED, on_progress)
        _forget(lake, fused.QUERY, CONCLUSIONS, on_progress)
        lake.remember(identity_hash=config.identity_hash)
        lake.create(config)
        moment = (as_of or lake.last_as_of() or datetime.now(UTC)).astimezone(UTC)
        _set_clock(lake, config, moment)
        summary = pipeline.RunSummary(lake.location, moment.isoformat())
        if from_table == RECEIVED.name:
            on_progress("accept")
            pipeline.finish(accept.start(lake, config, Pace()))
        on_progress("fused")
        pipeline.finish(fused.start(lake, config, Pace(), at_once=True))
        summary.published = publish(lake, config, as_of=moment, on_progress=on_progress)
    return summary


def _forget(
    lake: Lake, query: str, tables: Iterable[Table], on_progress: Callable[[str], None]
) -> None:
    """Remove a query's checkpoint and what it wrote; killed half-way, a replay starts over."""
    on_progress(f"forgetting what {query} concluded")
    state = lake.state() or {}
    generations = {name: g for name, g in state["generations"].items() if name != query}
    counted = lake.batches_before(query) + last_begun(lake, query) + 1
    before = {**state.get("batches_before", {}), query: counted}
    lake.remember(generations=generations, batches_before=before)
    shutil.rmtree(f"{lake.location}/_checkpoints/{query}", ignore_errors=True)
    for table in tables:
        lake.remove(table)


def _set_clock(lake: Lake, config: Config, moment: datetime) -> None:
    """Begin the clock anew: the main query reads every tick, and must see only this one."""
    lake.remove(TICKS)
    lake.create(config)
    pipeline.tick(lake, config, moment)
