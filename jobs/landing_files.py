"""Landing files: a source's new files by their names, and what becomes of one that is damaged."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import Any
from urllib.parse import urlsplit

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.streaming import DataStreamReader
from pyspark.sql.types import StructType

from tactful.jobs import parquet_files
from tactful.jobs.files import read_through
from tactful.jobs.session import small_frame
from tactful.transforms.sources.canonical import BLANKS

# Spark's reader of whole files; what is not selected is not read.
LISTED = "path string, modificationTime timestamp, length bigint, content binary"
ROWS = "value string, file string, modified_at timestamp"


def listed(stream: DataStreamReader, folder: str) -> DataFrame:
    """Stream the names of new files instead of their rows: what is in them is seen later.

    A stream of rows has one set of columns for ever, so that a file in which a number has become
    wider, as pandas writes it as soon as one is missing, would stop it; and it cannot go on
    without a file that turns out to be damaged.
    """
    return (
        stream.format("binaryFile").schema(LISTED).load(folder).select("path", "modificationTime")
    )


def hand_over(
    names: DataFrame, put: Callable[[DataFrame], None], *, form: str, folder: str
) -> None:
    """Give every row of these files to `put`, as JSON texts: value, file, modified_at.

    Grain: row of a file. A file that cannot be read becomes a single row that says so, and is
    refused like any other row that is no JSON; if that is found out while `put` reads, `put` is
    called again. names: see `listed`. folder: where partitions, if there are any, begin.
    """
    spark = names.sparkSession
    # Spark lists a file twice when the name of another looks like a pattern.
    files = sorted(set(names.collect()), key=lambda file: file.path)
    damaged: dict[str, str] = {}
    while True:
        whole = [file for file in files if file.path not in damaged]
        read, unread = _read(spark, whole, form=form, folder=folder)
        why = {**damaged, **unread}
        refused = [_refused(spark, files, why)] if why or not read else []
        try:
            return put(reduce(DataFrame.unionAll, [*read, *refused]))
        except (Py4JJavaError, PySparkException) as error:
            told = re.findall(r" reading file (\S+)\. ", str(error))
            paths = {urlsplit(uri).path for uri in told}
            found = [file for file in whole if urlsplit(_uri(spark, file)).path in paths]
            if not found or not _is_damaged(spark, found[0], form=form, folder=folder):
                raise
            damaged[found[0].path] = "it is damaged"


def _read(
    spark: SparkSession, files: Sequence[Row], *, form: str, folder: str
) -> tuple[list[DataFrame], dict[str, str]]:
    """The rows of these files, and of each that cannot be read at all why not."""
    if form == "parquet":
        return parquet_files.rows(spark, files, folder=folder)
    return ([_lines(spark, files)] if files else []), {}


def _is_damaged(spark: SparkSession, file: Row, *, form: str, folder: str) -> bool:
    """Whether what is wrong is the file: its bytes are all there, and still make no rows.

    Where they are not, the disk or the network is at fault, and the next run may have more luck.
    """
    try:
        for rows in _read(spark, [file], form=form, folder=folder)[0]:
            rows.write.format("noop").mode("overwrite").save()
    except (Py4JJavaError, PySparkException):
        read_through(spark, file.path)
        return True
    return False


def _lines(spark: SparkSession, files: Sequence[Row]) -> DataFrame:
    """The rows of text files; only a line feed ends one, a carriage return may stand in a text."""
    plain = spark.read.option("lineSep", "\n").option("recursiveFileLookup", "true")
    # A row nearly always begins like one, which is cheaper to see than that it is not blank.
    told = F.startswith("value", F.lit("{")) | (F.trim("value", F.lit(BLANKS)) != "")
    return (
        plain.text(parquet_files.literal(files))
        .selectExpr("value", *parquet_files.PLACE)
        .where(told)
    )


def _refused(spark: SparkSession, files: Sequence[Row], why: Mapping[str, str]) -> DataFrame:
    """A row for each file that cannot be read, which will be refused as no JSON."""
    told = [
        {
            "value": f"This file was not read: {why[file.path]}; land it anew under another name.",
            "file": _uri(spark, file),
            "modified_at": file.modificationTime,
        }
        for file in files
        if file.path in why
    ]
    return small_frame(spark, told, StructType.fromDDL(ROWS))


def _uri(spark: SparkSession, file: Row) -> str:
    """The file as Spark names it in `_metadata`, and in its errors."""
    jvm: Any = spark._jvm
    return str(jvm.org.apache.hadoop.fs.Path(file.path).toUri().toString())
