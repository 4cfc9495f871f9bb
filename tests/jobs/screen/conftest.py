"""A published lake to hold lists against, and the command that does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tactful.jobs import cli
from tests.screened import NOW, SECRET, rows, write_shop


@pytest.fixture(scope="module")
def shop(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("screen")
    write_shop(folder)
    return folder


@pytest.fixture
def screen(shop, tmp_path, monkeypatch):
    """Screens rows of a list; of each what was found, or the error."""
    monkeypatch.setenv("TACTFUL_SECRET", SECRET)
    monkeypatch.chdir(tmp_path)

    def ask(text: str | None, *options: str, name: str = "list.csv", code: int = 0) -> Any:
        if text is not None:
            Path(name).write_text(text, encoding="utf-8")
        given = [*options] if "--channel" in options or "summer" in options else [
            "--channel", "email", *options]  # fmt: skip
        campaign = next((name for name in ("summer", "tried") if name in options), "any")
        given = [one for one in given if one not in ("summer", "tried")]
        told = CliRunner().invoke(
            cli.app,
            ["screen", campaign, name, "--conf", str(shop / "my.toml"),
             *(() if "--at" in options else ("--at", NOW.isoformat())), *given],
        )  # fmt: skip
        assert told.exit_code == code, told.output
        assert SECRET not in told.output
        return told if code or "--json" in options or "--out" in options else rows(told.stdout)

    return ask
