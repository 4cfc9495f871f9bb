"""How long after a purchase its suppression record lies in the outbox, at a steady rate.

A run for ever is fed one file a stream and second: of ten events eight are clicks, one is a
purchase and one a message. What counts is the first purchase of a customer, which must put them
into the audience of recent buyers: from the moment its file is there until the file with the
record is. Prints p50, p95 and p99, and how far behind the run was at the end.
"""

from __future__ import annotations

import json
import os
import random
import statistics
import tempfile
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import typer

from tactful.jobs import pipeline
from tactful.jobs.config import load
from tests.bench.memory import Peak
from tests.landing import write_conf

SOURCES = {"web": ("clicks", 8), "shop": ("purchases", 1), "esp": ("messages", 1)}
CONFIG: dict[str, Any] = {
    "lake": {"secret": "env:TACTFUL_BENCH_SECRET"},
    "sources": {
        name: {"stream": stream, "path": f"landing/{name}"} for name, (stream, _) in SOURCES.items()
    },
    "suppress": [{"name": "bought_it", "when": "purchased", "match": "sku", "lasts": "14d"}],
    "caps": [
        {"name": "email_weekly", "channels": ["email"], "limit": 3, "window": "7d",
         "counts": "sent", "on_cap": "drop"},
    ],
    "destinations": [
        {"name": "partner", "kind": "file", "policy": "bought_it", "identifiers": ["customer_id"]},
    ],
}  # fmt: skip


class Feeder(threading.Thread):
    """Lands `rate` events a second until it is stopped, and remembers who first bought when."""

    def __init__(self, folder: Path, *, rate: int, persons: int) -> None:
        super().__init__(daemon=True)
        self.folder, self.rate, self.persons = folder, rate, persons
        self.dice = random.Random(7)
        self.first_bought: dict[str, float] = {}
        self.landed = 0
        self.over = threading.Event()

    def run(self) -> None:
        second = 0
        begun = time.monotonic()
        while not self.over.is_set():
            for name, (stream, tenths) in SOURCES.items():
                self._land(name, stream, self.rate * tenths // 10, second)
            second += 1
            self.over.wait(max(0.0, begun + second - time.monotonic()))

    def _land(self, name: str, stream: str, count: int, second: int) -> None:
        buyers, rows = [], []
        for n in range(count):
            person = self.dice.randrange(self.persons)
            rows.append(json.dumps(self._event(stream, f"{name}-{second}-{n}", person)))
            if stream == "purchases":
                buyers.append(f"c{person}")
        part = self.folder / "landing" / name / f".{second}.part"
        part.write_text("\n".join(rows) + "\n", encoding="utf-8")
        part.rename(part.with_name(f"{second:06d}.json"))
        self.landed += count
        now = time.time()
        for buyer in buyers:
            self.first_bought.setdefault(buyer, now)

    def _event(self, stream: str, event_id: str, person: int) -> dict[str, Any]:
        named = {"type": "customer_id", "value": f"c{person}"}
        cookie = {"type": "anonymous_id", "value": f"k{person}"}
        event: dict[str, Any] = {
            "event_id": event_id,
            "occurred_at": datetime.now(UTC).isoformat(),
            "identifiers": [cookie],
        }
        sku = f"s{self.dice.randrange(5000)}"
        if stream == "clicks":
            if self.dice.random() < 0.05:
                event["identifiers"] = [cookie, named]
            return {**event, "type": "product_view", "sku": sku}
        event["identifiers"] = [named]
        if stream == "purchases":
            lines = [{"sku": sku, "quantity": 1, "unit_price": 9.5}]
            return {**event, "type": "order_placed", "order_id": event_id, "lines": lines}
        told = {"message_id": event_id, "channel": "email", "purpose": "marketing", "skus": [sku]}
        return {**event, "type": "sent", **told}


def main(rate: int = 1000, persons: int = 1_000_000, minutes: float = 10, every: float = 5) -> None:
    """Feed a run for ever and time its records."""
    os.environ["TACTFUL_BENCH_SECRET"] = "bench"
    with tempfile.TemporaryDirectory() as place, Peak() as peak:
        folder = Path(place)
        config = load(write_conf(CONFIG, folder))
        feeder = Feeder(folder, rate=rate, persons=persons)
        feeder.start()
        try:
            pipeline.run(
                config, continuous=timedelta(seconds=every), stop_after=timedelta(minutes=minutes)
            )
        finally:
            feeder.over.set()
            feeder.join()
        told = _told(folder / "lake" / "outbox" / "partner")
    waits = sorted(at - feeder.first_bought[buyer] for buyer, at in told.items())
    # The first minute finds a cold JVM.
    warm = min(feeder.first_bought.values()) + 60
    steady = sorted(
        at - feeder.first_bought[buyer]
        for buyer, at in told.items()
        if feeder.first_bought[buyer] > warm
    )
    print("## From a purchase to its suppression record")
    print()
    print(
        f"{rate:,} events/s for {minutes:g} minutes, {persons:,} persons, a trigger every "
        f"{every:g} s: {feeder.landed:,} events, {len(waits):,} of {len(feeder.first_bought):,} "
        "buyers told of when it ended."
    )
    print()
    print("| | p50 | p95 | p99 |")
    print("|---|---|---|---|")
    print(f"| all, seconds | {_percentiles(waits)} |")
    print(f"| after the first minute | {_percentiles(steady)} |")
    print()
    print(f"Memory of the whole process tree at its peak: {peak.gib:.1f} GiB.")


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
