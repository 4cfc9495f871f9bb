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
# `status` tells all else, and this as what a run would refuse.
PARTLY = {
    '{"format_version": 3}': "it tells no lake_id",
    '{"format_version": 3, "lake_id": "x", "identity_hash": "x", "generations": {}, '
    '"secret_check": 5}': "it tells no secret_check",
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
    for content, why in PARTLY.items():
        place.write_text(content)
        if command == ("status",):
            result = CliRunner().invoke(cli.app, [*command, "--conf", str(tmp_path / "my.toml")])
            assert f"run would refuse this lake: {place} is damaged ({why})" in " ".join(
                result.stdout.split()
            )
        else:
            assert f"is damaged ({why})" in asked(tmp_path, command)
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
