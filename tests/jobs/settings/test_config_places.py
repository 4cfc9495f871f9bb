"""Sources and reference tables lie beside the lake: its own files are nobody's events."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from tactful.jobs import cli
from tactful.jobs.runs import pipeline

TEXT = """
[lake]
location = "{lake}"
[sources.web]
stream = "clicks"
path = "{source}"
[reference.products]
path = "{products}"
"""
# A path below the folder of both, and how it shares files with the lake there.
SHARED = {
    "the lake": ("lake", "is the lake"),
    "the lake, said otherwise": ("landing/../lake/", "is the lake"),
    "a table": ("lake/clicks", "lies in the lake"),
    "below a log": ("lake/_log/received/part", "lies in the lake"),
    "checkpoints": ("lake/_checkpoints", "lies in the lake"),
    "outbox": ("lake/outbox/meta", "lies in the lake"),
    "parent": (".", "contains the lake"),
    "far above": ("..", "contains the lake"),
    "a link to the outbox": ("link", "lies in the lake"),
    "a link above": ("link above/lake/outbox", "lies in the lake"),
}
BESIDE = ("landing", "lake2", "lake_landing", "lake/landing", "la")


@pytest.fixture
def home(tmp_path: Path, monkeypatch) -> Path:
    """The folder of a shop, with its configuration, where relative paths begin."""
    home = tmp_path
    for name in ("landing", "lake/outbox", "lake/landing", "products"):
        (home / name).mkdir(parents=True)
    (home / "link").symlink_to(home / "lake/outbox")
    (home / "link above").symlink_to(home)
    monkeypatch.chdir(home)
    return home


def text(source: str, products: str = "products", lake: str = "lake") -> str:
    return TEXT.format(lake=lake, source=source, products=products)


@pytest.mark.parametrize(("path", "how"), SHARED.values(), ids=SHARED)
def test_what_shares_files_with_the_lake_is_refused(errors, home, path, how) -> None:
    [line] = errors(text(path))
    assert line == (
        f'my.toml: sources.web.path: found "{path}", which {how}; allowed: a place beside the '
        "lake's own files, which lie in lake"
    )
    [line] = errors(text("landing", path))
    assert line.startswith(f'my.toml: reference.products.path: found "{path}", which {how};')


def test_a_lake_behind_a_link_is_the_same_lake(errors, home) -> None:
    (home / "other name").symlink_to(home / "lake")
    [line] = errors(text("lake/outbox", lake="other name"))
    assert "sources.web.path" in line and "which lie in lake" in line


def test_whole_paths_and_uris_are_compared_alike(errors, home) -> None:
    [line] = errors(f"[sources.web]\nstream = 'clicks'\npath = '{home}/lake/outbox'")
    assert "which lies in the lake" in line
    [line] = errors(f"[sources.web]\nstream = 'clicks'\npath = 'file:{home}'")
    assert "which contains the lake" in line
    bucket = "[lake]\nlocation = 's3a://b/lake'\nsecret = 'env:S'\n"
    [line] = errors(
        f"{bucket}[sources.web]\nstream = 'clicks'\npath = 's3a://b/'", environ={"S": "x" * 16}
    )
    assert "which contains the lake" in line


@pytest.mark.parametrize("path", BESIDE)
def test_what_lies_beside_is_fine(read, home, path) -> None:
    assert read(text(path)).sources["web"].path == path


def test_check_and_run_are_exit_2(home, monkeypatch) -> None:
    monkeypatch.setattr(pipeline, "open_session", lambda **_: pytest.fail("Spark was started"))
    Path("my.toml").write_text(text("."))
    for command in ("check", "run"):
        done = CliRunner().invoke(cli.app, [command, "--conf", "my.toml"])
        assert (done.exit_code, len(done.stderr.splitlines())) == (2, 1)
