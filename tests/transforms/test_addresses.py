"""A bounce is about its address: which other one lifts it, and which are dead."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any

import pytest

from tactful.transforms.addresses import dead_addresses, on_their_channels
from tactful.transforms.rules.refusals import refused
from tests.timelines import DAY, MICROSECOND, START, Told, event, timeline, utc

# An address: its key (which begins with the person's name), type, when first seen, and its state.
ADDRESSES = [
    ("known before:old", "email", 0 * DAY, "linked"),
    ("known before:new", "email", 1 * DAY, "linked"),
    ("came later:old", "email", 0 * DAY, "linked"), ("came later:new", "email", 9 * DAY, "linked"),
    ("only one:old", "email", 0 * DAY, "linked"), ("only one:phone", "phone", 0 * DAY, "linked"),
    ("hub beside:old", "email", 0 * DAY, "linked"), ("hub beside:hub", "email", 0 * DAY, "hub"),
    ("second too:a", "email", 0 * DAY, "linked"), ("second too:b", "email", 0 * DAY, "linked"),
    ("at once:a", "email", 0 * DAY, "linked"), ("at once:b", "email", 0 * DAY, "linked"),
    ("dead other:a", "email", 0 * DAY, "linked"), ("dead other:b", "email", 0 * DAY, "linked"),
    ("subscribes:a", "email", 0 * DAY, "linked"), ("subscribes:b", "email", 0 * DAY, "linked"),
    ("names one:a", "email", 0 * DAY, "linked"), ("names one:b", "email", 0 * DAY, "linked"),
    ("by message:a", "email", 0 * DAY, "linked"), ("by message:b", "email", 0 * DAY, "linked"),
    ("nobody knows:a", "email", 0 * DAY, "linked"),
    ("nobody knows:b", "email", 8 * DAY, "linked"),
    ("two at once:a", "email", 0 * DAY, "linked"), ("two at once:b", "email", 0 * DAY, "linked"),
    ("two at once:c", "email", 0 * DAY, "linked"),
    ("phones:a", "phone", 0 * DAY, "linked"), ("phones:b", "phone", 3 * DAY, "linked"),
    ("soft:a", "email", 0 * DAY, "linked"),
    ("again:a", "email", 0 * DAY, "linked"), ("again:b", "email", 7 * DAY, "linked"),
]  # fmt: skip


def says(who: str, type_: str, day: float, *keys: str, channel: str = "email", **told: Any) -> Told:
    """A message event of a person that carries some of their addresses."""
    carried = [f"{who}:customer", *(f"{who}:{key}" for key in keys)]
    return event(
        who, type_, timedelta(days=day), channel=channel, identifier_keys=carried,
        **{"event_id": f"{who} {type_} {day:g}", "message_id": f"m {who}", **told},
    )  # fmt: skip


def bounces(who: str, day: float, *keys: str, **told: Any) -> Told:
    return says(who, "bounced", day, *keys, **{"bounce": "hard"} | told)


EVENTS = [
    bounces("known before", 5, "old"),
    bounces("came later", 5, "old"),
    bounces("only one", 5, "old"),
    bounces("hub beside", 5, "old"),
    bounces("second too", 5, "a"), bounces("second too", 9, "b"),
    bounces("at once", 5, "a"), bounces("at once", 5, "b", event_id="at once b"),
    bounces("dead other", 3, "b"), bounces("dead other", 5, "a"),
    bounces("subscribes", 3, "b"), bounces("subscribes", 5, "a"),
    says("subscribes", "subscribed", 7), bounces("subscribes", 9, "a"),
    bounces("names one", 3, "a"), bounces("names one", 4, "b"),
    says("names one", "subscribed", 7, "b"), bounces("names one", 9, "b"),
    says("at once", "sent", 3, "a", message_id="m by message", event_id="to another"),
    says("by message", "sent", 4, "a"), says("by message", "sent", 6, "b", event_id="late copy"),
    bounces("by message", 5),
    bounces("nobody knows", 5),
    bounces("two at once", 5, "a", "b"),
    bounces("phones", 5, "b", channel="sms"), bounces("phones", 6, "a", channel="call"),
    says("phones", "subscribed", 7, channel="all"),
    bounces("soft", 5, "a", bounce="soft"),
    bounces("again", 5, "a"), bounces("again", 6, "a"), bounces("again", 9, "a"),
]  # fmt: skip


@pytest.fixture(scope="module")
def facts(spark) -> tuple[Any, Any]:
    told = [
        (key, kind, key.partition(":")[0], START + at, state) for key, kind, at, state in ADDRESSES
    ]
    people = {key.partition(":")[0] for key, *_ in ADDRESSES}
    told += [(f"{who}:customer", "customer_id", who, START, "linked") for who in sorted(people)]
    shape = (
        "identifier_key string, identifier_type string, person_id string, "
        "first_seen_at timestamp, state string"
    )
    return timeline(spark, EVENTS), spark.createDataFrame(told, shape)


@pytest.fixture(scope="module")
def rows(facts) -> dict[str, list[tuple[str, float, float | None, str | None]]]:
    """Each person's suppressions: channel, first and last day, and what lifted it."""
    held = defaultdict(list)
    for row in refused(*facts, policies=[("bounced", "bounced")]).collect():
        days = [at and (utc(at) - START) / DAY for at in (row.starts_at, row.ends_at)]
        lifted_by = row.lifted_by and row.lifted_by.removeprefix("identifier:")
        held[row.person_id].append((*(row.channels or [None]), *days, lifted_by))
    return {who: sorted(found, key=lambda row: row[:2]) for who, found in held.items()}


