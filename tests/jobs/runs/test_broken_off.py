"""A run that somebody stops, wherever it is: one line, the exit code, and the next run goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tactful.jobs.cli import REPLAY_STOPPED, RUN_STOPPED
from tests.conftest import SECRET
from tests.faults.partner import assert_every_record_is_in_one_file, shop_with_a_partner
from tests.product import Shop

SEED = 31
# The line of progress behind which it is stopped, how many seconds later, and with what.
PLACES = [
    pytest.param("fused", 1.5, signal.SIGTERM, id="fused"),
    *(
        pytest.param(*place, id=f"{place[0] or 'start'} {place[1]}", marks=pytest.mark.faults)
        for place in (
            (None, 0.7, signal.SIGINT),  # before Spark is up
            (None, 2, signal.SIGTERM),
            (None, 4, signal.SIGINT),  # while it starts
            (None, 7, signal.SIGTERM),
            ("land", 0.5, signal.SIGINT),
            ("land", 3, signal.SIGTERM),
            ("accept", 0.5, signal.SIGINT),
            ("accept", 4, signal.SIGTERM),
            ("fused", 0.2, signal.SIGINT),
            ("fused", 5, signal.SIGINT),
            ("publish", 0.3, signal.SIGINT),
            ("publish", 3, signal.SIGTERM),
        )
    ),
]


def stopped(shop: Shop, command: list[str], line: str | None, later: float, number: int) -> str:
    """Run a command as a user does, stop it, and return what it said last."""
    moment = ["--conf", str(shop.conf), "--as-of", shop.world.as_of.isoformat()]
    running = subprocess.Popen(
        [sys.executable, "-m", "tactful.jobs.cli", *command, *moment, "--debug"],
        env={**os.environ, "TACTFUL_SECRET": SECRET},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    told = [] if line is None else read_until(running, line)
    time.sleep(later)
    if number == signal.SIGINT:
        os.killpg(running.pid, number)  # the terminal tells every process
    else:
        running.send_signal(number)
    out, err = running.communicate(timeout=60)
    said = [*told, *err.splitlines()]
    assert (running.returncode, out) == (128 + number, ""), said
    assert not any("Traceback" in each or "\tat " in each for each in said), said
    assert_all_end(running.pid)
    return said[-1] if said else ""


def read_until(running: subprocess.Popen, line: str) -> list[str]:
    told: list[str] = []
    while line not in told:
        said = running.stderr.readline()
        assert said, told
        told.append(said.strip())
    return told


def assert_all_end(group: int) -> None:
    """A JVM that was only starting notices on its own that nobody waits for it."""
    for _ in range(60):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return
        time.sleep(0.5)
    raise AssertionError("a process stays")


@pytest.mark.faults
@pytest.mark.parametrize(("line", "later", "number"), PLACES)
def test_the_next_run_goes_on(spark, tmp_path: Path, line, later, number) -> None:
    shop = shop_with_a_partner(SEED, tmp_path)
    shop.land_all(1)
    assert stopped(shop, ["run"], line, later, number) == RUN_STOPPED
    shop.run()
    shop.assert_converged()
    assert_every_record_is_in_one_file(shop.lake)


@pytest.mark.faults
@pytest.mark.parametrize("line", ["forgetting what fused concluded", "accept", "fused"])
def test_the_same_replay_goes_on(spark, tmp_path: Path, line) -> None:
    from tactful.jobs.runs.replay import replay

    shop = shop_with_a_partner(SEED, tmp_path)
    shop.land_all(1)
    shop.run()
    command = ["replay", "--from", "received"]
    assert stopped(shop, command, line, 0.5, signal.SIGINT) == REPLAY_STOPPED
    replay(shop.config(), from_table="received", as_of=shop.world.as_of)
    shop.assert_converged()
