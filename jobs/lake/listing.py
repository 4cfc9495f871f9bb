"""Listing: what lies below a landing folder, for the run that reads it and for `status`.

Here, and nowhere else, stands what counts as a landed file. Everything below the folder does, in
whatever sub-folders, except names that begin with `.` or `_` (a folder's with all that is in it)
and what `hdfs dfs -put` has not finished. A link is followed; what two names lead to is one file,
under the name that is no link. An empty file is one that somebody has only begun to write. What
leads into a lake is never read: what it holds was read before, and would come again in every run.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

HIDDEN = (".", "_")
HALF_COPIED = "._COPYING_"
EMPTY = "it is empty"
NOWHERE = "its link leads nowhere"
NO_TEXT = "its name is no UTF-8"
NO_ACCESS = "permission denied"
NO_FILE = "it is neither a file nor a folder"
OF_A_LAKE = "it leads among a lake's own files"
STATE = "_lake.json"
EPOCH = datetime.fromtimestamp(0, UTC)
# How Hadoop's file systems print what they list.
STATUS = re.compile(
    r"FileStatus\{path=(.*?); isDirectory=false; length=(\d+);.*?; modification_time=(\d+);", re.S
)


class File(NamedTuple):
    """A file as it lies there: local paths without a scheme, others as their file system says."""

    path: str
    modified_at: datetime
    size_bytes: int


class Listing(NamedTuple):
    """What may be read below a folder, what is still empty, and what can never be read, and why."""

    files: list[File]
    empty: list[str]
    unreadable: dict[str, str]


def _is_hidden(name: str) -> bool:
    return name.startswith(HIDDEN) or name.endswith(HALF_COPIED)


def walked(root: str) -> Listing:
    """What lies below a folder of this machine, each folder visited once."""
    listing = Listing([], [], {})
    met: set[tuple[int, int]] = set()
    # Links wait until all else is listed, so that what they lead to is met under its own name.
    folders, links = [root], []
    os.stat(root)
    while folders or links:
        path = folders.pop() if folders else links.pop(0)
        try:
            status = os.stat(path)
        except OSError:
            if os.path.lexists(path):
                listing.unreadable[path] = NOWHERE
            continue
        place = (status.st_dev, status.st_ino)
        if status.st_ino and place in met:
            continue
        met.add(place)
        if os.path.islink(path) and _is_of_a_lake(path):
            listing.unreadable[path] = OF_A_LAKE
        elif stat.S_ISDIR(status.st_mode):
            _enter(path, root, listing, met, folders, links)
        else:
            _take(path, status, listing)
    listing.files.sort()
    listing.empty.sort()
    return listing


def _enter(
    path: str,
    root: str,
    listing: Listing,
    met: set[tuple[int, int]],
    folders: list[str],
    links: list[str],
) -> None:
    """List one folder; what lies deeper, and what is a link, is left for later."""
    try:
        entries = sorted(os.scandir(path), key=lambda entry: entry.name)
    except OSError as error:
        if path == root:
            raise
        if not isinstance(error, FileNotFoundError):
            listing.unreadable[path] = (error.strerror or str(error)).lower()
        return
    if path != root and any(entry.name == STATE for entry in entries):
        listing.unreadable[path] = OF_A_LAKE
        return
    for entry in entries:
        if _is_hidden(entry.name):
            continue
        if entry.is_symlink():
            links.append(entry.path)
        elif entry.is_dir(follow_symlinks=False):
            folders.append(entry.path)
        else:
            try:
                status = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            met.add((status.st_dev, status.st_ino))
            _take(entry.path, status, listing)


def _is_of_a_lake(path: str) -> bool:
    """Whether a path, wherever its links lead, lies in a lake's folder."""
    place = os.path.realpath(path)
    while not os.path.exists(os.path.join(place, STATE)):
        above = os.path.dirname(place)
        if above == place:
            return False
        place = above
    return True


def _take(path: str, status: os.stat_result, listing: Listing) -> None:
    """File what lies at a path: to be read, empty, or no use with the reason."""
    try:
        path.encode()
    except UnicodeEncodeError:
        listing.unreadable[os.fsencode(path).decode("utf-8", "replace")] = NO_TEXT
        return
    if not stat.S_ISREG(status.st_mode):
        listing.unreadable[path] = NO_FILE
    elif not status.st_size:
        listing.empty.append(path)
    else:
        modified_at = EPOCH + timedelta(microseconds=status.st_mtime_ns // 1000)
        listing.files.append(File(path, modified_at, status.st_size))


def by_hadoop(spark: SparkSession, folder: str) -> Iterator[File]:
    """The same elsewhere."""
    above = _qualified(spark, folder)[1].toString().rstrip("/") + "/"
    for file in everything(spark, folder):
        if not any(map(_is_hidden, file.path.removeprefix(above).split("/"))):
            yield file


def everything(spark: SparkSession, folder: str) -> Iterator[File]:
    """Every file below a folder elsewhere; an object store lists thousands of files a call."""
    jvm: Any = spark._jvm
    system, place = _qualified(spark, folder)
    # All of them as one text: asked one after another, each would cost several calls into Java.
    found = jvm.org.apache.hadoop.util.functional.RemoteIterators.toList(
        system.listFiles(place, True)
    )
    for path, length, modified in STATUS.findall(found.toString()):
        yield File(path, EPOCH + timedelta(milliseconds=int(modified)), int(length))


def _qualified(spark: SparkSession, folder: str) -> tuple[Any, Any]:
    """The file system of a folder, and its whole path there."""
    jvm: Any = spark._jvm
    place = jvm.org.apache.hadoop.fs.Path(folder)
    system = place.getFileSystem(spark._jsc.hadoopConfiguration())
    return system, system.makeQualified(place)