def test_another_valid_address_lifts_it_whenever_it_was_seen(rows):
    assert rows["known before"] == [("email", 5, 5, "known before:new")]
    assert rows["came later"] == [("email", 5, 9, "came later:new")]


def test_without_another_one_it_silences(rows):
    assert rows["only one"] == [("email", 5, None, None)]
    assert rows["hub beside"] == [("email", 5, None, None)]


def test_when_the_second_bounces_there_is_silence_again(rows):
    assert rows["second too"] == [
        ("email", 5, 5, "second too:b"), ("email", 9, None, None),
    ]  # fmt: skip
    assert rows["at once"] == [("email", 5, None, None), ("email", 5, None, None)]
    assert rows["dead other"] == [("email", 3, 3, "dead other:a"), ("email", 5, None, None)]


def test_a_subscription_opens_the_channel_and_brings_addresses_back(rows):
    subscribed = "messages:subscribes subscribed 7"
    assert rows["subscribes"] == [
        ("email", 3, 3, "subscribes:a"), ("email", 5, 7, subscribed),
        ("email", 9, 9, "subscribes:b"),
    ]  # fmt: skip
    # It named one address, so the other one is as dead as before.
    assert rows["names one"] == [
        ("email", 3, 3, "names one:b"), ("email", 4, 7, "messages:names one subscribed 7"),
        ("email", 9, None, None),
    ]  # fmt: skip


def test_which_address_it_was_says_the_bounce_or_else_its_message(rows):
    assert rows["by message"] == [("email", 5, 5, "by message:b")]
    assert rows["nobody knows"] == [("email", 5, 8, "nobody knows:b")]
    assert rows["two at once"] == [("email", 5, 5, "two at once:c")]


def test_channels_of_one_phone_stand_apart(rows):
    assert rows["phones"] == [("call", 6, 6, "phones:b"), ("sms", 5, 5, "phones:a")]
    assert "soft" not in rows


def test_a_bounce_that_comes_again_is_lifted_as_the_first(rows):
    assert rows["again"] == [
        ("email", 5, 7, "again:b"), ("email", 6, 7, "again:b"), ("email", 9, 9, "again:b"),
    ]  # fmt: skip


def dead(facts, at: datetime) -> set[tuple[str, str]]:
    told, labels = facts
    found = dead_addresses(told.where(told.occurred_at <= at), labels, as_of=at)
    return {(row.identifier_key, row.channel) for row in found.collect()}


def test_dead_addresses_are_those_that_bounced_and_were_not_subscribed_since(facts):
    found = dead(facts, START + 20 * DAY)
    assert found == {
        ("known before:old", "email"), ("came later:old", "email"), ("only one:old", "email"),
        ("hub beside:old", "email"), ("second too:a", "email"), ("second too:b", "email"),
        ("at once:a", "email"), ("at once:b", "email"), ("dead other:a", "email"),
        ("dead other:b", "email"), ("subscribes:a", "email"), ("names one:a", "email"),
        ("names one:b", "email"), ("by message:a", "email"), ("two at once:a", "email"),
        ("two at once:b", "email"), ("again:a", "email"),
    }  # fmt: skip
    before = dead(facts, START + 5 * DAY - MICROSECOND)
    assert before == {
        ("dead other:b", "email"), ("subscribes:b", "email"), ("names one:a", "email"),
        ("names one:b", "email"),
    }  # fmt: skip


def test_a_bounce_without_a_channel_is_on_that_of_its_address(spark):
    """Of one kind of address; where it names both or none, or its message speaks, that stands."""
    named = {"email": ["c", "e1", "e2"], "sms": ["p"], "both": ["e1", "p"], "none": ["c"]}
    events = [
        event(who, "bounced", DAY, bounce="hard", identifier_keys=keys, event_id=who)
        for who, keys in named.items()
    ]
    events += [
        event("email", "bounced", DAY, bounce="hard", identifier_keys=["p"], channel="push"),
        event("email", "bounced", DAY, bounce="soft", identifier_keys=["e1"]),
        event("email", "unsubscribed", DAY, identifier_keys=["e1"]),
    ]
    kinds = [("c", "customer_id"), ("e1", "email"), ("e2", "email"), ("p", "phone")]
    labels = spark.createDataFrame(kinds, "identifier_key string, identifier_type string")
    rows = on_their_channels(timeline(spark, events), labels).collect()
    found = [(row.person_id, row.type, row.bounce or "", row.channel or "") for row in rows]
    assert sorted(found) == [
        ("both", "bounced", "hard", ""), ("email", "bounced", "hard", "email"),
        ("email", "bounced", "hard", "push"), ("email", "bounced", "soft", ""),
        ("email", "unsubscribed", "", ""), ("none", "bounced", "hard", ""),
        ("sms", "bounced", "hard", "sms"),
    ]  # fmt: skip
