"""Eight weeks, a run a day: do batches, files and state level off?

The demo's world with a few households, so that a run is what a run costs anyway. Prints seconds of
accept and fused, the files of the logs and of Spark's state, and their bytes, week by week.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import typer
from deltalake import DeltaTable

from tactful.jobs.demo.command import demo_config
from tactful.jobs.demo.world import FROM_DATE, generate
from tactful.jobs.runs import pipeline
from tactful.jobs.session import open_session
from tests.bench.growth import bring_back, hold_back
from tests.bench.memory import resident_kib

SEED = 7
DAY = timedelta(days=1)
LAST = datetime(2018, 1, 1, tzinfo=UTC)


def main(days: int = 56, households: int = 300) -> None:
    """Run every day of the last weeks of a small retailer."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        generate(
            open_session(), folder=folder, seed=SEED, from_date=FROM_DATE, households=households
        )
        cuts = [LAST - DAY * n for n in range(days, -1, -1)]
        held = hold_back(folder / "landing", folder / "held", cuts)
        config = demo_config(folder, seed=SEED)
        pipeline.run(config, as_of=cuts[0])
        rows = []
        for number, until in enumerate(cuts[1:]):
            bring_back(folder, number)
            seconds = pipeline.run(config, as_of=until).seconds
            rows.append({**seconds, "events": held.get(number, 0), **_size(folder)})
            print(f"day {number + 1}: {rows[-1]}", file=sys.stderr, flush=True)
    print(f"## {days} days, a run a day, {households:,} households")
    print()
    print("| days | events a day | accept | fused | live files of all tables | busiest table | "
          "state, files | state, MiB | memory, GiB |")  # fmt: skip
    print("|---|---|---|---|---|---|---|---|---|")
    for start in range(0, days, 7):
        week = rows[start : start + 7]
        middle = {name: statistics.median(row[name] for row in week) for name in week[0]}
        print(
            f"| {start + 1} to {start + len(week)} | {middle['events']:.0f} "
            f"| {middle['accept']:.1f} | {middle['fused']:.1f} | {middle['files']:.0f} "
            f"| {middle['busiest']:.0f} | {middle['state_files']:.0f} "
            f"| {middle['state_bytes'] / 2**20:.1f} | {middle['memory'] / 2**20:.1f} |"
        )


def _size(lake: Path) -> dict[str, int]:
    """Live files of the tables, and what Spark keeps of ids in its state."""
    counts = [
        len(DeltaTable(str(log.parent)).file_uris())
        for log in sorted(lake.rglob("_delta_log"))
        if any(log.iterdir())
    ]
    state = [path for path in lake.glob("_checkpoints/*/spark/state/**/*") if path.is_file()]
    return {
        "files": sum(counts),
        "busiest": max(counts),
        "state_files": len(state),
        "state_bytes": sum(path.stat().st_size for path in state),
        "memory": resident_kib(),
    }


if __name__ == "__main__":
    typer.run(main)
