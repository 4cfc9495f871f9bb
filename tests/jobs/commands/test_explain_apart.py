"""explain: what keeps identifiers apart is told as it is, of this moment and of an earlier one."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from typer.testing import CliRunner

from tactful.jobs import cli
from tests.jobs.commands.why_lake import CONF, at, key, publish, ref, write_why_lake
from tests.small_lake import write_table

RULES = """
[identity]
max_identifiers = 4
[identity.types.customer_id]
priority = 1
unique = true
[identity.types.email]
priority = 2
[identity.types.device_id]
priority = 6
device = true
[identity.types.anonymous_id]
priority = 7
device = true
window = "7d"
"""
NEWEST = RULES.replace("[identity]", '[identity]\nshared_devices = "newest"', 1)
KIM, LEE = (f"p_{key(letter)}" for letter in "ab")
# Letter, type, value, state, person, day since which it is nobody's.
PEOPLE = (
    ("k", "customer_id", "kim", "linked", KIM, None),
    ("l", "customer_id", "lee", "linked", LEE, None),
    ("o", "anonymous_id", "over", "neutral", KIM, 9), ("t", "device_id", "tab", "neutral", KIM, 18),
    ("g", "anonymous_id", "large", "hub", None, None),
    ("m", "email", "both@x.io", "hub", None, None),
    ("u", "anonymous_id", "undefined", "blocked", None, None),
    ("1", "anonymous_id", "one", "linked", LEE, None),
    ("2", "anonymous_id", "two", "linked", LEE, None),
    ("3", "anonymous_id", "three", "linked", f"p_{key('3')}", None),
)  # fmt: skip
KINDS = {key(letter): kind for letter, kind, *_ in PEOPLE}


def link(letters: str, event_id: str, first: int, last: int | None = None, kind: str = "seen"):
    keys = [key(letter) for letter in letters]
    return {
        "link_id": event_id, "identifier_keys": keys, "blocked_keys": [], "kind": kind,
        "identifier_types": [KINDS.get(k, "customer_id") for k in keys], "blocked_types": [],
        "first_seen": ref("clicks", event_id, first),
        "last_seen": ref("clicks", f"{event_id}-last" if last else event_id, last or first),
    }  # fmt: skip


LINKS = (
    link("ko", "c1", 2), link("kt", "c2", 11, 25), link("lt", "c3", 18), link("kg", "c4", 4),
    link("km", "c5", 4), link("lm", "c6", 4), link("l1", "c7", 25), link("l2", "c8", 25),
    link("l3", "c9", 25), link("kn", "w1", 20, kind="always_link"),
    link("km", "w2", 20, kind="always_link"),
)  # fmt: skip
WORDS = (
    ("n", "always_link", "k", "kim is nobody yet"), ("m", "always_link", "k", "theirs"),
    ("l", "never_link", "k", "two ladies"),
)  # fmt: skip


def write_people(folder: Any, rules: str = RULES) -> None:
    """Kim and Lee, who share a tablet and an address, and what became of their cookies."""
    lake = write_why_lake(folder)
    seen = [
        {"identifier_key": key(letter), "identifier_type": kind, "value": value, "state": state,
         "person_id": person, "first_seen_at": at(1), "last_seen_at": at(20),
         "neutral_from_at": at(since) if since else None,
         "neutral_person_id": f"n_{key(letter)}" if since else None}
        for letter, kind, value, state, person, since in PEOPLE
    ]  # fmt: skip
    nobody = {"identifier_key": key("n"), "identifier_type": "customer_id", "value": "nobody28"}
    # Of Kim five identifiers hang together, and of the address of both four.
    tied = {"k": "g", "g": "g", "1x": "g", "2x": "g", "3x": "g", "m": "m", "l": "m"}
    labels = [
        {"identifier_key": (letter * 32)[:32], "component_key": key(of), "state": "linked",
         "batch_id": 1}
        for letter, of in tied.items()
    ]  # fmt: skip
    words = [
        {"event_id": f"w{n}", "identifier_key": key(other), "other_key": key(one), "kind": kind,
         "author": "anna", "reason": reason, "said_at": at(20), "is_standing": True}
        for n, (one, kind, other, reason) in enumerate(WORDS)
    ]  # fmt: skip
    hubs = [
        {"identifier_key": key("g"), "identifier_type": "anonymous_id", "seen_with_count": 1},
        {"identifier_key": key("m"), "identifier_type": "email", "seen_with_count": 2},
    ]  # fmt: skip
    clicks = [
        {"event_id": name, "type": "login", "occurred_at": at(day), "identifier_keys": keys,
         "blocked_keys": []}
        for name, day, keys in (
            ("c2", 11, [key("k"), key("t")]), ("c2-mid", 13, [key("k"), key("t")]),
            ("c2-last", 25, [key("k"), key("t")]),
        )
    ]  # fmt: skip
    tables: Mapping[str, Sequence[Any]] = {
        "identity": seen, "identifiers": [*seen, nobody], "_log/links": LINKS, "hubs": hubs,
        "_log/labels": labels, "manual_links": words, "clicks": clicks, "identity_changes": [],
    }  # fmt: skip
    for name, rows in tables.items():
        shutil.rmtree(lake / name, ignore_errors=True)
        write_table(lake, name, rows)
    publish(lake)
    (folder / "my.toml").write_text(CONF + rules)


@pytest.fixture
def explain(tmp_path, monkeypatch):
    """The command in a folder with a lake of Kim and Lee: exit code, and what it said."""
    write_people(tmp_path)
    monkeypatch.chdir(tmp_path)

    def explain(*arguments: str) -> tuple[int, str]:
        told = CliRunner().invoke(cli.app, ["explain", *arguments, "--conf", "my.toml"])
        return told.exit_code, told.stdout + told.stderr

    return explain


def test_a_device_whose_link_ended_is_shared_by_nobody(explain):
    code, text = explain("kim", "over")
    assert code == 0 and "several customers" not in text
    assert (
        "anonymous_id over: it was last seen with its customer so long ago that the link " in text
    )
    assert "ended on 9 February 2026, 00:00 (window)" in text
    assert "too long ago: since 9 February 2026, 00:00 what happens on it" in explain("over")[1]
    _, text = explain("kim", "tab")
    assert "device_id tab: several customers share it, so since 18 February 2026, 00:00" in text
    _, text = explain("kim")
    assert "anonymous_id over (link ended 9 February 2026, 00:00)" in text
    assert "device_id tab (shared since 18 February 2026, 00:00)" in text


def test_a_hub_of_one_customer_who_has_too_many_is_no_crowd(explain):
    code, text = explain("kim", "large")
    assert code == 0 and "several customers" not in text
    assert (
        "is one of 5 identifiers that would be one person's, and one person has at most 4" in text
    )
    assert "at most 4 (max_identifiers)" in explain("large")[1]
    _, text = explain("kim", "both@x.io")
    assert "is shared by several customers (unique: customer_id)" in text
    assert "max_identifiers" not in text


def test_a_customer_of_too_many_of_a_type_is_told_so(explain, tmp_path):
    (tmp_path / "my.toml").write_text(CONF + NEWEST + "max_per_person = 2\n")
    _, text = explain("lee", "three")
    assert "its customer has 2 of anonymous_id" in text and "more than 2 (max_per_person)" in text
    assert "two customers" not in text


def test_a_blocked_value_is_told_with_its_list(explain):
    code, text = explain("kim", "undefined")
    assert code == 0 and "nothing that was seen with the one" not in text
    assert (
        'anonymous_id undefined: its value stands for nobody and links nobody: "undefined"' in text
    )
    assert "is in the list identity.blocked" in text
    assert '"undefined" is in the list identity.blocked' in explain("undefined")[1]


def test_no_event_after_a_moment_is_a_reason_then(explain):
    _, text = explain("kim", "tab", "--at", "2026-02-14T00:00Z")
    assert "are one customer" in text and "c2 of 11 February 2026" in text
    assert "last in clicks:c2-mid of 13 February 2026" in text
    assert "c2-last" not in text and "18 February" not in text
    _, text = explain("kim", "tab", "--at", "2026-02-22T00:00Z")
    assert "several customers share it, so since 18 February" in text and "c2-last" not in text
    _, text = explain("kim", "--at", "2026-02-14T00:00Z")
    assert "device_id tab (linked)" in text and "c2-last" not in text
    assert "c2-last" in explain("kim", "tab")[1]


def test_words_of_the_business_are_told_and_what_stops_them(explain):
    _, text = explain("kim", "lee")
    assert (
        "anna said on 20 February 2026, 00:00: customer_id kim and customer_id lee are never "
        in text
    )
    assert "two ladies" in text and "theirs" not in text
    _, text = explain("kim", "both@x.io")
    assert (
        "does nothing: email both@x.io is a hub, which is nobody's whatever is said of it" in text
    )
    _, text = explain("kim")
    assert "does nothing: no event has carried customer_id nobody28 yet" in text
    assert "(two ladies); this does nothing" not in text
    stopped = json.loads(explain("kim", "--json")[1])["identity"]["manual_links"]
    assert [word["stopped_by"] is None for word in stopped] == [False, False, True]


def test_a_word_that_others_beat_is_told_as_one_that_does_nothing(explain, tmp_path):
    word = {"event_id": "w9", "author": "anna", "said_at": at(21), "is_standing": True}
    rows = [
        {**word, "kind": "never_link", "identifier_key": key("1"), "other_key": key("2")},
        {**word, "kind": "always_link", "identifier_key": key("t"), "other_key": key("l")},
    ]
    write_table(tmp_path / "lake", "manual_links", rows, mode="append")
    publish(tmp_path / "lake")
    _, text = explain("lee")
    assert "this does nothing: other words of the business make them one customer" in text
    assert "does nothing: device_id tab is a device that is nobody's" in text
    _, text = explain("one", "two")
    assert "are one customer" in text and "are never one customer (no reason told); this" in text


def test_an_identifier_that_only_a_word_names_is_nobody_yet(explain):
    code, text = explain("nobody28")
    assert code == 1 and "came in after the tables were made" not in text
    assert "Only a manual link names the customer_id nobody28" in text
    assert "nobody until an event carries it" in text


def test_another_rule_of_shared_devices_makes_none_of_them_nobodys(explain, tmp_path):
    """By `newest` a device is its last customer's; nobody's it is only when its link ends."""
    (tmp_path / "my.toml").write_text(CONF + NEWEST)
    assert "several customers" not in explain("kim", "over")[1]


def test_an_id_that_was_split_says_first_who_has_which_part_now(explain, tmp_path):
    lake = tmp_path / "lake"
    split = {
        "changed_at": at(15), "kind": "split", "rule": "kept_apart", "batch_id": 1,
        "from_person_id": KIM, "to_person_id": LEE, "cause_event_id": "clicks:c9",
    }  # fmt: skip
    clock = {**split, "from_person_id": LEE, "to_person_id": KIM, "cause_event_id": None}
    write_table(lake, "identity_changes", [split, clock], mode="overwrite")
    held = [
        {"identifier_key": key(letter), "person_id": KIM, "state": "linked", "batch_id": 1}
        for letter in "kl1m"
    ]
    write_table(lake, "_log/labels", held, mode="append")
    publish(lake)
    lines = explain(KIM)[1].splitlines()
    assert [line.strip() for line in lines[1:5]] == [
        "This id was split in the run as of 15 February 2026, 00:00 (by clicks:c9), so that it may "
        "stand for somebody else now than before.",
        "Of what it ever had, this id has now: customer_id kim.",
        f"Of what it ever had, {LEE} has now: anonymous_id one, customer_id lee.",
        "Of what it ever had, nobody has now: email both@x.io.",
    ]
    assert "by no event: a link had outlived its window (kept_apart)" in explain(LEE)[1]
    assert "This id was split" not in explain("kim")[1]
