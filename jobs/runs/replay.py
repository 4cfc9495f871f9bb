"""Replay: rebuild everything downstream of a table, the way out of a changed rule."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import count
from typing import Any

from pyspark.sql import functions as F

from tactful.jobs import accept, fused
from tactful.jobs.errors import (
    CheckpointMismatch,
    LakeDamaged,
    LakeError,
    StepFailed,
    TactfulError,
)
from tactful.jobs.intake import reference
from tactful.jobs.lake.files import files_here
from tactful.jobs.lake.lake import Lake
from tactful.jobs.progress import Step
from tactful.jobs.publish import publish
from tactful.jobs.runs import may_run, partitions, pipeline
from tactful.jobs.runs.batches import (
    Hook,
    Pace,
    last_begun,
    refuse_lost_offsets,
    refuse_other_configuration,
    unfinished,
)
from tactful.jobs.session import open_session
from tactful.jobs.settings.config import Config
from tactful.schemas.events import STREAMS
from tactful.schemas.identity import IDENTIFIERS, IDENTITY_CHANGES, LABELS, LINKS
from tactful.schemas.intake import QUARANTINE, RECEIVED, TICKS, WAITING
from tactful.schemas.records import MEMBERSHIPS
from tactful.schemas.suppressions import DUE
from tactful.schemas.table import Table
from tactful.schemas.timeline import MESSAGE_KEYS, TIMELINE_LOG

# What each query concluded. What was decided stays decided and what was sent stays told: decisions,
# assignments, memberships, records and deliveries are no conclusions from events. The clock begins
# anew, since the main query reads every tick.
CONCLUSIONS: dict[str, tuple[Table, ...]] = {
    accept.QUERY: (*STREAMS.values(), QUARANTINE, IDENTIFIERS),
    fused.QUERY: (
        LINKS,
        LABELS,
        TIMELINE_LOG,
        MESSAGE_KEYS,
        WAITING,
        DUE,
        IDENTITY_CHANGES,
        TICKS,
    ),
}
Note = dict[str, Any]
Progress = Callable[[str], None]


def replay(
    config: Config,
    *,
    from_table: str,
    as_of: datetime | None = None,
    on_progress: Progress = lambda _: None,
    hook: Hook | None = None,
) -> pipeline.RunSummary:
    """Forget every conclusion drawn from a table, and draw it again under today's rules.

    From `received` the rows that landed are accepted anew; from any of the five streams the
    accepted events stay. Everything is worked out in one batch, so that audiences see only the
    difference between what they hold and what they should hold, not the way there. The clock
    may be set back, since nothing that depended on it is left.

    The lake notes what will be taken away before any of it is, and no run begins until a replay
    has come to its end. One that was killed goes on where it was when it is asked for again; asked
    for another table, time or configuration, it also does all that the killed one had begun.

    hook: called behind every step, for tests that end the process there.
    """
    choices = (RECEIVED.name, *STREAMS)
    if from_table not in choices:
        raise LakeError(f"Cannot replay from {from_table}; choose one of {', '.join(choices)}.")
    if files_here(config.location):
        _refuse(Lake(None, config.location), config)
        may_run.refuse_held(config.location)
    lake = Lake(
        open_session(connectors=config.connectors, on_progress=on_progress), config.location
    )
    may_run.refuse_paths(lake.spark, config)
    _refuse(lake, config)
    with lake.store.locked(on_progress):
        partitions.fit(lake.spark)
        try:
            summary = _replay(lake, config, from_table, as_of, hook, on_progress)
        finally:
            lake.store.release()
    return summary


def _replay(
    lake: Lake,
    config: Config,
    from_table: str,
    as_of: datetime | None,
    hook: Hook | None,
    on_progress: Progress,
) -> pipeline.RunSummary:
    """Take away what was concluded, unless a killed replay has, and draw it again."""
    steps = _Steps(hook)
    asked = [fused.QUERY] if from_table != RECEIVED.name else [accept.QUERY, fused.QUERY]
    noted = _state(lake).get("replay")
    if noted is None or not _goes_on(noted, asked, as_of, config):
        if noted is None or noted["is_removed"]:
            earlier = noted["batches_before"] if noted else ()
            _finish_what_was_begun(lake, config, {*asked, *earlier})
        noted = _noted(lake, config, noted, asked, from_table, as_of)
        steps.done("noted")
        _take_away(lake, config, noted, steps, on_progress)
    summary = _draw_again(lake, config, noted, hook, on_progress)
    steps.done("published")
    lake.remember(replay=None)
    return summary


class _Steps:
    """Tells the hook of each step that is done, by its number."""

    def __init__(self, hook: Hook | None) -> None:
        self._hook = hook
        self._numbers = count(1)

    def done(self, what: str) -> None:
        if self._hook:
            self._hook("replay", next(self._numbers), what)


def _state(lake: Lake) -> dict[str, Any]:
    state = lake.state()
    if state is None:
        raise LakeError(f"There is no lake at {lake.location}; start one with: tactful run.")
    return state


def _refuse(lake: Lake, config: Config) -> None:
    """Look at all that forbids a replay, before anything is written."""
    lake.check_owner(config, _state(lake))


def _goes_on(noted: Note, asked: list[str], as_of: datetime | None, config: Config) -> bool:
    """Whether all that was noted is gone, and just what is asked is to be drawn again from that."""
    return bool(
        noted["is_removed"]
        and set(asked) <= set(noted["batches_before"])
        and (as_of is None or as_of == datetime.fromisoformat(noted["as_of"]))
        and config.hash == noted["configuration_hash"]
    )


def _finish_what_was_begun(lake: Lake, config: Config, taken: set[str]) -> None:
    """Finish a batch that may have told destinations what no table says yet.

    Of a query that stays as it is, only what another configuration has begun is in the way.
    """
    half_told = _half_done(lake, fused.QUERY)
    if half_told is not None:
        refuse_other_configuration(half_told, fused.QUERY, config.hash)
        try:
            pipeline.finish(fused.start(lake, config, Pace()))
        except TactfulError as error:
            place = lake.beside_checkpoint(fused.QUERY, "").rstrip("/")
            raise StepFailed(
                f"A replay first finishes what was begun, and that failed: {error} Where it cannot "
                f"be finished at all, remove {place} and run the same command again."
            ) from error
    half_accepted = None if accept.QUERY in taken else _half_done(lake, accept.QUERY)
    if half_accepted is not None:
        refuse_other_configuration(half_accepted, accept.QUERY, config.hash)


def _half_done(lake: Lake, query: str) -> Note | None:
    """The pins of a batch that was begun and can still be finished.

    Where the checkpoint is lost or damaged it cannot; a replay is the way out of that, too.
    """
    try:
        pins = unfinished(lake, query)
        if pins is not None:
            lake.generation(query)
            refuse_lost_offsets(lake, query)
    except (CheckpointMismatch, LakeDamaged):
        return None
    return pins


def _noted(
    lake: Lake,
    config: Config,
    before: Note | None,
    asked: list[str],
    from_table: str,
    as_of: datetime | None,
) -> Note:
    """Note what will be taken away, and how many batches it counted, while that can be seen.

    before: a replay that was killed; what it began to take away is taken away by this one.
    """
    earlier = before["batches_before"] if before else {}
    # What is half taken away can be counted no more.
    seen = earlier if before and not before["is_removed"] else {}
    counted = {
        query: seen[query] if query in seen else _counted(lake, query)
        for query in CONCLUSIONS
        if query in asked or query in earlier
    }
    noted_clock = datetime.fromisoformat(before["as_of"]) if before else lake.last_as_of()
    moment = (as_of or noted_clock or datetime.now(UTC)).astimezone(UTC)
    note = {
        "from": before["from"] if before and before["from"] == RECEIVED.name else from_table,
        "as_of": moment.isoformat(),
        "configuration_hash": config.hash,
        "batches_before": counted,
        "is_removed": False,
    }
    lake.remember(replay=note)
    return note


def _counted(lake: Lake, query: str) -> int:
    """How many batches of a query there were, its lost ones too.

    Files in the outbox are named by the batch, and one that is there is kept; the newest row of a
    membership stands. A number that is used again would tell the destinations nothing.
    """
    numbers = [lake.batches_before(query) + last_begun(lake, query)]
    if query == fused.QUERY:
        numbers += [int(number) for number in _numbers_in_outbox(lake)]
        newest = lake.store.read(MEMBERSHIPS).agg(F.max("batch_id")).first()[0]
        numbers += [] if newest is None else [newest]
    return max(numbers) + 1


def _numbers_in_outbox(lake: Lake) -> Iterator[str]:
    outbox = f"{lake.location}/outbox"
    for destination in lake.store.names(outbox):
        for name in lake.store.names(f"{outbox}/{destination}"):
            yield from re.findall(rf"^{fused.QUERY}-(\d+)-", name)


def _take_away(
    lake: Lake, config: Config, noted: Note, steps: _Steps, on_progress: Progress
) -> None:
    """Remove checkpoints and tables, and set the clock; done twice it is as done once."""
    queries = list(noted["batches_before"])
    for query in queries:
        on_progress(Step(f"forget what {query} concluded"))
        lake.store.remove(lake.beside_checkpoint(query, "").rstrip("/"))
        steps.done(f"checkpoint of {query}")
        for table in CONCLUSIONS[query]:
            lake.remove(table)
            steps.done(table.id)
    lake.create(config)
    steps.done("created")
    pipeline.tick(lake, config, datetime.fromisoformat(noted["as_of"]))
    steps.done("ticked")
    noted["is_removed"] = True
    state = _state(lake)
    generations = {name: g for name, g in state["generations"].items() if name not in queries}
    lake.remember(
        generations=generations,
        batches_before={**state.get("batches_before", {}), **noted["batches_before"]},
        identity_hash=config.identity_hash,
        replay=noted,
    )
    steps.done("removed")


def _draw_again(
    lake: Lake, config: Config, noted: Note, hook: Hook | None, on_progress: Progress
) -> pipeline.RunSummary:
    """Draw every conclusion anew; what an earlier try has drawn already is not drawn twice."""
    moment = datetime.fromisoformat(noted["as_of"])
    summary = pipeline.RunSummary(lake.location, moment.isoformat())
    # With the quarantine went the reference rows that it held: they are refused anew.
    reference.load(lake, config, on_progress)
    if accept.QUERY in noted["batches_before"]:
        on_progress(Step("accept"))
        pipeline.accept_all(lake, config, hook)
    on_progress(Step("fused"))
    pipeline.finish(fused.start(lake, config, Pace(), hook, at_once=True))
    summary.published = publish(lake, config, as_of=moment, on_progress=on_progress)
    return summary
