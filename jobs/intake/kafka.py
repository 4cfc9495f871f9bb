"""Kafka: the records of topics, by the exact offsets that a batch has written down.

No consumer group and no stream keeps the place: a batch names its offsets before it reads them, so
a repeat reads the same ones, and topics and partitions come and go at any time. What a compacted
topic no longer has is no loss; offsets that the topic has let go before they were read are one, and
are named. Only what was committed is read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from tactful.jobs import references
from tactful.jobs.intake import avro_unions
from tactful.jobs.intake.spans import Feed, Found, Gone, Reading, Span
from tactful.jobs.lake.files import files_at
from tactful.jobs.settings.transports import EARLIEST, LATEST

# A broker that says nothing for so long is away; the next run tries again.
TIMEOUT_MS = 20_000
COMMITTED = "read_committed"
NO_VALUE = "This record has no value (Kafka calls it a tombstone); its key is "
NOT_AVRO = "This record is not Avro of any schema in avro_schemas; its value, as base64, is "


class NoTopic(Exception):
    """Raised where a topic cannot be looked at, with why."""


def look(reading: Reading, known: Mapping[str, int]) -> Found:
    """What the topics hold beyond what was read; a topic that is not there harms no other."""
    found = Found()
    source = reading.source
    _schemas(reading)
    ahead: dict[str, list[Span]] = {}
    with _admin(reading) as admin:
        if _is_away(admin):
            found.troubles[source.servers] = "no broker answers there"
            return found
        for topic in _topics(admin, reading, found.troubles):
            try:
                spans = _spans(admin, reading, topic, known, found.troubles)
            except NoTopic as error:
                found.troubles[topic] = str(error)
                continue
            ahead |= {span.part: [span] for span in spans if not span.is_lost}
            found.batches += [[span] for span in spans if span.is_lost]
    found.batches += _batches([spans[0] for spans in ahead.values()], source.batch_rows)
    return found


def read(reading: Reading, spans: list[Span], begun_at: datetime) -> DataFrame | None:
    """Every record of these offsets, as its value is written.

    modified_at is the record's own time, but not later than the batch.
    """
    full = [span for span in spans if span.until > span.start and not span.is_lost]
    if not full:
        return None
    if lost := [span for span in left(reading, full) if span.is_lost]:
        raise Gone("; ".join(_named(span) for span in lost))
    ends: dict[str, dict[str, dict[str, int]]] = {"start": {}, "until": {}}
    for span in full:
        topic, number = _place(span.part)
        ends["start"].setdefault(topic, {})[str(number)] = span.start
        ends["until"].setdefault(topic, {})[str(number)] = span.until
    assigned = {topic: [int(n) for n in those] for topic, those in ends["start"].items()}
    client = {f"kafka.{key}": value for key, value in _client(reading).items()}
    records = (
        reading.spark.read.format("kafka")
        .options(**client)
        .option("assign", json.dumps(assigned))
        .option("startingOffsets", json.dumps(ends["start"]))
        .option("endingOffsets", json.dumps(ends["until"]))
        .option("failOnDataLoss", "true")
        .load()
    )
    offset = F.col("offset").cast("string")
    place = F.concat(
        F.lit("kafka:"), "topic", F.lit("/"), F.col("partition").cast("string"), F.lit("#"), offset
    )
    latest = F.lit(begun_at)
    is_told = F.col("timestamp") > F.lit(0).cast("timestamp")
    return records.select(
        _value(reading).alias("value"),
        place.alias("file"),
        F.when(is_told, F.least("timestamp", latest)).otherwise(latest).alias("modified_at"),
        F.lit(0).cast("bigint").alias("block"),
    )


def left(reading: Reading, spans: list[Span]) -> list[Span]:
    """Of these offsets what the topics still have, and what they have let go."""
    parts: list[Span] = []
    with _admin(reading) as admin:
        for span in spans:
            first = _offsets(admin, reading, [_place(span.part)], EARLIEST)[span.part]
            begin = min(max(first, span.start), span.until)
            if begin > span.start:
                parts.append(Span(span.part, span.start, begin, is_lost=True))
            if begin < span.until or span.start == span.until:
                parts.append(Span(span.part, begin, span.until))
    return parts


def place(reading: Reading, span: Span) -> str:
    """True of the rows of these offsets."""
    prefix = f"kafka:{span.part}#".replace("\\", "\\\\").replace("'", "\\'")
    number = "TRY_CAST(substring_index(file, '#', -1) AS bigint)"
    is_inside = f"{number} >= {span.start} AND {number} < {span.until}"
    return f"startswith(file, '{prefix}') AND {is_inside}"


def _is_away(client: _Client) -> bool:
    """Whether no broker answers: then there is no need to wait for that with each topic."""
    try:
        client.admin.describeCluster().nodes().get()
    except (Py4JJavaError, PySparkException) as error:
        return "TimeoutException" in _said(error)
    return False


def _topics(client: _Client, reading: Reading, troubles: dict[str, str]) -> Sequence[str]:
    """The topics that a source reads: those of its list, or those that are there by its pattern."""
    pattern = reading.source.subscribe_pattern
    if pattern is None:
        return tuple(reading.source.subscribe)
    try:
        there = client.admin.listTopics().names().get()
    except (Py4JJavaError, PySparkException) as error:
        troubles[pattern] = _cause(error)
        return ()
    found = sorted(topic for topic in there if re.fullmatch(pattern, topic))
    if not found:
        troubles[pattern] = "there is no topic of such a name"
    return found


def _spans(
    admin: Any, reading: Reading, topic: str, known: Mapping[str, int], troubles: dict[str, str]
) -> list[Span]:
    """What one topic holds beyond what was read, a span a partition; a lost one in front of it.

    Of a topic that was read before, a new partition is read from its begin, and so is a topic that
    a source finds by its pattern after others.

    Raises: NoTopic.
    """
    places = [(topic, number) for number in _partitions(admin, topic)]
    first = _offsets(admin, reading, places, EARLIEST)
    end = _offsets(admin, reading, places, LATEST)
    is_later = bool(known) and reading.source.subscribe_pattern is not None
    is_known = is_later or any(part.rpartition("/")[0] == topic for part in known)
    begin = first
    if not is_known and reading.source.starting_offsets != EARLIEST:
        begin = _offsets(admin, reading, places, reading.source.starting_offsets)
    spans: list[Span] = []
    for part, until in end.items():
        start = known.get(part)
        if start is None:
            # Written down even where nothing is there: `latest` is that of the first look.
            at = begin[part] if begin[part] >= 0 else until
            spans.append(Span(part, at, max(at, until)))
        elif start > until:
            troubles[part] = (
                f"it ends at offset {until:,} and was read up to {start:,}, so it was made anew; "
                "give the source another name to read it from its begin"
            )
        elif start < first[part] and reading.source.lost == "stop":
            lost = Span(part, start, first[part], is_lost=True)
            troubles[part] = (
                f"{_named(lost)}; let the topic keep its records for longer, and go on without "
                'these with lost = "skip"'
            )
        else:
            if start < first[part]:
                spans.append(Span(part, start, first[part], is_lost=True))
            spans += [Span(part, max(start, first[part]), until)] if start < until else []
    return spans


def _named(lost: Span) -> str:
    return (
        f"offsets {lost.start} to {lost.until - 1} of {lost.part} were gone before they were read"
    )


def _batches(spans: list[Span], most: int) -> list[list[Span]]:
    """The same in batches of so many offsets at most, each with its share of every partition."""
    batches: list[list[Span]] = []
    while spans:
        batch = _share(spans, most)
        batches.append(batch)
        cut = zip(batch, spans, strict=False)
        rest = [Span(s.part, b.until, s.until) for b, s in cut if b.until < s.until]
        spans = [*spans[most:], *rest]
    return batches


def _share(spans: list[Span], most: int) -> list[Span]:
    """So many offsets at most, of every partition its share from its begin."""
    share = max(1, most // len(spans))
    return [Span(s.part, s.start, min(s.until, s.start + share)) for s in spans[:most]]


def _value(reading: Reading) -> Column:
    """A record's value as a text of JSON; what is none stays as it is, and is refused as a row."""
    schemas = _schemas(reading)
    text = F.col("value").cast("string")
    if schemas:
        text = _decoded(schemas)
    key = F.coalesce(F.col("key").cast("string"), F.lit("none"))
    return F.when(F.col("value").isNull(), F.concat(F.lit(NO_VALUE), key)).otherwise(text)


