"""Reference tables: replaced whole when their files change, by the newest good row of each key."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any, NamedTuple

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from tactful.jobs import accept
from tactful.jobs.lake.frames import materialise, unpersist
from tactful.jobs.lake.lake import Lake
from tactful.jobs.settings.config import Config
from tactful.jobs.settings.models import Reference
from tactful.schemas.intake import QUARANTINE
from tactful.schemas.reference import CAMPAIGNS, PRODUCTS
from tactful.transforms.blanks import BLANKS
from tactful.transforms.sources.reference import newest, parse_rows

TABLES = {"products": PRODUCTS, "campaigns": CAMPAIGNS}
# What a row must be to be used has changed: files of an earlier version are read once more.
RULES = 2
PLACE = (
    "_metadata.file_path AS file",
    "_metadata.file_modification_time AS modified_at",
    "_metadata.file_block_start AS block",
)
# A name is a name, not a pattern; and each file is asked for by its own.
AS_NAMED = {"__globPaths__": "false", "lineSep": "\n"}
PARQUET = b"PAR1"

Say = Callable[[str], None]


class File(NamedTuple):
    path: str
    size: int
    modified_at: int


class NotReadable(Exception):
    """Why the files of a reference table cannot be read, in half a sentence."""


def load(lake: Lake, config: Config, on_progress: Say = lambda _: None) -> list[str]:
    """Load each reference table whose files have changed; returns those that were replaced.

    A row that is wrong goes to quarantine with its reasons, once, and the table is made of the
    others. Where there is no other row, or the files cannot be read, the last good version stays
    and the run goes on: what the business knew yesterday is nearer to the truth than nothing. A
    first time that fails leaves the table empty, and the rules that need it idle. Why is said, and
    kept for `status`; files that cannot be read are tried again by every run.
    """
    state = lake.state() or {}
    known, told = state.get("reference", {}), state.get("reference_troubles", {})
    loaded, marks, troubles = [], dict(known), {}
    for name, reference in config.reference.items():
        path = config.path(reference.path)
        try:
            found = _listed(lake, path)
            mark = _mark(lake, reference, found)
            if known.get(name) == mark:
                trouble = told.get(name)
            else:
                _refuse_other_format(lake, reference, found)
                trouble = _replace(lake, config, name, found)
                marks[name] = mark
                loaded += [] if trouble else [name]
        except (NotReadable, PySparkException, Py4JJavaError) as error:
            trouble = _reason(error)
            marks.pop(name, None)
        if trouble:
            troubles[name] = trouble
            stays = "as they were" if lake.version(TABLES[name]) else "empty"
            on_progress(f"{name} from {path} stay {stays}: {trouble}")
    if (marks, troubles) != (known, told):
        lake.remember(reference=marks, reference_troubles=troubles)
    return loaded


def _replace(lake: Lake, config: Config, name: str, found: Sequence[File]) -> str | None:
    """Put the good rows of these files in the table's place; where there is none, say so.

    In this order, so that a run killed between two of the steps is repeated whole: what is in
    quarantine already is found there, and the same rows replace themselves.
    """
    table, form = TABLES[name], config.reference[name].format
    if not found:
        return "there is no file"
    rows = _rows(lake, found, form=form)
    judged = materialise(parse_rows(rows, table=table, max_row_bytes=config.intake.max_row_bytes))
    try:
        _quarantine(lake, name, judged.where(F.size("reasons") > 0))
        good = judged.where(F.size("reasons") == 0)
        if good.isEmpty():
            return "no row of its files can be used"
        lake.overwrite(table, table.conform(newest(good, table=table)))
        return None
    finally:
        unpersist(judged)


def _quarantine(lake: Lake, name: str, refused: DataFrame) -> None:
    """Refuse rows, but those of the same files that an earlier load has refused."""
    if refused.isEmpty():
        return
    before = lake.read(QUARANTINE).where(F.col("source_name") == f"reference.{name}")
    new = refused.join(before.select("source_position"), "source_position", "left_anti")
    told = new.withColumns(
        {
            "stream": F.lit(name),
            "source_name": F.lit(f"reference.{name}"),
            "quarantined_at": F.col("modified_at"),
        }
    )
    if not new.isEmpty():
        lake.append_by_spark(QUARANTINE, QUARANTINE.conform(told))


def _rows(lake: Lake, found: Sequence[File], *, form: str) -> DataFrame:
    """Every row of these files as a JSON text, and where it stood.

    Parquet files are read one by one, since each may have types of its own.
    """
    reader = lake.spark.read.options(**AS_NAMED)
    if form == "json":
        texts = reader.text([file.path for file in found]).selectExpr("value", *PLACE)
        frames = [texts.where(F.trim("value", F.lit(BLANKS)) != "")]
    else:
        frames = [
            reader.parquet(file.path).selectExpr("to_json(struct(*)) AS value", *PLACE)
            for file in found
        ]
    # Within one part of a file these numbers follow the rows.
    numbered = (frame.withColumn("line", F.monotonically_increasing_id()) for frame in frames)
    return reduce(DataFrame.unionByName, numbered)


def _listed(lake: Lake, path: str) -> list[File]:
    """The files below a path, in whatever folders; hidden ones are somebody's work in progress."""
    jvm: Any = lake.spark._jvm
    place = jvm.org.apache.hadoop.fs.Path(path)
    system = place.getFileSystem(lake.spark._jsc.hadoopConfiguration())
    if not system.exists(place):
        raise NotReadable("there is no such file or folder")
    root = system.makeQualified(place).toUri().getPath()
    found, each = [], system.listFiles(place, True)
    while each.hasNext():
        status = each.next()
        below = status.getPath().toUri().getPath()[len(root) :].split("/")
        if not any(part.startswith((".", "_")) for part in below):
            told = status.getPath().toString()
            found.append(File(told, status.getLen(), status.getModificationTime()))
    return sorted(found)


def _refuse_other_format(lake: Lake, reference: Reference, found: Sequence[File]) -> None:
    """Say so where a file is plainly in another format than configured: Parquet says what it is."""
    jvm: Any = lake.spark._jvm
    for file in found:
        place = jvm.org.apache.hadoop.fs.Path(file.path)
        stream = place.getFileSystem(lake.spark._jsc.hadoopConfiguration()).open(place)
        try:
            is_parquet = bytes(stream.readNBytes(len(PARQUET))) == PARQUET
        finally:
            stream.close()
        if is_parquet != (reference.format == "parquet"):
            kind = "a Parquet file" if is_parquet else "no Parquet file"
            raise NotReadable(f"{file.path} is {kind}, and its format is {reference.format}")


def _mark(lake: Lake, reference: Reference, found: Sequence[File]) -> str:
    """What changes when there is something to read: files, format, rules, or a new quarantine."""
    listed = [f"{file.path} {file.size} {file.modified_at}" for file in found]
    replayed = lake.batches_before(accept.QUERY)
    told = [str(RULES), reference.format, str(replayed), *listed]
    return hashlib.sha256("\n".join(told).encode()).hexdigest()


def _reason(error: Exception) -> str:
    """The first line of what went wrong."""
    told = error.java_exception.toString() if isinstance(error, Py4JJavaError) else str(error)
    return (str(told).strip().splitlines() or ["no reason was given"])[0][:300].rstrip(".")
