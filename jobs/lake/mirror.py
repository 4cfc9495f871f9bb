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
from typing import TYPE_CHECKING

from pyspark.sql import SparkSession

from tactful.jobs.lake import listing, spills
from tactful.jobs.lake.local_files import LocalFiles
from tactful.jobs.lake.names import schema_of
from tactful.jobs.lake.state import stored_state
from tactful.schemas.catalog import TABLES
from tactful.schemas.table import Table

if TYPE_CHECKING:
    from tactful.jobs.lake.named_store import NamedStore

# So many files come at once: most of the time of each is the way to the store.
AT_ONCE = 16
LOG = "_delta_log"
# Where in the copy tables lie that have no folder of the lake's.
BY_NAME = "_by_name"
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
        schema = schema_of(stored_state(LocalFiles(str(self.folder))))
        self.named = _by_name(spark, self.location, schema) if schema else None

    def bring(self, names: Iterable[str]) -> None:
        """Copy files of the lake that are not here yet, named by their paths in it."""
        missing = [name for name in dict.fromkeys(names) if not (self.folder / name).exists()]
        for name in missing:
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(self._bring, missing))

    def table(self, path: str, version: int | None) -> Path | None:
        """The copy of a table that a catalog keeps, at a version; None where it has none."""
        table = TABLES[path]
        if not self.has(table):
            return None
        place = self.folder / BY_NAME / path / str(version if version is not None else "newest")
        if not place.exists():
            # Half a second, that nobody else should wait for.
            import deltalake
            import pyarrow.dataset as ds
            from pyspark.sql.pandas.types import to_arrow_schema

            assert self.named is not None
            at = self.named.version(table) if version is None else version
            with tempfile.TemporaryDirectory(dir=self.folder) as parts:
                names = [column.name for column in table.columns]
                files = self.named.files_of(table, at, names, parts)
                rows = ds.dataset(files, schema=to_arrow_schema(table.struct()))
                deltalake.write_deltalake(str(place), rows.scanner().to_reader())
        return place

    def count(self, path: str) -> int | None:
        """The rows of such a table; None where there is none."""
        table = TABLES[path]
        return self.named.read(table).count() if self.named and self.has(table) else None

    def has(self, table: Table) -> bool:
        """Whether the catalog has a table."""
        return self.named is not None and self.named.is_there(table)

    def _bring(self, name: str) -> None:
        path = self._spark._jvm.org.apache.hadoop.fs.Path
        there, here = path(f"{self.location}/{name}"), path(f"file:{self.folder}/{name}")
        # Without the sums that Hadoop keeps beside local files.
        self._system.copyToLocalFile(False, there, here, True)


def _by_name(spark: SparkSession, location: str, schema: str) -> NamedStore:
    from tactful.jobs.lake.named_store import NamedStore

    return NamedStore(spark, location, schema)


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


def by_name(lake: Path) -> Mirror | None:
    """The copy of a lake whose tables a catalog keeps; None of any other lake."""
    found = _mirrors.get(lake)
    return found if found is not None and found.named is not None else None


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
