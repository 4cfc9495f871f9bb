"""Receivers that drip, ask for years, or answer with signs that a terminal obeys."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx2
import pytest

from tactful.jobs.commands.sending_status import undelivered_lines
from tactful.jobs.commands.status import status
from tactful.jobs.demo.doubles import DOUBLES, served
from tactful.jobs.sending.send import send, stopped_sentences
from tactful.jobs.sending.wire import clean
from tactful.jobs.settings.sending import unset
from tactful.transforms.sinks import SINKS
from tactful.transforms.sinks.http import Call
from tests.outboxes import OutboxLake, rows_of

ESCAPE = "\x1b]0;gone\x07\x1b[2J\u202e no"


@contextlib.contextmanager
def dripping() -> Iterator[str]:
    """A server that begins to answer and never ends; each byte comes well in time."""
    listening, over = socket.create_server(("127.0.0.1", 0)), threading.Event()

    def drip() -> None:
        with contextlib.suppress(OSError):
            while True:
                to, _ = listening.accept()
                with to, contextlib.suppress(OSError):
                    to.sendall(b"HTTP/1.1 200 OK\r\nX: ")
                    while not over.wait(0.02):
                        to.sendall(b"x")

    threading.Thread(target=drip, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        over.set()
        listening.close()


def a_lake(tmp_path, url: str) -> OutboxLake:
    lake = OutboxLake(tmp_path / "lake")
    lake.add("d", "sendgrid", url)
    lake.batch(0, "d", comes=["ann@x.io"])
    lake.close()
    return lake


def test_one_that_drips_is_left_for_the_next_pass(tmp_path):
    with dripping() as url:
        lake = a_lake(tmp_path, url)
        began = time.monotonic()
        turn = send(lake.config(), environ=lake.environ, patience=0.001,
                    timeout=httpx2.Timeout(0.2))["d"]  # fmt: skip
    assert turn["waiting"] == 1 and "no whole answer in time" in turn["stopped"]
    assert time.monotonic() - began < 5, "it is asked once, and no longer than its limit"


def test_again_calls_whoever_asked_to_be_left_alone_and_leaves_one_state(tmp_path):
    double = DOUBLES["sendgrid"]()
    quick = {"patience": 0.001, "timeout": httpx2.Timeout(0.6)}
    with served(double) as url:
        lake = a_lake(tmp_path, url)

        def sent(**more):
            return send(lake.config(), environ=lake.environ, **quick, **more)["d"]

        double.moods.extend(["429 for long"])
        assert sent()["waiting"] == 1
        assert "--again calls it all the same" in sent()["stopped"]
        double.moods.extend(["429 for long"])
        late = datetime.now(UTC) + timedelta(days=8)
        assert sent(again=True, now=lambda: late)["given_up"] == 1
        # Tried once more it is on its way: not given up as well, and the next pass goes on.
        double.moods.extend(["500"] * 5)
        later = late + timedelta(hours=1)
        assert sent(again=True, now=lambda: later)["waiting"] == 1
        shown = status(lake.folder)["failures"]["deliveries"]
        assert [row["state"] for row in shown] == ["retrying"]
        assert sent(now=lambda: later)["accepted"] == 1
    states = sorted(rows_of(lake.folder, "delivery_states"), key=lambda row: row["at"])
    assert [row["state"] for row in states] == ["given_up", "accepted"]


def test_what_a_receiver_says_does_nothing_to_a_terminal():
    row = {"destination": "d", "name": "f", "state": "retrying", "response": ESCAPE}
    turn = {"d": {"stopped": ESCAPE, "waiting": 1}}
    said = (*undelivered_lines([row]), *stopped_sentences(turn).values(),
            clean(ESCAPE, Call("POST", "/", None, ())))  # fmt: skip
    assert len(said) == 3
    for line in said:
        assert "\x1b" not in line and "\x07" not in line and "\u202e" not in line
        assert r"\x1b" in line


@pytest.mark.parametrize(
    ("key", "is_refused"),
    [("key\n", True), ("k\x1bey", True), ("key", False), ('{\n "client_id": "x"\n}', False)],
)
def test_a_credential_with_a_control_character_is_refused_by_its_name(key, is_refused):
    entry = {"deliver": "http", "credential": "env:KLAVIYO_KEY"}
    found = list(unset(("destinations", "d"), entry, SINKS["klaviyo"], {"KLAVIYO_KEY": key}))
    assert bool(found) is is_refused
    assert all("KLAVIYO_KEY" in one[1] and "key\n" not in one[1] for one in found)
