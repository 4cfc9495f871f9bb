"""Spills: what a process lays aside on this machine's disk, private and gone when it ends.

A process that is killed takes nothing away, so each one first clears what the dead have left.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import IO

from tactful.jobs.lake import private

LOCK = "lock"
# Held until the process ends, and let go by the system however it ends.
_held: list[IO[str]] = []


@cache
def folder() -> str:
    """This process's own folder for what does not fit into memory."""
    import fcntl

    home = Path(tempfile.gettempdir()) / f"tactful-{os.getuid()}"
    with suppress(FileExistsError):
        home.mkdir(private.FOLDER)
    if home.is_symlink() or home.lstat().st_uid != os.getuid():
        # Somebody else was here first, in a folder that is everybody's.
        return _until_the_end(tempfile.mkdtemp(prefix="tactful-"))
    private.close(home)
    with open(home / LOCK, "w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        _clear(home)
        own = tempfile.mkdtemp(prefix=f"{os.getpid()}-", dir=home)
        _held.append(open(f"{own}/{LOCK}", "w"))  # noqa: SIM115
        fcntl.flock(_held[-1], fcntl.LOCK_EX)
    return _until_the_end(own)


def settings() -> dict[str, str]:
    """What keeps Spark's own files on this machine as private as they should be.

    What it spills goes into the process's folder. All else that it writes here has the rights that
    the user's umask says, which Hadoop would not ask for.
    """
    umask = os.umask(0o077)
    os.umask(umask)
    return {"spark.local.dir": folder(), "spark.hadoop.fs.permissions.umask-mode": f"{umask:03o}"}


def _clear(home: Path) -> None:
    """Take away the folders of processes that are no more."""
    import fcntl

    for left in home.iterdir():
        if not left.is_dir():
            continue
        try:
            with open(left / LOCK, "a") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(left, ignore_errors=True)
        except BlockingIOError:
            continue


def _until_the_end(own: str) -> str:
    """Have a folder removed when this process ends; a forked child leaves it alone."""
    owner = os.getpid()

    def leave() -> None:
        if os.getpid() == owner:
            shutil.rmtree(own, ignore_errors=True)

    atexit.register(leave)
    return own
