"""Mirror: what a reading command needs of a lake that lies elsewhere, on this machine's disk.

Reading commands look into tables by libraries of their own, on a local lake without a JVM. Of any
other lake they read a copy: its small files and the logs of its tables at once, and of a table the
files of one version when somebody opens it. It is this process's own, and gone when that ends.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pyspark.sql import SparkSession

from tactful.jobs.lake import listing, spills
from tactful.jobs.lake.places import local_path

# So many files come at once: most of the time of each is the way to the store.
AT_ONCE = 16
LOG = "_delta_log"
# What lies in the lake's folder and is no file of a table: its own small files.
SMALL = ("_lease/", "_checkpoints/")
# Spark's own memory of a query is nothing that anybody reads, and may be large.
STATE = "/spark/state/"


class Mirror:
    """The copy of one lake; what is asked for comes."""

    def __init__(self, spark: SparkSession, location: str) -> None:
        self.location = location.rstrip("/")
        self.folder = Path(tempfile.mkdtemp(prefix="lake-", dir=spills.folder()))
        self._spark = spark
        place = spark._jvm.org.apache.hadoop.fs.Path(self.location)
        self._system = place.getFileSystem(spark._jsc.hadoopConfiguration())
        if self._system.exists(place):
            whole = self._system.makeQualified(place).toString().rstrip("/") + "/"
            found = (file.path for file in listing.everything(spark, self.location))
            self.bring(filter(_is_small, (path.removeprefix(whole) for path in found)))

    def bring(self, names: Iterable[str]) -> None:
        """Copy files of the lake that are not here yet, named by their paths in it."""
        missing = [name for name in dict.fromkeys(names) if not (self.folder / name).exists()]
        for name in missing:
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(self._bring, missing))

    def _bring(self, name: str) -> None:
        path = self._spark._jvm.org.apache.hadoop.fs.Path
        there, here = path(f"{self.location}/{name}"), path(f"file:{self.folder}/{name}")
        # Without the sums that Hadoop keeps beside local files.
        self._system.copyToLocalFile(False, there, here, True)


_mirrors: dict[Path, Mirror] = {}


def mirrored(spark: SparkSession, location: str) -> Path:
    """The folder of a lake that lies elsewhere, copied as far as it takes to begin."""
    made = Mirror(spark, location)
    _mirrors[made.folder] = made
    return made.folder


def bring(lake: Path, names: Iterable[str]) -> None:
    """Have files of a lake here, where its folder is a copy."""
    if lake in _mirrors:
        _mirrors[lake].bring(names)


def is_copy(lake: Path) -> bool:
    """Whether a folder is the copy of a lake, in which not every file needs to be."""
    return lake in _mirrors


def called(lake: Path | str) -> str:
    """What a lake is called whose folder this is."""
    found = _mirrors.get(Path(lake))
    return str(lake) if found is None else found.location


def session() -> SparkSession | None:
    """The session by which a lake was copied, for what else is to be read elsewhere."""
    return next((mirror._spark for mirror in _mirrors.values()), None)


def _is_small(name: str) -> bool:
    if STATE in f"/{name}":
        return False
    return "/" not in name or name.startswith(SMALL) or f"/{LOG}/" in f"/{name}"


def is_elsewhere(location: str) -> bool:
    """Whether a lake lies where only Spark reaches."""
    return local_path(location) is None
