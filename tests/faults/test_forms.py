"""A source that changes its form from one landing to the next, or says an old id anew."""

from __future__ import annotations

import gzip
import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tactful.jobs.runs import pipeline
from tactful.jobs.settings.config import load
from tests.oracle.compare import read_tables

AT = datetime(2026, 3, 2, 10, 0, 0, 123457, tzinfo=UTC)
LINE = {"line_id": "1", "sku": "S1", "quantity": 2, "unit_price": 5.25}
TOLD = {
    "type": "order_placed", "occurred_at": AT.isoformat(), "order_id": "A1", "currency": "EUR",
    "identifiers": [{"type": "customer_id", "value": "c1"}], "lines": [LINE],
}  # fmt: skip
BOTH = {
    "more": {**TOLD, "till": {"number": 7}},
    "less": {k: v for k, v in TOLD.items() if k not in ("currency", "lines")},
    "renamed": {("orderId" if k == "order_id" else k): v for k, v in TOLD.items()},
}
JSON = {
    **BOTH,
    "number": {**TOLD, "order_id": 4711},
    "text": {**TOLD, "lines": [{**LINE, "quantity": "2", "unit_price": "5.25"}]},
    "word": {**TOLD, "lines": [{**LINE, "quantity": "two"}]},
    "plain": {**TOLD, "order_id": "A2"},
}
# What pandas and its like make of one table, a file each: (column → type, what becomes of it).
TYPED = {
    "wider": ({"order_id": pa.float64()}, "4711"),
    "narrower": ({"order_id": pa.int32()}, "4711"),
    "nanoseconds": ({"occurred_at": pa.timestamp("ns", "UTC")}, "4711"),
    "[odd] *name": ({}, "4711"),
    "naive": ({"occurred_at": pa.timestamp("ns")}, "occurred_at_without_zone"),
    "lost": ({"order_id": pa.null()}, "missing:order_id"),
    "half": ({"order_id": pa.float16()}, "file_not_read"),
    "bytes": ({"order_id": pa.binary()}, "4711"),
    "digest": ({"order_id": pa.binary(2)}, "/wE="),
}
FORMS = ("json", "parquet")
SYNC = b"sixteen bytes..."
Rows = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Landed:
    """What became of both landings."""

    accepted: dict[str, dict[str, Any]]
    refused: dict[str, dict[str, Any]]
    second: pipeline.RunSummary
    files: list[dict[str, Any]]


@pytest.fixture(scope="module")
def landed(spark, tmp_path_factory) -> Landed:
    """A plain order, no Parquet yet; then the others, and ten days later the first once more."""
    folder = tmp_path_factory.mktemp("forms")
    text = f'[lake]\nlocation = "{folder}/lake"\nsecret = "env:TACTFUL_SECRET"\n'
    for form in (*FORMS, "avro"):
        (folder / form).mkdir()
        text += f'[sources.{form}]\nstream = "purchases"\nformat = "{form}"\n'
        text += f'path = "{folder}/{form}"\n'
    (folder / "conf.toml").write_text(text)

    def run() -> pipeline.RunSummary:
        return pipeline.run(load(folder / "conf.toml"), as_of=AT, steps=("land", "accept"))

    _put_json(folder, "first", {"plain": TOLD})
    run()
    _put_json(folder, "second", JSON)
    _put_json(folder, "[odd] *name", {"odd": TOLD})
    _put_parquet(folder, {"plain": TOLD, **BOTH})
    _put_typed(folder)
    (folder / "parquet" / "cut.parquet").write_bytes(b"PAR1 and then the disk was full")
    _damage(folder)
    _put_avro(folder)
    later = _put_json(folder, "later", {"plain": {**TOLD, "order_id": "A3"}})
    ten_days_on = time.time() + timedelta(days=10).total_seconds()
    os.utime(later, (ten_days_on, ten_days_on))
    second = run()
    tables = read_tables(folder / "lake", ["purchases", "quarantine"])
    accepted, refused = ({_name(r): r for r in rows} for rows in tables.values())
    assert len(accepted) == len(tables["purchases"])
    assert len(refused) == len(tables["quarantine"])
    files = read_tables(folder / "lake", ["_log/files"])["_log/files"]
    return Landed(accepted, refused, second, files)


