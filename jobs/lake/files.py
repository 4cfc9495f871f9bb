"""Files beside the tables and in landing folders: small ones written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol

from pyspark.sql import SparkSession

from tactful.jobs.lake.hadoop_files import HadoopFiles
from tactful.jobs.lake.lease import Holder, Say
from tactful.jobs.lake.listing import Listing
from tactful.jobs.lake.local_files import LocalFiles
from tactful.jobs.lake.places import local_path
from tactful.jobs.lake.systems import reached


class Files(Protocol):
    """What is done with files at one location; paths are whole ones, at that location or below."""

    location: str

    def read_text(self, path: str) -> str | None:
        """The file's text, or None where there is no such file."""

    def first_bytes(self, path: str, count: int) -> bytes:
        """How a file begins; fewer bytes where it is shorter."""

    def read_through(self, path: str) -> None:
        """Read a file of any size to its end; fails where its disk does not give all of it."""

    def write_text(
        self, path: str, text: str, *, keep: bool = False, is_private: bool = False
    ) -> bool:
        """Put `text` in place in one move; with `keep`, an existing file stays as it is.

        is_private: nobody but its owner may read it, or what else lies in its folder; on a disk
        that is not this machine's, the rights there decide.
        Returns whether the file was written. Readers see the old file or the new one, never a part.
        Raises: StepFailed, where the file system says that it was not.
        """

    def create_text(self, path: str, text: str) -> bool:
        """Make a file where there is none yet; of several who try at once just one is told True.

        Readers see the whole file or none.
        """

    def move(self, source: str, target: str, *, is_private: bool = False) -> bool:
        """Bring a file to a place where there is none yet, in one move; whether it came there.

        Where there is one, it stays as it is and the source goes. is_private: as for `write_text`.
        Raises: StepFailed, where the file system says that it was not moved.
        """

    def swap_text(self, path: str, old: str | None, new: str) -> bool:
        """Put `new` in place if `old` is still what is there (None: nothing); whether it was."""

    def written_at(self, path: str) -> datetime | None:
        """When a file was written, by the clock of its store; None where there is none."""

    def exists(self, path: str) -> bool:
        """Whether there is such a file or folder."""

    def names(self, path: str) -> list[str]:
        """The names in a folder; none where there is no such folder.

        A name that begins with a dot is what a killed process left of a file, and no file.
        """

    def remove(self, path: str) -> None:
        """Take a file away, or a folder with all in it; that it is gone already is no error.

        Raises: StepFailed, where a part of it stays.
        """

    def make_private(self, path: str) -> None:
        """Make a folder that only its owner may enter; elsewhere the rights there decide."""

    def listed(self, path: str) -> Listing:
        """All that lies below a landing folder; a single file lists as itself.

        Raises: OSError, or Py4JJavaError, where the folder itself cannot be read.
        """

    def may_read(self, path: str) -> bool:
        """Whether this user may read a file, as far as that can be told without a try."""

    def gone(self, paths: Iterable[str], *, named: Iterable[str]) -> set[str]:
        """The files among these that are no longer there.

        named: those of them that an error named; where each look is a call, only they are asked.
        """

    def holder(self) -> Holder | None:
        """Who holds the location now, this process itself included; asking writes nothing."""

    def locked(self, say: Say = ...) -> AbstractContextManager[None]:
        """Hold the location for one run, as its one writer. Raises: LakeHeld.

        say: told of it, where another may be at work or not and time has to show it.
        """

    def confirm(self) -> None:
        """Raises: LeaseLost, where the location was held, and is another's by now."""


def files_here(location: str) -> LocalFiles | None:
    """The files of a location as commands without a session see them; None if it is elsewhere."""
    here = local_path(location)
    return None if here is None else LocalFiles(here)


def files_at(location: str, spark: SparkSession) -> Files:
    """The files of any location, such as a landing folder."""
    here = reached(location, spark)
    if here is None:
        return HadoopFiles(spark, location)
    return LocalFiles(os.path.abspath(here))
