"""Java that is missing, too old or elsewhere: one line that says so, before anything is written."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyspark import SparkContext
from typer.testing import CliRunner

from tactful.jobs import cli, java
from tactful.jobs.errors import SessionUnfit

CONF = "[sources.web]\nstream = 'clicks'\npath = 'in'\n"


def a_java(home: Path, *, release: str | None = None, prints: str = "", code: int = 0) -> Path:
    """A folder that looks like a Java's."""
    (home / "bin").mkdir(parents=True)
    script = home / "bin/java"
    script.write_text(f"#!/bin/sh\necho '{prints}' >&2\nexit {code}\n")
    script.chmod(0o755)
    if release is not None:
        (home / "release").write_text(f'IMPLEMENTOR="x"\nJAVA_VERSION="{release}"\n')
    return home


@pytest.fixture
def alone(tmp_path, monkeypatch):
    """A shop's folder, and nothing of this machine's Java."""
    for name in ("JAVA_HOME", "PYSPARK_GATEWAY_PORT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(SparkContext, "_active_spark_context", None)
    monkeypatch.setattr(SparkContext, "_gateway", None)
    monkeypatch.setattr(SparkContext, "_ensure_initialized", lambda: pytest.fail("a JVM starts"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my.toml").write_text(CONF)
    (tmp_path / "in").mkdir()
    return tmp_path


UNFIT = {
    "none": (lambda home: None, "There is no Java here: install Java 17 or 21"),
    "no such folder": (lambda home: home, "and there is no bin/java in it: set it to the folder"),
    "old": (lambda home: a_java(home, release="11.0.2"), "is 11.0.2, which is too old"),
    "older": (lambda home: a_java(home, release="1.8.0_392"), "is 1.8.0_392, which is too old"),
    "old, says itself": (
        lambda home: a_java(home, prints='openjdk version "11.0.2" 2019-01-15'), "is 11.0.2",
    ),
    "does not start": (lambda home: a_java(home, code=1), "does not start: install Java 17 or 21"),
}  # fmt: skip


@pytest.mark.parametrize(("make", "words"), UNFIT.values(), ids=UNFIT)
def test_an_unfit_java_is_one_line_and_nothing_is_written(alone, monkeypatch, make, words) -> None:
    home = make(alone / "java")
    if home is not None:
        monkeypatch.setenv("JAVA_HOME", str(home))
    before = sorted(alone.rglob("*"))
    commands = (("run", "--conf", "my.toml"), ("demo", "--lake", "shop"))
    for command in commands:
        done = CliRunner().invoke(cli.app, [*command])
        assert (done.exit_code, len(done.stderr.splitlines())) == (2, 1), done.output
        assert words in done.stderr and "Java 17 or 21" in done.stderr
    assert sorted(alone.rglob("*")) == before
    noted = CliRunner().invoke(cli.app, ["check", "--conf", "my.toml"])
    assert noted.exit_code == 0 and "note: run would not start here: " in noted.stdout


@pytest.mark.parametrize("release", ["17", "17.0.15", "21.0.1"])
def test_a_fit_java_is_taken(alone, monkeypatch, release) -> None:
    monkeypatch.setenv("JAVA_HOME", str(a_java(alone / "java", release=release)))
    java.refuse_unfit()


def test_a_java_that_spark_chooses_itself_is_its_own_affair(alone, monkeypatch) -> None:
    with pytest.raises(SessionUnfit):
        java.refuse_unfit()
    (alone / "spark-env.sh").write_text("export JAVA_HOME=/somewhere\n")
    monkeypatch.setenv("SPARK_CONF_DIR", str(alone))
    java.refuse_unfit()


def test_a_demo_keeps_an_earlier_one_where_no_new_one_can_begin(alone) -> None:
    (alone / "demo-lake/landing").mkdir(parents=True)
    done = CliRunner().invoke(cli.app, ["demo"])
    assert done.exit_code == 2 and (alone / "demo-lake/landing").is_dir()
