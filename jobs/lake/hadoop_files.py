"""Files on any file system that Hadoop opens; few of them can all that a local disk can."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterable, Iterator
from typing import Any

from pyspark.sql import SparkSession

from tactful.jobs.errors import StepFailed
from tactful.jobs.lake import listing


class HadoopFiles:
    """`Files` as Spark's own file systems have them."""

    def __init__(self, spark: SparkSession, location: str) -> None:
        self.spark = spark
        self.location = location

    def read_text(self, path: str) -> str | None:
        system, place = self._hadoop(path)
        if not system.exists(place):
            place = self._beside(path, "new")
            if not system.exists(place):
                return None
        stream = system.open(place)
        try:
            return self.spark._jvm.org.apache.commons.io.IOUtils.toString(stream, "UTF-8")
        finally:
            stream.close()

    def first_bytes(self, path: str, count: int) -> bytes:
        system, place = self._hadoop(path)
        stream = system.open(place)
        try:
            return bytes(stream.readNBytes(count))
        finally:
            stream.close()

    def read_through(self, path: str) -> None:
        system, place = self._hadoop(path)
        stream = system.open(place)
        try:
            self.spark._jvm.org.apache.commons.io.IOUtils.consume(stream)
        finally:
            stream.close()

    def write_text(
        self, path: str, text: str, *, keep: bool = False, is_private: bool = False
    ) -> bool:
        system, place = self._hadoop(path)
        if keep and system.exists(place):
            return False
        part = self._beside(path, f"{uuid.uuid4().hex}.part")
        out = system.create(part, True)
        out.write(text.encode("utf-8"))
        out.close()
        if not keep:
            _replace(system, part, self._beside(path, "new"), place)
        elif not system.rename(part, place):
            if not system.exists(place):
                raise _refused(part, place)
            system.delete(part, False)  # somebody else's was there first
            return False
        return True

    def exists(self, path: str) -> bool:
        system, place = self._hadoop(path)
        return bool(system.exists(place))

    def names(self, path: str) -> list[str]:
        system, place = self._hadoop(path)
        there = system.listStatus(place) if system.exists(place) else ()
        found = [status.getPath().getName() for status in there]
        return sorted(name for name in found if not name.startswith("."))

    def remove(self, path: str) -> None:
        system, place = self._hadoop(path)
        if not system.delete(place, True) and system.exists(place):
            raise StepFailed(
                f"The file system did not remove {path}; see whether this user may write there, "
                "then run the same command again."
            )

    def make_private(self, path: str) -> None:
        """The rights there decide; a folder comes with its first file."""

    def listed(self, path: str) -> listing.Listing:
        files = sorted(listing.by_hadoop(self.spark, path))
        return listing.Listing(
            [file for file in files if file.size_bytes],
            [file.path for file in files if not file.size_bytes],
            {},
        )

    def may_read(self, path: str) -> bool:
        return True

    def gone(self, paths: Iterable[str], *, named: Iterable[str]) -> set[str]:
        return {path for path in named if not self.exists(path)}

    def is_locked(self) -> bool:
        return False

    @contextlib.contextmanager
    def locked(self) -> Iterator[bool]:
        """Nobody is kept out: two runs meet at Delta's own transaction log, where the second
        one's commit is refused.
        """
        yield True

    def _hadoop(self, path: str) -> tuple[Any, Any]:
        place = self.spark._jvm.org.apache.hadoop.fs.Path(path)
        return place.getFileSystem(self.spark._jsc.hadoopConfiguration()), place

    def _beside(self, path: str, ending: str) -> Any:
        folder, _, name = path.rpartition("/")
        return self.spark._jvm.org.apache.hadoop.fs.Path(f"{folder}/.{name}.{ending}")


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
