"""Avro files as they land: each read by its own schema, packed inside as Avro packs, or not."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from tactful.jobs.intake import avro_unions
from tactful.jobs.intake.parquet_files import (
    AS_NAMED,
    FOOTER_THREADS,
    PLACE,
    UNREADABLE,
    NotRead,
    as_json,
    opened,
    raw_conf,
)
from tactful.jobs.lake.listing import File

NO_AVRO = ("Not an Avro data file", "Not a data file")
# What Spark, and Avro itself, say of schemas that they do not take.
NO_TYPE = ("IncompatibleSchemaException", "SchemaParseException", "AvroTypeException")
PLACED, AT = ("file", "modified_at", "block"), "_tactful_at"
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
    frames = []
    for schema, group in alike.items():
        try:
            table = _read(spark, group, schema or "")
            if why := avro_unions.fault(schema or ""):
                unfit |= {file.path: why for file in group}
                continue
            frames.append(_as_rows(table, schema or ""))
        except (Py4JJavaError, PySparkException) as error:
            why = _not_taken(error)
            if why is None:
                raise
            unfit |= {file.path: why for file in group}
    return frames, unfit


def _not_taken(error: Exception) -> str | None:
    """Why Spark does not take a schema, such as one that holds itself; None: it is not for that."""
    told = str(getattr(error, "java_exception", None) or error)
    is_schema = any(sign in told for sign in (*NO_TYPE, *UNREADABLE))
    if not is_schema:
        return None
    line = re.sub(
        r"^([\w.$]+(Exception|Error)(: |$)|\[[\w.]+\] )", "", told.strip().splitlines()[0]
    )
    why = line.partition(". SQLSTATE")[0].rstrip(".: ") or "it holds itself, or what Spark has not"
    return f"Spark does not take its schema: {why}"


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
    return (
        spark.read.format("avro")
        .options(**AS_NAMED)
        .option("avroSchema", schema)
        .load([file.path for file in files])
    )


def _as_rows(table: DataFrame, schema: str) -> DataFrame:
    """Each record as a JSON text, and where it stood."""
    if avro_unions.is_plain(schema):
        return table.select(as_json(table.schema).alias("value"), *map(F.expr, PLACE))
    # A record once more, since its fields may be called as anything.
    whole = table.select(F.struct("*").alias("record"), *map(F.expr, PLACE))
    fields = avro_unions.read_plain(schema, F.col("record"))
    plain = whole.select(
        F.struct(*(value.alias(name) for name, value in fields.items())).alias("record"),
        *PLACED,
    )
    named = plain.select("record.*", F.struct(*PLACED).alias(AT))
    record = [field for field in named.schema if field.name != AT]
    return named.select(as_json(record).alias("value"), f"{AT}.*")