def _decoded(schemas: Mapping[int, str]) -> Column:
    """Avro as Confluent frames it: a zero, the number of its schema in four bytes, the record.

    Each record is read by the schema that it was written by, or fields would be taken for others.
    """
    from pyspark.sql.avro.functions import from_avro

    body = F.expr("substring(value, 6)")
    number = F.expr("TRY_CAST(conv(hex(substring(value, 2, 4)), 16, 10) AS bigint)")
    is_framed = F.expr("substring(value, 1, 1) = X'00' AND length(value) > 5")
    text = F.lit(None).cast("string")
    for known, schema in schemas.items():
        read = from_avro(body, schema, {"mode": "PERMISSIVE"})
        if not avro_unions.is_plain(schema):
            fields = avro_unions.read_plain(schema, read)
            plain = F.struct(*(value.alias(name) for name, value in fields.items()))
            read = F.when(read.isNotNull(), plain)
        record = F.to_json(read)
        text = F.when(is_framed & (number == known), record).otherwise(text)
    return F.coalesce(text, F.concat(F.lit(NOT_AVRO), F.base64("value")))


def _schemas(reading: Reading) -> dict[int, str]:
    """The schemas of a source's values. Raises: OSError, ValueError, where one is none."""
    texts = {}
    for number, path in reading.config.schema_paths(reading.name).items():
        text = files_at(path, reading.spark).read_text(path)
        if text is None:
            raise OSError(f"there is no schema file {path}")
        if json.loads(text).get("type") != "record":
            raise ValueError(f"the schema in {path} is no record")
        if why := avro_unions.fault(text):
            raise ValueError(f"the schema in {path} cannot be read: {why}")
        texts[number] = text
    return texts


