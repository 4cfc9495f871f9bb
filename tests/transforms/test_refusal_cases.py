"""Refusals: what persons, addresses and mail boxes said no to, and what lifts it."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tactful.transforms.rules.refusals import refused
from tests.decision_cases import CASES, moment
from tests.timelines import (
    DAY,
    HOUR,
    MICROSECOND,
    START,
    Told,
    about,
    event,
    timeline,
    utc,
)

WORDS = ("no_consent", "unsubscribed", "bounced", "complained")
FAR = datetime.max.replace(tzinfo=UTC)


def said(person: str | None, type_: str, at: Any, channel: str | None = None, **told: Any) -> Told:
    """A word of the person; events are named after what they say and the day."""
    days = (at if isinstance(at, timedelta) else at - START) / DAY
    name = f"{person} {type_} {days:g} {channel or '*'}"
    return event(person, type_, at, channel=channel, **{"event_id": name} | told)


def consent_history() -> list[Told]:
    """A148: ordered by when it happened, not by when it was heard."""
    types = {"granted": "consent_granted", "revoked": "consent_withdrawn"}
    told = sorted(CASES["A148"]["input"]["consent_events"], key=lambda one: one["arrived"])
    return [said("A148", types[one["state"]], moment(one["t"]), "email") for one in told]


NO, YES = "consent_withdrawn", "consent_granted"
SAYINGS = [
    *consent_history(),
    said("one channel", NO, DAY, "email"), said("one channel", YES, 2 * DAY, "sms"),
    said("one channel", YES, 3 * DAY, "email", purpose="transactional"),
    said("one channel", YES, 4 * DAY, "email"), said("one channel", YES, 5 * DAY, "email"),
    said("grant for all", NO, DAY, "email"), said("grant for all", YES, 2 * DAY),
    said("all channels", NO, DAY), said("all channels", YES, 2 * DAY, "email"),
    said("all channels", YES, 3 * DAY),
    said("purpose", NO, DAY, purpose="transactional"), said("purpose", YES, 2 * DAY),
    said("tie", NO, DAY, "email", event_id="a"), said("tie", YES, DAY, "email", event_id="b"),
    said("a moment later", NO, DAY, "email"),
    said("a moment later", YES, DAY + MICROSECOND, "email"),
    said("earlier", YES, DAY, "email"), said("earlier", NO, 2 * DAY, "email"),
    said("back and forth", NO, DAY, "email"), said("back and forth", YES, 2 * DAY, "email"),
    said("back and forth", NO, 3 * DAY, "email"),
    said("another", YES, 9 * DAY),
    # Unsubscribed, complained, bounced.
    said("A147", "unsubscribed", DAY, "email"),
    said("A147", "preference_set", 2 * DAY, attribute="frequency", value="weekly"),
    said("A149", "bounced", DAY, "email", bounce="hard"),
    said("A151", "complained", DAY, "email"),
    said("A153", "unsubscribed", DAY, "email"),
    # Whoever follows the link in a mail (a scanner, too) has said nothing; whoever posts to it has.
    said("A154", "clicked", DAY, "email", message_id="one click"),
    said("A154", "page_view", DAY, source="unsubscribe page"),
    said("A156", "unsubscribed", DAY, "email", message_id="one click"),
    said("A153", "attribute_set", 2 * DAY, attribute="subscribed", value="true"),
    said("subscribes", "unsubscribed", DAY, "sms"), said("subscribes", "subscribed", DAY, "sms"),
    said("subscribes", "subscribed", 2 * DAY, "email"), said("subscribes", YES, 2 * DAY, "sms"),
    said("subscribes", "subscribed", 3 * DAY, "sms"),
    said("soft", "bounced", DAY, "email", bounce="soft"), said("soft", "bounced", DAY, "email"),
    said("moved", "bounced", 2 * DAY, "email", bounce="hard"),
    said("moved", "bounced", 2 * DAY, "sms", bounce="hard"),
    said("moved", "bounced", 2 * DAY, "push", bounce="hard"),
    said("moved", "complained", 2 * DAY, "email"), said("moved", "unsubscribed", 2 * DAY, "email"),
    said("both", "bounced", DAY, "email", bounce="hard"),
    said("both", "subscribed", 3 * DAY, "email"),
    said("call", "bounced", DAY, "call", bounce="hard"),
    said("n_device", "unsubscribed", DAY, "email"), said(None, NO, DAY, "email"),
]  # fmt: skip
# An address: its key, type, person, when it was first seen, and its state.
ADDRESSES = [
    ("k1", "email", "A149", 0 * DAY, "linked"), ("k2", "email", "A149", 3 * DAY, "linked"),
    ("k3", "email", "A151", 3 * DAY, "linked"),
    ("k4", "email", "moved", 2 * DAY, "linked"), ("k5", "email", "moved", 6 * DAY, "linked"),
    ("k6", "email", "moved", 5 * DAY, "linked"), ("k7", "phone", "moved", 4 * DAY, "linked"),
    ("k8", "email", "moved", 3 * DAY, "neutral"), ("k9", "device_id", "moved", 3 * DAY, "linked"),
    ("k10", "email", "both", 3 * DAY, "linked"),
    ("k11", "phone", "call", 2 * DAY, "linked"), ("k12", "email", "call", HOUR, "linked"),
]  # fmt: skip


@pytest.fixture(scope="module")
def words(spark) -> dict[tuple[str, str], list[Any]]:
    """Every suppression by person and reason, by start and channel; one Spark action."""
    labels = spark.createDataFrame(
        [(key, kind, who, START + at, state) for key, kind, who, at, state in ADDRESSES],
        "identifier_key string, identifier_type string, person_id string, "
        "first_seen_at timestamp, state string",
    )
    policies = [(f"rule {word}", word) for word in WORDS] + [("a second rule", "complained")]
    held = defaultdict(list)
    for row in refused(timeline(spark, SAYINGS), labels, policies=policies).collect():
        held[row.person_id, row.policy.removeprefix("rule ")].append(row)
    return {key: sorted(rows, key=lambda row: (row.starts_at, row.channels))
            for key, rows in held.items()}  # fmt: skip


def lifts(rows: list[Any]) -> list[tuple[str | None, timedelta | None, str | None]]:
    """Per row: its channel, how long after the start it ends, and what lifted it."""
    return [
        ("".join(r.channels) or None, r.ends_at and utc(r.ends_at) - START, r.lifted_by)
        for r in rows
    ]


def active(rows: list[Any], at: datetime) -> list[Any]:
    return [row for row in rows if utc(row.starts_at) <= at < (utc(row.ends_at) or FAR)]


def test_a148_the_order_of_what_happened_counts(words):
    (row,) = words["A148", "no_consent"]
    states = {True: "revoked", False: "granted"}
    assert states[bool(active([row], FAR - DAY))] == CASES["A148"]["expected"]["state"]


def test_a_withdrawal_holds_until_the_same_is_granted_again(words):
    (row,) = words["one channel", "no_consent"]
    granted = "profiles:one channel consent_granted 4 email"
    assert lifts([row]) == [("email", 4 * DAY, granted)]
    assert (row.scope[0]["kind"], about(row)) == ("purpose", "marketing")
    assert row.evidence == ["profiles:one channel consent_withdrawn 1 email"]
    assert lifts(words["grant for all", "no_consent"])[0][:2] == ("email", 2 * DAY)


def test_a_withdrawal_for_all_channels_needs_a_grant_for_all(words):
    assert lifts(words["all channels", "no_consent"])[0][:2] == (None, 3 * DAY)


def test_purposes_stand_apart(words):
    (row,) = words["purpose", "no_consent"]
    assert (about(row), row.ends_at) == ("transactional", None)


def test_at_the_very_same_moment_the_refusal_wins(words):
    assert lifts(words["tie", "no_consent"]) == [("email", None, None)]
    assert lifts(words["a moment later", "no_consent"])[0][1] == DAY + MICROSECOND
    assert lifts(words["subscribes", "unsubscribed"])[0][1] == 3 * DAY


def test_what_was_granted_before_lifts_nothing(words):
    assert lifts(words["earlier", "no_consent"]) == [("email", None, None)]
    spans = [(utc(r.starts_at) - START, at) for r, (_, at, _) in zip(
        words["back and forth", "no_consent"], lifts(words["back and forth", "no_consent"]),
        strict=True)]  # fmt: skip
    assert spans == [(DAY, 2 * DAY), (3 * DAY, None)]


def test_a_refusal_holds_until_the_person_subscribes_to_that_channel(words):
    subscribed = "messages:subscribes subscribed 3 sms"
    assert lifts(words["subscribes", "unsubscribed"]) == [("sms", 3 * DAY, subscribed)]


@pytest.mark.parametrize("name", ["A147", "A153"])
def test_a_preference_or_an_import_lifts_no_refusal(name, words):
    (row,) = active(words[name, "unsubscribed"], FAR - DAY)
    assert (row.reason, row.channels, about(row)) == ("unsubscribed", ["email"], "marketing")


def test_to_follow_the_link_is_not_to_unsubscribe_and_one_click_is(words):
    """A154, A156: the page behind the link is its owner's; what came of it is told as this."""
    assert CASES["A154"]["expected"]["unsubscribed"] is False
    assert not [person for person, _ in words if person == "A154"]
    assert CASES["A156"]["expected"]["unsubscribed"] is True
    (row,) = words["A156", "unsubscribed"]
    assert (row.channels, row.ends_at) == (["email"], None)


