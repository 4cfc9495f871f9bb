"""Relay: what a scheduler asks spark-submit's process, this one hears as if it had been asked.

There the JVM is the process that was started, and Python its child. Asked to end it would take
Spark away at once, from under whatever a run is doing.
"""

from __future__ import annotations

import os
import signal
from typing import Any

from pyspark.java_gateway import ensure_callback_server_started

# Kept, since Java asks for them by name when the signal comes.
_heard: list[Any] = []


class _Hears:
    """What Java tells of a signal."""

    def __init__(self, number: signal.Signals) -> None:
        self.number = number

    def handle(self, _: Any) -> None:
        """Pass it on; Python answers it between two of its own steps."""
        os.kill(os.getpid(), self.number)

    class Java:
        implements = ("sun.misc.SignalHandler",)


def relay(gateway: Any) -> None:
    """Let the JVM pass SIGTERM and SIGINT on to this process, whose child it is not."""
    if _heard:
        return
    ensure_callback_server_started(gateway)
    for number in (signal.SIGTERM, signal.SIGINT):
        _heard.append(_Hears(number))
        name = number.name.removeprefix("SIG")
        gateway.jvm.sun.misc.Signal.handle(gateway.jvm.sun.misc.Signal(name), _heard[-1])
