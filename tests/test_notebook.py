"""The notebook runs as it stands, and asks what the report asks."""

from __future__ import annotations

import runpy
from pathlib import Path

import jupytext

from tactful.jobs.report.queries import QUERIES
from tests.small_lake import write_small_lake

NOTEBOOK = Path(__file__).parent.parent / "notebooks/01_first_look.py"


def test_the_first_look_runs_on_a_lake(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("TACTFUL_LAKE", str(write_small_lake(tmp_path / "lake")))
    runpy.run_path(str(NOTEBOOK))
    shown = capsys.readouterr().out
    for text in ("bought_it_own_rhythm", "next_end", "followed_by_an_order", "column_name"):
        assert text in shown


def test_it_asks_what_the_report_asks():
    cells = jupytext.read(NOTEBOOK).cells
    asked = "\n".join(cell.source for cell in cells)
    for query in QUERIES:
        assert f"## {query.title}" in asked
        assert query.sql in asked
