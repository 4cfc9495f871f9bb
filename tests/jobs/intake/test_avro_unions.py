"""Avro whose fields may be of several types: each is the value that it is, or refused by name."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pyspark.sql import functions as F
from pyspark.sql.avro.functions import from_avro

from tactful.jobs.intake import avro_files, avro_unions
from tactful.jobs.lake.listing import File

SYNC = bytes(range(16, 32))


def record(**fields: Any) -> dict[str, Any]:
    each = [{"name": name, "type": kind} for name, kind in fields.items()]
    return {"type": "record", "name": "Event", "fields": each}


PLAIN = record(id="string", n=["null", "int", "long"])
EITHER = record(
    id=["string", "long"], note=["null", "string", "double"],
    inner={"type": "record", "name": "Inner", "fields": [
        {"name": "a", "type": ["string", "boolean"]}]},
    many={"type": "array", "items": ["int", "string"]},
)  # fmt: skip
NEVER = record(id="string", who={"type": "record", "name": "Who", "fields": [
    {"name": "mail", "type": ["string", {"type": "array", "items": "string"}]}]})  # fmt: skip
ENDLESS = record(id="string", next=["null", "Event"])
# A union is the number of its member, then the member; numbers in zigzag.
ROW = b"\2\x0e" + b"\2\4hi" + b"\2\1" + b"\4\0\6\2\4no\0"
TOLD = {"id": "7", "note": "hi", "inner": {"a": "true"}, "many": ["3", "no"]}


def number(value: int) -> bytes:
    value, out = value << 1, b""
    while value > 127:
        value, out = value >> 7, out + bytes([value & 127 | 128])
    return out + bytes([value])


def put(path: Path, schema: Any, row: bytes) -> File:
    text = json.dumps(schema).encode()
    head = b"Obj\1\2" + number(11) + b"avro.schema" + number(len(text)) + text + b"\0"
    path.write_bytes(head + SYNC + b"\2" + number(len(row)) + row + SYNC)
    return File(str(path), datetime.now(UTC), path.stat().st_size)


def test_files_whose_fields_are_of_several_types_are_read_or_named(spark, tmp_path: Path) -> None:
    files = [
        put(tmp_path / "plain.avro", PLAIN, b"\2x" + b"\4\x0e"),
        put(tmp_path / "either.avro", EITHER, ROW),
        put(tmp_path / "never.avro", NEVER, b"\2x" + b"\0\2y"),
    ]
    frames, unfit = avro_files.rows(spark, files)
    found = [json.loads(row.value) for frame in frames for row in frame.collect()]
    assert sorted(found, key=len) == [{"id": "x", "n": 7}, TOLD]
    assert {"value", "file", "modified_at", "block"} == {*frames[1].columns}
    (why,) = unfit.values()
    assert list(unfit) == [str(tmp_path / "never.avro")]
    assert why.startswith("its field who.mail may be string or array, of which no value")


def test_values_of_a_topic_are_read_likewise(spark) -> None:
    schema = json.dumps(EITHER)
    read = from_avro(F.lit(ROW), schema, {"mode": "PERMISSIVE"})
    fields = avro_unions.read_plain(schema, read)
    plain = F.struct(*(value.alias(name) for name, value in fields.items()))
    (row,) = spark.range(1).select(F.to_json(plain).alias("value")).collect()
    assert json.loads(row.value) == TOLD
    assert avro_unions.is_plain(json.dumps(PLAIN)) and not avro_unions.is_plain(schema)
    assert avro_unions.fault(schema) is None
    assert avro_unions.fault(json.dumps(ENDLESS)) == "its field next holds itself"
