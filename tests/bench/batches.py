"""G7 at size: what a batch of 20,000 events costs on a long history of very many persons.

History is landed as a backlog, a week a million events; then come batches, one run each, a part of
them late corrections: orders and messages dated weeks back. DuckDB computes everything anew after
the last one. Prints seconds, and the ratio to the first history asked for.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from tactful.jobs import pipeline
from tactful.jobs.config import load
from tests.bench.main_job import run_rival
from tests.bench.memory import Peak
from tests.bench.shop import CONFIG, DECIDED, MILLION, WEEK, write_events, write_history
from tests.landing import write_conf

BATCH = 20_000
NOW = datetime(2026, 9, 1, tzinfo=UTC)


def main(
    history: Annotated[list[int] | None, typer.Option()] = None,
    persons: int = MILLION,
    batches: int = 5,
    late: float = 0.0,
) -> None:
    """Run a few batches on each history; the first warms up and does not count."""
    os.environ["TACTFUL_BENCH_SECRET"] = "bench"
    told = []
    for size in history or [MILLION, 4 * MILLION]:
        with tempfile.TemporaryDirectory() as folder, Peak() as peak:
            measured = _measure(Path(folder), size, persons, batches, late)
            told.append({**measured, "memory": peak.gib})
    print(f"## A batch of {BATCH:,} events, {persons:,} persons, {late:.0%} of it late")
    print()
    print("| history | land | accept | fused | accept + fused | to the first | DuckDB, all anew "
          "| memory, GiB |")  # fmt: skip
    print("|---|---|---|---|---|---|---|---|")
    for row in told:
        print(
            f"| {row['history']:,} | {row['land']:.1f} | {row['accept']:.1f} | {row['fused']:.1f} "
            f"| {row['batch']:.1f} | {row['batch'] / told[0]['batch']:.2f} | {row['rival']:.1f} "
            f"| {row['memory']:.1f} |"
        )


def _measure(folder: Path, history: int, persons: int, batches: int, late: float) -> dict[str, Any]:
    write_history(folder, count=history, persons=persons, until=NOW)
    conf = write_conf(CONFIG, folder)
    config = load(conf)
    built = pipeline.run(config, as_of=NOW, steps=DECIDED)
    print(f"{history:,} events landed and worked off: {built.seconds}", file=sys.stderr)
    runs, hour = [], timedelta(hours=1)
    for number in range(batches + 1):
        first, then = history + number * BATCH, NOW + hour * number
        corrections = int(BATCH * late)
        write_events(
            folder, first=first, count=BATCH - corrections, persons=persons, start=then, span=hour
        )
        if corrections:
            write_events(
                folder, first=first + BATCH - corrections, count=corrections, persons=persons,
                start=then - WEEK * 3, span=WEEK * 2,
            )  # fmt: skip
        done = pipeline.run(config, as_of=then + hour, steps=DECIDED)
        runs.append(done.seconds)
        print(f"batch {number}: {done.seconds}", file=sys.stderr)
    medians = {step: statistics.median(run[step] for run in runs[1:]) for step in DECIDED}
    batch = statistics.median(run["accept"] + run["fused"] for run in runs[1:])
    anew = run_rival(conf, folder / "rival", as_of=then + hour)["seconds"]["total"]
    return {"history": history, "batch": batch, "rival": anew, **medians}


if __name__ == "__main__":
    typer.run(main)
