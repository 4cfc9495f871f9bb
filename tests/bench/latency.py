"""How long after a purchase its suppression record lies in the outbox, at a steady rate.

A lake with a history is run for ever and fed one file a source and second. What counts is the first
purchase of a customer, which must put them into the audience of recent buyers: from the moment its
file is there until the file with the record is. Prints p50, p95 and p99, and how long the batches
took. With --changed-rule the run for ever finds a rule and a destination that the history did not
have, so that everybody is decided anew beside (G12).
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import typer
from deltalake import DeltaTable

from tactful.jobs.runs import pipeline
from tactful.jobs.settings.config import load
from tests.bench.memory import Peak
from tests.bench.shop import CONFIG, DECIDED, MILLION, buyers, write_events, write_history
from tests.landing import write_conf

CHANGED = {
    **CONFIG,
    "suppress": [
        *CONFIG["suppress"],
        {"name": "bought_lately", "when": "purchased", "match": "sku", "lasts": "30d"},
    ],
    "destinations": [
        *CONFIG["destinations"],
        {
            "name": "later",
            "kind": "file",
            "policy": "bought_lately",
            "identifiers": ["customer_id"],
        },
    ],
}  # fmt: skip


class Feeder(threading.Thread):
    """Lands `rate` events a second until it is stopped, and remembers who first bought when."""

    def __init__(self, folder: Path, *, rate: int, persons: int, history: int) -> None:
        super().__init__(daemon=True)
        self.folder, self.rate, self.persons, self.history = folder, rate, persons, history
        self.first_bought: dict[str, float] = {}
        self.landed = 0
        self.over = threading.Event()

    def run(self) -> None:
        begun = time.monotonic()
        bought = set(buyers(first=0, count=self.history, persons=self.persons))
        while not self.over.is_set():
            second = {
                "first": self.history + self.landed, "count": self.rate, "persons": self.persons,
            }  # fmt: skip
            span = timedelta(seconds=1)
            write_events(self.folder, **second, start=datetime.now(UTC) - span, span=span)
            self.landed += self.rate
            now = time.time()
            for buyer in buyers(**second):
                if buyer not in bought:
                    self.first_bought.setdefault(buyer, now)
            next_at = begun + self.landed / self.rate
            self.over.wait(max(0.0, next_at - time.monotonic()))


def main(
    rate: int = 1000,
    persons: int = MILLION,
    history: int = MILLION,
    minutes: float = 10,
    every: float = 2,
    warm_after: float = 120,
    changed_rule: bool = False,
) -> None:
    """Work a history off, then feed a run for ever and time its records."""
    os.environ["TACTFUL_BENCH_SECRET"] = "a secret for the bench"
    with tempfile.TemporaryDirectory() as place, Peak() as peak:
        folder = Path(place)
        config = load(write_conf(CONFIG, folder))
        until = datetime.now(UTC) - timedelta(hours=1)
        write_history(folder, count=history, persons=persons, until=until)
        pipeline.run(config, as_of=datetime.now(UTC), steps=DECIDED)
        done = _batches(folder)
        if changed_rule:
            config = load(write_conf(CHANGED, folder))
        feeder = Feeder(folder, rate=rate, persons=persons, history=history)
        feeder.start()
        started = time.time()
        try:
            pipeline.run(
                config,
                continuous=timedelta(seconds=every),
                stop_after=timedelta(minutes=minutes),
                is_confirmed=changed_rule,
            )
        finally:
            feeder.over.set()
            feeder.join()
        told = _told(folder / "lake" / "outbox" / "partner")
        batches = [row for row in _batches(folder) if row not in done]
        anew = _anew(folder)
    first = feeder.first_bought
    waits = {buyer: told[buyer] - at for buyer, at in first.items() if buyer in told}
    steady = [wait for buyer, wait in waits.items() if first[buyer] > started + warm_after]
    due = sum(at > started + warm_after for at in first.values())
    print("## From a purchase to its suppression record")
    print()
    print(
        f"{rate:,} events/s for {minutes:g} minutes on a history of {history:,} events, "
        f"{persons:,} persons, a trigger every {every:g} s: {feeder.landed:,} events, "
        f"{len(waits):,} of {len(first):,} buyers told of when it ended "
        f"({len(steady):,} of {due:,} of those who bought after {warm_after:g} s)."
    )
    print()
    print("| | p50 | p95 | p99 |")
    print("|---|---|---|---|")
    print(f"| all, seconds | {_percentiles(list(waits.values()))} |")
    print(f"| after {warm_after:g} s | {_percentiles(steady)} |")
    print()
    if changed_rule:
        print(f"Decided anew: {', '.join(anew)}.")
    for query in ("accept", "fused"):
        sizes = [rows for name, _, rows in batches if name == query]
        print(f"{query}: {len(sizes)} batches, {statistics.median(sizes or [0]):,.0f} rows each.")
    print(f"Memory of the whole process tree at its peak: {peak.gib:.1f} GiB.")
    print(batches[-6:], file=sys.stderr)


def _batches(folder: Path) -> list[tuple[str, int, int]]:
    """Query, number and rows of every batch so far."""
    table = DeltaTable(str(folder / "lake" / "batches")).to_pyarrow_table(
        columns=["query", "batch_id", "read_rows"]
    )
    return [(row["query"], row["batch_id"], row["read_rows"]) for row in table.to_pylist()]


def _anew(folder: Path) -> list[str]:
    """Which batches decided a part of everybody anew, and for how many persons in how long."""
    columns = ["batch_id", "decided_anew", "affected_persons", "seconds"]
    table = DeltaTable(str(folder / "lake" / "batches")).to_pyarrow_table(columns=columns)
    return [
        f"part {row['decided_anew']} with {row['affected_persons']:,} persons in "
        f"{sum(dict(row['seconds']).values()):.0f} s"
        for row in sorted(table.to_pylist(), key=lambda row: row["batch_id"])
        if row["decided_anew"]
    ]


def _told(outbox: Path) -> dict[str, float]:
    told: dict[str, float] = {}
    for file in sorted(outbox.glob("*-add.jsonl"), key=lambda path: path.stat().st_mtime):
        for line in file.read_text(encoding="utf-8").splitlines():
            for buyer in json.loads(line)["identifiers"]["customer_id"]:
                told.setdefault(buyer, file.stat().st_mtime)
    return told


def _percentiles(waits: list[float]) -> str:
    if len(waits) < 2:
        return "too few | too few | too few"
    cuts = statistics.quantiles(waits, n=100)
    return " | ".join(f"{cuts[p - 1]:.1f}" for p in (50, 95, 99))


if __name__ == "__main__":
    typer.run(main)
