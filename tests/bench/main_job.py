"""The whole main job, from landing files to records, against the rival on the same files.

Generates a retailer's months for as many households as asked (2,469 give 433,000 events) or as
many events of a plain shop, runs the product over them in one process and DuckDB in another, both
on this machine's two cores. Prints a table with the ratio and the most memory that all held.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import typer

from tactful.jobs.demo.command import demo_config
from tactful.jobs.demo.world import generate
from tactful.jobs.runs import pipeline
from tactful.jobs.session import open_session
from tactful.jobs.settings.config import Config, load
from tests.bench.memory import Peak
from tests.bench.shop import CONFIG, write_history
from tests.landing import write_conf

SEED = 2017
AS_OF = datetime(2018, 1, 2, tzinfo=UTC)
RIVAL = Path(__file__).with_name("rival.py")
Rival = Callable[[Path], dict[str, Any]]


def main(households: int = 5_700, events: int = 0, persons: int = 500_000, runs: int = 1) -> None:
    """Run both, on the demo's world or on `events` of a plain shop with very many persons.

    A JVM that generated the demo is warm, as one that runs for days is; a shop's first is cold.
    """
    ours, theirs, most = [], [], []
    for _ in range(runs):
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            config, rival_of = (
                _shop(folder, events, persons) if events else _demo(folder, households)
            )
            with Peak() as peak:
                run = pipeline.run(config, as_of=AS_OF, on_progress=_told)
            ours.append({**run.seconds, "all": sum(run.seconds[step] for step in pipeline.STEPS)})
            theirs.append(rival_of(folder / "rival")["seconds"]["total"])
            most.append(peak.gib)
    of = f"{persons:,} persons" if events else f"{households:,} households"
    mine, other = (statistics.median(seconds) for seconds in ([o["all"] for o in ours], theirs))
    print(f"## The main job on {run.read_rows:,} events of {of}")
    print()
    print("| | seconds | least to most |")
    print("|---|---|---|")
    for step in pipeline.STEPS:
        print(line(step, [o[step] for o in ours]))
    print(line("Tactful", [o["all"] for o in ours]))
    print(line("DuckDB, 2 threads", theirs))
    print()
    print(
        f"Medians of {runs}. Ratio {mine / other:.1f}; {run.read_rows / mine:,.0f} events/s. "
        f"Memory of our whole process tree at its peak: {max(most):.1f} GiB."
    )


def line(name: str, seconds: Sequence[float]) -> str:
    """A row of a table: the median, and how far apart the runs were."""
    middle = statistics.median(seconds)
    return f"| {name} | {middle:.1f} | {min(seconds):.1f} to {max(seconds):.1f} |"


def _demo(folder: Path, households: int) -> tuple[Config, Rival]:
    lake = folder / "demo-lake"
    generate(open_session(), folder=lake, seed=SEED, households=households)
    return demo_config(lake, seed=SEED), lambda out: rival(lake, out)


def _shop(folder: Path, events: int, persons: int) -> tuple[Config, Rival]:
    os.environ["TACTFUL_BENCH_SECRET"] = "a secret for the bench"
    write_history(folder, count=events, persons=persons, until=AS_OF)
    conf = write_conf(CONFIG, folder)
    return load(conf), lambda out: run_rival(conf, out, as_of=AS_OF)


def _told(step: str) -> None:
    print(f"{datetime.now():%H:%M:%S} {step}", file=sys.stderr, flush=True)


def rival(lake: Path, out: Path) -> dict[str, Any]:
    """DuckDB over the lake's landing files; the paths in its configuration begin at its folder."""
    beside = lake.parent / "conf"
    beside.mkdir(exist_ok=True)
    with as_file(files("tactful.conf") / "demo.toml") as conf:
        shutil.copy(conf, beside / "demo.toml")
    secret = os.environ.get("TACTFUL_DEMO_SECRET", "rival")  # ours, where the demo has set it
    return run_rival(beside / "demo.toml", out, as_of=AS_OF, TACTFUL_DEMO_SECRET=secret)


def run_rival(conf: Path, out: Path, *, as_of: datetime, **environment: str) -> dict[str, Any]:
    """DuckDB over the landing files of a configuration, in a process of its own."""
    command = [
        sys.executable, RIVAL, "--conf", conf.name, "--out", out, "--threads", "2",
        "--as-of", as_of.isoformat(),
    ]  # fmt: skip
    env = {**os.environ, **environment, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        command, check=True, capture_output=True, text=True, cwd=conf.parent, env=env
    )
    return json.loads(done.stdout.strip().splitlines()[-1])


if __name__ == "__main__":
    typer.run(main)
