"""SendGrid's events, alone or in arrays: each is understood, or refused with its text."""

from __future__ import annotations

import base64
import json
import os
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import functions as F

from tactful.transforms.sources import DIALECTS
from tests import oracle
from tests.canonical_cases import LANDED_AT
from tests.oracle.intake import take_in
from tests.sendgrid_cases import (
    AT,
    BAD_BYTES,
    CATEGORIES,
    GOLDEN,
    LINES,
    MANY,
    MAX_ROW_BYTES,
    MOMENTS,
    NAMES,
    OURS,
    Line,
    text,
)

CASES = json.loads(GOLDEN.read_text(encoding="utf-8"))["cases"]
ALONE = [Line(text(case["event"]), ()) for case in CASES]
TOGETHER = Line(text([case["event"] for case in CASES]), ())
ABOUT = (
    "type", "message_id", "channel", "purpose", "campaign_id", "variant", "content_id", "topic",
    "decision_id", "skus", "categories", "offers_discount", "bounce", "machine_open", "cost",
    "source", "received_at", "doubts",
)  # fmt: skip
SHOWN = (
    *ABOUT, "stream", "source_name", "raw", "raw_base64", "reasons", "event_id", "occurred_at",
    "identifiers", "properties", "source_position", "landed_at", "event_hash", "payload_hash",
)  # fmt: skip
# Of the canonical fields, what the oracle keeps under the same name.
BOTH = (
    "type", "message_id", "channel", "purpose", "campaign_id", "variant", "content_id", "topic",
    "decision_id", "bounce", "machine_open",
)  # fmt: skip


def land(lines: list[Line], folder: Path) -> Path:
    folder.mkdir()
    path = folder / "000.json"
    path.write_bytes(b"".join(line.told + b"\n" for line in lines))
    os.utime(path, (LANDED_AT.timestamp(), LANDED_AT.timestamp()))
    return path


def read(spark, lines: list[Line], folder: Path) -> list[Any]:
    """Land lines in a file, and read them as `land` does."""
    path = land(lines, folder)
    landed = (
        spark.read.option("lineSep", "\n")
        .text(str(path))
        .select(
            "value",
            F.col("_metadata.file_path").alias("file"),
            F.col("_metadata.file_modification_time").alias("modified_at"),
        )
    )
    about = {"source_name": "mail", "max_row_bytes": MAX_ROW_BYTES, "max_skew": timedelta(hours=1)}
    events = DIALECTS["sendgrid"].parse(landed, stream=None, **about)
    return events.select(*SHOWN).collect()


@pytest.fixture(scope="module")
def hostile(spark, tmp_path_factory) -> list[Any]:
    return read(spark, [*LINES, *OURS, MANY], tmp_path_factory.mktemp("hostile") / "mail")


@pytest.fixture(scope="module")
def golden(spark, tmp_path_factory) -> list[Any]:
    """Every golden event twice: on a line of its own, and in one array of all."""
    return read(spark, [*ALONE, TOGETHER], tmp_path_factory.mktemp("golden") / "mail")


def only(rows: list[Any], event_id: str) -> Any:
    (found,) = (row for row in rows if row.event_id == event_id)
    return found


def in_words(row: Any) -> dict[str, Any]:
    """A row as the golden file tells it."""
    told = {name: row[name] for name in ABOUT if row[name] is not None}
    return {
        **told,
        "event_id": row.event_id,
        "occurred_at": row.occurred_at.astimezone(UTC).isoformat(),
        "identifiers": [[entry.type, entry.value] for entry in row.identifiers],
        "properties": row.properties,
    }


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_every_event_is_the_row_that_the_golden_file_says(golden, case):
    rows = [row for row in golden if row.event_id == case["event"]["sg_event_id"]]
    assert [in_words(row) for row in rows] == [case["expected"]] * 2, case["about"]
    assert [row.reasons for row in rows] == [case["reasons"]] * 2
    assert {row.stream for row in rows} == {"messages"}


def test_an_event_is_the_same_alone_and_in_an_array(golden):
    """But for its place: that of an array's event is its line's, and its number there."""
    pairs = defaultdict(list)
    for row in golden:
        pairs[row.event_id].append(row)
    assert len(golden) == 2 * len(CASES)
    lines, places = set(), []
    for one, other in pairs.values():
        assert (one.event_hash, one.payload_hash) == (other.event_hash, other.payload_hash)
        alone, inside = sorted((r.source_position.line_hash for r in (one, other)), key=len)
        assert len(alone) == 32
        lines.add(inside.partition("/")[0])
        places.append(int(inside.partition("/")[2]))
    assert len(lines) == 1 and sorted(places) == [*range(1, len(CASES) + 1)]


def test_every_line_and_every_event_is_there_with_all_reasons(hostile):
    expected = Counter(
        (raw.decode("utf-8", "replace"), reasons)
        for line in (*LINES, *OURS, MANY)
        for raw, reasons in line.parts
    )
    found = Counter((row.raw, tuple(row.reasons)) for row in hostile)
    assert sorted(found - expected)[:5] == sorted(expected - found)[:5] == []


