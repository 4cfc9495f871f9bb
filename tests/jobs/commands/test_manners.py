"""Commands: what only looks needs no secret, what would do nothing is refused."""

from __future__ import annotations

import json

import pytest
from py4j.protocol import Py4JJavaError
from typer.testing import CliRunner

from tactful.jobs import cli
from tactful.jobs.commands.answers import would_tell_lines
from tactful.jobs.lake.lake import Lake
from tactful.jobs.lake.local_files import LocalFiles
from tactful.jobs.settings.config import load

CONF = "[lake]\nsecret = 'env:TACTFUL_TEST_SECRET'\n[sources.web]\nstream = 'clicks'\npath = 'in'\n"


@pytest.fixture
def tactful(tmp_path, monkeypatch):
    """A command in a shop's folder: exit code, output and what went to stderr."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my.toml").write_text(CONF)
    (tmp_path / "in").mkdir()
    monkeypatch.delenv("TACTFUL_TEST_SECRET", raising=False)

    def tactful(*arguments: str):
        result = CliRunner().invoke(cli.app, [*arguments])
        return result.exit_code, result.stdout, result.stderr

    return tactful


def test_status_needs_no_secret(spark, tactful, tmp_path, monkeypatch):
    monkeypatch.setenv("TACTFUL_TEST_SECRET", "a secret of some length")
    Lake(spark, str(tmp_path / "lake")).create(load("my.toml"))
    monkeypatch.delenv("TACTFUL_TEST_SECRET")
    code, out, err = tactful("status", "--conf", "my.toml", "--json")
    assert (code, err) == (0, "")
    told = json.loads(out)
    assert told["files"]["web"]["seen"] == 0
    assert "TACTFUL_TEST_SECRET" in told["failures"]["refused_by_run"]
    for command in ("check", "run"):
        assert tactful(command, "--conf", "my.toml")[0] == 2


@pytest.mark.parametrize(
    ("more", "what"),
    [(("--as-of", "2026-01-31T00:00Z"), "--as-of"), (("land",), "STEP")],
)
def test_a_run_for_ever_takes_nothing_that_it_would_not_heed(tactful, more, what):
    code, _, err = tactful("run", "--continuous", "30s", *more)
    assert (code, err) == (
        2, f"error: --continuous: found {what} beside it; allowed: one of the two\n",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("more", "what"),
    [(("--continuous", "30s"), "--continuous"), (("--confirm",), "--confirm"), (("land",), "STEP")],
)
def test_a_dry_run_takes_nothing_that_it_would_not_heed(tactful, more, what):
    code, _, err = tactful("run", "--dry-run", *more)
    assert (code, err) == (
        2, f"error: --dry-run: found {what} beside it; allowed: one of the two\n",
    )  # fmt: skip


def test_a_dry_run_says_what_would_be_told():
    rows = [
        {"destination": "google", "audience": "bought_it", "operation": "add", "records": 1200},
        {"destination": "google", "audience": "bought_it", "operation": "remove", "records": 1},
    ]
    assert list(would_tell_lines(rows)) == [
        "The next run would add 1,200 records to google (audience bought_it).",
        "The next run would remove 1 record from google (audience bought_it).",
    ]
    assert list(would_tell_lines([])) == ["The next run would tell no destination anything."]
    assert list(would_tell_lines(None)) == []


def test_check_finds_a_source_that_is_a_file_and_run_refuses_it(tactful, tmp_path, monkeypatch):
    monkeypatch.setenv("TACTFUL_TEST_SECRET", "a secret of some length")
    (tmp_path / "in").rmdir()
    (tmp_path / "in").write_text("{}\n")
    code, _, err = tactful("check", "--conf", "my.toml")
    assert code == 2 and "sources.web.path" in err and "which is a file" in err
    code, _, err = tactful("run", "--conf", "my.toml")
    assert code == 2 and "which is a file; let sources.web.path name the folder" in err


def test_check_notes_what_lands_inside_the_lake_and_what_nobody_reads(
    tactful, tmp_path, monkeypatch
):
    monkeypatch.setenv("TACTFUL_TEST_SECRET", "a secret of some length")
    monkeypatch.setenv("TACTFUL_CONF", "my.toml")
    (tmp_path / "lake/landing").mkdir(parents=True)
    (tmp_path / "my.toml").write_text(CONF.replace("'in'", "'lake/landing'"))
    code, out, _ = tactful("check", "--conf", "my.toml")
    assert code == 0
    assert "note: sources.web.path lies in the lake's folder:" in out
    assert "note: The environment variable TACTFUL_CONF is read by nobody" in out


def test_a_demo_takes_nothing_from_one_that_runs(tactful, tmp_path):
    (tmp_path / "demo-lake/landing").mkdir(parents=True)
    with LocalFiles(str(tmp_path / "demo-lake")).locked():
        code, _, err = tactful("demo")
    assert code == 2 and "Another run holds the lake at" in err
    assert (tmp_path / "demo-lake/landing").is_dir()


class OfJava(Py4JJavaError):
    """An error as Java's come, without a JVM to have come from."""

    def __init__(self):
        pass

    def __str__(self):
        return (
            "An error occurred while calling o44.save.\n: org.apache.spark.SparkException: Job "
            "aborted.\n\tat org.apache.spark.A.b(A.scala:1)\nCaused by: java.io.IOException: No "
            "space left on device.\n\tat java.base/java.io.B\n\t... 42 more"
        )


def test_of_a_page_of_java_the_first_cause_is_told(tactful, tmp_path, monkeypatch):
    def broken(*_, **__):
        raise OfJava

    monkeypatch.setattr("tactful.jobs.runs.pipeline.run", broken)
    monkeypatch.setenv("TACTFUL_TEST_SECRET", "a secret of some length")
    code, _, err = tactful("run", "--conf", "my.toml")
    told = "java.io.IOException: No space left on device. Run again with --debug"
    assert (code, err) == (1, f"error: {told} for the whole trace.\n")