def _place(part: str) -> tuple[str, int]:
    topic, _, number = part.rpartition("/")
    return topic, int(number)


def _client(reading: Reading) -> dict[str, str]:
    """The settings of the client; what they refer to stands in the environment."""
    given = {key.removeprefix("kafka."): value for key, value in reading.source.options.items()}
    told = {key: _resolved(value) for key, value in given.items()}
    return {
        "isolation.level": COMMITTED, **told, "bootstrap.servers": reading.source.servers,
    }  # fmt: skip


def _resolved(told: str) -> str:
    """A setting as it is, or what it refers to. Raises: OSError."""
    if lacking := references.missing(told):
        raise OSError(f"{lacking[0]}; {lacking[2]}")
    return references.find(told) if references.is_reference(told) else told


@contextmanager
def _admin(reading: Reading) -> Iterator[Any]:
    """Kafka's own client for questions about topics."""
    jvm: Any = reading.spark._jvm
    settings = jvm.java.util.HashMap()
    bounds = {"request.timeout.ms": TIMEOUT_MS, "default.api.timeout.ms": TIMEOUT_MS}
    for key, value in {**{k: str(v) for k, v in bounds.items()}, **_client(reading)}.items():
        settings.put(key, value)
    admin = jvm.org.apache.kafka.clients.admin.AdminClient.create(settings)
    try:
        yield _Client(jvm, admin)
    finally:
        admin.close(jvm.java.time.Duration.ofSeconds(1))


class _Client:
    """Kafka's client, with what its calls are made of."""

    def __init__(self, jvm: Any, admin: Any) -> None:
        self.jvm, self.admin = jvm, admin


def _partitions(client: _Client, topic: str) -> list[int]:
    """Raises: NoTopic."""
    names = client.jvm.java.util.ArrayList()
    names.add(topic)
    try:
        told = client.admin.describeTopics(names).allTopicNames().get().get(topic).partitions()
    except (Py4JJavaError, PySparkException) as error:
        why = _said(error)
        if "UnknownTopicOrPartition" in why or "InvalidTopic" in why:
            raise NoTopic("there is no such topic") from error
        raise NoTopic(_cause(error)) from error
    return [told.get(at).partition() for at in range(told.size())]


def _cause(error: Exception) -> str:
    """What Kafka says is wrong, without the classes of its exceptions."""
    return _said(error).splitlines()[0].rpartition("Exception: ")[2].rstrip(".")


def _said(error: Exception) -> str:
    return str(getattr(error, "java_exception", None) or error)


def _offsets(
    client: _Client, reading: Reading, places: list[tuple[str, int]], at: str
) -> dict[str, int]:
    """An offset of each partition: its earliest, its latest, or the first of a time (-1: none)."""
    jvm = client.jvm
    admin = jvm.org.apache.kafka.clients.admin
    specs = admin.OffsetSpec
    if at == EARLIEST:
        spec = specs.earliest()
    elif at == LATEST:
        spec = specs.latest()
    else:
        spec = specs.forTimestamp(int(datetime.fromisoformat(at).timestamp() * 1000))
    asked = jvm.java.util.HashMap()
    for topic, number in places:
        asked.put(jvm.org.apache.kafka.common.TopicPartition(topic, number), spec)
    level = _client(reading)["isolation.level"].upper()
    isolation = jvm.org.apache.kafka.common.IsolationLevel.valueOf(level)
    told = client.admin.listOffsets(asked, admin.ListOffsetsOptions(isolation)).all().get()
    partition = jvm.org.apache.kafka.common.TopicPartition
    return {f"{t}/{n}": int(told.get(partition(t, n)).offset()) for t, n in places}


KAFKA = Feed(look=look, read=read, left=left, place=place, first=_share)
