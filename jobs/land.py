"""Land: one small stateless query a source, from its files to `_log/received`."""

from __future__ import annotations

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.streaming import StreamingQuery

from tactful.jobs.config import Config, Source
from tactful.jobs.lake import Lake
from tactful.jobs.runtime import Pace, checkpoint_to_start_from
from tactful.schemas.intake import RECEIVED
from tactful.transforms.sources.canonical import BLANKS, understand

MICROSECONDS = {"timestampFormat": "yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX"}


def query_name(source_name: str) -> str:
    return f"land_{source_name}"


def start(lake: Lake, config: Config, name: str, pace: Pace) -> StreamingQuery:
    """Start landing one source: read its new files, understand every row, append."""
    source = config.sources[name]
    received = _rows(lake.spark, config, source).transform(
        understand,
        stream=source.stream,
        source_name=name,
        max_row_bytes=config.intake.max_row_bytes,
        max_skew=config.intake.max_skew,
    )
    query = query_name(name)
    writer = (
        received.transform(RECEIVED.conform)
        .writeStream.format("delta")
        .queryName(query)
        .option("checkpointLocation", checkpoint_to_start_from(lake, query))
    )
    return pace.of(writer).start(lake.path(RECEIVED))


def _rows(spark: SparkSession, config: Config, source: Source) -> DataFrame:
    path = config.path(source.path)
    position = (
        F.col("_metadata.file_path").alias("file"),
        F.col("_metadata.file_modification_time").alias("modified_at"),
    )
    if source.format == "json":
        # Only a line feed ends a row: a lone carriage return may stand inside a text.
        lines = spark.readStream.format("text").option("lineSep", "\n").load(path)
        # A row nearly always begins like one, which is cheaper to see than that it is not blank.
        told = F.startswith("value", F.lit("{")) | (F.trim("value", F.lit(BLANKS)) != "")
        return lines.select("value", *position).where(told)
    schema = spark.read.option("mergeSchema", "true").parquet(path).schema
    table = spark.readStream.format("parquet").schema(schema).load(path)
    as_json = F.to_json(F.struct(*schema.names), MICROSECONDS)
    return table.select(as_json.alias("value"), *position)
