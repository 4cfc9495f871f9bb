"""For whom, and on which channels, a word that closes one counts."""

from __future__ import annotations

from typing import Any

import pytest
from pyspark.sql import functions as F

from tactful.transforms.closings import (
    carriers,
    for_all_named,
    for_further_persons,
    named_keys,
    of_addresses,
    with_named,
)
from tactful.transforms.rules.refusals import refused
from tests.timelines import DAY, Told, event, timeline

LABELS = (
    "identifier_key string, identifier_type string, person_id string, first_seen_at timestamp, "
    "state string"
)
WORDS: list[Told] = [
    event("p_ann", "unsubscribed", DAY, channel="email", event_id="bare"),
    event("p_ann", "unsubscribed", DAY, channel="email", event_id="same",
          own_person_id="p_ann", own_channel="email"),
    event("p_ann", "complained", DAY, channel="email", event_id="other",
          own_person_id="p_ben", own_channel="sms"),
    event("p_ann", "unsubscribed", DAY, channel="email", event_id="device",
          own_person_id="n_tab", own_channel="all"),
    event("p_ann", "bounced", DAY, channel="email", bounce="soft", event_id="soft",
          own_person_id="p_ben", own_channel="sms"),
    event("p_ann", "unsubscribed", DAY, channel="email", event_id="several",
          own_person_id="p_dot", own_channel="email", sent_persons=["p_ann", "p_cy"]),
    event("p_ann", "subscribed", DAY, channel="email", event_id="opens",
          own_person_id="p_ben", own_channel="sms"),
]  # fmt: skip
# What each closing names, what it answers was sent to, whose it is; and for whom it counts besides.
NAMED: dict[str, tuple[list[str], list[str] | None, str | None, set[str]]] = {
    "a hub": (["h"], None, None, {"p_ann", "p_ben"}),
    "a tablet and a hub": (["h", "tab"], None, "n_tab", {"p_ann", "p_ben", "p_cy"}),
    "a tablet before it was shared": (["tab"], None, "p_ann", {"p_cy"}),
    "a hub and a cookie": (["h", "page"], None, "p_page", {"p_ann", "p_ben"}),
    "a number and a hub": (["ann", "h"], None, "p_ann", set()),
    "two numbers and a hub": (["ann", "ben", "h"], None, "p_ann", {"p_ben"}),
    "nothing, sent to a hub": ([], ["h"], None, {"p_ann", "p_ben"}),
    "nothing, sent to a number and a hub": ([], ["cy", "h"], "p_cy", set()),
    "a number, sent to a hub": (["cy"], ["h"], "p_cy", set()),
    "a hub, sent to a number": (["h"], ["cy"], "p_cy", {"p_ann", "p_ben"}),
    "a number that is a hub": (["till"], None, None, {"p_cy"}),
    "what is blocked": (["b"], None, None, set()),
    "nothing": ([], None, None, set()),
}
KNOWN = [
    ("ann", "customer_id", "p_ann", None, "linked"),
    ("ben", "customer_id", "p_ben", None, "linked"),
    ("cy", "customer_id", "p_cy", None, "linked"),
    ("till", "customer_id", None, None, "hub"),
    ("page", "anonymous_id", "p_page", None, "linked"),
    ("tab", "device_id", "p_ann", None, "neutral"),
    ("h", "email", None, None, "hub"),
    ("b", "email", None, None, "blocked"),
]
SETS = [
    ["ann", "h", "tab"], ["ben", "h"], ["cy", "tab"], ["till", "cy"], ["h"], ["h", "tab"],
    ["h", "page"], ["b", "h"],
]  # fmt: skip


@pytest.fixture(scope="module")
def labels(spark) -> Any:
    return spark.createDataFrame(KNOWN, LABELS)


@pytest.fixture(scope="module")
def closings(spark, labels) -> Any:
    """What names more or less than its own person, with what it names."""
    rows = [
        event(person, "unsubscribed", DAY, channel="email", event_id=name, identifier_keys=keys,
              own_person_id=person, own_channel="sms", sent_keys=sent)
        for name, (keys, sent, person, _) in NAMED.items()
    ]  # fmt: skip
    named = with_named(timeline(spark, rows), labels, unique_types=["customer_id"])
    return named.localCheckpoint()


