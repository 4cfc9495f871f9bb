"""How fast the demo goes on this machine: events per second from landing file to outbox.

Run it with `make bench`, on a machine that does nothing else. Each run is a process of its own,
so every figure includes what a newcomer pays: a cold JVM. Prints a table, and writes it to
tests/bench/RESULTS.md with the machine it was measured on.
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
from pathlib import Path

import typer

STEPS = ("session", "data", "land", "accept", "fused", "publish", "report")
HERE = Path(__file__).parent


def main(runs: int = 3) -> None:
    """Time the demo `runs` times and write down the medians."""
    results = [_timed() for _ in range(runs)]
    lines = [
        f"Measured on {_machine()}, {runs} runs, medians (least to most).",
        "",
        "| step | seconds |",
        "|---|---|",
        *(_line(step, [r["seconds"].get(step, 0.0) for r in results]) for step in STEPS),
        _line("whole `tactful demo`", [r["wall"] for r in results]),
        "",
        f"{results[0]['events']:,} events; from landing to outbox (land, accept, fused): "
        f"{statistics.median(_rate(r) for r in results):,.0f} events/s.",
    ]
    text = "\n".join(lines) + "\n"
    print(text)
    (HERE / "RESULTS.md").write_text("# What was measured\n\n" + text, encoding="utf-8")


def _timed() -> dict:
    with tempfile.TemporaryDirectory() as folder:
        started = time.monotonic()
        command = [Path(sys.executable).parent / "tactful", "demo", "--json"]
        done = subprocess.run(
            [*command, "--lake", f"{folder}/lake"], check=True, capture_output=True, text=True
        )
        wall = time.monotonic() - started
    return {**json.loads(done.stdout.strip().splitlines()[-1]), "wall": wall}


def _rate(result: dict) -> float:
    spent = sum(result["seconds"].get(step, 0.0) for step in ("land", "accept", "fused"))
    return result["events"] / spent


def _line(name: str, seconds: list[float]) -> str:
    middle = statistics.median(seconds)
    return f"| {name} | {middle:.1f} ({min(seconds):.1f} to {max(seconds):.1f}) |"


def _machine() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{os.cpu_count()} cores ({platform.machine()}), {memory:.0f} GiB, "
        f"Python {platform.python_version()}"
    )


if __name__ == "__main__":
    typer.run(main)
