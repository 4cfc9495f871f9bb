"""Landed rows are understood, or refused with every reason; none is ever lost."""

from __future__ import annotations

import base64
import json
import os
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import reduce
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from tactful.transforms.sources.canonical import parse_rows
from tests import oracle
from tests.canonical_cases import (
    AWKWARD,
    BIG,
    DEEP,
    LANDED_AT,
    MIDNIGHT,
    OURS,
    ROWS,
    SATISFIED,
    STREAMS,
    Row,
)
from tests.oracle.fields import stars
from tests.oracle.intake import take_in
from tests.oracle.words import doubts as oracle_doubts

SHOWN = (
    "stream", "raw", "raw_base64", "reasons", "event_id", "occurred_at", "properties",
    "identifiers", "lines", "cost", "machine_open", "satisfaction", "doubts", "url", "query",
    "device", "landed_at", "event_hash", "payload_hash", "source_name", "sku", "coupons",
    "currency", "geo", "received_at", "order_id", "line_id", "skus", "session_id",
)  # fmt: skip


@pytest.fixture(scope="module")
def understood(spark, tmp_path_factory) -> dict[str, list[Any]]:
    """All rows as the product reads them, by their bytes; one Spark action for all tests."""
    folder = tmp_path_factory.mktemp("landing")
    frames = []
    for stream in STREAMS:
        rows = [one for one in (*ROWS, *OURS, *AWKWARD) if one.stream == stream]
        frames.append(_read(spark, _land(rows, folder / stream), stream))
    found = reduce(DataFrame.unionByName, frames).select(*SHOWN).collect()
    by_line: dict[str, list[Any]] = {}
    for one in found:
        by_line.setdefault(one.raw, []).append(one)
    return by_line


def _land(rows: list[Row], folder: Path) -> Path:
    folder.mkdir()
    path = folder / "000.json"
    path.write_bytes(b"".join(one.line + b"\n" for one in rows))
    os.utime(path, (LANDED_AT.timestamp(), LANDED_AT.timestamp()))
    return path


def _read(spark, path: Path, stream: str) -> DataFrame:
    """As `land` reads a source."""
    lines = spark.read.text(str(path)).select(
        "value",
        F.col("_metadata.file_path").alias("file"),
        F.col("_metadata.file_modification_time").alias("modified_at"),
    )
    return lines.where(F.trim("value") != "").transform(
        parse_rows,
        stream=stream,
        source_name=f"a source of {stream}",
        max_row_bytes=1_000_000,
        max_skew=timedelta(hours=1),
    )


def test_every_row_is_there_and_has_every_reason(understood):
    wrong = []
    for one in (*ROWS, *OURS):
        reasons = [set(found.reasons) for found in understood.get(one.shown, [])]
        if reasons != [set(one.reasons)]:
            wrong.append(f"{one.shown[:200]}: {reasons} instead of {set(one.reasons)}")
    assert not wrong, "\n".join(wrong)


def test_no_row_vanishes_or_is_made_up(understood):
    expected = Counter(one.shown for one in (*ROWS, *OURS, *AWKWARD) if one.shown.strip())
    assert Counter({text: len(found) for text, found in understood.items()}) == expected


def test_the_oracle_refuses_the_same_rows_for_the_same_reasons(understood, tmp_path):
    sources = {
        f"a_{stream}": {"stream": stream, "dialect": "canonical", "format": "json", "path": stream}
        for stream in STREAMS
    }
    landing = {
        f"a_{stream}": [_land([one for one in (*ROWS, *AWKWARD) if one.stream == stream],
                              tmp_path / stream)]
        for stream in STREAMS
    }  # fmt: skip
    intake = take_in(landing, oracle.load({"sources": sources}))
    theirs = Counter(
        (one.stream, one.raw, frozenset(one.reasons) - {"id_reused"}) for one in intake.quarantined
    )
    theirs = Counter({key: number for key, number in theirs.items() if key[2]})
    skipped = {one.shown for one in OURS}
    ours = Counter(
        (one.stream, text, frozenset(one.reasons))
        for text, found in understood.items()
        for one in found
        if one.reasons and text not in skipped
    )
    assert ours == theirs


def found_by_id(understood, event_id: str) -> Any:
    return next(one for rows in understood.values() for one in rows if one.event_id == event_id)


def test_a_row_that_cannot_be_read_is_kept_whole(understood):
    (big,) = understood[BIG.shown]
    assert len(big.raw) > 10_000_000
    assert big.event_id is None
    assert big.raw_base64 is None
    (broken,) = (
        one for one in found_all(understood) if one.reasons == ["invalid_utf8", "malformed_json"]
    )
    assert base64.b64decode(broken.raw_base64) == b'{"event_id": "utf8 cut", "x": "\xff'
    assert broken.raw == '{"event_id": "utf8 cut", "x": "\ufffd'


def found_all(understood) -> list[Any]:
    return [one for rows in understood.values() for one in rows]


def test_fields_that_are_not_known_are_kept_in_properties(understood):
    more = found_by_id(understood, "more").properties
    assert json.loads(more.pop("never_heard_of")) == DEEP
    assert more == {"own": "p", "deep": "old"}
    deep = found_by_id(understood, "deep").properties
    assert json.loads(deep.pop("deep")) == {"er": [1, None]}
    assert deep == {"none": None, "text": "x"}


