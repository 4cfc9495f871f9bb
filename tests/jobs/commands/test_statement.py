"""statement: what a customer is told of herself, and nothing of anybody else."""

from __future__ import annotations

import json
import re
import shutil

import pytest
from deltalake import DeltaTable
from typer.testing import CliRunner

from tactful.jobs import cli
from tactful.jobs.commands.statement import FORMATS, TITLES
from tactful.jobs.settings.config import load
from tactful.jobs.settings.privacy import BASES
from tactful.schemas.events import STREAMS
from tests.jobs.commands.why_lake import (
    ANN,
    BOB,
    CONF,
    DEVICE,
    EVE,
    GONE,
    at,
    key,
    publish,
    write_why_lake,
)
from tests.small_lake import write_table

PRIVACY = """
[privacy]
controller = "Shop Ltd, 1 High Street"
contact = "privacy@shop.example"
authority = "the data protection office"
[privacy.recipients]
crm_list = "Mail House Ltd"
[privacy.streams.purchases]
purpose = "to deliver what you order"
basis = "contract"
benefit = "free returns"
kept = "7d"
"""


@pytest.fixture
def statement(tmp_path, monkeypatch):
    """The command in a folder with a lake: exit code, the statement, what is said beside it."""
    write_why_lake(tmp_path)
    (tmp_path / "my.toml").write_text(CONF + PRIVACY)
    monkeypatch.chdir(tmp_path)

    def statement(*arguments: str) -> tuple[int, str, str]:
        told = CliRunner().invoke(cli.app, ["statement", *arguments, "--conf", "my.toml"])
        return told.exit_code, told.stdout, told.stderr

    return statement


def test_a_customer_is_told_what_is_held_and_why(statement):
    code, text, beside = statement("ann@x.io")
    assert (code, beside) == (0, "")
    for said in (
        "# What we hold of you, as of 1 March 2026",
        "Shop Ltd, 1 High Street",
        "- email: ann@x.io, since 1 February 2026",
        "On 10 February 2026 we noted 1 thing that happened: you ordered",
        "What for: to deliver what you order.",
        f"We may do so {BASES['contract']}.",
        "What you have of it: free returns.",
        "We keep it for 7 days. 1 of these are older and due to go.",
        "This came from: esp.",
        "marketing by email: no",
        "- orders: 1 (",
        "- what you have already: S1, by every channel, until 12 March 2026, because you ordered",
        "- Mail House Ltd: your email, hashed, since 10 February 2026; they have it",
        "they have it now",
        "Write to privacy@shop.example.",
        "You may also complain to the data protection office.",
    ):
        assert said in text, said


def test_nothing_is_told_of_anybody_else(statement):
    for form in FORMATS:
        _, text, _ = statement("ann@x.io", "--format", form)
        for others in ("bob@x.io", "18,", BOB, "tab", DEVICE, "till@x.io", "unknown", "v1"):
            assert others not in re.sub(r"<style>.*</style>", "", text, flags=re.S), others
    for shared in ("tab", DEVICE, "till@x.io", "unknown", "m1"):
        code, text, beside = statement(shared)
        assert (code, text) == (1, ""), shared
        assert "only this customer has" in beside or "name an identifier of this" in beside


def test_what_was_told_of_an_address_that_several_share_is_not_denied(statement, tmp_path):
    told = {
        "destination": "crm_list", "operation": "add", "person_id": EVE, "payload": "{}",
        "identifier_keys": [key("4")], "record_id": "9", "emitted_at": at(20), "batch_id": 1,
    }  # fmt: skip
    assert "With nobody." in statement("M-6")[1]
    write_table(tmp_path / "lake", "records", [told], mode="append")
    publish(tmp_path / "lake", batch=2)
    _, text, _ = statement("M-6")
    assert "With nobody under what is yours alone." in text and "till@x.io" not in text


def test_what_others_claimed_or_did_is_no_reason(statement):
    _, text, _ = statement("ann@x.io", "--format", "json")
    told = {row["since"]: row["because"] for row in json.loads(text)["not_said"]}
    # Her consent was withdrawn by a broker's word, her subscription by what Bob did.
    assert told["2026-02-26T00:00:00Z"] is None
    assert told["2026-02-27T00:00:00Z"] is None
    assert told["2026-02-10T00:00:00Z"]["says"] == "you ordered"
    _, text, _ = statement("ann@x.io")
    assert "(somebody else told us; nothing that we do or leave rests on it, " in text
    _, text, _ = statement("bob@x.io")
    assert "because you withdrew consent on 27 February 2026" in text


def test_what_others_wrote_does_nothing(statement):
    _, text, _ = statement("ann@x.io", "--format", "html")
    assert "<script" not in text and "&lt;script&gt;" in text
    assert not re.findall(r"""(?:src|href)=|@import|url\(""", text)
    _, text, _ = statement("ann@x.io")
    assert r"\\x1b\]0;gone\\x07\<script\>" in text and "\x1b" not in text
    assert r"\|\`\*" in text


