"""Help: every command shows how it may be called, and what it says of tables and steps is so."""

from __future__ import annotations

import re

import pytest
from typer.testing import CliRunner

from tactful.jobs import accept, cli, fused
from tactful.jobs.commands.help import REPLAY, RUN
from tactful.jobs.runs.pipeline import STEPS
from tactful.jobs.runs.replay import CONCLUSIONS
from tactful.jobs.version import software_version
from tactful.schemas.events import STREAMS
from tactful.schemas.records import DELIVERIES, MEMBERSHIPS, RECORDS

COMMANDS = sorted(
    command.name or command.callback.__name__ for command in cli.app.registered_commands
)


def shown(*arguments: str) -> str:
    done = CliRunner().invoke(cli.app, [*arguments], terminal_width=100)
    assert done.exit_code == 0, done.output
    return done.output


def test_the_version_is_told():
    assert shown("--version") == f"tactful {software_version()}\n"


def test_shells_may_complete():
    assert "--install-completion" in shown("--help")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_examples(name):
    """One a line, and each is read as it stands: its options are the command's own."""
    told = shown(name, "--help").partition("Examples:\n")[2]
    lines = [line.strip() for line in told.splitlines() if line.strip()]
    assert lines and all(line.startswith(f"tactful {name}") for line in lines)
    known = shown(name, "--help").partition("Examples:")[0]
    for option in re.findall(r"--[a-z-]+", told):
        assert f"  {option}" in known


def names(text: str) -> list[str]:
    return re.findall(r"[a-z_/]+", text)


def test_the_steps_of_a_run_are_told_in_their_order():
    told = [name for name in re.findall(r"\b([a-z]+) \(", RUN) if name in STEPS]
    assert tuple(told) == STEPS
    assert "STEP is one or more of: land" in shown("run", "--help")


def test_the_tables_of_a_replay_are_told():
    from_any, _, rest = REPLAY.partition("published table:")[2].partition("From received,")
    from_received, _, stays = rest.partition("What was sent stays told:")
    expected = {table.id for table in CONCLUSIONS[fused.QUERY]}
    assert set(names(from_any)) == expected
    expected = {table.id for table in CONCLUSIONS[accept.QUERY]}
    assert set(names(from_received.partition(":")[2])) == expected
    assert {table.id for table in (RECORDS, DELIVERIES, MEMBERSHIPS)} <= set(names(stays))
    assert set(STREAMS) <= set(names(REPLAY.partition("From each")[0]))
