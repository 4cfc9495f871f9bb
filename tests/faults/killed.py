"""A process that ends itself with `kill -9` at a chosen step, as a run by nobody in particular."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

from tests.conftest import SECRET
from tests.product import Shop

PROGRAM = """
import os, signal, sys
from datetime import datetime
from tactful.jobs.settings.config import load
from tactful.jobs.runs.pipeline import run
from tactful.jobs.runs.replay import replay

def hook(query, k, what):
    if {condition}:
        os.killpg(os.getpgid(0), signal.SIGKILL)

config, now = load(sys.argv[1]), datetime.fromisoformat(sys.argv[2])
{call}
"""


def kill_for_real(shop: Shop, *, call: str, condition: str) -> None:
    """Run a call with its hook in a process of its own; all of it dies where the condition holds.

    call: Python that uses config, now and hook. condition: Python over the hook's query, k, what.
    """
    dead = subprocess.run(
        [
            sys.executable, "-c", PROGRAM.format(call=call, condition=condition),
            str(shop.conf), shop.world.as_of.isoformat(),
        ],
        env={**os.environ, "TACTFUL_SECRET": SECRET},
        start_new_session=True,
        capture_output=True,
        timeout=600,
    )  # fmt: skip
    assert dead.returncode == -signal.SIGKILL, dead.stderr.decode()[-2000:]
