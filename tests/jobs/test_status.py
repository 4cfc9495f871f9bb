"""`status`: how far a lake is, from its files alone."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal

import pyarrow as pa
import pytest
from deltalake import write_deltalake
from rich.console import Console

from tactful.jobs.commands.status import render, status
from tactful.jobs.errors import LakeError, LakeTooNew

AT = pa.timestamp("us", tz="UTC")


def at(day: int, hour: int = 0) -> datetime:
    return datetime(2026, 1, day, hour, tzinfo=UTC)


def write(lake, name, columns, *rows):
    """Write rows as a Delta table; `columns` are (name, type) pairs."""
    schema = pa.schema(columns)
    table = pa.Table.from_pylist(
        [dict(zip(schema.names, row, strict=True)) for row in rows], schema
    )
    write_deltalake(str(lake / name), table, mode="append")


@pytest.fixture
def lake(tmp_path):
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
        ("occurred_at", AT), ("event_id", pa.string()),
    ]  # fmt: skip
    write(
        tmp_path, "timeline", facts,
        ("p_1", "order_placed", 0, Decimal(60), "USD", "o1", at(1), "a"),
        ("p_1", "order_placed", 1, Decimal(15), "USD", "o1", at(1), "a"),
        (None, "order_placed", 0, Decimal(25), "USD", "o2", at(1), "b"),
        ("n_2", "page_view", 0, None, None, None, at(1), "c"),
        ("p_3", "order_refunded", 0, Decimal(99), "USD", "o1", at(1), "d"),
        ("p_1", "page_view", 0, None, None, None, at(2), "e"),
        ("n_2", "order_placed", 0, Decimal(75), "USD", "o1", at(2), "f"),
    )  # fmt: skip
    rejected = [("reasons", pa.list_(pa.string())), ("quarantined_at", AT)]
    write(
        tmp_path, "quarantine", rejected,
        (["malformed_json"], at(8)), (["unknown_type", "missing:order_id"], at(9)),
        (["unknown_type"], at(10)),
    )  # fmt: skip
    files = [(name, pa.string()) for name in ("destination", "name", "state", "response")]
    write(
        tmp_path, "deliveries", [*files, ("at", AT)],
        ("meta", "1.json", "written", None, at(9)), ("meta", "2.json", "rejected", "400", at(9)),
    )  # fmt: skip
    said = [("type", pa.string()), ("doubts", pa.list_(pa.string()))]
    write(
        tmp_path, "messages", said,
        ("sent", None), ("bounced", ["bounce:"]), ("bounced", ["bounce:"]),
        ("bounced", ["bounce:Undetermined"]), ("sent", ["channel:[pigeon]"]),
    )  # fmt: skip
    write(tmp_path, "profiles", said, ("consent_withdrawn", ["channel:fax", "purpose:profiling"]))
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


def test_status_tells_how_far_a_lake_is(lake):
    facts = status(lake)
    assert facts["as_of"] == "2026-01-11T00:00:00Z"
    rows = {"_log/ticks": 2, "batches": 3, "deliveries": 2, "left_out": 2, "messages": 5,
            "profiles": 1, "quarantine": 3, "timeline": 7}  # fmt: skip
    assert facts["rows"] == rows
    assert facts["batches"] == [
        {
            "query": "main", "generation": "new", "batch_id": 1,
            "as_of": "2026-01-11T00:00:00Z", "watermark": "2026-01-10T22:00:00Z",
            "read_rows": 8, "accepted_rows": 5, "duplicate_rows": 1, "quarantined_rows": 2,
            "lag_seconds": 7200.0,
        }
    ]  # fmt: skip


def test_shares_count_events_once_and_leave_shared_devices_out(lake):
    known = status(lake)["known"]
    assert known == {"events": 0.5, "revenue": {"USD": 0.75}}


def test_failures_name_unfinished_batches_and_the_commonest_reasons(lake):
    failures = status(lake)["failures"]
    assert failures["unfinished"] == [{"query": "main", "batch_id": 2}]
    reasons = [(row["reason"], row["rows"]) for row in failures["quarantine"]]
    assert reasons == [("unknown_type", 2), ("malformed_json", 1), ("missing:order_id", 1)]


def test_failures_name_what_a_destination_refused(lake):
    refused = {"destination": "meta", "name": "2.json", "state": "rejected", "response": "400"}
    assert status(lake)["failures"]["deliveries"] == [refused]


def test_words_that_nobody_knows_are_told(lake):
    doubts = status(lake)["doubts"]
    assert doubts["rows"] == 6
    assert doubts["words"][0] == {
        "stream": "messages", "doubt": "bounce:", "type": "bounced", "rows": 2,
    }  # fmt: skip


def test_who_is_left_out_for_want_of_consent_is_told(lake):
    meta, other = status(lake)["left_out"]
    assert (meta["destination"], meta["not_asked_persons"]) == ("meta", 1190)
    assert other["wanted_persons"] == 5


def test_people_can_read_it(lake):
    console = Console(record=True, width=140, file=open("/dev/null", "w"))  # noqa: SIM115
    for part in render(status(lake)):
        console.print(part)
    text = console.export_text()
    assert "Events of known persons: 50.0%" in text
    assert "Batch 2 of query main is not finished" in text
    assert "2:00:00" in text
    assert "meta/2.json is rejected." in text
    assert (
        "Left out of meta for want of consent to ads: 1,200 of 1,200 persons "
        "(1,190 were never asked, 10 withdrew it)"
    ) in text
    assert "none_missing" not in text
    assert "2 × bounced says no bounce: taken as a hard bounce of its address." in text
    assert '1 × consent_withdrawn says channel "fax": taken as all channels and purposes.' in text
    assert '1 × sent says channel "[pigeon]": counted for every channel.' in text


def test_a_lake_of_nothing_has_a_status(tmp_path):
    (tmp_path / "_lake.json").write_text('{"format_version": 1}')
    facts = status(tmp_path)
    assert facts["as_of"] is None
    assert facts["known"] == {"events": None, "revenue": {}}
    assert "never run" in next(iter(render(facts)))
    assert [path.name for path in tmp_path.iterdir()] == ["_lake.json"]


def test_no_lake_and_a_newer_lake_are_refused(tmp_path):
    with pytest.raises(LakeError, match="There is no lake at"):
        status(tmp_path)
    (tmp_path / "_lake.json").write_text('{"format_version": 99}')
    with pytest.raises(LakeTooNew, match="has format 99, this software knows up to 3"):
        status(tmp_path)
    with pytest.raises(LakeError, match="reads lakes on this machine only"):
        status("s3a://bucket/lake")
