"""G2: fifty seeded `kill -9` of the whole process group at any moment of a run.

The world is larger, and each run finds new rows in it. A batch that a kill left half done is first
brought home by the next run, whose time from the start of its process until that batch is committed
is the time to recover.
"""

from __future__ import annotations

import json
import os
import random
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests import worlds
from tests.conftest import SECRET
from tests.faults.partner import (
    PARTNER,
    assert_every_record_is_in_one_file,
    assert_partner_knows_the_buyers,
)
from tests.product import Shop

SEED = 2017
KILLS = int(os.environ.get("TACTFUL_KILLS", "50"))
LONGEST = 600.0  # seconds; a run that takes longer hangs
WORLDS = (11, 12, 13, 15)


def larger_world() -> worlds.World:
    """Several worlds of the same customers in one, none of whose ids is another one's."""
    made = [worlds.make(seed) for seed in WORLDS]
    rows: dict[str, list[Any]] = {name: [] for name in made[0].events}
    for n, world in enumerate(made):
        for source, told in world.events.items():
            rows[source] += [_renamed(row, f"w{n}") for row in told]
    config = {**made[0].config, "destinations": [PARTNER]}
    return replace(made[0], events=rows, config=config)


def _renamed(row: Any, prefix: str) -> Any:
    if not isinstance(row, dict):
        return row
    ids = [
        name for name in ("event_id", "order_id", "message_id") if isinstance(row.get(name), str)
    ]
    return {**row, **{name: f"{prefix}{row[name]}" for name in ids if row[name].strip()}}


class Run:
    """One `tactful run` in a process group of its own."""

    def __init__(self, shop: Shop) -> None:
        as_of = shop.world.as_of.isoformat()
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "tactful.jobs.cli",
                "run",
                "--conf",
                shop.conf,
                "--as-of",
                as_of,
            ],
            env={**os.environ, "TACTFUL_SECRET": SECRET},
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.started

    def until(self, done: Callable[[], bool]) -> float:
        """Wait until something is so, or the run has ended; how long that took."""
        while not done() and self.process.poll() is None:
            assert self.seconds < LONGEST, "the run hangs"
            time.sleep(0.05)
        return self.seconds

    def kill(self) -> bool:
        """Whether the run was still going on."""
        alive = self.process.poll() is None
        if alive:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        return alive

    def end(self) -> None:
        _, said = self.process.communicate(timeout=LONGEST)
        assert self.process.returncode == 0, said.decode()[-2000:]


def half_done(lake: Path) -> list[Path]:
    """The commits that are missing of batches that were begun."""
    commits = []
    for pins in (lake / "_checkpoints").glob("*/pins/*.json"):
        folder = pins.parents[1] / "spark" / "commits"
        commits.append(folder / str(json.loads(pins.read_text())["batch_id"]))
    return still(commits)


def still(missing: list[Path]) -> list[Path]:
    """Those of the commits that are missing still."""
    return [path for path in missing if not path.exists()]


@pytest.mark.faults
def test_fifty_kills(tmp_path: Path) -> None:
    shop, dice = Shop(larger_world(), tmp_path), random.Random(SEED)
    parts = worlds.split(shop.world, KILLS + 1, seed=SEED)
    shop.land(parts.pop())
    whole = Run(shop)
    whole.end()
    longest, recoveries, killed, left_half = whole.seconds, [], 0, 0
    while killed < KILLS:
        missing = half_done(shop.lake)
        left_half += bool(missing)
        if parts:
            shop.land(parts.pop())
        run = Run(shop)
        if missing:
            took = run.until(lambda paths=missing: not still(paths))
            assert not still(missing), run.process.stderr.read()[-2000:]
            recoveries.append(took)
        moment = run.seconds + dice.uniform(0, max(longest - run.seconds, 5.0))
        run.until(lambda run=run, moment=moment: run.seconds >= moment)
        if run.kill():
            killed += 1
        else:
            assert run.process.returncode == 0, run.process.stderr.read()[-2000:]
    for part in parts:
        shop.land(part)
    last = Run(shop)
    last.end()
    shop.assert_converged()
    assert_every_record_is_in_one_file(shop.lake)
    assert_partner_knows_the_buyers(shop)
    told = statistics.quantiles(recoveries, n=20, method="inclusive")
    print(
        f"\n{killed} kills, {left_half} in the midst of a batch; recovered in p50 "
        f"{statistics.median(recoveries):.1f} s, p95 {told[-1]:.1f} s; a whole run {longest:.1f} s"
    )
