"""What is wrong with one destination, its file or its key harms no other, and is named."""

from __future__ import annotations

import json
from collections.abc import Iterator

import httpx2
import pytest

from tactful.jobs.commands.reconciling import lines, reconcile
from tactful.jobs.commands.sending_status import sending_facts, sending_lines
from tactful.jobs.commands.tables_here import Tables
from tactful.jobs.demo.doubles import DOUBLES, served
from tactful.jobs.sending.send import send
from tactful.jobs.sending.wire import Wire
from tactful.jobs.settings.sending import unfit
from tactful.transforms.sinks import meta_custom_audience, sendgrid
from tactful.transforms.sinks.http import ACCEPTED, REJECTED, RETRY, Answer, Call, Http
from tests.outboxes import OutboxLake, rows_of

PEOPLE = ["ann@x.io", "ben@x.io"]


@pytest.fixture
def two(tmp_path) -> Iterator[OutboxLake]:
    """Two destinations at doubles, with a file each."""
    with served(DOUBLES["sendgrid"]()) as mail, served(DOUBLES["klaviyo"]()) as other:
        lake = OutboxLake(tmp_path / "lake")
        lake.add("bad", "sendgrid", mail)
        lake.add("good", "klaviyo", other)
        for name in ("bad", "good"):
            lake.batch(0, name, comes=PEOPLE)
        lake.close()
        yield lake


def sent(lake: OutboxLake, **environ: str) -> dict:
    return send(lake.config(), environ={**lake.environ, **environ}, patience=0.001,
                timeout=httpx2.Timeout(5))  # fmt: skip


def the_file(lake: OutboxLake):
    return next((lake.folder / "outbox/bad").iterdir())


@pytest.mark.parametrize("change", ["cut", "edited", "not text", "empty"])
def test_a_file_that_is_not_as_it_was_written_is_not_sent(two, change):
    place = the_file(two)
    whole = place.read_bytes()
    place.write_bytes(
        {"cut": whole[:20], "edited": whole.replace(b"ann@", b"eve@"), "empty": b"",
         "not text": b"\xff\xfe\x00"}[change]
    )  # fmt: skip
    found = sent(two)
    assert found["good"]["accepted"] == 1
    assert found["bad"]["waiting"] == 1 and str(place) in found["bad"]["stopped"]
    place.write_bytes(whole)
    assert sent(two)["bad"]["accepted"] == 1


def test_a_file_that_is_gone_stops_its_destination_alone(two):
    the_file(two).unlink()
    found = sent(two)
    assert found["good"]["accepted"] == 1 and "cannot be read" in found["bad"]["stopped"]


@pytest.mark.parametrize("key", ["", "ключ", "k\ney"])
def test_a_key_that_no_call_can_carry_stops_its_destination_alone(two, key):
    found = sent(two, KEY_bad=key)
    assert found["good"]["accepted"] == 1
    assert found["bad"]["waiting"] == 1 and "KEY_bad" in found["bad"]["stopped"]


def test_what_nobody_thought_of_stops_its_destination_alone(two, monkeypatch):
    whole = Wire.send

    def fails(self, call, key):
        if "contacts" in call.path:
            raise ZeroDivisionError
        return whole(self, call, key)

    monkeypatch.setattr(Wire, "send", fails)
    found = sent(two)
    assert found["good"]["accepted"] == 1 and "ZeroDivisionError" in found["bad"]["stopped"]


def test_a_reason_names_nobody(two, monkeypatch):
    def says(status, said, call):
        return Answer(ACCEPTED, {call.rows[0]: "no such user: ann@x.io, +14155552604"})

    monkeypatch.setattr(Http, "read", property(lambda _: says), raising=False)
    assert sent(two)["bad"]["refused_records"] == 1
    [row] = [one for one in rows_of(two.folder, "delivery_rows") if one["destination"] == "bad"]
    assert row["reason"] == "no such user: …, …"


def test_what_is_refused_without_a_word_on_which_is_told(tmp_path, monkeypatch):
    with served(DOUBLES["meta_custom_audience"]()) as url:
        lake = OutboxLake(tmp_path / "lake")
        lake.add("meta", "meta", url)
        lake.batch(0, "meta", comes=PEOPLE)
        lake.close()
        says = Answer(ACCEPTED, unnamed=1)
        monkeypatch.setattr(Http, "read", property(lambda _: lambda *_: says), raising=False)
        turn = sent(lake)["meta"]
    assert turn["refused_records"] == 1
    facts = reconcile(lake.config(), "meta")
    assert facts["unnamed"] == 1
    said = [line for line in lines(facts) if isinstance(line, str)]
    assert said == [
        "Of the records that count as taken meta refused 1 and does not say which; its own pages "
        "may."
    ]
    [line] = sending_lines(sending_facts(Tables(lake.folder)))
    assert "refused 1" in line and "delivery_rows" not in line


def test_meta_is_held_to_how_many_it_received():
    call = Call("POST", "/1/users", "{}", (0, 1, 2))
    for received, invalid, unnamed in ((3, 0, 0), (3, 1, 1), (2, 1, 1), (1, 0, 2), (90, 0, 0)):
        said = {"num_received": received, "num_invalid_entries": invalid}
        assert meta_custom_audience.read(200, said, call) == Answer(ACCEPTED, unnamed=unnamed)
    assert meta_custom_audience.read(200, {"num_received": 0}, call).state == REJECTED


def test_a_job_of_contacts_has_a_number():
    call = Call("PUT", "/v3/marketing/contacts", json.dumps({"contacts": []}), (0,))
    assert sendgrid.read(202, {"job_id": "7"}, call).state == ACCEPTED
    assert sendgrid.read(202, {"errors": [{"message": "nope"}]}, call).state == RETRY


@pytest.mark.parametrize(("key", "fits"), [("k-1", True), ("ключ", False), ('{"a": "ü"}', True)])
def test_a_key_is_ascii(key, fits):
    assert (unfit(key) is None) is fits
