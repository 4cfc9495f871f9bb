"""Asked: how a run for ever hears that it should end."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

# Within so many seconds one signal that comes by two ways is one.
AT_ONCE = 0.5


@contextmanager
def asked_to_stop(on_progress: Callable[[str], None]) -> Iterator[threading.Event]:
    """Yield what is set once somebody asks the run to stop, so that it may finish its round.

    Spark's own answer to Ctrl-C is to cancel every job, each of which tells of it over pages. Asked
    a second time it breaks the round off, for the next run to finish; who asks a whole group of
    processes at once asks each of them, and means it once.
    """
    asked, since = threading.Event(), float("-inf")
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return

    def stop(number: int, frame: Any) -> None:
        nonlocal since
        if asked.is_set():
            if time.monotonic() - since < AT_ONCE:
                return
            if callable(before[number]):
                before[number](number, frame)
            raise KeyboardInterrupt
        since = time.monotonic()
        asked.set()
        on_progress("stopping after this round")

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler or signal.SIG_DFL)
