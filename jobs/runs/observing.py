"""Observing: each batch that is done is told to whoever watches the run, and to its gauges."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from tactful.jobs.lake.observer import Observer
from tactful.jobs.progress import Step
from tactful.jobs.runs.batches import FUSED
from tactful.jobs.runs.gauges import Gauges
from tactful.schemas.table import Table


class Observing(Observer):
    """What a run's batches have read so far, for its progress and its gauges."""

    def __init__(self, on_progress: Callable[[str], None], gauges: Gauges) -> None:
        self._on_progress = on_progress
        self._gauges = gauges
        self._rows: Counter[str] = Counter()
        self._expected: int | None = None

    def batch_done(self, batch: Any, outputs: Mapping[Table, Any]) -> None:
        if not batch.row:
            return
        self._rows[batch.query] += batch.row["read_rows"]
        done = self._rows[batch.query]
        total = self._expected if batch.query == FUSED else None
        if total is not None and done > total:
            total = None  # an earlier run has left some
        line = f"batch {batch.batch_id} of {batch.query} is done: {batch.row['read_rows']:,} rows"
        self._on_progress(Step(line, name=batch.query, done=done, total=total, unit="rows"))
        self._gauges.batch_done(batch, outputs)

    def accepted(self, rows: int) -> None:
        self._expected = (self._expected or 0) + rows

    def caught_up(self, state: Mapping[str, Any]) -> None:
        self._gauges.caught_up(state)

    def sent(self, turns: Mapping[str, Mapping[str, Any]]) -> None:
        self._gauges.sent(turns)
