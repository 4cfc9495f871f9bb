"""Publishing beside a run for ever: tables are brought up to date while batches go on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from pyspark import inheritable_thread_target

from tactful.jobs.lake.lake import Lake
from tactful.jobs.progress import Step
from tactful.jobs.publish import publish
from tactful.jobs.settings.config import Config


@contextmanager
def published_beside(
    lake: Lake, config: Config, on_progress: Callable[[str], None]
) -> Iterator[Callable[[datetime], None]]:
    """Publish in a thread of its own whenever it is time again; an error comes out where asked."""
    every = config.lake.publish_every.total_seconds()
    running: Future[Any] | None = None
    last = time.monotonic()

    def work(now: datetime) -> None:
        publish(lake, config, as_of=now)
        on_progress(Step(f"published as of {now:%H:%M:%S}"))

    with ThreadPoolExecutor(1) as thread:

        def publish_if_due(now: datetime) -> None:
            nonlocal running, last
            if running is not None and running.done():
                running.result()
                running = None
            if running is None and time.monotonic() - last >= every:
                running = thread.submit(inheritable_thread_target(lake.spark)(work), now)
                last = time.monotonic()

        yield publish_if_due
    if running is not None:
        running.result()