def without_blanks(raw: str) -> str:
    """A text as Spark and Python would both write it, where both can read it."""
    try:
        return json.dumps(json.loads(raw))
    except ValueError:
        return raw


def test_the_oracle_reads_the_same(hostile, tmp_path):
    path = land([*LINES, MANY], tmp_path / "mail")
    skipped = {raw.decode("utf-8", "replace") for line in OURS for raw, _ in line.parts}
    rows = [row for row in hostile if row.raw not in skipped]
    config = {"sources": {"mail": {"dialect": "sendgrid", "format": "json", "path": "mail"}},
              "intake": {"max_row_bytes": MAX_ROW_BYTES}}  # fmt: skip
    intake = take_in({"mail": [path]}, oracle.load(config))
    theirs = {
        row.event_id: (
            row.fields["occurred_at"],
            {name: row.fields[name] for name in BOTH},
            [(entry["type"], entry["value"]) for entry in row.fields["identifiers"]],
            sorted(row.doubts),
        )
        for row in intake.accepted
        if row.event_id != "twice"
    }
    ours = {
        row.event_id: (
            row.occurred_at.astimezone(UTC),
            {name: row[name] for name in BOTH},
            [(entry.type, entry.value) for entry in row.identifiers],
            sorted(row.doubts or ()),
        )
        for row in rows
        if not row.reasons and row.event_id != "twice"
    }
    assert ours == theirs
    refused = Counter(
        (without_blanks(row.raw), frozenset(row.reasons)) for row in rows if row.reasons
    )
    told = [
        (without_blanks(row.raw), frozenset(row.reasons) - {"id_reused"})
        for row in intake.quarantined
    ]
    assert refused == Counter(entry for entry in told if entry[1])
    # Which of the two payloads is accepted, their hashes decide; the other two rows are repeats.
    assert intake.counts["duplicate"] + intake.counts["id_reused"] == 2


def test_an_event_said_twice_in_an_array_is_one_id(hostile):
    twice = [row for row in hostile if row.event_id == "twice"]
    assert len({row.event_hash for row in twice}) == 1
    assert sorted(Counter(row.payload_hash for row in twice).values()) == [1, 2]
    assert len({row.source_position.line_hash for row in twice}) == 3


def test_bytes_that_are_no_text_harm_their_event_alone(hostile):
    (bad,) = (row for row in hostile if row.reasons == ["invalid_utf8"])
    assert base64.b64decode(bad.raw_base64) == BAD_BYTES
    beside = only(hostile, "before bad bytes")
    assert beside.properties == {"useragent": "Zo\u00eb \u4e00"}
    assert beside.raw_base64 is None


def test_ten_thousand_events_of_an_array_are_as_many_rows(hostile):
    many = [
        row
        for row in hostile
        if (row.event_id or "").startswith("many ") and row.event_id != "many fields"
    ]
    assert len({row.event_id for row in many}) == len(many) == len(MANY.parts)
    assert len({row.source_position.line_hash for row in many}) == len(MANY.parts)


def test_names_of_events_are_read_in_any_spelling(hostile):
    found = {word: only(hostile, f"named {n}").type for n, word in enumerate(NAMES)}
    assert found == NAMES


def test_every_form_of_a_time_is_the_same_moment(hostile):
    found = {only(hostile, f"moment {n}").occurred_at for n in range(len(MOMENTS))}
    assert {time.astimezone(UTC) for time in found} == {datetime.fromtimestamp(AT, UTC)}


def test_the_first_category_is_the_topic(hostile):
    found = [only(hostile, f"category {n}") for n in range(len(CATEGORIES))]
    assert [row.topic for row in found] == [topic for _, topic in CATEGORIES]
    assert all("category" in row.properties for row in found)


def test_arguments_that_cannot_be_what_they_are_called_are_kept(hostile):
    long = only(hostile, "long argument")
    assert long.campaign_id is None
    assert [entry.type for entry in long.identifiers] == ["email"]
    assert set(long.properties) == {"campaign_id", "customer_id"}
    many = only(hostile, "no names")
    assert [entry.type for entry in many.identifiers] == ["email"]
    assert {"customer_id", "loyalty_id", "device_id", "anonymous_id"} <= set(many.properties)
    whole = only(hostile, "whole number")
    assert [entry.value for entry in whole.identifiers][1:] == ["17"]
    blank = only(hostile, "blank argument")
    assert (blank.campaign_id, blank.purpose) == ("mc", "marketing")
    number = only(hostile, "number")
    assert (number.machine_open, number.topic, number.identifiers[0].value) == (None, "true", "5")


def test_who_leaves_says_nothing_of_purposes(hostile):
    """A sender's word that nobody knows is in doubt, but no reason to close other channels."""
    sent, left = only(hostile, "odd purpose"), only(hostile, "odd purpose leaves")
    assert (sent.type, sent.purpose, sent.doubts) == ("sent", None, ["purpose:newsletter"])
    assert (left.type, left.channel, left.purpose) == ("unsubscribed", "email", None)
    assert (left.properties, left.doubts) == ({"purpose": "newsletter"}, None)
