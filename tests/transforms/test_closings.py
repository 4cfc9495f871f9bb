"""For whom, and on which channels, a word that closes one counts."""

from __future__ import annotations

from typing import Any

import pytest
from pyspark.sql import functions as F

from tactful.transforms.closings import (
    carriers,
    closings_of_nobody,
    for_all_named,
    for_carriers,
    of_addresses,
)
from tactful.transforms.rules.refusals import refused
from tests.timelines import DAY, Told, event, timeline

LABELS = (
    "identifier_key string, identifier_type string, person_id string, first_seen_at timestamp, "
    "state string"
)
WORDS: list[tuple[Told, str | None, str | None]] = [
    # A word, the person and the channel that it names itself.
    (event("p_ann", "unsubscribed", DAY, channel="email", event_id="bare"), None, None),
    (event("p_ann", "unsubscribed", DAY, channel="email", event_id="same"), "p_ann", "email"),
    (event("p_ann", "complained", DAY, channel="email", event_id="other"), "p_ben", "sms"),
    (event("p_ann", "unsubscribed", DAY, channel="email", event_id="device"), "n_tab", "all"),
    (event("p_ann", "bounced", DAY, channel="email", bounce="soft", event_id="soft"), "p_ben",
     "sms"),
    (event("p_ann", "subscribed", DAY, channel="email", event_id="opens"), "p_ben", "sms"),
    (event(None, "complained", DAY, channel="email", event_id="hub", identifier_keys=["h"]), None,
     "sms"),
    (event("n_tab", "consent_withdrawn", DAY, event_id="tablet", identifier_keys=["h", "tab"]),
     None, None),
    (event(None, "consent_withdrawn", DAY, event_id="nobody", identifier_keys=[]), None, None),
]  # fmt: skip


@pytest.fixture(scope="module")
def named(spark) -> Any:
    """Every word for all whom it names, held: (person, channel) by its id."""
    rows = timeline(spark, [row for row, _, _ in WORDS])
    own = spark.createDataFrame(
        [(row["event_id"], person, channel) for row, person, channel in WORDS],
        "event_id string, own_person_id string, own_channel string",
    )
    return for_all_named(rows.join(own, "event_id")).localCheckpoint()


def told(rows: Any) -> dict[str, set[tuple[str | None, str | None]]]:
    found: dict[str, set[tuple[str | None, str | None]]] = {}
    for row in rows.collect():
        found.setdefault(row.event_id, set()).add((row.person_id, row.channel))
    return found


def test_a_closing_counts_for_all_that_it_names(named) -> None:
    assert told(named) == {
        "bare": {("p_ann", "email")},
        "same": {("p_ann", "email")},
        "other": {(who, how) for who in ("p_ann", "p_ben") for how in ("email", "sms")},
        "device": {("p_ann", "email"), ("p_ann", "all")},
        "soft": {("p_ann", "email")},
        "opens": {("p_ann", "email")},
        "hub": {(None, "email"), (None, "sms")},
        "tablet": {("n_tab", None)},
        "nobody": {(None, None)},
    }
    assert named.count() == sum(len(pairs) for pairs in told(named).values())


def test_what_is_nobodys_counts_for_all_who_carry_what_it_names(spark, named) -> None:
    labels = spark.createDataFrame(
        [
            ("ann", "customer_id", "p_ann", None, "linked"),
            ("ben", "customer_id", "p_ben", None, "linked"),
            ("tab", "device_id", "p_ann", None, "neutral"),
            ("h", "email", None, None, "hub"),
            ("b", "email", None, None, "blocked"),
        ],
        LABELS,
    )
    sets = [["ann", "h", "tab"], ["ben", "tab"], ["h"], ["h", "tab"], ["b", "h"]]
    frame = spark.createDataFrame([(keys,) for keys in sets], "identifier_keys array<string>")
    carried = carriers(frame, labels)
    pairs = {(row.identifier_key, row.person_id) for row in carried.collect()}
    assert pairs == {
        ("ann", "p_ann"), ("h", "p_ann"), ("tab", "p_ann"), ("ben", "p_ben"), ("tab", "p_ben"),
    }  # fmt: skip
    found = for_carriers(closings_of_nobody(named), carried)
    assert told(found) == {
        "hub": {("p_ann", "email"), ("p_ann", "sms")},
        "tablet": {("p_ann", None), ("p_ben", None)},
    }
    assert found.count() == 4
    assert told(of_addresses(named, labels.where("state = 'hub'"))) == {
        "hub": {("a_h", "email"), ("a_h", "sms")}, "tablet": {("a_h", None)},
    }  # fmt: skip


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
