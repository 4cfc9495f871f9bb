"""The command as a shell starts it: stopped in good manners even while its modules are read."""

from __future__ import annotations

import os
import signal
from typing import Any


def main() -> None:
    """Run the command `tactful`; before it works, being asked to end it just says so."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    from tactful.jobs.cli import main as command

    command()


def _stop(number: int, frame: Any) -> None:
    os.write(2, b"Stopped.\n")
    os._exit(128 + number)
