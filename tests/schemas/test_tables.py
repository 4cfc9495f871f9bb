"""Every table is described once, well enough to make schemas, suites and pages from it."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tactful.schemas.catalog import APPENDED, LOGS, PUBLISHED, REFERENCE, TABLES
from tactful.schemas.customers import CUSTOMER_SCORES
from tactful.schemas.events import (
    CLASSES,
    FURTHER,
    MONEY,
    REQUIRED,
    STREAMS,
    TOTAL,
    TYPES,
    wide_columns,
)
from tactful.schemas.identity import IDENTITY
from tactful.schemas.records import LEFT_OUT
from tactful.schemas.reference import RATE
from tactful.schemas.suppressions import PRESSURE, SUPPRESSIONS
from tactful.schemas.table import ERASURES, Column, Table

SNAKE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
SCALARS = {
    "string", "timestamp", "date", "bigint", "int", "double", "boolean", "binary", MONEY, TOTAL,
    RATE,
}  # fmt: skip
NOW = datetime(2026, 6, 1, tzinfo=UTC)
EVERY = pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)


def test_the_readme_names_every_table_that_is_read() -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    firsts = [line.split("|")[1] for line in readme.splitlines() if line.startswith("| `")]
    named = {name for first in firsts for name in re.findall(r"`(\w+)`", first)}
    assert {table.name for table in (*PUBLISHED, *APPENDED)} <= named


@EVERY
def test_a_table_says_what_it_is(table: Table):
    assert SNAKE.fullmatch(table.name)
    assert table.doc.endswith(".")
    assert table.grain
    assert table.names
    assert len(set(table.names)) == len(table.names)
    assert set(table.key) <= set(table.names)


@EVERY
def test_every_column_says_what_it_tells(table: Table):
    for column in table.columns:
        assert SNAKE.fullmatch(column.name), column.name
        assert column.doc.strip().endswith("."), column.name


@EVERY
def test_every_type_is_one_that_other_readers_know(table: Table):
    """Structs, arrays and maps of plain types; every moment is a timestamp and named so."""
    for column in table.columns:
        names = re.findall(r"(\w+):", column.type)
        leaves = re.sub(r"\w+:", "", column.type)
        found = set(re.findall(r"\w+(?:\(\d+,\d+\))?", leaves)) - {"array", "map", "struct"}
        assert found <= SCALARS, column.type
        assert all(SNAKE.fullmatch(name) for name in names)
        if column.type == "timestamp":
            assert column.name.endswith("_at") or column.name in {
                "at",
                "as_of",
                "effective_by",
                "watermark",
            }


@EVERY
def test_what_is_allowed_is_a_text(table: Table):
    for column in table.columns:
        if column.allowed:
            assert column.type == "string"
            assert len(set(column.allowed)) == len(column.allowed)


@EVERY
def test_a_key_is_never_left_out(table: Table):
    nullable = {name for name in table.key if table.column(name).nullable}
    assert nullable <= {"generation", "line_number", "locale"}


@EVERY
def test_a_table_says_how_it_forgets_somebody(table: Table):
    """And it is able to: what a way of erasing looks for is there to be looked at."""
    keys = {"identifier_key", "identifier_keys", "anchor_key"} & set(table.names)
    persons = {name for name in table.names if name.endswith("person_id")}
    able = {
        "keys": bool(keys),
        "persons": bool(persons) and not keys,
        "raw": "raw" in table.names,
        "publication": table in PUBLISHED,
        "nothing": not (keys or persons or table.is_protected),
    }
    assert set(able) == set(ERASURES)
    assert able[table.erased_by]
    assert ERASURES[table.erased_by] in table.page()


def test_a_table_lies_where_its_kind_lies():
    assert all(table.path.startswith("_log/") for table in LOGS)
    assert not any("/" in table.path for table in (*APPENDED, *PUBLISHED, *REFERENCE))
    assert len(TABLES) == len(LOGS) + len(APPENDED) + len(PUBLISHED) + len(REFERENCE)
    assert all(name == table.id for name, table in TABLES.items())


def test_streams_share_their_field_types():
    """The wide row holds every field of every stream, so one name has one type everywhere."""
    kinds: dict[str, set[str]] = {}
    for columns in FURTHER.values():
        for column in columns:
            kinds.setdefault(column.name, set()).add(column.type)
    assert {name for name, types in kinds.items() if len(types) > 1} == set()
    assert set(kinds) <= {column.name for column in wide_columns()}
    assert set(STREAMS) == set(TYPES) == set(FURTHER) == set(REQUIRED)
    for stream, required in REQUIRED.items():
        for name in required:
            # Who closes or opens a channel need not name a message.
            assert STREAMS[stream].column(name).nullable == (name == "message_id")


def test_every_type_of_event_is_of_one_class():
    """One that is of none would be in no partition that any rule reads."""
    of_classes = [type_ for types in CLASSES.values() for type_ in types]
    of_streams = [type_ for types in TYPES.values() for type_ in types]
    assert sorted(of_classes) == sorted(of_streams)


def test_what_depends_on_the_clock_is_compared_at_one_moment_alone():
    clocks = {table.name: set(table.names) - set(table.comparable()) for table in PUBLISHED}
    assert clocks["customers"] == set()
    assert clocks["customer_scores"] == {*CUSTOMER_SCORES.names} - {"person_id"}
    assert clocks["left_out"] == {*LEFT_OUT.names} - {"destination"}
    assert clocks["pressure"] == {"as_of"}
    assert clocks["suppressions"] == set()


@EVERY
def test_the_page_shows_every_column(table: Table):
    page = table.page()
    assert page.startswith(f"## `{table.id}`")
    assert table.doc in page
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    assert len(rows) == len(table.columns)
    assert all(len(re.findall(r"(?<!\\)\|", line)) == 4 for line in rows)


def test_marks_are_on_the_page():
    table = Table(
        "marked",
        "thing",
        (),
        (
            Column("raw", "string", "A value.", protected=True),
            Column("as_of", "timestamp", "Now.", clock=True),
        ),
        "Marks.",
    )
    assert "A value. (protected)" in table.page()
    assert "Now. (clock)" in table.page()
    assert "Key:" not in table.page()


# --- expectations --------------------------------------------------------------------------------


def suppression(**told: Any) -> dict[str, Any]:
    good = {
        "suppression_id": "s1", "person_id": "p_1", "policy": "bought_it", "reason": "purchased",
        "channels": [], "scope": [{"kind": "sku", "values": ["jeans"], "negated": False}],
        "starts_at": NOW,
        "ends_at": None, "lifted_by": None, "evidence": ["purchases:e1"],
    }  # fmt: skip
    return {**good, **told}


def pressure(**told: Any) -> dict[str, Any]:
    good = {
        "person_id": "p_1", "cap": "weekly", "counted": 1, "cap_limit": 2,
        "window_starts_at": NOW, "next_allowed_at": None, "as_of": NOW,
    }  # fmt: skip
    return {**good, **told}


@pytest.fixture(scope="module")
def validate():
    """Check rows against a table's own suite, as Great Expectations reads it; names what fails."""
    gx = pytest.importorskip("great_expectations")
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    source = context.data_sources.add_pandas("rows")
    counted = iter(range(100))

    def check(table: Table, rows: list[dict[str, Any]]) -> set[str]:
        name = f"{table.name}_{next(counted)}"
        suite = gx.ExpectationSuite(name=name)
        for told in table.expectations():
            kind = gx.expectations.registry.get_expectation_impl(told["type"])
            suite.add_expectation(kind(**told["kwargs"]))
        batch = source.add_dataframe_asset(name).add_batch_definition_whole_dataframe(name)
        frame = pd.DataFrame(rows, columns=table.names)
        found = batch.get_batch({"dataframe": frame}).validate(suite)
        return {
            f"{told.expectation_config.type.removeprefix('expect_column_values_to_be_')}"
            f" {told.expectation_config.kwargs.get('column', '')}".strip()
            for told in found.results
            if not told.success
        }

    return check


def test_good_rows_meet_every_expectation(validate):
    assert validate(SUPPRESSIONS, [suppression(), suppression(suppression_id="s2")]) == set()
    assert validate(PRESSURE, [pressure(), pressure(cap="daily")]) == set()


def test_every_broken_rule_is_named(validate):
    rows = [suppression(), suppression()]
    assert validate(SUPPRESSIONS, rows) == {"expect_compound_columns_to_be_unique"}
    label = {"identifier_key": "k", "state": "lost"}
    assert validate(IDENTITY, [label]) == {"in_set state"}
    doubled = validate(PRESSURE, [pressure(), pressure(counted=0)])
    assert doubled == {"expect_compound_columns_to_be_unique", "between counted"}
    nobody = validate(PRESSURE, [pressure(person_id=None)])
    assert nobody == {"expect_column_values_to_not_be_null person_id"}


@EVERY
def test_every_suite_is_made_of_known_expectations(table: Table):
    gx = pytest.importorskip("great_expectations")
    for told in table.expectations():
        assert gx.expectations.registry.get_expectation_impl(told["type"])
        named = told["kwargs"].get("column_list") or [told["kwargs"]["column"]]
        assert set(named) <= set(table.names)
