"""G7 at size: what a batch of 20,000 events costs on a long history of very many persons.

One lake grows from size to size: history is landed as a backlog, a week a million events, and
worked off. At each size come batches, a run each; then as many again of which a part are late
corrections, dated weeks back. DuckDB computes everything anew after the last. Prints seconds, and
the ratio to the shortest history.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from tactful.jobs.runs import pipeline
from tactful.jobs.settings.config import load
from tests.bench.main_job import run_rival
from tests.bench.memory import Peak
from tests.bench.shop import (
    CONFIG,
    DECIDED,
    FULL,
    MILLION,
    OF_SOURCE,
    WEEK,
    OfSource,
    write_events,
    write_history,
)
from tests.landing import write_conf

BATCH = 20_000
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
SIZES = [MILLION, 10 * MILLION, 30 * MILLION]
Seconds = dict[str, float]


def main(
    history: Annotated[list[int] | None, typer.Option()] = None,
    persons: int = MILLION,
    batches: int = 5,
    late: float = 0.01,
    full: bool = False,
) -> None:
    """Run a few batches on each history; the first of each kind warms up and does not count.

    full: by twenty rules and ten caps, each with a destination, where else there is one of each.
    """
    os.environ["TACTFUL_BENCH_SECRET"] = "a secret for the bench"
    print(f"## A batch of {BATCH:,} events, {persons:,} persons")
    print()
    print("| history | late | land | accept | fused | accept + fused | to the first "
          "| DuckDB, all anew | memory, GiB |")  # fmt: skip
    print("|---|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        shop, least = Shop(Path(folder), persons, config=FULL if full else CONFIG), 0.0
        for size in sorted(history or SIZES):
            with Peak() as peak:
                shop.grow(size)
                runs = {
                    part: [shop.batch(part) for _ in range(batches + 1)] for part in (0.0, late)
                }
            anew = shop.anew()
            for part, seconds in runs.items():
                middle = {step: _median(run[step] for run in seconds[1:]) for step in DECIDED}
                both = _median(run["accept"] + run["fused"] for run in seconds[1:])
                least = least or both
                print(
                    f"| {size:,} | {part:.0%} | {middle['land']:.1f} | {middle['accept']:.1f} "
                    f"| {middle['fused']:.1f} | {both:.1f} | {both / least:.2f} | {anew:.1f} "
                    f"| {peak.gib:.1f} |",
                    flush=True,
                )


@dataclass
class Shop:
    """A lake that grows: what has landed so far, what time it is there, and what a run does."""

    folder: Path
    persons: int
    landed: int = 0
    now: datetime = BEGIN
    steps: tuple[str, ...] = DECIDED
    config: dict[str, Any] = field(default_factory=lambda: CONFIG)
    of_source: OfSource = field(default_factory=lambda: OF_SOURCE)

    def __post_init__(self) -> None:
        self.conf = write_conf(self.config, self.folder)

    def grow(self, size: int) -> None:
        """Land history up to a number of events, and work it off."""
        self.now += WEEK * ((size - self.landed) / MILLION)
        write_history(
            self.folder, first=self.landed, count=size, persons=self.persons, until=self.now,
            of_source=self.of_source,
        )  # fmt: skip
        self.landed = size
        print(f"{size:,} events of history: {self.run()}", file=sys.stderr, flush=True)

    def batch(self, late: float) -> Seconds:
        """Land an hour's events, a part of them weeks late, and decide."""
        corrections = int(BATCH * late)
        self._land(BATCH - corrections, self.now, HOUR)
        self._land(corrections, self.now - WEEK * 3, WEEK * 2)
        self.now += HOUR
        seconds = self.run()
        print(f"a batch, {late:.0%} late: {seconds}", file=sys.stderr, flush=True)
        return seconds

    def anew(self) -> float:
        """How long DuckDB takes for everything that has landed."""
        done = run_rival(self.conf, self.folder / "rival", as_of=self.now)
        return float(done["seconds"]["total"])

    def _land(self, count: int, start: datetime, span: timedelta) -> None:
        if count:
            write_events(
                self.folder, first=self.landed, count=count, persons=self.persons, start=start,
                span=span, of_source=self.of_source,
            )  # fmt: skip
            self.landed += count

    def run(self, steps: tuple[str, ...] = ()) -> Seconds:
        """Do some steps, or those that a batch takes, and say how long each took."""
        return pipeline.run(load(self.conf), as_of=self.now, steps=steps or self.steps).seconds


def _median(seconds: Iterable[float]) -> float:
    return statistics.median(list(seconds))


if __name__ == "__main__":
    typer.run(main)
