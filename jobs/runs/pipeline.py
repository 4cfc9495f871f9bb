"""Pipeline: a whole run, from landing files to published tables, once or for ever."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pyarrow as pa
from pyspark.errors import StreamingQueryException
from pyspark.sql.pandas.types import to_arrow_schema
from pyspark.sql.streaming import StreamingQuery

from tactful.jobs import accept, fused, land
from tactful.jobs.errors import ClockError, LakeError
from tactful.jobs.intake import reference
from tactful.jobs.lake import scratch
from tactful.jobs.lake.files import files_here
from tactful.jobs.lake.folding import fold_logs
from tactful.jobs.lake.lake import Lake
from tactful.jobs.lake.store import Part
from tactful.jobs.preview import preview
from tactful.jobs.progress import Step
from tactful.jobs.publish import publish
from tactful.jobs.runs import gate, lag, may_run, partitions
from tactful.jobs.runs.asked import asked_to_stop
from tactful.jobs.runs.batches import (
    Hook,
    Pace,
    decided_until,
    last_begun,
    last_done,
    unfinished,
)
from tactful.jobs.runs.failures import failure
from tactful.jobs.runs.gauges import Gauges, address, session_settings
from tactful.jobs.runs.observing import Observing
from tactful.jobs.runs.publishing import published_beside
from tactful.jobs.runs.telling import say_changed, tell, told_beside
from tactful.jobs.session import cut_log, open_session
from tactful.jobs.settings.config import Config
from tactful.jobs.version import software_version
from tactful.schemas.intake import TICKS
from tactful.schemas.table import Table

STEPS = ("land", "accept", "fused", "publish", "send")
# How often a query that goes on looks for what has landed.
LOOK = timedelta(milliseconds=200)
READ_AGAIN = "Source {} is read again as a whole."
Progress = Callable[[str], None]
Check = Callable[[Lake], dict[str, Any]]


@dataclass
class RunSummary:
    """What a run did, for people and for `--json`."""

    lake: str
    as_of: str
    read_rows: int = 0
    accepted_rows: int = 0
    duplicate_rows: int = 0
    quarantined_rows: int = 0
    # The batches that a run before had begun, and this one has finished.
    finished_batches: list[dict[str, Any]] = field(default_factory=list)
    published: list[str] = field(default_factory=list)
    # The sources of which something could not be read, and a sentence on each.
    failed_sources: dict[str, str] = field(default_factory=dict)
    # What became of the outbox by destination, of those that are sent to, and a sentence on each
    # that could not be told all.
    sent: dict[str, dict[str, Any]] = field(default_factory=dict)
    untold: dict[str, str] = field(default_factory=dict)
    # Of a dry run: how many records each audience would get; None of any other run.
    would_tell: list[dict[str, str | int]] | None = None
    # What was found where the tables were held against what is expected of them; None where not.
    quality: dict[str, Any] | None = None
    # What waits since tables are not as they must be, as a sentence.
    held: str | None = None
    seconds: dict[str, float] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def run(
    config: Config,
    *,
    as_of: datetime | None = None,
    continuous: timedelta | None = None,
    steps: Sequence[str] = (),
    on_progress: Progress = lambda _: None,
    hook: Hook | None = None,
    is_confirmed: bool = False,
    stop_after: timedelta | None = None,
    is_preview: bool = False,
    is_full: bool = False,
    only: Collection[Table] = (),
    check: Check | None = None,
) -> RunSummary:
    """Bring the lake up to date: land, accept, decide and deliver, publish.

    Everything that would stop the run is looked at before anything is written. is_confirmed:
    whether a changed rule may tell destinations of as many persons as it takes. is_preview: only
    land and accept, and say in `would_tell` what the next run would tell whom. is_full: publish
    every table anew. only: the tables to publish, see `publish`. check: holds the tables against
    what is expected of them once they are published, before anything is sent.
    """
    for step in steps:
        if step not in STEPS:
            raise LakeError(f"There is no step {step}; choose among {', '.join(STEPS)}.")
    if files_here(config.location):
        # All this once more where it counts; but a refusal should not wait for Spark.
        bare = Lake(None, config.location)
        may_run.refuse(bare, config)
        may_run.refuse_held(config.location)
        _moment(bare, as_of)
    lake = _lake_of(config, on_progress)
    lake.observer = Observing(on_progress, Gauges(lake.spark, config))
    with opened(lake, config, on_progress):
        moment = _moment(lake, as_of)
        lake.create(config)
        chosen = tuple(steps) or STEPS
        reference.load(lake, config, on_progress)
        if continuous is not None:
            return _for_ever(lake, config, continuous, stop_after, on_progress, is_confirmed)
        if is_preview:
            return _preview(lake, config, moment, on_progress)
        tick(lake, config, moment)
        show = partial(publish, full=is_full, only=only)
        return _once(
            lake, config, moment, chosen, on_progress, hook, is_confirmed, show=show, check=check
        )


@contextmanager
def taken(config: Config, on_progress: Progress) -> Iterator[Lake]:
    """The lake for a command that adds to it; one that is not there yet is made."""
    if files_here(config.location):
        may_run.refuse(Lake(None, config.location), config)
        may_run.refuse_held(config.location)
    lake = _lake_of(config, on_progress)
    with opened(lake, config, on_progress):
        lake.create(config)
        yield lake


def _lake_of(config: Config, on_progress: Progress) -> Lake:
    """The lake, opened with a session that has what the configuration needs."""
    on_progress(Step("start Spark"))
    settings = session_settings(config)
    spark = open_session(connectors=config.connectors, on_progress=on_progress, **settings)
    if settings and (place := address(spark)):
        on_progress(f"gauges at {place}")
    return Lake(spark, config.location, tables_in=config.lake.tables_in)


@contextmanager
def opened(lake: Lake, config: Config, on_progress: Progress = lambda _: None) -> Iterator[None]:
    """Hold the lake for this run, after everything that would forbid the run was looked at."""
    may_run.refuse_paths(lake.spark, config)
    may_run.refuse(lake, config)
    with lake.store.locked(on_progress):
        # Whoever held it may have left something half done.
        may_run.refuse_lake(lake, config, is_ours=True)
        partitions.fit(lake.spark)
        scratch.clear(lake)
        try:
            yield
        finally:
            lake.store.release()


def tick(lake: Lake, config: Config, as_of: datetime) -> None:
    """Let the decision clock tick: one row, so that time passes on a quiet lake too."""
    row = {
        "tick_id": uuid.uuid4().hex,
        "as_of": as_of,
        "configuration_hash": config.hash,
        "software_version": software_version(),
    }
    lake.store.append(TICKS, Part(pa.Table.from_pylist([row], to_arrow_schema(TICKS.struct()))))
    lake.remember(as_of=as_of.isoformat())


def _moment(lake: Lake, as_of: datetime | None) -> datetime:
    """What the decision clock says: as asked, else now. Raises: ClockError where it went back."""
    moment = (as_of or datetime.now(UTC)).astimezone(UTC)
    last = lake.last_as_of()
    if last is not None and moment < last:
        raise ClockError(
            f"--as-of {moment.isoformat()} lies before {last.isoformat()}, the last the lake at "
            f"{lake.location} has seen; rebuild it as of then with: tactful replay --as-of."
        )
    return moment


def _once(
    lake: Lake,
    config: Config,
    as_of: datetime,
    steps: Sequence[str],
    on_progress: Progress,
    hook: Hook | None,
    is_confirmed: bool,
    *,
    show: Callable[..., list[str]] = publish,
    check: Check | None = None,
) -> RunSummary:
    """Take the chosen steps one after another, each until it has caught up."""
    summary = RunSummary(lake.location, as_of.isoformat())
    begun = {
        query: last_begun(lake, query)
        for query in (accept.QUERY, fused.QUERY)
        if unfinished(lake, query) is not None
    }

    def timed(step: str, work: Callable[[], Any]) -> Any:
        if step not in steps:
            return None
        on_progress(Step(step))
        started = time.monotonic()
        try:
            return work()
        finally:
            summary.seconds[step] = round(time.monotonic() - started, 2)

    summary.failed_sources = timed("land", lambda: _land(lake, config, as_of, hook=hook)) or {}
    if "accept" in steps:
        before = last_done(lake, accept.QUERY)
        timed("accept", lambda: accept_all(lake, config, hook))
        _counted(summary, lake, after=before)
        lake.observer.accepted(summary.accepted_rows)
    timed("fused", lambda: _decide_all(lake, config, as_of, hook, is_confirmed))
    if "fused" in steps:
        done = last_done(lake, fused.QUERY)
        fold_logs(lake, decided=decided_until(lake, fused.QUERY, done))
    summary.finished_batches = [
        {"query": query, "batch_id": number}
        for query, number in begun.items()
        if last_done(lake, query) >= number
    ]
    work = partial(show, lake, config, as_of=as_of, on_progress=on_progress)
    summary.published = timed("publish", work) or []
    if check is not None:
        on_progress(Step("quality"))
        summary.quality = check(lake)
    summary.held = gate.held(lake.state(), config)
    if config.is_any_sent:
        summary.sent, summary.untold = timed("send", lambda: tell(config, on_progress)) or ({}, {})
        lake.observer.sent(summary.sent)
    return summary


def _preview(lake: Lake, config: Config, as_of: datetime, on_progress: Progress) -> RunSummary:
    """Take in what came, as any run would, and decide it without telling anybody."""
    if unfinished(lake, fused.QUERY) is not None:
        raise LakeError(
            f"The lake at {lake.location} has a batch that was begun and is not finished, so some "
            "of it may have been told; finish it first with: tactful run."
        )
    summary = _once(lake, config, as_of, ("land", "accept"), on_progress, None, False)
    on_progress(Step("preview"))
    started = time.monotonic()
    summary.would_tell = preview(lake, config, as_of, finish)
    summary.seconds["preview"] = round(time.monotonic() - started, 2)
    return summary


def _decide_all(
    lake: Lake, config: Config, as_of: datetime, hook: Hook | None, is_confirmed: bool
) -> None:
    """Take all that came through the main query, and a changed rule to everybody."""
    finish(fused.start(lake, config, Pace(), hook, is_confirmed=is_confirmed))
    while fused.is_deciding_anew(lake, config):
        tick(lake, config, as_of)
        finish(fused.start(lake, config, Pace(), hook, is_confirmed=is_confirmed))


def accept_all(lake: Lake, config: Config, hook: Hook | None = None) -> None:
    """Accept all that has landed, and hold every batch against Spark's own count."""
    repeats = accept.Repeats()
    repeats.end(finish(accept.start(lake, config, Pace(), hook, repeats=repeats)))
    lag.note_accepted(lake)
    lake.observer.caught_up(lake.state() or {})


