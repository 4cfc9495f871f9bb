"""What a lake remembers of itself, damaged: one line that says what to do, for every command."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from tactful.jobs import cli

CONF = """
[lake]
location = "{root}/lake"
secret = "env:TACTFUL_SECRET"
"""
DAMAGED = {
    "empty": ("", "it holds no whole JSON"),
    "half": ('{"format_version": 2, "lake_', "it holds no whole JSON"),
    "other": ("[1, 2]", "it holds other JSON"),
    "null": ("null", "it holds other JSON"),
    "foreign": ('{"name": "tactful"}', "it tells no format_version"),
    "not text": (b"\xff\xfe\x00", "it holds no whole JSON"),
}
COMMANDS = (("run",), ("replay", "--from", "received"), ("status",))


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_a_damaged_lake_is_one_line(spark, tmp_path: Path, command: tuple[str, ...]) -> None:
    (tmp_path / "my.toml").write_text(CONF.format(root=tmp_path))
    place = tmp_path / "lake" / "_lake.json"
    place.parent.mkdir()
    for content, why in DAMAGED.values():
        place.write_bytes(content if isinstance(content, bytes) else content.encode())
        told = asked(tmp_path, command)
        assert told.startswith(f"error: {place} is damaged ({why}); put a copy of it back, or ")
    place.unlink()
    place.mkdir()  # as root, a file that nobody may read is read all the same
    assert asked(tmp_path, command).startswith(f"error: {place} cannot be read (is a directory);")
    assert [path.name for path in place.parent.iterdir()] == ["_lake.json"], "nothing is written"


def asked(folder: Path, command: tuple[str, ...]) -> str:
    result = CliRunner().invoke(cli.app, [*command, "--conf", str(folder / "my.toml")])
    assert result.exit_code == 2, result.stderr
    lines = result.stderr.splitlines()
    assert len(lines) == 1, lines
    return lines[0]
