"""Small files beside the tables: written whole or not at all, on any file system Spark knows."""

from __future__ import annotations

import contextlib
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from tactful.jobs.errors import StepFailed
from tactful.jobs.lake import private

# What the user's umask leaves of it.
ANYONE = 0o666


def is_local(location: str) -> bool:
    return "://" not in location and not location.startswith("dbfs:")


def read_text(spark: SparkSession | None, path: str) -> str | None:
    """The file's text, or None where there is no such file."""
    if is_local(path):
        try:
            return Path(path).read_text(encoding="utf-8")
        except (FileNotFoundError, NotADirectoryError):
            return None
    system, place = _hadoop(spark, path)
    if not system.exists(place):
        place = _beside(spark, path, "new")
        if not system.exists(place):
            return None
    stream = system.open(place)
    try:
        return spark._jvm.org.apache.commons.io.IOUtils.toString(stream, "UTF-8")
    finally:
        stream.close()


def read_through(spark: SparkSession, path: str) -> None:
    """Read a file of any size to its end; fails where its disk does not give all of it."""
    system, place = _hadoop(spark, path)
    stream = system.open(place)
    try:
        spark._jvm.org.apache.commons.io.IOUtils.consume(stream)
    finally:
        stream.close()


def write_text(
    spark: SparkSession, path: str, text: str, *, keep: bool = False, is_private: bool = False
) -> bool:
    """Put `text` in place in one move; with `keep`, an existing file stays as it is.

    is_private: nobody but its owner may read it, or what else lies in its folder; on a disk that is
    not this machine's, the rights there decide.
    Returns whether the file was written. Readers see the old file or the new one, never a part.
    Raises: StepFailed, where the file system says that it was not.
    """
    if is_local(path):
        return _write_local(Path(path), text, keep=keep, is_private=is_private)
    system, place = _hadoop(spark, path)
    if keep and system.exists(place):
        return False
    part = _beside(spark, path, f"{uuid.uuid4().hex}.part")
    out = system.create(part, True)
    out.write(text.encode("utf-8"))
    out.close()
    if not keep:
        _replace(system, part, _beside(spark, path, "new"), place)
    elif not system.rename(part, place):
        if not system.exists(place):
            raise _refused(part, place)
        system.delete(part, False)  # somebody else's was there first
        return False
    return True


def _replace(system: Any, part: Any, new: Any, place: Any) -> None:
    """Put a whole file in an older one's place, with one of the two there at any moment.

    Few of Hadoop's file systems rename onto a file that exists. Whoever finds none in its place
    reads the new one beside it, and whoever writes next first brings that one home.
    """
    if system.exists(new):
        if system.exists(place):
            system.delete(new, False)
        else:
            _rename(system, new, place)
    _rename(system, part, new)
    system.delete(place, False)
    _rename(system, new, place)


def _rename(system: Any, old: Any, new: Any) -> None:
    """Rename, on file systems that say by an answer alone that they did not."""
    if not system.rename(old, new):
        raise _refused(old, new)


def _refused(old: Any, new: Any) -> StepFailed:
    return StepFailed(
        f"The file system did not rename {old} to {new}; see whether this user may write there, "
        "and whether the disk is in order, then run the same command again."
    )


def _beside(spark: SparkSession, path: str, ending: str) -> Any:
    folder, _, name = path.rpartition("/")
    return spark._jvm.org.apache.hadoop.fs.Path(f"{folder}/.{name}.{ending}")


def exists(spark: SparkSession, path: str) -> bool:
    if is_local(path):
        return Path(path).exists()
    system, place = _hadoop(spark, path)
    return bool(system.exists(place))


def names(spark: SparkSession, path: str) -> list[str]:
    """The names in a folder; none where there is no such folder.

    A name that begins with a dot is what a killed process left of a file, and no file.
    """
    if is_local(path):
        folder = Path(path)
        found = os.listdir(folder) if folder.is_dir() else []
    else:
        system, place = _hadoop(spark, path)
        there = system.listStatus(place) if system.exists(place) else ()
        found = [status.getPath().getName() for status in there]
    return sorted(name for name in found if not name.startswith("."))


def remove(spark: SparkSession, path: str) -> None:
    """Take a file away, or a folder with all that is in it; that it is gone already is no error."""
    if is_local(path):
        if os.path.isdir(path):
            shutil.rmtree(path)
        else:
            Path(path).unlink(missing_ok=True)
        return
    system, place = _hadoop(spark, path)
    if not system.delete(place, True) and system.exists(place):
        raise StepFailed(
            f"The file system did not remove {path}; see whether this user may write there, then "
            "run the same command again."
        )


@contextlib.contextmanager
def locked(location: str) -> Iterator[bool]:
    """Hold the lake for one run; yields False where another process holds it.

    Only a local lake is locked so: on an object store two runs meet at Delta's own
    transaction log, where the second one's commit is refused.
    """
    if not is_local(location):
        yield True
        return
    import fcntl

    Path(location).mkdir(parents=True, exist_ok=True)
    with open(Path(location) / "_lock", "a") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True


def _write_local(path: Path, text: str, *, keep: bool, is_private: bool) -> bool:
    if is_private:
        private.make_folder(path.parent)
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
    if keep and path.exists():
        return False
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")
    write_whole(part, text.encode("utf-8"), mode=private.FILE if is_private else ANYONE)
    os.replace(part, path)
    return True


def write_whole(path: Path, content: bytes, *, mode: int) -> None:
    """Write a new file of this machine to the disk itself, with these rights from the start."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(handle)


def save_names(folder: Path) -> None:
    """Bring what was just named in a folder of this machine to the disk itself."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _hadoop(spark: SparkSession, path: str) -> tuple[Any, Any]:
    place = spark._jvm.org.apache.hadoop.fs.Path(path)
    return place.getFileSystem(spark._jsc.hadoopConfiguration()), place