def _name(row: Mapping[str, Any]) -> str:
    """Its id, or where it was never read that of its file."""
    if row["event_id"]:
        return str(row["event_id"])
    path = Path(unquote(row["source_position"]["file"]))
    return f"{path.parent.name} {path.stem}"


def _put_json(folder: Path, name: str, rows: Rows) -> Path:
    path = folder / "json" / f"{name}.json"
    lines = (json.dumps({**row, "event_id": f"json {n}"}) for n, row in rows.items())
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def _put_parquet(folder: Path, rows: Rows) -> None:
    """A file a row, so that each has the columns that this row has."""
    for name, row in rows.items():
        typed = {**row, "event_id": f"parquet {name}", "occurred_at": AT}
        pq.write_table(pa.Table.from_pylist([typed]), folder / "parquet" / f"{name}.parquet")


def _put_typed(folder: Path) -> None:
    for name, (types, _) in TYPED.items():
        row = {**BOTH["less"], "event_id": f"parquet {name}", "order_id": 4711, "occurred_at": AT}
        table = pa.Table.from_pylist([row])
        for column, kind in types.items():
            at = table.schema.get_field_index(column)
            table = table.set_column(at, column, _as_type(table.column(column), kind))
        pq.write_table(table, folder / "parquet" / f"{name}.parquet")


def _as_type(values: pa.ChunkedArray, kind: pa.DataType) -> Any:
    if kind == pa.null():
        return pa.nulls(1)
    if kind == pa.binary(2):
        return pa.array([b"\xff\x01"], kind)
    return values.cast(pa.string()).cast(kind) if kind == pa.binary() else values.cast(kind)


def _put_avro(folder: Path) -> None:
    """A good file, and one whose record holds itself, which Spark does not take."""
    told = {"event_id": "avro plain", "type": "order_placed", "occurred_at": AT.isoformat(),
            "order_id": "A1"}  # fmt: skip
    fields = [{"name": name, "type": "string"} for name in told]
    endless = {"name": "next", "type": ["null", "Order"]}
    for name, more, end in (("plain", [], b""), ("endless", [endless], b"\0")):
        schema = {"type": "record", "name": "Order", "fields": [*fields, *more]}
        row = b"".join(map(_avro_text, told.values())) + end
        header = b"Obj\1\2" + _avro_text("avro.schema") + _avro_text(json.dumps(schema)) + b"\0"
        block = b"\2" + _avro_long(len(row)) + row
        (folder / "avro" / f"{name}.avro").write_bytes(header + SYNC + block + SYNC)


def _avro_text(text: str) -> bytes:
    return _avro_long(len(text)) + text.encode()


def _avro_long(number: int) -> bytes:
    left, told = number << 1, b""
    while left > 127:
        told, left = told + bytes([left & 127 | 128]), left >> 7
    return told + bytes([left])


