"""Where a page may be written: nowhere among a lake's own files, and where not, in a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from tactful.jobs import cli
from tests.jobs.commands.why_lake import write_why_lake


@pytest.fixture
def report(tmp_path, monkeypatch):
    write_why_lake(tmp_path)
    monkeypatch.chdir(tmp_path)

    def report(out: str) -> tuple[int, str]:
        told = CliRunner().invoke(cli.app, ["report", "--conf", "my.toml", "--out", out])
        return told.exit_code, told.stdout + told.stderr

    return report


@pytest.mark.parametrize(
    "out", ["lake/_published.json", "lake/customers/x.html", "lake/outbox/x.html",
            "landing/../lake/_lake.json"],
)  # fmt: skip
def test_a_lakes_own_files_are_not_written_over(report, tmp_path, out):
    place = tmp_path / out
    before = place.read_bytes() if place.exists() else None
    code, said = report(out)
    assert code == 2 and "which lies in the lake" in said
    assert (place.read_bytes() if place.exists() else None) == before


def test_what_cannot_be_written_is_said(report, tmp_path):
    (tmp_path / "file").write_text("")
    code, said = report("file/report.html")
    assert code == 2 and "which cannot be written" in said and "Error" not in said


def test_a_page_beside_tables_is_written(report, tmp_path):
    code, _ = report("lake/page.html")
    assert code == 0 and Path(tmp_path, "lake/page.html").stat().st_size
