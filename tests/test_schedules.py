"""What schedulers are given calls commands as they are."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tactful.jobs.cli import app

SCHEDULES = sorted((Path(__file__).resolve().parents[1] / "schedules").glob("*.py"))


def command_in(text: str) -> list[str]:
    """The words of the one command that a file calls."""
    as_list = re.search(r"\[(\"tactful\",.*?)\]\n", text)
    if as_list:
        return re.findall(r"\"([\w-]+)\"", as_list[1])
    found = re.search(r"'(tactful .*)'", text)
    assert found
    return [word for word in shlex.split(found[1]) if not word.startswith("$")]


@pytest.mark.parametrize("path", SCHEDULES, ids=lambda path: path.stem)
def test_a_schedule_calls_a_command_that_there_is(path):
    compile(path.read_text(encoding="utf-8"), path.name, "exec")
    name, command, *options = command_in(path.read_text(encoding="utf-8"))
    assert name == "tactful"
    said = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "200"}).stdout
    told = [option for option in options if option.startswith("--")]
    assert {"--conf", "--json"} <= set(told)
    assert [option for option in told if option not in said] == []
    assert {path.stem for path in SCHEDULES} == {"airflow_dag", "dagster_job"}