def test_a149_a_hard_bounce_is_about_the_address(words):
    expected = CASES["A149"]["expected"]
    (row,) = words["A149", "bounced"]
    assert row.channels == [expected["suppress"]]
    assert expected["scope"] == "address"
    assert lifts([row]) == [("email", 3 * DAY, "identifier:k2")]


def test_a151_a_complaint_stops_marketing_on_the_channel(words):
    expected = CASES["A151"]["expected"]
    (row,) = words["A151", "complained"]
    assert (row.channels, about(row)) == ([expected["suppress"]], "marketing")
    assert row.ends_at is None  # another address is no other person
    (other,) = words["A151", "a second rule"]
    assert other.suppression_id != row.suppression_id


def test_only_a_later_address_for_the_channel_lifts_a_bounce(words):
    assert lifts(words["moved", "bounced"]) == [
        ("email", 5 * DAY, "identifier:k6"),
        ("push", None, None),
        ("sms", 4 * DAY, "identifier:k7"),
    ]
    for reason in ("complained", "unsubscribed"):
        assert lifts(words["moved", reason]) == [("email", None, None)]
    assert lifts(words["call", "bounced"]) == [("call", 2 * DAY, "identifier:k11")]
    assert ("soft", "bounced") not in words


def test_where_a_word_and_an_address_lift_at_once_the_word_is_named(words):
    subscribed = "messages:both subscribed 3 email"
    assert lifts(words["both", "bounced"]) == [("email", 3 * DAY, subscribed)]


def test_nobody_refuses_nothing(words):
    assert not {person for person, _ in words} & {None, "n_device"}