def _damage(folder: Path) -> None:
    """A file of each form whose beginning is as it should be, and its middle or end is not."""
    rows = [{**BOTH["less"], "event_id": f"lost {n}", "occurred_at": AT} for n in range(999)]
    place = folder / "parquet" / "damaged.parquet"
    pq.write_table(pa.Table.from_pylist(rows), place)
    whole = place.read_bytes()
    body = len(whole) - 8 - int.from_bytes(whole[-8:-4], "little")
    place.write_bytes(whole[:100] + bytes(b ^ 0x5A for b in whole[100:body]) + whole[body:])
    lines = [json.dumps(TOLD | {"event_id": f"lost {n}"}) for n in range(999)]
    packed = gzip.compress("\n".join(lines).encode())
    (folder / "json" / "damaged.gz").write_bytes(packed[: len(packed) // 2])
    (folder / "json" / "bare.gz").write_text(lines[0])
    (folder / "json" / "packed.gz").write_bytes(
        gzip.compress(json.dumps(TOLD | {"event_id": "json packed"}).encode())
    )


@pytest.mark.parametrize("form", FORMS)
def test_a_new_field_is_kept_and_a_lost_one_is_null(landed: Landed, form: str) -> None:
    more, less = landed.accepted[f"{form} more"], landed.accepted[f"{form} less"]
    assert {name: json.loads(value) for name, value in more["properties"]} == {
        "till": {"number": 7}
    }
    assert (less["order_id"], less["currency"], less["lines"]) == ("A1", None, None)
    assert landed.accepted[f"{form} plain"]["currency"] == "EUR"


@pytest.mark.parametrize("form", FORMS)
def test_a_needed_field_under_another_name_is_refused_and_kept(landed: Landed, form: str) -> None:
    refused = landed.refused[f"{form} renamed"]
    assert refused["reasons"] == ["missing:order_id"]
    assert json.loads(refused["raw"])["orderId"] == "A1"


@pytest.mark.parametrize("name", TYPED)
def test_a_file_of_parquet_is_read_by_its_own_types(landed: Landed, name: str) -> None:
    """pandas counts in nanoseconds, and makes 4711 wider as soon as one number is missing."""
    _, told = TYPED[name]
    accepted = landed.accepted.get(f"parquet {name}")
    if accepted is None:
        refused = landed.refused[f"parquet {name}"]
        assert refused["reasons"] == [told]
        assert ("FLOAT16" if name == "half" else "parquet") in refused["raw"]
    else:
        assert (accepted["order_id"], accepted["occurred_at"]) == (told, AT)


def test_a_file_that_was_cut_short_is_refused_as_one_row(landed: Landed) -> None:
    refused = landed.refused["parquet cut"]
    assert "not a whole Parquet file" in refused["raw"]
    assert refused["reasons"] == ["file_not_read"]


@pytest.mark.parametrize("form", FORMS)
def test_a_file_that_is_damaged_inside_is_refused_as_one_row(landed: Landed, form: str) -> None:
    refused = landed.refused[f"{form} damaged"]
    assert refused["reasons"] == ["file_not_read"]
    assert "was not read: it is damaged; land it anew under another name." in refused["raw"]
    assert not [name for name in landed.accepted if name.startswith("lost")]
    assert {"json packed", "json odd"} <= landed.accepted.keys()


def test_a_schema_that_spark_does_not_take_is_refused_alone(landed: Landed) -> None:
    assert landed.accepted["avro plain"]["order_id"] == "A1"
    refused = landed.refused["avro endless"]
    assert refused["reasons"] == ["file_not_read"]
    assert "was not read: Spark does not take its schema: " in refused["raw"]


def test_the_log_of_files_names_the_refused(landed: Landed) -> None:
    why = {Path(f["path"]).name: f["reason"] for f in landed.files if f["state"] == "refused"}
    assert set(why) == {
        "cut.parquet",
        "damaged.parquet",
        "half.parquet",
        "damaged.gz",
        "bare.gz",
        "endless.avro",
    }
    assert why["endless.avro"].startswith("Spark does not take its schema: ")
    assert why["bare.gz"] == "its name ends in .gz, and it is not packed"
    assert why["damaged.gz"] == why["damaged.parquet"] == "it is damaged"
    assert all(row["reason"] is None for row in landed.files if row["state"] == "landed")
    assert landed.second.failed_sources == {}


def test_numbers_and_texts_meet_where_nothing_is_lost(landed: Landed) -> None:
    assert landed.accepted["json number"]["order_id"] == "4711"
    assert landed.accepted["json text"]["lines"] == landed.accepted["json plain"]["lines"]
    assert landed.refused["json word"]["reasons"] == ["wrong_type:lines"]


def test_of_one_id_with_three_payloads_the_first_stays(landed: Landed) -> None:
    """Within a day the other payload is refused; ten days later it is a repeat like any other."""
    assert landed.accepted["json plain"]["order_id"] == "A1"
    refused = landed.refused["json plain"]
    assert (refused["reasons"], json.loads(refused["raw"])["order_id"]) == (["id_reused"], "A2")
    assert landed.second.duplicate_rows == 1
    assert landed.second.read_rows == len(JSON) + len(BOTH) + len(TYPED) + 10
