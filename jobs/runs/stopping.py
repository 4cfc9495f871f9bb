"""Stopping: a run that goes on for ever is asked to end, and finishes its round first."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def asked_to_stop(on_progress: Callable[[str], None]) -> Iterator[threading.Event]:
    """Yield what is set once somebody asks the run to stop, so that it may finish its round.

    Spark's own answer to Ctrl-C is to cancel every job, each of which tells of it over pages. Asked
    a second time it breaks the round off, for the next run to finish.
    """
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return

    def stop(number: int, frame: Any) -> None:
        if asked.is_set():
            if callable(before[number]):
                before[number](number, frame)
            raise KeyboardInterrupt
        asked.set()
        on_progress("stopping after this round")

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler or signal.SIG_DFL)