def said(rows: Any) -> dict[str, set[tuple[str | None, str | None]]]:
    found: dict[str, set[tuple[str | None, str | None]]] = {}
    for row in rows.collect():
        found.setdefault(row.event_id, set()).add((row.person_id, row.channel))
    assert rows.count() == sum(len(pairs) for pairs in found.values())
    return found


def test_a_closing_counts_for_its_own_person_and_its_messages(spark) -> None:
    assert said(for_all_named(timeline(spark, WORDS))) == {
        "bare": {("p_ann", "email")},
        "same": {("p_ann", "email")},
        "other": {(who, how) for who in ("p_ann", "p_ben") for how in ("email", "sms")},
        "device": {("p_ann", "email"), ("p_ann", "all")},
        "several": {("p_ann", "email"), ("p_cy", "email"), ("p_dot", "email")},
        "soft": {("p_ann", "email")},
        "opens": {("p_ann", "email")},
    }


def test_a_closing_counts_for_all_whom_it_may_be_about(spark, labels, closings) -> None:
    frame = spark.createDataFrame([(keys,) for keys in SETS], "identifier_keys array<string>")
    carried = carriers(frame, labels).where("identifier_key IN ('h', 'tab', 'till')")
    assert {(row.identifier_key, row.person_id) for row in carried.collect()} == {
        ("h", "p_ann"), ("tab", "p_ann"), ("h", "p_ben"), ("tab", "p_cy"), ("till", "p_cy"),
        ("h", "p_page"),
    }  # fmt: skip
    known = carried.where("person_id != 'p_page'")
    assert said(for_further_persons(closings, known)) == {
        name: {(who, how) for who in further for how in ("email", "sms")}
        for name, (_, _, _, further) in NAMED.items()
        if further
    }


def test_what_is_nobodys_own_keeps_what_was_said_of_it(spark, labels, closings) -> None:
    words = closings.unionByName(
        timeline(
            spark,
            [event("p_ann", "subscribed", DAY, channel="email", event_id="opens",
                   identifier_keys=["ann", "h"], sent_keys=["tab"])],
        ),
        allowMissingColumns=True,
    )  # fmt: skip
    nobodys = labels.where("state IN ('hub', 'neutral')")
    found = {
        name: {who for who, _ in pairs}
        for name, pairs in said(of_addresses(words, nobodys)).items()
    }
    shared = {"h", "tab", "till"}
    assert found == {"opens": {"a_h"}} | {
        name: {f"a_{key}" for key in {*keys, *(sent or [])} & shared}
        for name, (keys, sent, _, _) in NAMED.items()
        if {*keys, *(sent or [])} & shared
    }
    asked = {row.identifier_key for row in named_keys(closings).collect()}
    assert asked == {"ann", "ben", "cy", "till", "page", "tab", "h", "b"}


def test_two_channels_are_closed_until_both_are_opened(spark) -> None:
    rows = [
        *(event(who, "unsubscribed", DAY, channel=channel, event_id=f"{who} leaves")
          for who in ("p_both", "p_one") for channel in ("email", "sms")),
        event("p_both", "subscribed", 3 * DAY, channel="sms", event_id="texts"),
        event("p_both", "subscribed", 2 * DAY, channel="email", event_id="mails"),
        event("p_one", "subscribed", 2 * DAY, channel="email", event_id="mails only"),
    ]  # fmt: skip
    labels = spark.createDataFrame([], LABELS)
    found = refused(timeline(spark, rows), labels, policies=[("u", "unsubscribed")])
    assert {
        row.person_id: (row.channels, row.lifted_by)
        for row in found.orderBy(F.col("person_id")).collect()
    } == {
        "p_both": (["email", "sms"], "messages:texts"),
        "p_one": (["email", "sms"], None),
    }
    assert found.count() == 2
