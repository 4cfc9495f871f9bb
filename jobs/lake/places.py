"""Places: whether a path names its file system, and whether this machine's file functions reach it.

The one answer for everybody. What depends on it is a method of `Files` or `Store`.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

# Two letters at least, since C:/ is a disk.
URI = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/")
# Of a URI whose path does not begin at the root nobody knows where it begins.
NO_ROOT = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:(?!/)")
# file:///x and file:/x; what names a host is another machine's.
HOST = re.compile(r"file://(?!localhost/)[^/]")
# Where Databricks keeps its Volumes; on a Mac disks are mounted there.
VOLUMES = "/Volumes/"
DATABRICKS = "DATABRICKS_RUNTIME_VERSION"


def is_uri(path: str) -> bool:
    """Whether a path names its file system, as s3a://bucket/folder or file:/folder does."""
    return URI.match(path) is not None


def local_path(path: str) -> str | None:
    """The path as this machine's file functions take it; None where it lies elsewhere."""
    path = re.sub(r"^file:(//localhost)?/+", "/", path)
    return None if is_uri(path) else path


def scheme(path: str) -> str:
    """The kind of file system that a path names; "" for one that names none."""
    found = URI.match(path)
    return found[1].lower() if found else ""


def fault(path: str) -> tuple[str, str] | None:
    """What of a path cannot be understood, and what it could be instead; None where it can."""
    if NO_ROOT.match(path):
        kind, _, rest = path.partition(":")
        return f"which names the file system {kind} and no place in it", f"{kind}:/{rest}"
    if HOST.match(path):
        return "which is a disk of another machine", re.sub(r"^file://[^/]*", "file:", path)
    return None


def absolute(path: str, *, base: Path) -> str:
    """A path as an absolute one, from `base` on; one that names its file system as it is.

    A Volume of Databricks is one of its file system, wherever the path is read.
    """
    if is_uri(path):
        return path
    if path.startswith(VOLUMES) and (DATABRICKS in os.environ or not os.path.isdir(VOLUMES)):
        return f"dbfs:{path}"
    return str(base / os.path.expanduser(path))


def names_nobody(path: str) -> bool:
    """Whether a path begins with the home of a user whom this machine does not know."""
    return path.startswith("~") and os.path.expanduser(path) == path
