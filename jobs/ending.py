"""Ending: how this process leaves at once, with one line and without a write that comes later.

Whatever a run is doing, the next one finishes it or does it again (G2 in DESIGN), so there is
nothing to tidy up in the lake. Spark's process ends first, for a write of its that came later would
meet the next run.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple, NoReturn

# How long Spark's process may take to be gone once it was killed.
SECONDS = 10
# Back to the begin of the line, and nothing in it.
CLEAR = "\r\x1b[2K"


class Ends(NamedTuple):
    """Where the last line goes, for people, and where it does for programs, if anywhere."""

    screen: int
    answer: int | None


_ends = [Ends(2, None)]


@contextmanager
def told_at(ends: Ends) -> Iterator[None]:
    """Let the last line of this process go there, whatever is turned elsewhere meanwhile."""
    _ends.append(ends)
    try:
        yield
    finally:
        _ends.remove(ends)


def end(sentence: str, *, code: int) -> NoReturn:
    """Say one line, end Spark's process and then this one."""
    screen, answer = _ends[-1]
    screen = os.dup(screen)
    _mute()
    # Where a line on what is being done stands, this one takes its place.
    _say(screen, f"{CLEAR if os.isatty(screen) else ''}{sentence}\n")
    if answer is not None:
        _say(answer, json.dumps({"error": sentence, "exit_code": code}) + "\n")
    _end_spark()
    os._exit(code)


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
