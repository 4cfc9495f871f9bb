"""Parquet files as they land: each read by its own columns, whatever the others look like."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from py4j.protocol import Py4JJavaError
from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StructField

# Where a row of any file stood.
PLACE = ("_metadata.file_path AS file", "_metadata.file_modification_time AS modified_at")
MICROSECONDS = {"timestampFormat": "yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX"}
# A footer is a few kilobytes, but on a shared disk each waits for the network.
FOOTER_THREADS = 16
NANOSECONDS = re.compile(r"^ {2}\w+ int64 (.+?) \(TIMESTAMP\(NANOS,(true|false)\)\)", re.MULTILINE)
NO_PARQUET = "is not a Parquet file"
# Beyond, a fraction does not tell whole numbers apart.
WHOLE = 2**53
# What Spark says of columns that it cannot read, or cannot tell apart.
UNREADABLE = ("PARQUET_TYPE", "COLUMN_ALREADY_EXISTS", "AMBIGUOUS_REFERENCE")


def rows(
    spark: SparkSession, files: Sequence[Row], *, folder: str
) -> tuple[list[DataFrame], dict[str, str]]:
    """Read every row of these files as a JSON text, as if it had landed as one.

    Files of the same columns are read together. Returns frames of value, file, modified_at, and
    of each file that cannot be read at all why not. files: path, modificationTime. folder: where
    partitions, if there are any, begin.
    """
    with ThreadPoolExecutor(FOOTER_THREADS) as pool:
        schemas = list(pool.map(lambda file: _schema(spark, file.path), files))
    alike: dict[str | None, list[Row]] = defaultdict(list)
    for file, schema in zip(files, schemas, strict=True):
        alike[schema].append(file)
    # Spark has no such instants; as numbers they can be cut. Only this query's session is told.
    spark.conf.set("spark.sql.legacy.parquet.nanosAsLong", "true")
    unread = {file.path: "it is not a whole Parquet file" for file in alike.pop(None, [])}
    frames = []
    for schema, group in alike.items():
        try:
            frames.append(_read(spark, group, schema or "", folder))
        except AnalysisException as error:
            if not (error.getCondition() or "").startswith(UNREADABLE):
                raise
            why = str(error).partition(". SQLSTATE")[0]
            unread |= {file.path: why for file in group}
    return frames, unread


def _schema(spark: SparkSession, path: str) -> str | None:
    """A file's columns in Parquet's own words; None where it is no whole Parquet file."""
    jvm: Any = spark._jvm
    conf = spark._jsc.hadoopConfiguration()
    hadoop = jvm.org.apache.parquet.hadoop
    try:
        place = hadoop.util.HadoopInputFile.fromPath(jvm.org.apache.hadoop.fs.Path(path), conf)
        reader = hadoop.ParquetFileReader.open(place)
    except Py4JJavaError as error:
        if NO_PARQUET in str(error.java_exception):
            return None
        raise
    try:
        return str(reader.getFileMetaData().getSchema().toString())
    finally:
        reader.close()


def _read(spark: SparkSession, files: Sequence[Row], schema: str, folder: str) -> DataFrame:
    """Read files of one schema; instants in nanoseconds, as pandas writes them, are cut short."""
    reader = spark.read if re.search(r"[\[{*?]", folder) else spark.read.option("basePath", folder)
    instants = {name: zoned == "true" for name, zoned in NANOSECONDS.findall(schema)}
    table = reader.parquet(*literal(files))
    fields = [F.expr(part) for field in table.schema for part in _parts(field, instants)]
    return table.select(
        F.to_json(F.struct(*fields), MICROSECONDS).alias("value"),
        *map(F.expr, PLACE),
    )


def literal(files: Sequence[Row]) -> list[str]:
    """Their paths for Spark, which takes some signs in a name for a pattern."""
    return [re.sub(r"([\\\[\]{}*?])", r"\\\1", file.path) for file in files]


def _parts(field: StructField, instants: Mapping[str, bool]) -> list[str]:
    """A column as JSON shall show it; of two parts of one name one is null, and is not shown.

    A number that pandas has made a fraction, since another is missing, is written as it was.
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
    return [name]