def _counted(summary: RunSummary, lake: Lake, *, after: int) -> RunSummary:
    """Say what became of the rows that were accepted or refused after a batch."""
    for name, number in accept.totals(lake, after=after).items():
        setattr(summary, name, number)
    return summary


def _land(
    lake: Lake,
    config: Config,
    as_of: datetime,
    met: land.Met | None = None,
    hook: Hook | None = None,
) -> dict[str, str]:
    """Land all that lies in the folders of the sources now; what of them could not be read."""
    try:
        failed = land.land(lake, config, met, hook)
    except land.NotCommitted as error:
        raise failure("land", error) from error
    lag.note_landed(lake, config, as_of=as_of, apart=failed)
    return failed


def _caught_up(query: StreamingQuery) -> None:
    """Wait until a query that goes on has worked off what is there now."""
    try:
        query.processAllAvailable()
    except StreamingQueryException as error:
        raise failure(query.name, error) from error


def finish(query: StreamingQuery) -> StreamingQuery:
    """Wait until a query has caught up; its own error comes out as it was raised.

    Whoever is interrupted here leaves no query behind that goes on writing.
    """
    try:
        query.awaitTermination()
    except StreamingQueryException as error:
        raise failure(query.name, error) from error
    except BaseException:
        query.stop()
        raise
    return query


