"""Files on any file system that Hadoop opens; few of them can all that a local disk can."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

from py4j.protocol import Py4JJavaError
from pyspark.sql import SparkSession

from tactful.jobs.errors import StepFailed
from tactful.jobs.lake import lease, listing
from tactful.jobs.lake.local_files import LocalFiles
from tactful.jobs.lake.places import local_path, scheme

# Where a file is there as a whole, and only once its writer closes it.
IN_ONE_MOVE = ("s3a", "gs")
# S3A sends `If-None-Match: *` with it; Google's connector does so for whatever must not be there.
IF_NONE = "fs.option.create.conditional.overwrite"
# How it says that somebody else's file is there.
THERE_ALREADY = ("RemoteFileChangedException", "FileAlreadyExistsException", "PreconditionFailed")


class HadoopFiles:
    """`Files` as Spark's own file systems have them."""

    def __init__(self, spark: SparkSession, location: str) -> None:
        self.spark = spark
        self.location = location
        self._lease: lease.Lease | None = None
        here = local_path(location)
        # Hadoop looks before it makes a local file; the system itself does both in one move.
        self._here = None if here is None else LocalFiles(here)

    def read_text(self, path: str) -> str | None:
        system, place = self._hadoop(path)
        if not system.exists(place):
            place = self._beside(path, "new")
            if not system.exists(place):
                return None
        try:
            stream = system.open(place)
            try:
                # S3A asks for a file only when it is read.
                return self.spark._jvm.org.apache.commons.io.IOUtils.toString(stream, "UTF-8")
            finally:
                stream.close()
        except Py4JJavaError as error:
            if not _says(error, "FileNotFoundException"):
                raise
            return None  # taken away since

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
        if keep:
            return self.create_text(path, text)
        system, place = self._hadoop(path)
        if scheme(path) in IN_ONE_MOVE:
            _write(system.create(place, True), text)
            return True
        part = self._beside(path, f"{uuid.uuid4().hex}.part")
        _write(system.create(part, True), text)
        _replace(system, part, self._beside(path, "new"), place)
        return True

    def create_text(self, path: str, text: str) -> bool:
        if self._here is not None:
            return self._here.create_text(local_path(path) or path, text)
        system, place = self._hadoop(path)
        if system.exists(place):
            return False
        if scheme(path) in IN_ONE_MOVE:
            return self._create_whole(system, place, path, text)
        part = self._beside(path, f"{uuid.uuid4().hex}.part")
        _write(system.create(part, True), text)
        if not system.rename(part, place):
            if not system.exists(place):
                raise _refused(part, place)
            system.delete(part, False)  # somebody else's was there first
            return False
        return True

    def _create_whole(self, system: Any, place: Any, path: str, text: str) -> bool:
        """The store itself refuses the second one, when it closes what it has written."""
        try:
            if scheme(path) == "s3a":
                _write(system.createFile(place).must(IF_NONE, True).build(), text)
            else:
                _write(system.create(place, False), text)
        except Py4JJavaError as error:
            found = self.read_text(path)
            if found is None and not _says(error, *THERE_ALREADY):
                raise
            # What was tried again after its answer was lost is refused for our own sake.
            return found == text
        return True

    def move(self, source: str, target: str, *, is_private: bool = False) -> bool:
        if self._here is not None:
            paths = (local_path(source) or source, local_path(target) or target)
            return self._here.move(*paths, is_private=is_private)
        system, place = self._hadoop(target)
        part = self.spark._jvm.org.apache.hadoop.fs.Path(source)
        if system.exists(place):
            system.delete(part, False)
            return False
        # Few of them make a folder for what is moved into it.
        system.mkdirs(place.getParent())
        if not system.rename(part, place):
            raise _refused(part, place)
        return True

    def swap_text(self, path: str, old: str | None, new: str) -> bool:
        """In turn, since few of these file systems compare and swap."""
        if self._here is not None:
            return self._here.swap_text(local_path(path) or path, old, new)
        folder, _, name = path.rpartition("/")
        within = folder.removeprefix(self.location).lstrip("/")
        with lease.in_turn(self, f"{within}/.{name}.turn".lstrip("/")):
            return self.read_text(path) == old and self.write_text(path, new)

    def written_at(self, path: str) -> datetime | None:
        system, place = self._hadoop(path)
        try:
            millis = int(system.getFileStatus(place).getModificationTime())
        except Py4JJavaError as error:
            if not _says(error, "FileNotFoundException"):
                raise
            return None
        return listing.EPOCH + timedelta(milliseconds=millis)

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
        if self._here is not None:
            self._here.make_private(local_path(path) or path)

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

    def holder(self) -> lease.Holder | None:
        return lease.holder(self) if self._here is None else self._here.holder()

    @contextlib.contextmanager
    def locked(self, say: lease.Say = lambda _: None) -> Iterator[None]:
        with contextlib.ExitStack() as stack:
            if self._here is not None:
                stack.enter_context(self._here.locked(say))
            else:
                self._lease = stack.enter_context(lease.leased(self, is_alone=False, say=say))
            try:
                yield
            finally:
                self._lease = None

    def confirm(self) -> None:
        if self._here is not None:
            self._here.confirm()
        elif self._lease is not None:
            self._lease.confirm()

    def _hadoop(self, path: str) -> tuple[Any, Any]:
        place = self.spark._jvm.org.apache.hadoop.fs.Path(path)
        return place.getFileSystem(self.spark._jsc.hadoopConfiguration()), place

    def _beside(self, path: str, ending: str) -> Any:
        folder, _, name = path.rpartition("/")
        return self.spark._jvm.org.apache.hadoop.fs.Path(f"{folder}/.{name}.{ending}")


def _says(error: Py4JJavaError, *words: str) -> bool:
    """Whether an error of Java's is of one of these kinds, or holds one of these words."""
    said = str(error.java_exception)
    return any(word in said for word in words)


def _write(out: Any, text: str) -> None:
    """Write a text and be done with it."""
    try:
        out.write(text.encode("utf-8"))
    finally:
        out.close()


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
