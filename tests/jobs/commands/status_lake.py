"""A lake as far as `status` reads it, written by hand, and how people see what is told of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal

import pyarrow as pa
from deltalake import write_deltalake
from rich.console import Console

from tactful.jobs.commands.status import render, status

AT = pa.timestamp("us", tz="UTC")


def at(day: int, hour: int = 0) -> datetime:
    return datetime(2026, 1, day, hour, tzinfo=UTC)


def write(lake, name, columns, *rows):
    """Write rows as a Delta table; `columns` are (name, type) pairs."""
    schema = pa.schema(columns)
    table = pa.Table.from_pylist(
        [dict(zip(schema.names, row, strict=True)) for row in rows], schema
    )
    write_deltalake(str(lake / name), table, mode="append", schema_mode="merge")


def write_refused(lake, *rows):
    """Rows of quarantine: stream, reasons, raw, and the day of their file."""
    position = pa.struct([("file", pa.string()), ("modified_at", AT), ("line_hash", pa.string())])
    columns = [
        ("stream", pa.string()), ("source_name", pa.string()), ("source_position", position),
        ("raw", pa.string()), ("reasons", pa.list_(pa.string())), ("quarantined_at", AT),
    ]  # fmt: skip
    told = [
        (stream, f"my_{stream}", {"file": f"{stream}/{day}.json"}, raw, reasons, at(day))
        for stream, reasons, raw, day in rows
    ]
    write(lake, "quarantine", columns, *told)


def write_lake(tmp_path):
    """A lake as far as `status` reads it."""
    state = {"format_version": 1, "generations": {"main": "new"}}
    (tmp_path / "_lake.json").write_text(json.dumps(state))
    ticks = [("tick_id", pa.string()), ("as_of", AT)]
    write(tmp_path, "_log/ticks", ticks, ("a", at(10)), ("b", at(11)))
    batch = [
        ("query", pa.string()), ("generation", pa.string()), ("batch_id", pa.int64()),
        ("as_of", AT), ("watermark", AT), ("read_rows", pa.int64()),
        ("accepted_rows", pa.int64()), ("duplicate_rows", pa.int64()),
        ("quarantined_rows", pa.int64()),
    ]  # fmt: skip
    write(
        tmp_path, "batches", batch,
        ("main", "old", 9, at(9), at(9), 9, 9, 0, 0),
        ("main", "new", 0, at(10), at(9), 5, 5, 0, 0),
        ("main", "new", 1, at(11), at(10, 22), 8, 5, 1, 2),
    )  # fmt: skip
    facts = [
        ("person_id", pa.string()), ("type", pa.string()), ("line_number", pa.int32()),
        ("amount", pa.decimal128(18, 4)), ("currency", pa.string()), ("order_id", pa.string()),
        ("occurred_at", AT), ("event_id", pa.string()), ("stream", pa.string()),
        ("quantity", pa.decimal128(18, 4)),
    ]  # fmt: skip
    write(
        tmp_path, "timeline", facts,
        ("p_1", "order_placed", 0, Decimal(60), "USD", "o1", at(1), "a", "other", None),
        ("p_1", "order_placed", 1, Decimal(15), "USD", "o1", at(1), "a", "other", None),
        (None, "order_placed", 0, Decimal(25), "USD", "o2", at(1), "b", "other", None),
        ("n_2", "page_view", 0, None, None, None, at(1), "c", "other", None),
        ("p_3", "order_refunded", 0, Decimal(99), "USD", "o1", at(1), "d", "other", None),
        ("p_1", "page_view", 0, None, None, None, at(2), "e", "other", None),
        ("n_2", "order_placed", 0, Decimal(75), "USD", "o1", at(2), "f", "other", None),
        (None, "order_placed", 1, Decimal(-5), None, "o3", at(3), "g", "other", Decimal(-1)),
        (None, "order_placed", 0, Decimal(25), None, "o3", at(3), "g", "other", Decimal(-2)),
    )  # fmt: skip
    write_refused(
        tmp_path,
        ("clicks", ["malformed_json"], "no JSON", 8),
        ("clicks", ["unknown_type", "missing:order_id"], '{"type": " odd\u00a0"}', 9),
        ("clicks", ["unknown_type"], '{"type": "odd"}', 10),
    )
    files = [(name, pa.string()) for name in ("destination", "name", "state", "response")]
    write(
        tmp_path, "deliveries", [*files, ("at", AT)],
        ("meta", "1.json", "written", None, at(9)), ("meta", "2.json", "written", None, at(9)),
    )  # fmt: skip
    counts = [(name, pa.int64()) for name in ("accepted_records", "refused_records")]
    write(
        tmp_path, "delivery_states",
        [*files, ("operation", pa.string()), *counts, ("at", AT), ("effective_by", AT)],
        ("meta", "1.json", "rejected", "500", "add", 0, 9, at(8), None),
        ("meta", "1.json", "accepted", "200", "add", 8, 1, at(9), at(10)),
        ("meta", "2.json", "rejected", "400", None, 0, 2, at(9), None),
        ("mailer", "3.json", "accepted", "200", "test", 1, 0, at(9), None),
    )  # fmt: skip
    said = [("type", pa.string()), ("doubts", pa.list_(pa.string()))]
    told = [*said, ("event_id", pa.string()), ("bounce", pa.string())]
    write(
        tmp_path, "messages", told,
        ("sent", None, "m1", None), ("bounced", ["bounce:"], "m2", "hard"),
        ("bounced", ["bounce:"], "m3", "hard"),
        ("bounced", ["bounce:Undetermined"], "m4", "hard"),
        ("sent", ["channel:[pigeon]"], "m5", None),
    )  # fmt: skip
    write(tmp_path, "profiles", said, ("consent_withdrawn", ["channel:fax", "purpose:profiling"]))
    write(tmp_path, "service", said, ("contact_closed", ["satisfaction:good"]))
    numbers = ("wanted_persons", "not_asked_persons", "withdrawn_persons")
    write(
        tmp_path, "left_out",
        [("destination", pa.string()), *((n, pa.int64()) for n in numbers), ("as_of", AT)],
        ("meta", 1200, 1190, 10, at(11)), ("none_missing", 5, 0, 0, at(11)),
    )  # fmt: skip
    for place in ("pins/000000000001.json", "pins/000000000002.json", "spark/commits/1"):
        file = tmp_path / "_checkpoints/main" / place
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("{}")
    return tmp_path


def shown(lake) -> str:
    """The status as people see it."""
    console = Console(record=True, width=140, soft_wrap=True, file=open("/dev/null", "w"))  # noqa: SIM115
    for part in render(status(lake)):
        console.print(part)
    return console.export_text()