def _for_ever(
    lake: Lake,
    config: Config,
    every: timedelta,
    stop_after: timedelta | None,
    on_progress: Progress,
    is_confirmed: bool,
) -> RunSummary:
    """Take every step anew at every interval, one after another, beside a clock that ticks.

    Side by side they would share the same processors, and each record would wait for all of them.
    Only what remembers ids goes on between: its state takes time to load. Tables are published
    every `publish_every`, beside all that, and once more at the end.
    """
    started, now = time.monotonic(), datetime.now(UTC)
    met, failed = land.Met(), _land(lake, config, now)
    for sentence in failed.values():
        on_progress(sentence)
    before = last_done(lake, accept.QUERY)
    repeats, was_asked = accept.Repeats(), False
    accepting = accept.start(lake, config, Pace(LOOK), repeats=repeats)
    try:
        with (
            asked_to_stop(on_progress) as asked,
            published_beside(lake, config, on_progress) as publish_if_due,
            told_beside(config, on_progress, lake.observer.sent) as tell_beside,
        ):
            left = float("inf") if stop_after is None else stop_after.total_seconds()
            while not asked.is_set():
                began = time.monotonic()
                landed = _land(lake, config, datetime.now(UTC), met)
                failed = say_changed(failed, landed, on_progress, READ_AGAIN)
                _caught_up(accepting)
                repeats.hold(accepting)
                lag.note_accepted(lake)
                lake.observer.caught_up(lake.state() or {})
                now = datetime.now(UTC)
                tick(lake, config, now)
                finish(fused.start(lake, config, Pace(), is_confirmed=is_confirmed))
                publish_if_due(now)
                tell_beside()
                cut_log()
                if time.monotonic() - started >= left:
                    break
                asked.wait(max(0.0, every.total_seconds() - (time.monotonic() - began)))
            was_asked = asked.is_set()
    except KeyboardInterrupt:
        was_asked = True
        on_progress("stopping")
    finally:
        accepting.stop()
    summary = _counted(RunSummary(lake.location, now.isoformat()), lake, after=before)
    summary.failed_sources = failed
    summary.published = publish(lake, config, as_of=now)
    summary.held = gate.held(lake.state(), config)
    if config.is_any_sent and not was_asked:
        summary.sent, summary.untold = tell(config, on_progress)
    return summary
