"""The report of any lake: of the tables it has, with what is missing said, and nothing outside."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tactful.jobs import cli
from tactful.schemas.table import FORMAT_VERSION
from tests.jobs.commands.why_lake import ANN, HOSTILE, publish, write_why_lake
from tests.jobs.report.test_report import CONF, _Ids
from tests.small_lake import AS_OF, write_small_lake, write_table


@pytest.fixture
def report(tmp_path, monkeypatch):
    """The command in a folder: exit code, the page's text, what was said."""
    monkeypatch.chdir(tmp_path)

    def report(*arguments: str) -> tuple[int, str, str]:
        told = CliRunner().invoke(cli.app, ["report", "--conf", "my.toml", *arguments])
        page = Path("report.html")
        text = page.read_text() if page.exists() else ""
        return told.exit_code, text, told.stdout + told.stderr

    return report


def words(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<style>.*?</style>|<[^>]+>", " ", page, flags=re.S))


def test_a_lake_is_told_of_its_own_tables(report, tmp_path):
    write_small_lake(tmp_path / "lake")
    (tmp_path / "lake/_lake.json").write_text(json.dumps({"format_version": FORMAT_VERSION}))
    (tmp_path / "my.toml").write_text(CONF)
    told = {"checked_at": AS_OF, "suite": "tactful", "arguments": "{}", "severity": "critical"}
    write_table(tmp_path / "lake", "quality", [
        {**told, "run_id": "2", "table_name": "customers", "column_names": ["orders"],
         "expectation": "expect_column_values_to_be_between", "is_met": False,
         "unexpected_count": 7},
        {**told, "run_id": "2", "table_name": "regrets", "column_names": [],
         "expectation": "expect_x", "is_met": True},
        {**told, "run_id": "1", "table_name": "identity", "column_names": [],
         "expectation": "expect_y", "is_met": False, "checked_at": AS_OF - timedelta(days=1)},
    ])  # fmt: skip
    write_table(tmp_path / "lake", "delivery_states", [
        {"destination": "meta_exclusions", "name": "1.json", "state": state, "at": AS_OF + span}
        for state, span in (("given_up", timedelta(2)), ("rejected", timedelta(1)))
    ])  # fmt: skip
    write_table(tmp_path / "lake", "identity_health", [
        {"identifier_type": "all", "most_of_one_person_count": 3, "together_count": 4_000,
         "merges_1d_count": 12, "splits_1d_count": 0, "hub_of_one_count": 17,
         "neutral_over_count": 47},
    ])  # fmt: skip
    code, page, _ = report()
    assert code == 0
    text = words(page)
    for said in (
        "One person has at most 3 identifiers; at most 4,000 hang together",
        "In the last day 12 persons became another's, 0 came apart.",
        "Of the neutral, 47 are shared by nobody",
        "Of the hubs, 17 are of one customer",
        "1 given up",
        "4 of 10 marketing messages (40%) should not have been sent.",
        "1 of 3 persons are protected from something now.",
        "profiles (no source brings it)",
        "They cost 1.00 USD of 2.50 USD",
        "bought_it_own_rhythm",
        "active 3 0 0.00",
        "email_weekly 3 in 7 days",
        "No plans: nothing has been chosen to be said",
        "7 of the 9 persons that belong into meta_exclusions are left out",
        "6 identifiers make 3 persons",
        "20 rows were read: 17 accepted, 1 repeats, 2 in quarantine",
        "malformed_json 2",
        "1 of 2 expectations were not met on 2 January 2018.",
        "customers tactful column values to be between orders critical 7",
        "fused 0 – 17",
    ):
        assert said in text, said
    assert "Complete Journey" not in text and "generated" not in text
    assert page.count("<svg") == 4
    assert not re.findall(r"""(?:src|href)=["'](?!#)([^"']+)""", page)
    assert not re.search(r"<script|@import|url\((?!#)", page)
    reader = _Ids()
    reader.feed(page)
    assert len(reader.ids) == len(set(reader.ids))


def test_a_lake_without_messages_says_what_it_cannot_tell(report, tmp_path):
    write_why_lake(tmp_path)
    for name in ("messages", "regrets", "outcomes"):
        (tmp_path / "lake" / name).rename(tmp_path / name)
    code, page, told = report("--json")
    assert code == 0
    assert json.loads(told)["missing_streams"] == ["clicks", "purchases", "messages", "service"]
    text = words(page)
    assert "No message is known here, so nobody can tell which should not have been sent." in text
    assert "This asks for the stream messages : no source brings it." in text
    assert "Who bought asks for the stream purchases : nothing of it has come in." in text
    # Of each policy what is to be said, what lost, was held back, withdrawn and handed over.
    assert "cart_reminder 1 0 0 1 2 1 1" in text
    assert "cart_reminder lost min-gap hello 1 1" in text
    assert "1 Mar 2026 hello email 1" in text
    # Who made the lake's customers is told by numbers alone.
    assert "ann@x.io" not in page


def test_what_others_wrote_does_nothing_and_hides_nothing(report, tmp_path):
    lake = write_why_lake(tmp_path)
    plan = {"activation_id": "x", "person_id": ANN, "policy": HOSTILE, "channel": "email",
            "action": "a:1", "outcome": "lost", "reason": HOSTILE, "is_shadow": False,
            "is_final": False, "lost_to": [], "decided_at": AS_OF, "evidence": []}  # fmt: skip
    write_table(lake, "activations", [plan], mode="append")
    found = {"run_id": "r", "checked_at": AS_OF, "table_name": "customers", "suite": HOSTILE,
             "expectation": "x", "column_names": [HOSTILE], "arguments": "{}",
             "severity": "critical", "is_met": False, "error": HOSTILE}  # fmt: skip
    write_table(lake, "quality", [found])
    publish(lake)
    code, page, _ = report()
    assert code == 0
    assert "&lt;script&gt;alert(1)" in page and r"a\x1b]0;gone\x07" in page and r"\u202e" in page
    assert "<script" not in page and not set(page) & set("\x1b\x07\u202e\x9b")


def test_what_is_not_there_is_said(report, tmp_path):
    write_why_lake(tmp_path)
    (tmp_path / "lake/_published.json").unlink()
    code, page, told = report()
    assert (code, page) == (1, "") and "Nothing has been published in the lake at" in told
    assert report("--out", ".")[0] == 2
    assert report("--lake", "nowhere")[0] == 2
