"""Watching: what a long command is at, how far and how long, on the last line of a terminal."""

from __future__ import annotations

import os
import threading
import time
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from tactful.jobs.progress import Step


class _Steady(Console):
    """A console that never hides the cursor: whoever stops a command wants it back."""

    def show_cursor(self, show: bool = True) -> bool:
        return False


class Watching:
    """The line on what is being done; what is done stays above it, with the time that it took.

    It has a hand of its own on the terminal, since what Spark prints while it starts goes to a
    file, by whatever number.
    """

    def __init__(self, terminal: int) -> None:
        file = os.fdopen(os.dup(terminal), "w", encoding="utf-8", errors="replace")
        self._console = _Steady(file=file, force_terminal=True, highlight=False, soft_wrap=True)
        self._bar: Progress | None = None
        self._task: Any = None
        self._name, self._began = "", 0.0
        self._lock = threading.Lock()

    def show(self, step: Step) -> None:
        """Show a step; where it is another one, the one before is over."""
        with self._lock:
            if self._bar is None or step.name != self._name:
                self._finish()
                self._begin(step.name)
            assert self._bar is not None
            self._bar.update(self._task, completed=step.done or 0, total=step.total, far=step.far)

    def say(self, line: str) -> None:
        """One line that stays, above what is being done."""
        self._console.print(escape(line), style="dim")

    def end(self) -> None:
        """Take the line away."""
        with self._lock:
            self._finish()

    def _begin(self, name: str) -> None:
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[far]}"),
            TimeElapsedColumn(),
        )
        self._bar = Progress(*columns, console=self._console, transient=True)
        self._task = self._bar.add_task(escape(name), total=None, far="")
        self._name, self._began = name, time.monotonic()
        self._bar.start()

    def _finish(self) -> None:
        if self._bar is None:
            return
        far = self._bar.tasks[0].fields["far"]
        self._bar.stop()
        self._bar = None
        told = f" ({far})" if far else ""
        self.say(f"{self._name}{told}: {time.monotonic() - self._began:.1f} s")
