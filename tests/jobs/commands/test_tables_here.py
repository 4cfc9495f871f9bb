"""Tables that are damaged or missing: one sentence in our own words, and all else is still told."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from tactful.jobs import cli
from tactful.jobs.commands.status import render, status
from tactful.jobs.errors import LakeDamaged
from tactful.jobs.report import page
from tactful.jobs.settings.config import load
from tactful.schemas.table import FORMAT_VERSION
from tests.small_lake import write_small_lake


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    lake = write_small_lake(tmp_path / "lake")
    (lake / "_lake.json").write_text(json.dumps({"format_version": FORMAT_VERSION}))
    return lake


def shown(lake: Path) -> str:
    console = Console(record=True, width=140, soft_wrap=True, file=open("/dev/null", "w"))  # noqa: SIM115
    for part in render(status(lake)):
        console.print(part)
    return console.export_text()


def data_file(lake: Path, table: str) -> Path:
    return next((lake / table).glob("*.parquet"))


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:40])


def damage_log(lake: Path, table: str) -> None:
    next((lake / table / "_delta_log").glob("*.json")).write_text("{broken")


def test_a_missing_file_is_named_and_the_rest_is_told(lake) -> None:
    file = data_file(lake, "timeline")
    file.unlink()
    damaged = status(lake)["failures"]["damaged_tables"]
    line = (
        f"{file.name} of table timeline in the lake at {lake} is missing; put it back from a copy, "
        "or rebuild with: tactful replay --from received."
    )
    assert damaged == {"timeline": line}
    text = shown(lake)
    assert line in text and "Quarantined for malformed_json: 2" in text


def test_a_damaged_file_and_a_damaged_log_are_named(lake) -> None:
    cut(data_file(lake, "quarantine"))
    damage_log(lake, "batches")
    damaged = status(lake)["failures"]["damaged_tables"]
    file = data_file(lake, "quarantine").name
    assert damaged == {
        "batches": f"The log of table batches in the lake at {lake} is damaged; put it back from a "
        "copy.",
        "quarantine": f"{file} of table quarantine in the lake at {lake} is damaged; put it back "
        "from a copy.",
    }


def test_a_file_that_no_question_reads_is_missed_all_the_same(lake) -> None:
    data_file(lake, "identifiers").unlink()
    assert list(status(lake)["failures"]["damaged_tables"]) == ["identifiers"]


def test_what_a_new_version_brings_is_not_lost(lake) -> None:
    state = lake / "_lake.json"
    facts = status(lake)
    assert "customers_daily" in facts["not_made_yet"]
    assert "customers_daily" not in facts["failures"]["missing_tables"]
    assert "Not made yet: activations, assignments, audi" in shown(lake)
    told = {**json.loads(state.read_text()), "tables": ["clicks", "customers_daily", "timeline"]}
    state.write_text(json.dumps(told))
    lost = status(lake)
    assert "customers_daily" in lost["failures"]["missing_tables"]
    assert "known_shares" in lost["not_made_yet"] or (lake / "known_shares").is_dir()


def test_missing_tables_are_named(lake) -> None:
    before = status(lake)["failures"]["missing_tables"]
    shutil.rmtree(lake / "clicks")
    assert sorted({*before, "clicks"}) == status(lake)["failures"]["missing_tables"]
    text = shown(lake)
    assert f"Not there: {before[0]}, " in text
    assert f" and {len(before) + 1 - 5} more; put back from a copy what was lost" in text


@pytest.mark.parametrize("harm", [Path.unlink, cut], ids=["missing", "damaged"])
@pytest.mark.parametrize("table", ["timeline", "messages"])
def test_the_report_says_it_in_one_sentence(lake, tmp_path, harm, table) -> None:
    file = data_file(lake, table)
    harm(file)
    how = "is missing" if harm is Path.unlink else "is damaged"
    with pytest.raises(LakeDamaged) as caught:
        page.write(lake, truth=tmp_path, target=tmp_path / "r.html", config=load(), generated={})
    assert str(caught.value).startswith(f"{file.name} of table {table} in the lake at {lake} {how}")


def test_the_report_names_a_damaged_log(lake, tmp_path) -> None:
    damage_log(lake, "suppressions")
    with pytest.raises(LakeDamaged, match="The log of table suppressions in the lake at"):
        page.write(lake, truth=tmp_path, target=tmp_path / "r.html", config=load(), generated={})


def test_a_configuration_without_a_lake_says_how_to_start_one(tmp_path) -> None:
    (tmp_path / "my.toml").write_text(f"[lake]\nlocation = '{tmp_path}/lake'\n")
    done = CliRunner().invoke(cli.app, ["status", "--conf", str(tmp_path / "my.toml")])
    assert (done.exit_code, done.stderr) == (
        2,
        f"error: There is no lake at {tmp_path}/lake yet; start it with tactful run, or name "
        "another with --lake.\n",
    )
