"""Connectors: what Spark needs beside its own jars for some formats, asked for where used."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Connector:
    """A package of Spark's, and a class by which it is known to be there."""

    package: str
    class_name: str


@dataclass(frozen=True)
class System:
    """The packages of a file system that Spark does not bring, and what of them is left out."""

    packages: tuple[str, ...]
    left_out: tuple[str, ...]


# In the version of Spark's own Hadoop. Without all of Amazon's in one jar of 642 MB, of which four
# parts are needed, and without what Spark has itself.
S3 = System(
    (
        "org.apache.hadoop:hadoop-aws:3.4.2",
        "software.amazon.awssdk:s3-transfer-manager:2.29.52",
        "software.amazon.awssdk:sts:2.29.52",
        "software.amazon.awssdk:apache-client:2.29.52",
        "software.amazon.awssdk:netty-nio-client:2.29.52",
    ),
    ("software.amazon.awssdk:bundle", "io.netty:*", "org.slf4j:*"),
)
# 4.1.1 is the newest of which Maven Central's mirrors have every part; it reads for all of 4.1.
AVRO = Connector(
    "org.apache.spark:spark-avro_2.13:4.1.1", "org.apache.spark.sql.avro.AvroFileFormat"
)
KAFKA = Connector(
    "org.apache.spark:spark-sql-kafka-0-10_2.13:4.1.1",
    "org.apache.spark.sql.kafka010.KafkaSourceProvider",
)
CONNECTORS = (AVRO, KAFKA)
OF_FORMAT = {"avro": (AVRO,), "kafka": (KAFKA,)}


def needed(formats: Iterable[str], *, avro_values: bool) -> tuple[Connector, ...]:
    """The connectors of some formats. avro_values: whether records of a topic are Avro."""
    found = {connector for form in formats for connector in OF_FORMAT.get(form, ())}
    found |= {AVRO} if avro_values else set()
    return tuple(connector for connector in CONNECTORS if connector in found)
