"""Ctrl-C and SIGTERM end a command with one line and 130 or 143, Spark's process before it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest

# A command whose work is to wait, with threads that would complain, and a child for Spark's JVM.
PROGRAM = """
import subprocess, sys, threading, time, types
from tactful.jobs import cli
import pyspark
from tactful.jobs.lake import spills

child = subprocess.Popen(["sleep", "600"])
pyspark.SparkContext._gateway = types.SimpleNamespace(proc=child)

def work(*_, **given):
    given["on_progress"](f"{child.pid} {spills.folder()}")
    def complain():
        child.wait()
        while True:
            print("a page of Java", file=sys.stderr, flush=True)
    threading.Thread(target=complain).start()
    time.sleep(600)

for name in ("pipeline", "replay"):
    fake = types.ModuleType(name)
    fake.run = fake.replay = work
    sys.modules["tactful.jobs.runs." + name] = fake
    setattr(sys.modules["tactful.jobs.runs"], name, fake)
cli.main()
"""
RUN = "Stopped; the next run takes up where this one left off."
REPLAY = "Stopped; start the same replay again, run may refuse until it has ended."
CASES = {
    "run, Ctrl-C": (("run",), signal.SIGINT, 130, RUN),
    "run, SIGTERM": (("run",), signal.SIGTERM, 143, RUN),
    "replay": (("replay", "--from", "clicks"), signal.SIGINT, 130, REPLAY),
    "for programs": (("run", "--json"), signal.SIGTERM, 143, RUN),
}


def is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize(("command", "number", "code", "line"), CASES.values(), ids=CASES)
def test_one_line_and_nothing_is_left(tmp_path, command, number, code, line) -> None:
    running = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *command],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    pid, folder = running.stderr.readline().split()
    assert is_there(int(pid)) and os.path.isdir(folder)
    started = time.monotonic()
    running.send_signal(number)
    out, err = running.communicate(timeout=60)
    assert (running.returncode, err) == (code, f"{line}\n")
    assert time.monotonic() - started < 20
    told = json.loads(out) if "--json" in command else out
    assert told == ({"error": line, "exit_code": code} if "--json" in command else "")
    assert not is_there(int(pid)) and not os.path.exists(folder)


START = """
import builtins, time
own = builtins.__import__

def slowly(name, *rest):
    if name == "tactful.jobs.cli":
        print("reading", flush=True)
        time.sleep(600)
    return own(name, *rest)

builtins.__import__ = slowly
from tactful.jobs.start import main
main()
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_while_modules_are_read_it_is_one_line_too(number) -> None:
    command = [sys.executable, "-c", START]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert running.stdout.readline() == "reading\n"
    running.send_signal(number)
    assert running.communicate(timeout=60) == ("", "Stopped.\n")
    assert running.returncode == 128 + number


def test_a_command_that_came_to_its_end_leaves_signals_as_they_were(tmp_path) -> None:
    from typer.testing import CliRunner

    from tactful.jobs import cli

    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    assert CliRunner().invoke(cli.app, ["tables", "suppressions"]).exit_code == 0
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
