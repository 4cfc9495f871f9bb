"""Telling: a run sends what its batches wrote, at its end or beside its rounds."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from tactful.jobs.errors import QualityGate, SendingHeld
from tactful.jobs.sending.send import send, stopped_sentences
from tactful.jobs.settings.config import Config

Progress = Callable[[str], None]
Turns = dict[str, dict[str, Any]]
TOLD_AGAIN = "Destination {} is told all again."


def tell(
    config: Config, on_progress: Progress, stop: threading.Event | None = None
) -> tuple[Turns, dict[str, str]]:
    """Send what waits; what became of it, and a sentence on each that could not be told all.

    Another process that sends the same outbox is let do it; a closed gate is waited for.
    """
    try:
        sent = send(config, on_progress=on_progress, stop=stop)
    except (SendingHeld, QualityGate) as held:
        on_progress(str(held))
        return {}, {}
    return sent, stopped_sentences(sent)


@contextmanager
def told_beside(
    config: Config, on_progress: Progress, on_sent: Callable[[Turns], None]
) -> Iterator[Callable[[], None]]:
    """Send in a thread of its own after every round; who is down never holds a round up."""
    running: Future[Any] | None = None
    untold: dict[str, str] = {}
    stop = threading.Event()

    def work() -> None:
        nonlocal untold
        sent, found = tell(config, lambda _: None, stop)
        on_sent(sent)
        untold = say_changed(untold, found, on_progress, TOLD_AGAIN)

    with ThreadPoolExecutor(1) as thread:

        def tell_beside() -> None:
            nonlocal running
            if running is not None and running.done():
                running.result()
                running = None
            if running is None and config.is_any_sent:
                running = thread.submit(work)

        try:
            yield tell_beside
        finally:
            stop.set()
    if running is not None:
        running.result()


def say_changed(
    before: dict[str, str], failed: dict[str, str], on_progress: Progress, again: str
) -> dict[str, str]:
    """Say of each name when it begins to fail, fails in another way, or is whole again."""
    for name in sorted(before.keys() | failed.keys()):
        if before.get(name) != failed.get(name):
            on_progress(failed.get(name, again.format(name)))
    return failed
