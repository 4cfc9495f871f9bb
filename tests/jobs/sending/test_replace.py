"""Audiences replaced whole: what was written is made, and the double holds what should be held."""

from __future__ import annotations

import hmac
import json
from hashlib import sha256
from pathlib import Path

import httpx2
import pytest
from typer.testing import CliRunner

from tactful.jobs import cli
from tactful.jobs.commands.replacing import lines, replace
from tactful.jobs.demo.doubles import DOUBLES, SECRET, served
from tactful.jobs.errors import LakeError
from tests.outboxes import OutboxLake
from tests.small_lake import write_table

PEOPLE = [f"person{n}@example.com" for n in range(5)]
LAKE_SECRET = b"0123456789abcdef0123456789abcdef"
FIELDS = {"meta": "EMAIL", "google": "emailAddress"}


def digest(email: str) -> str:
    return sha256(email.encode()).hexdigest()


def a_lake(folder: Path, which: str, url: str) -> OutboxLake:
    """Four were told; one of them has gone since, another is withheld; one was never told."""
    lake = OutboxLake(folder / "lake")
    lake.add("d", which, url)
    lake.batch(0, "d", comes=PEOPLE[:4])
    lake.batch(1, "d", comes=PEOPLE[:1], goes=PEOPLE[:1])
    lake.close()
    (lake.folder / "_secret").write_bytes(LAKE_SECRET)
    (lake.folder / "_secret").chmod(0o600)
    rows = []
    for email in PEOPLE:
        message = f"d:{FIELDS[which]}:{digest(email)}".encode()
        rows.append(
            {"destination": "d", "audience": "unsubscribed", "identifier_key": email,
             "member_key": hmac.new(LAKE_SECRET, message, "sha256").hexdigest()[:32],
             "is_member": email != PEOPLE[2], "is_withheld": email == PEOPLE[3], "batch_id": 1}
        )  # fmt: skip
    write_table(lake.folder, "_log/memberships", rows)
    return lake


@pytest.mark.parametrize("which", FIELDS)
def test_the_calls_that_are_written_leave_what_should_be_held(tmp_path, which):
    double = DOUBLES[{"meta": "meta_custom_audience", "google": "google_data_manager"}[which]]()
    double.held = {"somebody sent there by hand": True, digest(PEOPLE[2]): True}
    with served(double) as url:
        lake = a_lake(tmp_path, which, url)
        facts = replace(lake.config(), "d", tmp_path / "whole")
        listed = (tmp_path / "whole" / "calls.jsonl").read_text().splitlines()
        for call in map(json.loads, listed):
            body = (tmp_path / "whole" / call["body"]).read_text()
            headers = {"Authorization": f"Bearer {SECRET}"}
            got = httpx2.request(call["method"], call["url"], content=body, headers=headers)
            assert got.status_code == 200, got.text
    assert not double.faults
    assert set(double.held) == {digest(email) for email in PEOPLE[:2]}
    assert (facts["records"], facts["values"], facts["untold"]) == (2, 2, 1)
    said = " ".join(lines(facts))
    assert "put 2 values in place of all that d holds" in said and "1 value it should hold" in said
    assert {path.stat().st_mode & 0o077 for path in (tmp_path / "whole").iterdir()} == {0}


def test_who_cannot_be_replaced_is_told_what_helps(tmp_path):
    lake = a_lake(tmp_path, "meta", "http://127.0.0.1:1")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    with pytest.raises(LakeError, match="is not empty"):
        replace(lake.config(), "d", tmp_path / "full")
    other = OutboxLake(tmp_path / "other")
    other.add("d", "klaviyo", "http://127.0.0.1:1")
    other.close()
    other.config()
    asked = ["reconcile", "d", "--conf", f"{other.folder}.toml", "--replace", str(tmp_path / "w")]
    run = CliRunner().invoke(cli.app, asked, env=other.environ)
    assert run.exit_code == 2 and "klaviyo cannot replace an audience whole" in run.stderr
    assert "google_data_manager, meta_custom_audience can" in run.stderr
