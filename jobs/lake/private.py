"""Private: folders and files on this machine's disk that only their owner may read (G8).

A folder is closed before anything lies in it, so it does not matter with which rights Spark or
delta-rs make a file inside; the file's own rights follow, for whoever copies it elsewhere.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from tactful.jobs.errors import LakeError

FOLDER = 0o700
FILE = 0o600


def make_folder(path: str | Path) -> None:
    """Make a folder that only its owner may enter, whatever the umask; close one that is there."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        os.mkdir(path, FOLDER)
    close(path)


def close(path: str | Path) -> None:
    """Take away what others may do with a file or a folder; that it is gone is no error.

    Raises: LakeError, where that is not ours to do.
    """
    try:
        mode = os.lstat(path).st_mode
        wanted = FOLDER if stat.S_ISDIR(mode) else FILE
        if not stat.S_ISLNK(mode) and stat.S_IMODE(mode) != wanted:
            os.chmod(path, wanted)
    except FileNotFoundError:
        return
    except PermissionError as error:
        raise LakeError(
            f"{path} cannot be kept from others' eyes; run as the user to whom the lake belongs, "
            "on a disk where a file has rights of its own."
        ) from error


def close_tree(path: str | Path) -> None:
    """Close a folder and all that lies below it."""
    close(path)
    for place, folders, found in os.walk(path):
        for name in (*folders, *found):
            close(os.path.join(place, name))


def close_commits(table: str, *, after: int) -> int:
    """Close what a table's commits behind a version brought; returns the newest it closed.

    Their own logs say which files these are, and the next commit's name is known: a table may have
    so many files, and so long a log, that nobody wants to look at all of them for each commit.
    """
    log, version = f"{table}/_delta_log", after + 1
    while os.path.exists(commit := f"{log}/{version:020d}.json"):
        for name in (f"{version:020d}.{kind}" for kind in ("json", "crc", "checkpoint.parquet")):
            _close_both(log, name)
        for name in _added(commit):
            folder, _, file = f"{table}/{name}".rpartition("/")
            close(folder)
            _close_both(folder, file)
        version += 1
    _close_both(log, "_last_checkpoint")
    return version - 1


def _close_both(folder: str, name: str) -> None:
    """Close a file, and what Hadoop keeps beside it to know whether it is whole."""
    close(f"{folder}/{name}")
    close(f"{folder}/.{name}.crc")


def _added(commit: str) -> list[str]:
    """The data files that a commit added, as paths below its table."""
    lines = Path(commit).read_text(encoding="utf-8").splitlines()
    actions: list[dict[str, Any]] = [json.loads(line) for line in lines if '"add"' in line]
    return [unquote(action["add"]["path"]) for action in actions if "add" in action]
