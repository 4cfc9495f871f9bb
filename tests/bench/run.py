"""How fast Tactful goes on this machine, beside a rival that computes the same tables.

Run it with `make bench`, on a machine that does nothing else; all of it takes some four hours, and
`--only demo --only growth` takes what you name. The questions:

- demo: how long does a newcomer wait? Each run a process of its own with a cold JVM.
- main_job: what does a stream cost against one batch over everything? DuckDB (`rival.py`) reads
  the same landing files and computes the same tables.
- growth, batches: does a batch get dearer as history grows (G7)? In a small shop and at size.
- converge: do forty batches in no order make the tables that one query makes (G1)?
- hot: does it get dearer when one key has half of all events?
- stitching: how long does it take to find out who is who, from nothing?
- latency: how long after a purchase does its suppression record lie in the outbox?
- weeks: do batches, files and state level off?

Prints the tables, and writes them to tests/bench/RESULTS.md with the machine they were measured on,
above what is told there of earlier measurements.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer

sys.path.insert(0, str(Path(__file__).parents[2]))  # it is run as a file, too

from tactful.jobs.runs.pipeline import STEPS as OURS
from tests.bench.main_job import line, rival

# What each question is asked with, beside what a bench asks by itself.
PARTS: dict[str, tuple[tuple[str, ...], ...]] = {
    "main_job": (("--runs", "3"), ("--runs", "3", "--events", "10000000")),
    "growth": ((),),
    "batches": ((), ("--persons", "100000", "--history", "1000000")),
    "converge": ((),),
    "hot": ((),),
    "stitching": ((),),
    "latency": ((),),
    "weeks": ((),),
    "dialects": ((),),
}
STEPS = ("session", "data", "land", "accept", "fused", "publish", "report")
HERE = Path(__file__).parent
RESULTS = HERE / "RESULTS.md"
EARLIER = "## What was tried and what it gave"


def main(runs: int = 3, only: Annotated[list[str] | None, typer.Option()] = None) -> None:
    """Time the demo `runs` times, then each other question in a process of its own."""
    asked = only or ["demo", *PARTS]
    parts = []
    if "demo" in asked:
        with tempfile.TemporaryDirectory() as folder:
            lake = Path(folder) / "demo-lake"
            demos = [_demo(lake) for _ in range(runs)]
            rivals = [rival(lake, Path(folder) / "rival") for _ in range(runs)]
        parts += [_demo_table(demos), _rival_table(demos, rivals)]
    parts += [_part(n, options) for n in PARTS if n in asked for options in PARTS[n]]
    text = f"Measured on {_machine()}, {date.today()}; the demo: medians of {runs} runs.\n\n"
    text += "\n".join(parts)
    print(text)
    told = RESULTS.read_text(encoding="utf-8")
    kept = told[told.index(EARLIER) :] if EARLIER in told else ""
    RESULTS.write_text(f"# What was measured\n\n{text}\n{kept}", encoding="utf-8")


def _part(name: str, options: Sequence[str]) -> str:
    done = subprocess.run(
        [sys.executable, "-m", f"tests.bench.{name}", *options],
        check=True, capture_output=True, text=True, cwd=HERE.parents[1],
    )  # fmt: skip
    return done.stdout


def _demo(lake: Path) -> dict[str, Any]:
    started = time.monotonic()
    command = [Path(sys.executable).parent / "tactful", "demo", "--json", "--lake", lake]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    wall = time.monotonic() - started
    return {**json.loads(done.stdout.strip().splitlines()[-1]), "wall": wall}


def _demo_table(demos: Sequence[dict[str, Any]]) -> str:
    lines = [
        "## The demo",
        "",
        "| step | seconds | least to most |",
        "|---|---|---|",
        *(line(step, [r["seconds"].get(step, 0.0) for r in demos]) for step in STEPS),
        line("whole `tactful demo`", [r["wall"] for r in demos]),
        "",
        f"{demos[0]['events']:,} events; from landing to outbox (land, accept, fused): "
        f"{statistics.median(_rate(r) for r in demos):,.0f} events/s.",
        "",
    ]
    return "\n".join(lines)


def _rival_table(demos: Sequence[dict[str, Any]], rivals: Sequence[dict[str, Any]]) -> str:
    ours = [sum(r["seconds"].get(step, 0.0) for step in OURS) for r in demos]
    theirs = [r["seconds"]["total"] for r in rivals]
    ratio = statistics.median(ours) / statistics.median(theirs)
    lines = [
        "## The same tables by DuckDB, everything at once",
        "",
        "| | seconds | least to most |",
        "|---|---|---|",
        line("Tactful: land, accept, fused, publish, with a cold JVM", ours),
        line("DuckDB, 2 threads", theirs),
        "",
        f"Ratio {ratio:.1f} on {demos[0]['events']:,} events. DuckDB keeps no state, no records "
        "and no checkpoint: it starts over each time.",
        "",
    ]
    return "\n".join(lines)


def _rate(result: dict[str, Any]) -> float:
    spent = sum(result["seconds"].get(step, 0.0) for step in ("land", "accept", "fused"))
    return result["events"] / spent


def _machine() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} cores ({platform.machine()}), {memory:.0f} GiB"


if __name__ == "__main__":
    typer.run(main)
