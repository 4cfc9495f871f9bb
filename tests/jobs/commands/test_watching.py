"""Progress: on a terminal what is done, how far and how long; elsewhere nothing of it."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time

import pytest

from tactful.jobs.progress import Step

# A command that publishes two tables, says something that matters, and then works on for ever.
PROGRAM = """
import sys, time, types
from tactful.jobs import cli
from tactful.jobs.progress import Step

def work(*_, **given):
    say = given["on_progress"]
    say(Step("start Spark"))
    for done in (1, 2):
        say(Step(f"published t{done}", name="publish", done=done, total=2, unit="tables"))
        time.sleep(0.3)
    say("Source [web] could not read \\x1b[31mx.")
    if "--as-of" in sys.argv:
        say(Step("send"))
        time.sleep(600)
    return types.SimpleNamespace(
        as_dict=lambda: {"rows": 3, "would_tell": None}, failed_sources={}, untold={},
        quality=None, held=None,
    )

fake = types.ModuleType("pipeline")
fake.run = work
sys.modules["tactful.jobs.runs.pipeline"] = fake
sys.modules["tactful.jobs.runs"].pipeline = fake
cli.main()
"""
COMMAND = [sys.executable, "-c", PROGRAM, "run"]


def on_a_terminal(*more: str, stop: int = 0) -> tuple[int, str, str]:
    """Exit code, answer, and what a terminal was told."""
    ours, theirs = pty.openpty()
    environ = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "100"}
    running = subprocess.Popen(
        [*COMMAND, *more], env=environ, stdout=subprocess.PIPE, stderr=theirs, text=True
    )
    os.close(theirs)
    told, began = b"", time.monotonic()
    while time.monotonic() - began < 60:
        try:
            part = os.read(ours, 4096)
        except OSError:  # everybody has closed it
            break
        told += part
        if stop and b"send" in told:
            running.send_signal(stop)
            stop = 0
        if not part:
            break
    out, _ = running.communicate(timeout=60)
    os.close(ours)
    return running.returncode, out, told.decode()


def test_a_terminal_shows_what_how_far_and_how_long():
    code, out, told = on_a_terminal()
    assert (code, out.split()) == (0, ["rows", "3"])
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", told)
    assert "1 of 2 tables" in plain and "0:00:00" in plain
    assert re.search(r"publish \(2 of 2 tables\): \d\.\d s", plain)
    assert "Source [web] could not read" in plain
    # Nothing hides the cursor, and the line is taken away in the end.
    assert "\x1b[?25l" not in told
    assert told.rstrip("\r\n").rsplit("\x1b[2K", 1)[-1].strip().endswith("s\x1b[0m")


def test_a_program_that_reads_the_answer_is_shown_no_progress():
    code, out, told = on_a_terminal("--json")
    assert code == 0 and json.loads(out)["rows"] == 3
    assert "could not read" in told and "tables" not in told and "start Spark" not in told


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_it_leaves_one_line_in_its_place(number):
    code, _, told = on_a_terminal("--as-of", "2026-01-01T00:00Z", stop=number)
    assert code == 128 + number
    assert told.endswith("\r\x1b[2KStopped; the next run takes up where this one left off.\r\n")


def test_elsewhere_it_is_quiet():
    done = subprocess.run(COMMAND, capture_output=True, text=True, check=True)
    assert "could not read" in done.stderr and len(done.stderr.splitlines()) == 1
    done = subprocess.run([*COMMAND, "--json"], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["rows"] == 3
    done = subprocess.run([*COMMAND, "--debug"], capture_output=True, text=True, check=True)
    assert done.stderr.splitlines()[:3] == ["start Spark", "published t1", "published t2"]


def test_a_step_says_how_far_it_is():
    assert Step("land").far == "" and Step("land").name == "land"
    step = Step("published x", name="publish", done=1200, total=1300, unit="rows")
    assert (step, step.name, step.far) == ("published x", "publish", "1,200 of 1,300 rows")
    assert Step("x", done=3, unit="rows").far == "3 rows"
