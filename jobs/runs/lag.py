"""Lag: how far behind its sources a lake is; while one that may forbid something lags, nobody is
spoken to (G4).

How old the oldest row is that is not read yet, nobody can know: at most as old as the last time
at which its source was read to its end. That is noted by the decision clock, when rows land and
again when they are accepted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

from pyspark.sql import functions as F

from tactful.jobs.lake.lake import Lake
from tactful.jobs.settings.config import Config
from tactful.schemas.events import CLASSES, TYPES
from tactful.schemas.intake import FILES, LANDED_RANGES

# In the lake's state: by source when it was last landed, and when that was accepted.
LANDED, ACCEPTED = "landed_until", "accepted_until"


def note_landed(lake: Lake, config: Config, *, as_of: datetime, apart: Iterable[str]) -> None:
    """Write down which sources were read to their end just now. apart: those that were not."""
    known = (lake.state() or {}).get(LANDED, {})
    whole = dict.fromkeys(config.sources.keys() - {*apart}, as_of.isoformat())
    kept = {name: at for name, at in known.items() if name in config.sources}
    lake.remember(**{LANDED: {**kept, **whole}})


def note_accepted(lake: Lake) -> None:
    """Write down that all that has landed is accepted."""
    state = lake.state() or {}
    if state.get(ACCEPTED) != state.get(LANDED):
        lake.remember(**{ACCEPTED: state.get(LANDED, {})})


def lagging(lake: Lake, config: Config, *, as_of: datetime) -> dict[str, str | None]:
    """The sources that lag beyond `max_lag`, and since when; null where nothing ever came of one.

    Asked of those alone that may forbid something to be said, and only where anything is said.
    """
    if not config.activate:
        return {}
    read = (lake.state() or {}).get(ACCEPTED)
    if read is None:
        # A lake of an earlier version, or one that no run has landed anything into.
        return {}
    asked = [name for name in config.sources if forbids(config, name)]
    since: dict[str, str | None] = {name: read.get(name) for name in asked}
    awaited = {n: every for n in asked if (every := config.sources[n].expected_every)}
    came = _came(lake, awaited) if awaited else {}
    for name, every in awaited.items():
        last = came.get(name)
        overdue = (last + every).isoformat() if last else None
        known = since[name]
        since[name] = None if overdue is None or known is None else min(overdue, known, key=_at)
    bound = as_of - config.plans.max_lag
    return {n: at for n, at in sorted(since.items()) if at is None or _at(at) < bound}


def forbids(config: Config, source: str) -> bool:
    """Whether rows of a source may forbid something to be said, or withdraw it."""
    return not {*config.sources[source].streams}.isdisjoint(_forbidding(config))


def _forbidding(config: Config) -> set[str]:
    """The streams that suppressions, caps, consent and withdrawals depend on."""
    types = {type_ for one in config.activate for type_ in one.policy.cancel_on}
    for rule in config.rules:
        for name in rule.kind.reads(rule.options, slowest=lambda: None):
            types |= {*CLASSES[name]}
    told = {stream for stream, known in TYPES.items() if not types.isdisjoint(known)}
    return told | {"profiles", "messages"}


def _came(lake: Lake, names: Iterable[str]) -> Mapping[str, datetime]:
    """When something last came of each source, by when its newest file was written."""
    mine = F.col("source_name").isin(*names)
    files = lake.store.read(FILES).where(mine & (F.col("state") == "landed"))
    spans = lake.store.read(LANDED_RANGES).where(mine & (F.col("state") == "landed"))
    told = files.select("source_name", F.col("modified_at").alias("_at")).unionByName(
        spans.select("source_name", F.col("landed_at").alias("_at"))
    )
    newest = told.groupBy("source_name").agg(F.unix_micros(F.max("_at")).alias("_micros"))
    return {row["source_name"]: _moment(row["_micros"]) for row in newest.collect()}


def _moment(micros: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)


def _at(told: str) -> datetime:
    return datetime.fromisoformat(told)
