"""Landing files: the rows of a source's new files, and what becomes of a file that gives none."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Any
from urllib.parse import urlsplit

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from tactful.jobs.intake import avro_files, csv_files, parquet_files
from tactful.jobs.lake.files import Files, files_at
from tactful.jobs.lake.frames import small_frame
from tactful.jobs.lake.listing import File
from tactful.jobs.settings.csv_form import CsvForm
from tactful.transforms.sources.canonical import BLANKS, FILE_NOT_READ
from tactful.transforms.sources.partitions import with_partitions

ROWS = "value string, file string, modified_at timestamp, block bigint"
JAVA_ERRORS = (Py4JJavaError, PySparkException)
TROUBLE = (*JAVA_ERRORS, parquet_files.NotRead)
DAMAGED = "it is damaged"
NOT_PACKED = "its name ends in .gz, and it is not packed"
NONE: Mapping[str, str] = {}
# How Spark names the file that it could not read, and one that is not there.
NAMED = (r" reading file (\S+)\. ", r"Path does not exist: (.+?)\. SQLSTATE")


@dataclass
class Outcome:
    """What became of files that were handed over: each of them landed, but for these.

    refused: why it is no use to read it again. unread: why its bytes cannot be had, today. gone:
    it was taken away before it was read. lacking: what of a file that landed is missing.
    """

    refused: dict[str, str] = field(default_factory=dict)
    unread: dict[str, str] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    lacking: dict[str, str] = field(default_factory=dict)

    def is_left_out(self, file: File) -> bool:
        """Whether the file did not land, for whatever reason."""
        return any(file.path in those for those in (self.refused, self.unread, self.gone))


def read_files(
    spark: SparkSession,
    files: Sequence[File],
    put: Callable[[DataFrame], None],
    *,
    form: str,
    folder: str,
    partitions: Sequence[str] = (),
    csv: CsvForm | None = None,
    unfit: Mapping[str, str] = NONE,
    way_out: str = "land it anew under another name",
) -> Outcome:
    """Give every row of these files to `put`, as JSON texts: value, file, modified_at, block.

    Grain: row of a file. A file that is damaged becomes a single row that says so, and is refused
    for it. One that cannot be read now is left out, and so is one that
    is no longer there. If any of that is found out while `put` reads, `put` is called again.

    spark: a session of its own, since some files are read under settings of their own.
    partitions: the fields that folders below `folder` are named after, as in `day=2026-11-01`.
    csv: how CSV is written. unfit: files that are refused from the start, and why. way_out: what
    is to be done about them.
    """
    outcome = Outcome(refused=dict(unfit))
    disk = files_at(folder, spark)
    root = uri_of(spark, disk.location)

    def read(left: Sequence[File]) -> DataFrame | None:
        frames, unfit, outcome.lacking = _read(spark, left, form=form, csv=csv)
        outcome.refused.update(unfit)
        if frames and partitions:
            frames = [f.transform(with_partitions, names=partitions, root=root) for f in frames]
        if outcome.refused:
            frames.append(_refused(spark, files, outcome.refused, way_out))
        # Only frames of CSV say what is wrong with the form of a line.
        return reduce(_all, frames) if frames else None

    while True:
        left = [file for file in files if not outcome.is_left_out(file)]
        try:
            rows = read(left)
            if rows is not None:
                put(rows)
            return outcome
        except TROUBLE as error:
            named = _named(spark, left, error)
            gone = disk.gone((f.path for f in left), named=[f.path for f in named])
            outcome.gone |= gone
            if not gone and not [
                f for f in named if _sorted_out(spark, disk, f, outcome, form, csv)
            ]:
                raise


def _all(one: DataFrame, other: DataFrame) -> DataFrame:
    return one.unionByName(other, allowMissingColumns=True)


def _read(
    spark: SparkSession, files: Sequence[File], *, form: str, csv: CsvForm | None
) -> tuple[list[DataFrame], Mapping[str, str], dict[str, str]]:
    """The rows of these files, why some are not what they should be, and what the others lack."""
    if form == "parquet":
        return *parquet_files.rows(spark, files), {}
    if form == "avro":
        return *avro_files.rows(spark, files), {}
    if form == "csv":
        return csv_files.rows(spark, files, csv or CsvForm())
    return ([_lines(spark, files)] if files else []), {}, {}


def _lines(spark: SparkSession, files: Sequence[File]) -> DataFrame:
    """The rows of text files; only a line feed ends one, a carriage return may stand in a text."""
    plain = spark.read.options(**parquet_files.AS_NAMED).option("lineSep", "\n")
    # A row nearly always begins like one, which is cheaper to see than that it is not blank.
    is_row = F.startswith("value", F.lit("{")) | (F.trim("value", F.lit(BLANKS)) != "")
    return (
        plain.text([file.path for file in files])
        .selectExpr("value", *parquet_files.PLACE)
        .where(is_row)
    )


def _named(spark: SparkSession, files: Sequence[File], error: Exception) -> list[File]:
    """The files that an error names."""
    names = {name for pattern in NAMED for name in re.findall(pattern, str(error))}
    if isinstance(error, parquet_files.NotRead):
        names = {error.path}
    paths = names | {name.removeprefix("file:") for name in names}
    paths |= {urlsplit(name).path for name in names}
    return [f for f in files if f.path in paths or urlsplit(uri_of(spark, f.path)).path in paths]


def _sorted_out(
    spark: SparkSession,
    disk: Files,
    file: File,
    outcome: Outcome,
    form: str,
    csv: CsvForm | None,
) -> bool:
    """Whether what is wrong is this file, and what: it cannot be read now, or is damaged.

    It is damaged if its bytes are all there and still make no rows. Where they are not, the disk
    or the network is at fault, and the next run may have more luck.
    """
    try:
        for rows in _read(spark, [file], form=form, csv=csv)[0]:
            rows.write.format("noop").mode("overwrite").save()
        return False
    except TROUBLE:
        try:
            disk.read_through(file.path)
            outcome.refused[file.path] = DAMAGED if _is_packed(spark, file.path) else NOT_PACKED
        except OSError as error:
            outcome.unread[file.path] = (error.strerror or str(error)).lower()
        except JAVA_ERRORS as error:
            outcome.unread[file.path] = java_cause(error)
    return True


def _is_packed(spark: SparkSession, path: str) -> bool:
    """Whether a file begins as its name says, where that says that it is packed by gzip."""
    if not path.lower().endswith(".gz"):
        return True
    with parquet_files.opened(spark, parquet_files.raw_conf(spark), path) as stream:
        return (int(stream.read()), int(stream.read())) == (0x1F, 0x8B)


def java_cause(error: Exception) -> str:
    """What Java says is wrong, in one line without its class."""
    text = str(getattr(error, "java_exception", None) or error)
    line = next((line for line in text.splitlines() if line.strip()), "no reason is given")
    return re.sub(r"^[\w.$]+(Exception|Error): ", "", line.strip()).rstrip(".")


def _refused(
    spark: SparkSession, files: Sequence[File], why: Mapping[str, str], way_out: str
) -> DataFrame:
    """A row for each file that is refused, which will be refused itself for that."""
    rows = [
        {
            "value": f"This file was not read: {why[file.path]}; {way_out}.",
            "file": uri_of(spark, file.path),
            "modified_at": file.modified_at,
            "block": 0,
            "fault": FILE_NOT_READ,
        }
        for file in files
        if file.path in why
    ]
    return small_frame(spark, rows, StructType.fromDDL(f"{ROWS}, fault string"))


def uri_of(spark: SparkSession, path: str) -> str:
    """The file as Spark names it in `_metadata`, and in its errors."""
    jvm: Any = spark._jvm
    uri = str(jvm.org.apache.hadoop.fs.Path(path).toUri().toString())
    return f"file:{uri}" if uri.startswith("/") else uri
