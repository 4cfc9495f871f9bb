"""Avro files as they land: each read by its own schema, packed inside as Avro packs, or not."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from tactful.jobs.intake.parquet_files import (
    AS_NAMED,
    FOOTER_THREADS,
    PLACE,
    NotRead,
    as_json,
    opened,
    raw_conf,
)
from tactful.jobs.lake.listing import File

NO_AVRO = ("Not an Avro data file", "Not a data file")
NO_RECORDS = "its schema is no record"


def rows(spark: SparkSession, files: Sequence[File]) -> tuple[list[DataFrame], dict[str, str]]:
    """Read every record of these files as a JSON text, as if it had landed as one.

    Files of the same schema are read together. Returns frames of value and PLACE, and of each
    file that is not what it should be why not.

    Raises: NotRead.
    """
    with ThreadPoolExecutor(FOOTER_THREADS) as pool:
        schemas = list(pool.map(lambda file: _schema(spark, file.path), files))
    alike: dict[str | None, list[File]] = defaultdict(list)
    for file, schema in zip(files, schemas, strict=True):
        alike[schema].append(file)
    unfit = {file.path: "it is not a whole Avro file" for file in alike.pop(None, [])}
    unfit |= {file.path: NO_RECORDS for file in alike.pop("", [])}
    return [_read(spark, group, schema or "") for schema, group in alike.items()], unfit


def _schema(spark: SparkSession, path: str) -> str | None:
    """A file's schema; nothing where it is no record, None where the file is no Avro file."""
    jvm: Any = spark._jvm
    try:
        with opened(spark, raw_conf(spark), path) as stream:
            datum = jvm.org.apache.avro.generic.GenericDatumReader()
            schema = jvm.org.apache.avro.file.DataFileStream(stream, datum).getSchema()
            return str(schema.toString()) if str(schema.getType().toString()) == "RECORD" else ""
    except (Py4JJavaError, PySparkException) as error:
        why = str(getattr(error, "java_exception", None) or error)
        if any(sign in why for sign in NO_AVRO) or "EOFException" in why:
            return None
        raise NotRead(path, why) from error


def _read(spark: SparkSession, files: Sequence[File], schema: str) -> DataFrame:
    table = (
        spark.read.format("avro")
        .options(**AS_NAMED)
        .option("avroSchema", schema)
        .load([file.path for file in files])
    )
    return table.select(as_json(table.schema).alias("value"), *map(F.expr, PLACE))