def test_of_a_name_that_is_said_twice_the_last_value_counts(understood):
    assert found_by_id(understood, "same").properties == {"x": "2", "a": "3"}


def test_values_get_their_types(understood):
    (line,) = found_by_id(understood, "priced").lines
    assert (line.quantity, line.unit_price, line.amount) == (
        Decimal("0.3550"), Decimal("59.9000"), Decimal("1000.0000"),
    )  # fmt: skip
    typed = found_by_id(understood, "typed")
    assert (typed.cost, typed.machine_open) == (Decimal("0.0125"), False)
    numbers = found_by_id(understood, "numbers")
    assert (numbers.url, numbers.query) == ("5", "true")
    braces = found_by_id(understood, "{6d92078a-8246-4ba4}")
    assert (braces.url, json.loads(braces.query)) == ("[draft]", {"size": 42})


def test_a_contact_counts_whatever_it_says_of_satisfaction(understood):
    for n, (told, read, doubt) in enumerate(SATISFIED):
        found = found_by_id(understood, f"content {n}")
        doubts = None if doubt is None else [f"satisfaction:{doubt}"]
        assert (found.satisfaction, found.doubts, found.reasons) == (read, doubts, []), told
        said = {"satisfaction": told}
        assert [*oracle_doubts("service", "contact_opened", said)] == (doubts or []), told
        assert stars(told) == read, told


def test_times_are_instants_to_the_microsecond(understood):
    midnight = datetime(2026, 3, 2, tzinfo=UTC)
    expected = {
        "nanoseconds": midnight + timedelta(microseconds=123456),
        "minutes": midnight,
        "minutes and zone": midnight,
        "zone": midnight + timedelta(microseconds=500_000),
    }
    found = {name: found_by_id(understood, name).occurred_at.astimezone(UTC) for name in expected}
    assert found == expected


def test_the_same_event_told_otherwise_has_the_same_hashes(understood):
    """Field order, the zone of a time, received_at and source tell of the sender, not the event."""
    one, other = (row for row in found_all(understood) if row.event_id == "g6")
    assert one.raw != other.raw
    assert len(one.event_hash) == len(one.payload_hash) == 16
    assert (one.event_hash, one.payload_hash) == (other.event_hash, other.payload_hash)
    assert (
        found_by_id(understood, "more").payload_hash != found_by_id(understood, "deep").payload_hash
    )


def test_blanks_say_nothing(understood):
    blank = found_by_id(understood, "blank")
    assert (blank.sku, blank.url, blank.device.type, blank.device.os) == (None, None, None, "x")
    (found,) = (one for one in found_all(understood) if one.event_id == "blank lines")
    assert found.coupons == ["c"]
    line, nothing = found.lines
    assert (line.line_id, line.sku, line.category, line.quantity) == (None, None, None, 1)
    assert nothing is None
    assert found_by_id(understood, "received").received_at is None


def test_blanks_around_ids_and_names_are_no_part_of_them(understood):
    click = found_by_id(understood, "padded click")
    assert (click.session_id, click.sku, click.query) == ("s 1", "jeans", " jeans ")
    assert '"\u00a0padded click\\t"' in click.raw
    order = found_by_id(understood, "padded order")
    assert (order.order_id, order.line_id, order.coupons) == ("A1", "l1", ["c"])
    (line,) = order.lines
    assert (line.line_id, line.sku, line.category) == ("l1", "jeans", "a b")
    assert found_by_id(understood, "padded message").skus == ["jeans", "mat"]


def test_currencies_are_codes_in_capitals(understood):
    found = {one.event_id: one.currency for one in found_all(understood) if one.event_id}
    told = {name: found[name] for name in found if name.startswith("currency ") and found[name]}
    assert set(told.values()) == {"USD", "EUR", "DEM", "XCG"}
    assert found["currency ''"] is found["currency '\\u200b'"] is None


def test_fields_inside_objects_that_are_not_known_are_kept_in_properties(understood):
    inside = found_by_id(understood, "inside")
    assert json.loads(inside.properties.pop("device.model")) == {"name": "X"}
    assert inside.properties == {
        "own": "p", "geo.zip": "SW1", "identifiers[1].verified": "true", "never_heard_of": "1",
    }  # fmt: skip
    assert (inside.device.type, inside.geo.country) == ("phone", "GB")
    assert [one.value for one in inside.identifiers] == ["a@b.example", "c1"]
    lines = found_by_id(understood, "inside lines")
    assert lines.properties == {"lines[0].colour": "blue", "lines[2].colour": None}
    twice = found_by_id(understood, "inside twice")
    assert (twice.device.os, twice.properties) == ("b", {"device.model": "2"})
    (line,) = found_by_id(understood, "lines twice").lines
    assert (line.sku, line.amount) == ("b", 2)


def test_every_form_of_a_time_is_the_same_moment(understood):
    midnight = datetime(2026, 3, 2, tzinfo=UTC)
    found = [found_by_id(understood, f"time {time}").occurred_at for time in MIDNIGHT]
    assert {moment.astimezone(UTC) for moment in found} == {midnight}
