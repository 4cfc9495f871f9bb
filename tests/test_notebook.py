"""The notebooks run as they stand; the first asks what the report asks."""

from __future__ import annotations

import runpy
from pathlib import Path

import jupytext

from tactful.jobs.report.queries import QUERIES
from tests.jobs.commands.why_lake import ANN, write_why_lake
from tests.small_lake import write_small_lake

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"
NOTEBOOK = NOTEBOOKS / "01_first_look.py"


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


def run(name: str, lake: Path, monkeypatch, capsys) -> str:
    monkeypatch.setenv("TACTFUL_LAKE", str(lake))
    monkeypatch.setenv("TACTFUL_CONF", str(lake.parent / "my.toml"))
    runpy.run_path(str(NOTEBOOKS / name))
    return capsys.readouterr().out


def test_why_is_asked_of_one_customer(tmp_path, monkeypatch, capsys):
    shown = run("02_why.py", write_why_lake(tmp_path), monkeypatch, capsys)
    for text in (
        f"{ANN} is {ANN}, as of 1 March 2026",
        "bought_it until 2026-03-12T00:00:00Z",
        "cart_reminder email lost between two such messages lie at least 20 hours",
        "It should not have been sent",
        "are one customer",
    ):
        assert text in shown, text


def test_policies_are_held_side_by_side(tmp_path, monkeypatch, capsys):
    shown = run("03_policies.py", write_why_lake(tmp_path), monkeypatch, capsys)
    for text in ("messages_it_would_have_stopped", "email_weekly", "messages_beyond", "min-gap"):
        assert text in shown, text
    (lost,) = (line for line in shown.splitlines() if "cart_reminder" in line and "hello" in line)
    assert lost.replace("│", " ").split() == ["cart_reminder", "hello", "1"]
