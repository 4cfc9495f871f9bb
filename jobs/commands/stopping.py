"""Stopping: what a command does when somebody asks it to end, with Ctrl-C or SIGTERM."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tactful.jobs import ending

ASKED_BY = (signal.SIGINT, signal.SIGTERM)


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
        ending.end(sentence, code=128 + number)

    before = {number: signal.signal(number, stop) for number in ASKED_BY}
    try:
        with ending.told_at(ending.Ends(screen, answer if as_json else None)):
            yield
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        os.close(screen)
        os.close(answer)
