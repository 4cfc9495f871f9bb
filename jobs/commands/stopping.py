"""Stopping: what a command does when somebody asks it to end, with Ctrl-C or SIGTERM.

Whatever a run is doing, the next one finishes it or does it again (G2 in DESIGN), so there is
nothing to tidy up in the lake: the process says one line and ends. Spark's process ends first, for
a write of its that came later would meet the next run.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

ASKED_BY = (signal.SIGINT, signal.SIGTERM)
# How long Spark's process may take to be gone once it was killed.
SECONDS = 10
# Back to the begin of the line, and nothing in it.
CLEAR = "\r\x1b[2K"


@contextmanager
def stoppable(sentence: str, *, as_json: bool) -> Iterator[None]:
    """End the process in good manners as soon as it is asked to; 130 by Ctrl-C, 143 by SIGTERM.

    sentence: what is said then, for people, and with `as_json` for programs, too.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread hears of signals
        return
    # While Spark starts, what is printed goes to a file; this is where the user looks.
    screen, answer = os.dup(2), os.dup(1)

    def stop(number: int, frame: Any) -> None:
        for each in ASKED_BY:
            signal.signal(each, signal.SIG_IGN)
        _mute()
        # Where a line on what is being done stands, this one takes its place.
        _say(screen, f"{CLEAR if os.isatty(screen) else ''}{sentence}\n")
        if as_json:
            _say(answer, json.dumps({"error": sentence, "exit_code": 128 + number}) + "\n")
        _end_spark()
        os._exit(128 + number)

    before = {number: signal.signal(number, stop) for number in ASKED_BY}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        os.close(screen)
        os.close(answer)


def _mute() -> None:
    """Let nothing more be printed: every thread would tell that its work has failed."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for number in (1, 2):
        os.dup2(nowhere, number)


def _say(where: int, text: str) -> None:
    with suppress(OSError):
        os.write(where, text.encode("utf-8", "replace"))


def _end_spark() -> None:
    """End Spark's process and take away what it laid aside, if this process has started one."""
    context = getattr(sys.modules.get("pyspark"), "SparkContext", None)
    process = getattr(getattr(context, "_gateway", None), "proc", None)
    if process is not None:
        process.kill()
        with suppress(Exception):
            process.wait(SECONDS)
    spills = sys.modules.get("tactful.jobs.lake.spills")
    if spills is not None and spills.folder.cache_info().currsize:
        shutil.rmtree(spills.folder(), ignore_errors=True)
