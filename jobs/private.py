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

    Their own logs say which files these are: a table may have so many others that nobody wants to
    look at all of them for each commit.
    """
    commits: dict[int, str] = {}
    log = f"{table}/_delta_log"
    close(log)
    for entry in os.scandir(log):
        number = entry.name.lstrip(".")[:20]
        if number.isdigit() and int(number) <= after:
            continue
        close(entry.path)
        if entry.name == f"{number}.json":
            commits[int(number)] = entry.path
    for version, path in sorted(commits.items()):
        for name in _added(path):
            folder, _, file = f"{table}/{name}".rpartition("/")
            if "/" in name:
                close(folder)
            close(f"{folder}/{file}")
            close(f"{folder}/.{file}.crc")
        after = version
    return after


def _added(commit: str) -> list[str]:
    """The data files that a commit added, as paths below its table."""
    lines = Path(commit).read_text(encoding="utf-8").splitlines()
    actions: list[dict[str, Any]] = [json.loads(line) for line in lines if '"add"' in line]
    return [unquote(action["add"]["path"]) for action in actions if "add" in action]