def test_what_the_configuration_is_silent_about_is_told_to_the_business(statement, tmp_path):
    (tmp_path / "my.toml").write_text(CONF)
    code, text, beside = statement(ANN)
    assert code == 0
    missing = re.findall(r"silent about (\S+);", beside)
    assert missing == [
        "privacy.controller", "privacy.contact", "privacy.authority",
        "privacy.streams.purchases", "privacy.recipients.crm_list",
    ]  # fmt: skip
    assert "crm\\_list: your email" in text
    assert statement("ann@x.io", "--format", "pdf")[0] == 2


def test_what_is_said_to_customers_is_no_decision(tmp_path):
    for name, text in (("plain", CONF), ("told", CONF + PRIVACY)):
        (tmp_path / f"{name}.toml").write_text(text)
    plain, told = (load(tmp_path / f"{n}.toml", needs_secret=False) for n in ("plain", "told"))
    assert plain.hash == told.hash
    assert plain.hash_of(["privacy"]) != told.hash_of(["privacy"])


def test_a_recipient_is_a_destination(statement, tmp_path):
    wrong = PRIVACY.replace("crm_list =", "crm_lists =").replace('"contract"', '"love"')
    (tmp_path / "my.toml").write_text(CONF + wrong)
    code, _, beside = statement("ann@x.io")
    assert code == 2
    assert "privacy.recipients.crm_lists: found the name of none" in beside
    assert "privacy.streams.purchases.basis" in beside and ", ".join(list(BASES)[:2]) in beside


STATES = {"accepted": "they have it now", "rejected": "they refused it",
          # A plain file is handed over by somebody: without a word of it nobody knows whether.
          None: "it is in files that we hand over to them"}  # fmt: skip


@pytest.mark.parametrize("state", STATES)
def test_who_was_told_is_said_by_what_became_of_it(statement, tmp_path, state):
    ends = [] if state is None else [
        {"destination": "crm_list", "name": "1.json", "audience": "bought_it",
         "operation": "add", "state": state, "at": at(11)},
    ]  # fmt: skip
    shutil.rmtree(tmp_path / "lake" / "delivery_states")
    write_table(tmp_path / "lake", "delivery_states", ends)
    _, text, _ = statement("ann@x.io")
    assert STATES[state] in text
    assert sum(said in text for said in STATES.values()) == 1


def test_what_names_nobody_of_a_message_to_two_is_told_to_none_of_them(statement, tmp_path):
    _, text, _ = statement("ann@x.io", "--format", "json")
    before = {one["stream"]: one["events_count"] for one in json.loads(text)["held"]}

    def add(name: str, rows: list[dict]) -> None:
        there = DeltaTable(str(tmp_path / "lake" / name)).to_pyarrow_table().to_pylist()
        shutil.rmtree(tmp_path / "lake" / name)
        write_table(tmp_path / "lake", name, [*there, *rows])

    def said(person: str | None, event_id: str, type_: str, **more) -> dict:
        whose = {} if person is None else {"person_id": person, "stream": "messages"}
        return {**whose, "event_id": event_id, "type": type_, "message_id": "m1",
                "occurred_at": at(21), **more}  # fmt: skip

    add("timeline", [said(BOB, "m1-too", "sent"), said(ANN, "c-nobody", "clicked"),
                     said(ANN, "c-ann", "clicked")])  # fmt: skip
    add("messages", [said(None, "c-nobody", "clicked"),
                     said(None, "c-ann", "clicked", identifier_keys=["1"])])  # fmt: skip
    _, text, _ = statement("ann@x.io", "--format", "json")
    after = {one["stream"]: one["events_count"] for one in json.loads(text)["held"]}
    assert after == {**before, "messages": before["messages"] + 1}


def test_every_stream_has_a_heading():
    assert set(TITLES) == set(STREAMS)


SPLIT = {"changed_at": at(15), "kind": "split", "rule": "kept_apart", "batch_id": 1}


def test_an_id_that_was_split_tells_nothing_of_whoever_has_it_now(statement, tmp_path):
    """Who noted it then may be another customer now; an identifier of their own is nobody else's.

    So is an id that became one that was split, and one that several customer numbers have had.
    """
    lake = tmp_path / "lake"
    assert statement(ANN)[0] == statement(BOB)[0] == 0
    changes = [
        {**SPLIT, "from_person_id": ANN, "to_person_id": f"p_{key('x')}"},
        {**SPLIT, "kind": "merge", "rule": "linked", "from_person_id": GONE, "to_person_id": ANN},
    ]
    write_table(lake, "identity_changes", changes, mode="overwrite")
    labels = [
        {"identifier_key": key(letter), "identifier_type": "customer_id", "state": "linked",
         "person_id": person, "batch_id": 1}
        for letter, person in (("b", BOB), ("f", BOB), ("e", EVE))
    ]  # fmt: skip
    write_table(lake, "_log/labels", labels)
    publish(lake)
    for asked in (ANN, f"person:{ANN}", GONE):
        code, text, beside = statement(asked)
        assert (code, text) == (1, ""), asked
        assert "it was split in the run as of 15 February 2026, 00:00" in beside
        assert "Ask by an identifier of this customer's own" in beside
    code, text, beside = statement(BOB)
    assert (code, text) == (1, "") and "it has had 2 values of customer_id" in beside
    assert statement(EVE)[0] == statement("ann@x.io")[0] == statement("bob@x.io")[0] == 0
