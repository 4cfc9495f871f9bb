"""What is said for all channels or all purposes, whether a sender said so or in doubt."""

from __future__ import annotations

from collections import defaultdict

import pytest

from tactful.transforms.jurisdictions import Silence
from tactful.transforms.membership import active, ad_consent, may_be_uploaded, with_jurisdiction
from tactful.transforms.rules.refusals import refused
from tests.timelines import DAY, START, Told, event, timeline, utc

NO, YES = "consent_withdrawn", "consent_granted"


def said(who: str, type_: str, day: int, channel: str | None = None, **told: str) -> Told:
    name = f"{who} {type_} {day} {channel}"
    return event(who, type_, day * DAY, channel=channel, event_id=name, **told)


SAYINGS = [
    said("both purposes", NO, 1, "email", purpose="all"),
    said("both purposes", YES, 3, "email"), said("both purposes", YES, 5, purpose="all"),
    said("everything", NO, 1, "all", purpose="all"), said("everything", YES, 2, "ad"),
    said("everything", YES, 4, "all"),
    said("leaves all", "unsubscribed", 1, "all"), said("leaves all", "subscribed", 2, "email"),
    said("leaves all", "subscribed", 3), said("leaves all", "subscribed", 4, "all"),
    said("comes to all", "unsubscribed", 1, "sms"), said("comes to all", "subscribed", 2, "all"),
    said("unsaid", "unsubscribed", 1), said("unsaid", "subscribed", 2, "email"),
    said("unsaid", "subscribed", 3),
    said("yes to ads", YES, 1, "all", purpose="all"),
    said("no to ads", YES, 1, "ad"), said("no to ads", NO, 2, "all", purpose="all"),
    said("no to mail", NO, 1, "email"),
    said("asks for bills only", YES, 1, "ad", purpose="transactional"),
]  # fmt: skip
PEOPLE = sorted({row["person_id"] for row in SAYINGS} | {"silent"})


@pytest.fixture(scope="module")
def facts(spark):
    labels = spark.createDataFrame(
        [], "identifier_key string, identifier_type string, person_id string, "
        "first_seen_at timestamp, state string"
    )  # fmt: skip
    told = timeline(spark, SAYINGS)
    names = ("no_consent", "unsubscribed", "bounced")
    return told, refused(told, labels, policies=[(name, name) for name in names])


def test_a_word_for_all_needs_a_word_for_all(facts):
    held = defaultdict(set)
    for row in facts[1].collect():
        end = row.ends_at and (utc(row.ends_at) - START) // DAY
        held[row.person_id].add((*(row.channels or [None]), *row.scope[0]["values"], end))
    assert held["both purposes"] == {("email", "marketing", 3), ("email", "transactional", 5)}
    assert held["everything"] == {(None, "marketing", 4), (None, "transactional", None)}
    assert held["leaves all"] == {(None, "marketing", 4)}
    assert held["comes to all"] == {("sms", "marketing", 2)}
    assert held["unsaid"] == {(None, "marketing", 3)}


@pytest.mark.parametrize("opt_in", [True, False])
def test_ad_networks_are_told_what_was_answered_about_ads(spark, facts, opt_in):
    told, suppressions = facts
    now = active(suppressions, as_of=START + 9 * DAY)
    everybody = spark.createDataFrame([(who,) for who in PEOPLE], "person_id string")
    silence = Silence(opt_in)
    answers = with_jurisdiction(ad_consent(told, now), told, silence=silence)
    uploaded = may_be_uploaded(everybody, answers, silence=silence)
    found = {row.person_id: row.answer for row in uploaded.collect()}
    granted = {"both purposes", "everything", "yes to ads"}
    silent = {
        "leaves all", "comes to all", "unsaid", "no to mail", "asks for bills only", "silent",
    }  # fmt: skip
    wanted = dict.fromkeys(granted, "granted")
    assert found == (wanted if opt_in else wanted | dict.fromkeys(silent))
