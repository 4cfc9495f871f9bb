"""Sending killed at any call, or between any two of its writes, and started again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tactful.jobs.demo.doubles import DOUBLES, served
from tactful.jobs.demo.doubles.server import BEFORE
from tactful.jobs.sending.send import send
from tests.jobs.sending.test_matrix import holds
from tests.outboxes import KINDS, OutboxLake, rows_of

PEOPLE = [f"person{n}@example.com" for n in range(5)]
CHILD = """
import sys
from tactful.jobs.sending import sender, told
from tactful.jobs.sending.send import send
from tactful.jobs.settings.config import load
import os
# Killed behind so many writes of what is remembered, where the parent asks for that.
left = int(sys.argv[2])
def counted(work):
    def write(*args, **more):
        global left
        done = work(*args, **more)
        left -= 1
        if left == 0:
            os.kill(os.getpid(), 9)
        return done
    return write
sender.Journal.write = counted(sender.Journal.write)
told.Journal.forget = counted(told.Journal.forget)
told.Tables._append = counted(told.Tables._append)
print(send(load(sys.argv[1]), patience=0.001))
"""


def killed(lake: OutboxLake, writes: int, double) -> int:
    """One sender in a process of its own."""
    lake.config()
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, f"{lake.folder}.toml", str(writes)],
        env={**os.environ, **lake.environ}, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    double.child = child.pid
    _, said = child.communicate(timeout=60)
    assert child.returncode in (0, -signal.SIGKILL), said.decode()[-2000:]
    return child.returncode


def kill_at(double, number: int, *, is_applied: bool) -> None:
    """Kill the sender at a call, before or after the destination did what it asks."""

    def before_answer(at: int, applied: bool) -> None:
        if at == number and applied == is_applied and double.child:
            os.kill(double.child, signal.SIGKILL)
            double.child = 0
            time.sleep(0.05)

    double.before_answer = before_answer


def lake_of(folder: Path, which: str, url: str) -> OutboxLake:
    """One in which all people come in a batch, and three go in the next."""
    lake = OutboxLake(folder)
    lake.add("d", which, url)
    lake.batch(0, "d", comes=PEOPLE)
    lake.batch(1, "d", comes=[], goes=PEOPLE[:3])
    lake.close()
    return lake


# How the vendor misbehaves while the sender is killed, call by call.
MOODS = ("500 applied", "", "429", "half", "", "drop applied", "html", "")


@pytest.mark.parametrize(
    ("which", "number", "is_applied"),
    [
        ("klaviyo list", 3, True),
        ("google", 4, True),
        *(
            pytest.param(which, number, is_applied, marks=pytest.mark.faults)
            for which in KINDS
            for number in range(9)
            for is_applied in (True, False)
        ),
    ],
)
def test_who_misbehaves_and_a_sender_that_is_killed(tmp_path, which, number, is_applied):
    double = DOUBLES[KINDS[which][0]]()
    double.moods.extend(MOODS)
    kill_at(double, number, is_applied=is_applied)
    with served(double) as url:
        lake = lake_of(tmp_path / "lake", which, url)
        was_killed = killed(lake, 0, double) == -signal.SIGKILL
        double.child = 0
        turns = [send(lake.config(), environ=lake.environ, patience=0.001)["d"]]
        while turns[-1]["waiting"] and len(turns) < 9:
            turns.append(send(lake.config(), environ=lake.environ, patience=0.001)["d"])
    # Of a call that the double did not do, there is no moment behind it.
    assert was_killed == (not is_applied or (*MOODS, "")[number] not in BEFORE)
    assert turns[-1]["waiting"] == 0 and not double.faults
    assert holds(which, double) == set(PEOPLE[3:])
    states = rows_of(lake.folder, "delivery_states")
    assert sorted((row["name"], row["state"]) for row in states) == [
        (file["name"], "accepted") for file in sorted(lake.deliveries, key=lambda f: f["name"])
    ]
    if which == "webhook":
        assert set(double.held.values()) == {0, 1}, "a call counted twice"


@pytest.mark.parametrize(
    ("which", "at", "writes"),
    [
        ("sendgrid group", (1, True), 0),
        ("webhook", (2, True), 0),
        ("webhook", None, 9),
        *(
            pytest.param("sendgrid group", (n, is_applied), 0, marks=pytest.mark.faults)
            for n in range(8)
            for is_applied in (True, False)
        ),
        *(pytest.param("sendgrid group", None, n, marks=pytest.mark.faults) for n in range(1, 22)),
        *(pytest.param("webhook", (n, True), 0, marks=pytest.mark.faults) for n in range(5)),
    ],
)
def test_a_killed_sender_goes_on_where_it_was(tmp_path, which, at, writes):
    double = DOUBLES[KINDS[which][0]]()
    if which == "sendgrid group":
        double.held[PEOPLE[0]] = "group"
    if at:
        kill_at(double, at[0], is_applied=at[1])
    with served(double) as url:
        lake = lake_of(tmp_path / "lake", which, url)
        assert killed(lake, writes, double) == -signal.SIGKILL, "it was to be killed"
        double.child = 0
        for accepted in (len(lake.deliveries), 0):
            turn = send(lake.config(), environ=lake.environ, patience=0.001)["d"]
            assert turn["stopped"] is None and turn["accepted"] <= accepted
    states = rows_of(lake.folder, "delivery_states")
    assert sorted((row["name"], row["state"]) for row in states) == [
        (file["name"], "accepted") for file in sorted(lake.deliveries, key=lambda f: f["name"])
    ]
    assert not double.faults
    if which == "webhook":
        assert list(double.held.values()) == [0, 0, 0, 1, 1], "a call counted twice"
    else:
        # Who had opted out there before stays so, also where we were killed while we looked.
        assert set(double.held) == {PEOPLE[0], *PEOPLE[3:]}
        rows = rows_of(lake.folder, "delivery_rows")
        assert sorted(row["state"] for row in rows) == ["closed_before", "kept_closed"]
    left = [path.name for path in (lake.folder / "sending").rglob("*") if path.is_file()]
    assert left == ["_lock"]
