"""tables: every column with its unit and source, in Markdown, for a browser and for dbt."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
import yaml
from typer.testing import CliRunner

from tactful.jobs import cli
from tactful.jobs.commands.table_pages import page_dbt, page_html, page_md, source_of
from tactful.schemas.catalog import PUBLISHED, TABLES
from tactful.schemas.units import unit_of

EVERY = [(table, column) for table in TABLES.values() for column in table.columns]


def test_every_column_has_a_unit_and_a_source():
    silent = [f"{table.id}.{column.name}" for table, column in EVERY if not unit_of(column)]
    assert not silent, "say it in schemas/units.py, or as the column's unit"
    assert all(source_of(table, column) for table, column in EVERY)
    made = {source_of(table, table.columns[0]) for table in PUBLISHED}
    assert all(source.startswith("made from ") for source in made)


def test_the_page_has_a_row_for_every_column():
    parts = dict(re.findall(r"^## `([^`]+)`\n(.*?)(?=^## |\Z)", page_md(), flags=re.M | re.S))
    assert set(parts) == set(TABLES)
    for name, table in TABLES.items():
        rows = [line for line in parts[name].splitlines() if line.startswith("| `")]
        assert [line.split("`")[1] for line in rows] == table.names
        assert f"One row per {table.grain}." in parts[name]
        for column, line in zip(table.columns, rows, strict=True):
            assert f"| {unit_of(column)} |" in line


def test_dbt_reads_it_as_its_source():
    (source,) = yaml.safe_load(page_dbt())["sources"]
    tables = {table["name"]: table for table in source["tables"]}
    assert set(tables) == {name for name, table in TABLES.items() if not table.log}
    for name, told in tables.items():
        assert told["meta"]["key"] == list(TABLES[name].key)
        columns = {column["name"]: column for column in told["columns"]}
        assert list(columns) == TABLES[name].names
        for column in TABLES[name].columns:
            tests = columns[column.name].get("tests", [])
            assert ("not_null" in tests) is (not column.nullable)
            assert columns[column.name]["meta"]["unit"] == unit_of(column)
    identity = {c["name"]: c for c in tables["identity"]["columns"]}
    assert identity["identifier_key"]["tests"] == ["unique", "not_null"]
    assert identity["state"]["tests"][1]["accepted_values"]["values"][0] == "linked"


def test_the_page_for_a_browser_needs_nothing_else():
    reader = _Page()
    reader.feed(page_html())
    assert reader.links == reader.ids == set(TABLES)
    assert reader.cells == len(EVERY) * 3


@pytest.mark.parametrize("form", ["md", "html", "dbt"])
def test_the_command_prints_it(form):
    told = CliRunner().invoke(cli.app, ["tables", "suppressions", "--format", form])
    assert told.exit_code == 0
    assert "lifted_by" in told.stdout and "is_standing" not in told.stdout


def test_what_cannot_be_is_refused():
    for arguments, said in (
        (("--format", "pdf"), 'found "pdf"; allowed: md, html, dbt'),
        (("_log/links", "--format", "dbt"), "_log/links is a log that only jobs read"),
        (("--json", "--format", "html"), "found --format beside it"),
        (("--options", "--format", "html"), '--format: found "html"; allowed: md beside --options'),
    ):
        told = CliRunner().invoke(cli.app, ["tables", *arguments])
        assert told.exit_code == 2 and said in told.stderr, arguments


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: set[str] = set()
        self.cells = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        assert "src" not in told
        self.cells += tag == "td"
        if "id" in told:
            self.ids.add(told["id"] or "")
        if "href" in told:
            self.links.add((told["href"] or "").removeprefix("#"))
