"""G7: what a week's batch costs on a short history and on a long one, of the same persons.

Both lakes get the same last weeks of the demo's world, one run a week; one has seen a few weeks
before, the other months. Prints a table with the ratio of the medians.
"""

from __future__ import annotations

import json
import shutil
import statistics
import tempfile
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import typer

from tactful.jobs.demo.command import demo_config
from tactful.jobs.demo.world import FROM_DATE, STREAMS, generate
from tactful.jobs.runs import pipeline
from tactful.jobs.session import open_session

SEED = 7
WEEK = timedelta(days=7)
LAST = datetime(2018, 1, 1, tzinfo=UTC)


def main(weeks: int = 4, short_from: str = "2017-11-20") -> None:
    """Run the last `weeks` of both worlds; the first week warms up and does not count."""
    with tempfile.TemporaryDirectory() as folder:
        short = _measure(Path(folder) / "short", date.fromisoformat(short_from), weeks)
        long = _measure(Path(folder) / "long", FROM_DATE, weeks)
    print("## A week's batch on a short and on a long history")
    print()
    print(
        f"{short['history']:,} against {long['history']:,} events before "
        f"({long['history'] / short['history']:.1f} times), the same households; "
        f"{statistics.median(short['batches']):,.0f} and "
        f"{statistics.median(long['batches']):,.0f} events a batch."
    )
    print()
    print("| step | short, seconds | long, seconds | ratio |")
    print("|---|---|---|---|")
    for name, steps in (
        ("accept", ("accept",)), ("fused", ("fused",)), ("accept + fused", ("accept", "fused")),
        ("publish", ("publish",)),
    ):  # fmt: skip
        a, b = (
            statistics.median(sum(run[s] for s in steps) for run in told["runs"][1:])
            for told in (short, long)
        )
        print(f"| {name} | {a:.1f} | {b:.1f} | {b / a:.2f} |")


def _measure(folder: Path, from_date: date, weeks: int) -> dict:
    spark = open_session()
    generate(spark, folder=folder, seed=SEED, from_date=from_date)
    cuts = [LAST - WEEK * n for n in range(weeks, -1, -1)]
    held = hold_back(folder / "landing", folder / "held", cuts)
    config = demo_config(folder, seed=SEED)
    pipeline.run(config, as_of=cuts[0])
    told: dict = {"history": held.pop(-1), "batches": [], "runs": []}
    for number, until in enumerate(cuts[1:]):
        bring_back(folder, number)
        told["runs"].append(pipeline.run(config, as_of=until).seconds)
        told["batches"].append(held[number])
    return told


def hold_back(landing: Path, held: Path, cuts: list[datetime]) -> dict[int, int]:
    """Move the rows between two cuts aside; how many rows each span has, -1 for what is before.

    A row whose time cannot be read stays where it is.
    """
    rows: dict[int, int] = defaultdict(int)
    for feed in STREAMS:
        spans: dict[int, list[bytes]] = defaultdict(list)
        for file in sorted((landing / feed).glob("*.json")):
            kept = []
            for line in file.read_bytes().splitlines(keepends=True):
                number = _span(line, cuts)
                rows[number] += 1
                (kept if number < 0 else spans[number]).append(line)
            file.write_bytes(b"".join(kept))
        for number, lines in spans.items():
            target = held / str(number) / f"{feed}.json"
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(b"".join(lines))
    return rows


def bring_back(folder: Path, number: int) -> None:
    """Land the rows of one span."""
    for feed in STREAMS:
        source = folder / "held" / str(number) / f"{feed}.json"
        if source.exists():
            shutil.move(source, folder / "landing" / feed / f"span-{number:03d}.json")


def _span(line: bytes, cuts: list[datetime]) -> int:
    try:
        at = datetime.fromisoformat(json.loads(line)["occurred_at"])
    except (ValueError, KeyError, TypeError):
        return -1
    if at.tzinfo is None or at < cuts[0]:
        return -1
    return min((at - cuts[0]) // (cuts[1] - cuts[0]), len(cuts) - 2)


if __name__ == "__main__":
    typer.run(main)
