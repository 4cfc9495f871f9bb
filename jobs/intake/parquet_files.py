"""Parquet files as they land: each read by its own columns, whatever the others look like."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from py4j.protocol import Py4JJavaError
from pyspark.errors import AnalysisException, PySparkException
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StructField

from tactful.jobs.lake.listing import File

# Where a row of any file stood.
PLACE = (
    "_metadata.file_path AS file",
    "_metadata.file_modification_time AS modified_at",
    "_metadata.file_block_start AS block",
)
# Hadoop's checks of local files choke on a colon in a name, and refuse what changed beside them.
RAW_DISK = {
    "fs.file.impl": "org.apache.hadoop.fs.RawLocalFileSystem",
    "fs.file.impl.disable.cache": "true",
}
# Spark takes some signs in a name for a pattern, and folders for columns that all must have.
AS_NAMED = {**RAW_DISK, "__globPaths__": "false", "recursiveFileLookup": "true"}
MICROSECONDS = {"timestampFormat": "yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX"}
# A footer is a few kilobytes, but on a shared disk each waits for the network.
FOOTER_THREADS = 16
NANOSECONDS = re.compile(r"^ {2}\w+ int64 (.+?) \(TIMESTAMP\(NANOS,(true|false)\)\)", re.MULTILINE)
NO_PARQUET = "is not a Parquet file"
NONE: Mapping[str, bool] = {}
# Beyond, a fraction does not tell whole numbers apart.
WHOLE = 2**53
# Signs in SQL that no text has.
NO_TEXT = r"[\\x00-\\x08\\x0B\\x0C\\x0E-\\x1F]"
# What Spark says of columns that it cannot read, or cannot tell apart.
UNREADABLE = ("PARQUET_TYPE", "COLUMN_ALREADY_EXISTS", "AMBIGUOUS_REFERENCE")


def raw_conf(spark: SparkSession) -> Any:
    """Hadoop's settings by which a file is opened as it lies there."""
    conf = spark._jvm.org.apache.hadoop.conf.Configuration(spark._jsc.hadoopConfiguration())
    for name, value in RAW_DISK.items():
        conf.set(name, value)
    return conf


@contextmanager
def opened(spark: SparkSession, conf: Any, path: str) -> Iterator[Any]:
    """The bytes of a file. conf: see `raw_conf`."""
    place = spark._jvm.org.apache.hadoop.fs.Path(path)
    stream = place.getFileSystem(conf).open(place)
    try:
        yield stream
    finally:
        stream.close()


class NotRead(Exception):
    """Raised where a file's bytes could not be had; `path` is the file."""

    def __init__(self, path: str, why: str) -> None:
        super().__init__(why)
        self.path = path


def rows(spark: SparkSession, files: Sequence[File]) -> tuple[list[DataFrame], dict[str, str]]:
    """Read every row of these files as a JSON text, as if it had landed as one.

    Files of the same columns are read together. Returns frames of value and PLACE, and of
    each file that is not what it should be why not.

    Raises: NotRead.
    """
    conf = raw_conf(spark)
    with ThreadPoolExecutor(FOOTER_THREADS) as pool:
        schemas = list(pool.map(lambda file: _schema(spark, conf, file.path), files))
    alike: dict[str | None, list[File]] = defaultdict(list)
    for file, schema in zip(files, schemas, strict=True):
        alike[schema].append(file)
    # Spark has no such instants; as numbers they can be cut. Only this source's session is told.
    spark.conf.set("spark.sql.legacy.parquet.nanosAsLong", "true")
    unfit = {file.path: "it is not a whole Parquet file" for file in alike.pop(None, [])}
    frames = []
    for schema, group in alike.items():
        try:
            frames.append(_read(spark, group, schema or ""))
        except AnalysisException as error:
            if not (error.getCondition() or "").startswith(UNREADABLE):
                raise
            why = str(error).partition(". SQLSTATE")[0]
            unfit |= {file.path: why for file in group}
    return frames, unfit


def _schema(spark: SparkSession, conf: Any, path: str) -> str | None:
    """A file's columns in Parquet's own words; None where it is no whole Parquet file."""
    jvm: Any = spark._jvm
    hadoop = jvm.org.apache.parquet.hadoop
    try:
        place = hadoop.util.HadoopInputFile.fromPath(jvm.org.apache.hadoop.fs.Path(path), conf)
        reader = hadoop.ParquetFileReader.open(place)
    except (Py4JJavaError, PySparkException) as error:
        why = str(getattr(error, "java_exception", None) or error)
        if NO_PARQUET in why:
            return None
        raise NotRead(path, why) from error
    try:
        return str(reader.getFileMetaData().getSchema().toString())
    finally:
        reader.close()


def _read(spark: SparkSession, files: Sequence[File], schema: str) -> DataFrame:
    """Read files of one schema; instants in nanoseconds, as pandas writes them, are cut short."""
    instants = {name: zoned == "true" for name, zoned in NANOSECONDS.findall(schema)}
    table = spark.read.options(**AS_NAMED).parquet(*(file.path for file in files))
    return table.select(as_json(table.schema, instants).alias("value"), *map(F.expr, PLACE))


def as_json(fields: Iterable[StructField], instants: Mapping[str, bool] = NONE) -> Column:
    """A row as a JSON text of these columns.

    instants: the columns that hold nanoseconds, and whether they are moments of a zone.
    """
    parts = [F.expr(part) for field in fields for part in _parts(field, instants)]
    return F.to_json(F.struct(*parts), MICROSECONDS)


def _parts(field: StructField, instants: Mapping[str, bool]) -> list[str]:
    """A column as JSON shall show it; of two parts of one name one is null, and is not shown.

    A number that pandas has made a fraction, since another is missing, is written as it was. Bytes
    are the text that they are, since older writers do not mark texts; others come in base64.
    """
    name = "`" + field.name.replace("`", "``") + "`"
    if field.name in instants:
        instant = f"timestamp_micros(({name} - pmod({name}, 1000)) div 1000)"
        is_zoned = instants[field.name]
        return [
            f"{instant} AS {name}" if is_zoned else f"CAST({instant} AS timestamp_ntz) AS {name}"
        ]
    if field.dataType.typeName() in ("float", "double"):
        is_whole = f"{name} = floor({name}) AND abs({name}) < {WHOLE}"
        return [
            f"IF({is_whole}, CAST({name} AS bigint), NULL) AS {name}",
            f"IF({is_whole}, NULL, {name}) AS {name}",
        ]
    if field.dataType.typeName() == "binary":
        text = f"try_validate_utf8(CAST({name} AS string))"
        told = f"IF({text} RLIKE '{NO_TEXT}', NULL, {text})"
        return [f"coalesce({told}, base64({name})) AS {name}"]
    return [name]
