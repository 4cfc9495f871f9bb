"""Parquet files as they land: each read by its own columns, whatever the others look like."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import reduce
from typing import Any

from py4j.protocol import Py4JJavaError
from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.streaming import DataStreamReader
from pyspark.sql.types import StructField, StructType

from tactful.jobs.session import small_frame

# Spark's reader of whole files; what is not selected is not read.
LISTED = "path string, modificationTime timestamp, length bigint, content binary"
ROWS = "value string, file string, modified_at timestamp"
MICROSECONDS = {"timestampFormat": "yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX"}
# A footer is a few kilobytes, but on a shared disk each waits for the network.
FOOTER_THREADS = 16
NANOSECONDS = re.compile(r"^ {2}\w+ int64 (.+?) \(TIMESTAMP\(NANOS,(true|false)\)\)", re.MULTILINE)
NO_PARQUET = "is not a Parquet file"
# Beyond, a fraction does not tell whole numbers apart.
WHOLE = 2**53
# What Spark says of columns that it cannot read, or cannot tell apart.
UNREADABLE = ("PARQUET_TYPE", "COLUMN_ALREADY_EXISTS", "AMBIGUOUS_REFERENCE")


def listed(stream: DataStreamReader, folder: str) -> DataFrame:
    """Stream the names of new files instead of their rows: which columns they have is seen later.

    A stream of rows has one set of columns for ever, and a file in which a number has become
    wider, as pandas writes it as soon as one is missing, would stop it.
    """
    return (
        stream.format("binaryFile").schema(LISTED).load(folder).select("path", "modificationTime")
    )


def rows(names: DataFrame, *, folder: str) -> DataFrame:
    """Read every row of these files as a JSON text, as if it had landed as one.

    Files of the same columns are read together. One that cannot be read at all becomes a single
    row that says so, and is refused like any other row that is no JSON.

    Keeps: one row a row of a file. Adds: value, file, modified_at.
    names: see `listed`. folder: where partitions, if there are any, begin.
    """
    spark = names.sparkSession
    # Spark lists a file twice when the name of another looks like a pattern.
    files = sorted(set(names.collect()), key=lambda file: file.path)
    with ThreadPoolExecutor(FOOTER_THREADS) as pool:
        schemas = list(pool.map(lambda file: _schema(spark, file.path), files))
    alike: dict[str | None, list[Row]] = defaultdict(list)
    for file, schema in zip(files, schemas, strict=True):
        alike[schema].append(file)
    # Spark has no such instants; as numbers they can be cut. Only this query's session is told.
    spark.conf.set("spark.sql.legacy.parquet.nanosAsLong", "true")
    broken = _refused(spark, alike.pop(None, []), "it is not a whole Parquet file")
    read = [_read(spark, group, schema or "", folder) for schema, group in alike.items()]
    return reduce(DataFrame.unionAll, read, broken)


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
    # A name may hold what Spark takes for a pattern.
    paths = [re.sub(r"([\\\[\]{}*?])", r"\\\1", file.path) for file in files]
    reader = spark.read if re.search(r"[\[{*?]", folder) else spark.read.option("basePath", folder)
    instants = {name: zoned == "true" for name, zoned in NANOSECONDS.findall(schema)}
    try:
        table = reader.parquet(*paths)
        fields = [F.expr(part) for field in table.schema for part in _parts(field, instants)]
        return table.select(
            F.to_json(F.struct(*fields), MICROSECONDS).alias("value"),
            F.col("_metadata.file_path").alias("file"),
            F.col("_metadata.file_modification_time").alias("modified_at"),
        )
    except AnalysisException as error:
        if not (error.getCondition() or "").startswith(UNREADABLE):
            raise
        return _refused(spark, files, str(error).partition(". SQLSTATE")[0])


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


def _refused(spark: SparkSession, files: Sequence[Row], why: str) -> DataFrame:
    """A row for each file that cannot be read, which will be refused as no JSON."""
    told = [
        {
            "value": f"This file was not read: {why}; land it anew under another name.",
            "file": str(spark._jvm.org.apache.hadoop.fs.Path(file.path).toUri().toString()),
            "modified_at": file.modificationTime,
        }
        for file in files
    ]
    return small_frame(spark, told, StructType.fromDDL(ROWS))
