"""Places: whether a path names its file system, and whether this machine's file functions reach it.

The one answer for everybody. What depends on it is a method of `Files` or `Store`.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

# Two letters at least, since C:/ is a disk.
URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")


def is_uri(path: str) -> bool:
    """Whether a path names its file system, as s3a://bucket/folder or file:/folder does."""
    return URI.match(path) is not None


def local_path(path: str) -> str | None:
    """The path as this machine's file functions take it; None where it lies elsewhere."""
    path = re.sub(r"^file:/+", "/", path)
    return None if is_uri(path) else path


def absolute(path: str, *, base: Path) -> str:
    """A path as an absolute one, from `base` on; one that names its file system as it is."""
    return path if is_uri(path) else str(base / os.path.expanduser(path))


def names_nobody(path: str) -> bool:
    """Whether a path begins with the home of a user whom this machine does not know."""
    return path.startswith("~") and os.path.expanduser(path) == path
