"""Reconcile, and sending as a command: what people and programs see of both."""

from __future__ import annotations

import json
from hashlib import sha256

import pytest
from typer.testing import CliRunner

from tactful.jobs import cli
from tactful.jobs.commands.reconciling import lines, reconcile
from tactful.jobs.commands.status import render, status
from tactful.jobs.demo.doubles import DOUBLES, SECRET, served
from tactful.jobs.sending.send import send
from tests.outboxes import OutboxLake
from tests.small_lake import write_table

PEOPLE = [f"person{n}@example.com" for n in range(5)]


def key(email: str) -> str:
    return sha256(email.encode()).hexdigest()[:32]


def members(lake: OutboxLake, told: dict[str, bool]) -> None:
    rows = [
        {"destination": "d", "audience": "unsubscribed", "identifier_key": key(email),
         "member_key": f"m{key(email)}", "is_member": is_member, "batch_id": 1}
        for email, is_member in told.items()
    ]  # fmt: skip
    write_table(lake.folder, "_log/memberships", rows)


@pytest.fixture
def lake(tmp_path):
    """Three are told and one of them refused; one should be held and was never told; one gone."""
    double = DOUBLES["sendgrid"]()
    double.refuses = {PEOPLE[1]}
    with served(double) as url:
        lake = OutboxLake(tmp_path / "lake")
        lake.add("d", "sendgrid", url)
        lake.batch(0, "d", comes=PEOPLE[:4])
        lake.close()
        members(lake, {**dict.fromkeys(PEOPLE[:3], True), PEOPLE[3]: False, PEOPLE[4]: True})
        yield lake


def test_reconcile_says_what_would_mend_the_rest(lake):
    assert reconcile(lake.config(), "d")["values"] == {
        "in_order": 0, "written": 0, "waiting": 3, "refused": 0, "untold": 1, "left_over": 1,
    }  # fmt: skip
    send(lake.config(), environ=lake.environ, patience=0.001)
    facts = reconcile(lake.config(), "d")
    assert facts["values"] == {
        "in_order": 2, "written": 0, "waiting": 0, "refused": 1, "untold": 1, "left_over": 1,
    }  # fmt: skip
    mended = {(one["operation"], *one["identifier_keys"], one["why"]) for one in facts["mending"]}
    assert mended == {
        ("add", key(PEOPLE[1]), "refused"), ("add", key(PEOPLE[4]), "untold"),
        ("remove", key(PEOPLE[3]), "left_over"),
    }  # fmt: skip
    said = [*lines(facts)]
    assert said[1] == "3 records would mend the rest:" and "--again" in said[-1]


def test_the_command_sends_and_says_what_became_of_it(lake, monkeypatch):
    monkeypatch.setenv("KEY_d", SECRET)
    conf = ["--conf", f"{lake.folder}.toml", "--json"]
    lake.config()
    run = CliRunner().invoke(cli.app, ["send", *conf])
    assert run.exit_code == 0, run.output
    told = json.loads(run.stdout)["sent"]["d"]
    assert (told["accepted"], told["refused_records"]) == (2, 1)
    run = CliRunner().invoke(cli.app, ["send", "e", *conf])
    assert run.exit_code == 2 and "choose among: d" in run.stderr
    run = CliRunner().invoke(cli.app, ["reconcile", "d", *conf])
    assert json.loads(run.stdout)["values"]["refused"] == 1
    facts = status(lake.folder)
    assert facts["sending"][0]["accepted_records"] == 3
    said = "\n".join(str(part) for part in render(facts))
    assert "d took 3 records sent to it, and refused 1 (see delivery_rows)." in said


def test_a_destination_that_is_stopped_is_exit_1(lake, monkeypatch):
    monkeypatch.setenv("KEY_d", "another key")
    lake.config()
    run = CliRunner().invoke(cli.app, ["send", "--conf", f"{lake.folder}.toml"])
    assert run.exit_code == 1
    assert "Destination d could not be told all: 401" in run.stderr
    assert "2 of its files wait" in run.stderr
    assert status(lake.folder)["failures"]["deliveries"][0]["state"] == "retrying"
