"""What publication costs behind a batch of 20,000 events, on a long history of very many persons.

One lake grows from size to size as in `batches`; at each size come batches, each published. Then
everything is published anew. Prints seconds, and the ratio to the shortest history.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from tactful.jobs.runs import pipeline
from tactful.jobs.settings.config import load
from tests.bench.batches import BATCH, Shop
from tests.bench.memory import Peak
from tests.bench.shop import DECIDED, MILLION

SIZES = [MILLION, 10 * MILLION, 30 * MILLION]
SECOND = timedelta(seconds=1)


def main(
    history: Annotated[list[int] | None, typer.Option()] = None,
    persons: int = MILLION,
    batches: int = 5,
) -> None:
    """Publish behind a few batches on each history; the first warms up and does not count."""
    os.environ["TACTFUL_BENCH_SECRET"] = "a secret for the bench"
    print(f"## Publication behind a batch of {BATCH:,} events, {persons:,} persons")
    print()
    print("| history | accept + fused | publish | to the first | everything anew | memory, GiB |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        shop, least = Shop(Path(folder), persons, steps=(*DECIDED, "publish")), 0.0
        for size in sorted(history or SIZES):
            with Peak() as peak:
                shop.grow(size)
                runs = [shop.batch(0.0) for _ in range(batches + 1)][1:]
                anew = _anew(shop)
            batch = statistics.median(run["accept"] + run["fused"] for run in runs)
            middle = statistics.median(run["publish"] for run in runs)
            least = least or middle
            print(
                f"| {size:,} | {batch:.1f} | {middle:.1f} | {middle / least:.2f} | {anew:.1f} "
                f"| {peak.gib:.1f} |",
                flush=True,
            )


def _anew(shop: Shop) -> float:
    """How long everything takes, a moment later."""
    shop.now += SECOND
    done = pipeline.run(load(shop.conf), as_of=shop.now, steps=("publish",), is_full=True)
    seconds = done.seconds["publish"]
    print(f"everything anew: {seconds:.1f}", file=sys.stderr, flush=True)
    return seconds


if __name__ == "__main__":
    typer.run(main)
