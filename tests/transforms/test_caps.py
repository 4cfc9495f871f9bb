"""Frequency caps: who may be contacted again, and from when."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from pyspark.sql import Row

from tactful.schemas.reference import CAMPAIGNS, CONTENTS
from tactful.transforms.caps import CapRule, capped, counted_messages, pressure
from tests.decision_cases import CASES, moment
from tests.timelines import DAY, HOUR, MICROSECOND, START, Told, event, offers, timeline, utc

BOTH = ("marketing", "transactional")
AS_OF = START + 30 * DAY


@dataclass(frozen=True)
class Attempt:
    """A message that somebody would like to send, and whether a cap must stop it."""

    at: datetime
    is_capped: bool
    channel: str = "email"
    purpose: str = "marketing"
    topic: str | None = None
    campaign: str | None = None


def cap(name: str, limit: int, window: timedelta | None, *channels: str, **more: Any) -> CapRule:
    rule = {"purposes": ("marketing",), "counts": "sent"} | more
    return CapRule(name=name, channels=channels, limit=limit, window=window, **rule)


def attempts(case_id: str, times: list[datetime], **more: Any) -> list[Attempt]:
    """The attempts of a case, with what it expects of each by position."""
    stopped = CASES[case_id]["expected"]["capped"]
    return [Attempt(at, number in stopped, **more) for number, at in enumerate(times)]


def bounced(at: str) -> list[Told]:
    told = {"channel": "email", "message_id": "m0"}
    return [event("A088", "sent", moment(at), **told), event("A088", "bounced", moment(at), **told)]


FRIDAY = moment("2026-06-05T10:00")
WEEK = 7 * DAY
MONDAY = moment("2026-06-01T09:00")
PUSH = {"channel": "push"}
given = {name: case["input"] for name, case in CASES.items()}
# A case: the caps it speaks of, what happened before, and the attempts.
GOLDEN_CAPS: dict[str, tuple[list[CapRule], list[Told], list[Attempt]]] = {
    "A071": (
        [cap("A071", 2, None, "push", calendar="week", zone="UTC")],
        [],
        [Attempt(MONDAY + days * DAY, is_capped, **PUSH)
         for days, is_capped in ((0, False), (2, False), (3, True), (7, False))],
    ),
    "A075": (
        [cap("A075", 3, WEEK, "push"), cap("A075 tag", 2, WEEK, "push", topics=["promo"])],
        [],
        [Attempt(MONDAY + n * HOUR, str(n) in CASES["A075"]["expected"]["capped"], topic=topic,
                 **PUSH)
         for n, topic in enumerate(given["A075"]["attempts"])],
    ),
    # A topic is the one that a message was sent with, so the first still counts: where Braze goes
    # by the tags of today, the second would pass.
    "A080": (
        [cap("A080", 1, WEEK, topics=["promo"])],
        [],
        [Attempt(MONDAY, False, topic="promo"), Attempt(MONDAY + HOUR, True, topic="promo"),
         Attempt(MONDAY + 2 * HOUR, False)],
    ),
    "A083": (
        [cap("A083", 2, None, calendar="week", zone="UTC", week_starts=6)],
        [event("A083", "sent", datetime.fromisoformat(at), channel="email", message_id=f"h{n}")
         for n, at in enumerate(given["A083"]["history"])],
        attempts("A083", [datetime.fromisoformat(at) for at in given["A083"]["attempts"]]),
    ),
    "A073": (
        [cap("A073", 1, DAY, "email")],
        [],
        attempts("A073", [moment(at) for at in given["A073"]["attempts"]]),
    ),
    "A076": (
        [cap("A076", 1, WEEK, purposes=BOTH), cap("A076 promo", 3, WEEK)],
        [],
        attempts("A076", [START, START + DAY]),
    ),
    "A078": (
        [cap("A078", 1, DAY, "email")],
        [],
        [Attempt(START, False, purpose="transactional"), Attempt(START + HOUR, False)],
    ),
    # Iterable skips a message that was sent the day before: here a cap of its campaign says so.
    "A086": (
        [cap("A086", 1, DAY, campaigns=["spring"])],
        [event("A086", "sent", START, channel="email", message_id="m0", campaign_id="spring")],
        [Attempt(START + given["A086"]["same_message_sent_hours_ago"] * HOUR, True,
                 campaign="spring"),
         Attempt(START + 17 * HOUR, False, campaign="summer"),
         Attempt(START + DAY, False, campaign="spring")],
    ),
    # A081 (windows of so many calendar days) and A085 (the cap of a kind of message lifts that of
    # its channel) are one vendor's own rules, and DESIGN 6 says otherwise: a calendar's window is a
    # day, a week or a month, and of several caps all hold.
    "A088": (
        [cap("A088", 1, 16 * HOUR, "email")],
        bounced(given["A088"]["history"][0]["at"]),
        [Attempt(moment(given["A088"]["attempt"]), True)],
    ),
    "A090": (
        [cap("A090", 1, 16 * HOUR, "email")],
        [event("A090", "sent", moment(given["A090"]["history"][0]["at"]), channel="sms",
               message_id="m0")],
        [Attempt(moment(given["A090"]["attempt"]["at"]), False)],
    ),
    "A091": (
        [cap("A091", 1, WEEK, "email")],
        [event("A091", "sent", FRIDAY, channel="email", message_id="m0")],
        attempts("A091", [FRIDAY + 6 * DAY, FRIDAY + WEEK]),
    ),
    "A093": (
        [cap("A093", 1, timedelta(minutes=30))],
        [],
        [Attempt(moment("2026-06-01T13:00"), False), Attempt(moment("2026-06-01T13:15"), True)],
    ),
}  # fmt: skip


def sent(person: str, at: Any, message: str, type_: str = "sent", **told: Any) -> Told:
    return event(person, type_, at, message_id=message, **{"channel": "email", **told})


RULES = [
    cap("two", 2, WEEK),
    cap("two_sms", 2, WEEK, "sms", "email", purposes=BOTH),
    cap("opened", 1, DAY, counts="opened"),
    cap("delivered", 1, DAY, "push", counts="delivered"),
]
HISTORIES = [
    # Three in a week: the window is full after the second, and again after the third.
    sent("three", DAY, "m1", event_id="a"),
    sent("three", 2 * DAY, "m2", event_id="b"),
    sent("three", 4 * DAY, "m3", event_id="c"),
    # Exactly a window after the first the next is allowed, a moment before not.
    sent("exactly", 0 * DAY, "m1"),
    sent("exactly", WEEK, "m2"),
    sent("just", 0 * DAY, "m1"),
    sent("just", WEEK - MICROSECOND, "m2"),
    # One message told twice is one, at its earliest, whatever was heard first.
    sent("twice", 2 * DAY, "m1"),
    sent("twice", 1 * DAY, "m1", event_id="first"),
    sent("twice", 3 * DAY, "m2", event_id="second"),
    sent("one", DAY, "m1"),
    sent("one", 2 * DAY, "m1"),
    # At one moment the id decides which was first.
    sent("tie", DAY, "m1", event_id="z"),
    sent("tie", DAY, "m2", event_id="y"),
    # What a cap does not count.
    sent("other", DAY, "m1", purpose="transactional"),
    sent("other", DAY, "m2"),
    sent("no channel", DAY, "m1", channel=None),
    sent("no channel", DAY, "m2", channel=None),
    sent("delivery", DAY, "m1", "delivered", channel="push"),
    sent("machine", DAY, "m1", "opened", machine_open=True),
    sent("human", DAY, "m1", "opened", machine_open=True),
    sent("human", 2 * DAY, "m1", "opened", machine_open=False, event_id="human"),
    # A shared device is nobody, and so is nobody.
    sent("n_device", DAY, "m1"),
    sent("n_device", DAY, "m2"),
    sent(None, DAY, "m3"),
    sent(None, DAY, "m4"),
    # Contact pressure as of day 30: its window is (day 23, day 30].
    sent("edge", 23 * DAY, "m1"),
    sent("edge", 23 * DAY + MICROSECOND, "m2"),
    sent("late", 23 * DAY, "m1"),
    sent("full", 24 * DAY, "m1"),
    sent("full", 25 * DAY, "m2"),
    sent("full", 26 * DAY, "m3"),
    sent("full", 30 * DAY, "m4"),
    sent("tomorrow", 30 * DAY, "m1"),
    sent("tomorrow", 30 * DAY + MICROSECOND, "m2"),
]  # fmt: skip


@pytest.fixture(scope="module")
def found(spark) -> tuple[dict, dict]:
    """Suppressions by (person, policy) and pressure by (person, cap), in two Spark actions."""
    history = [*HISTORIES]
    rules = [*RULES]
    for name, (caps, before, tried) in GOLDEN_CAPS.items():
        rules += caps
        history += [{**row, "event_id": f"{name} before {n}"} for n, row in enumerate(before)]
        history += [
            event(name, "sent", one.at, message_id=f"m{n + 1}", channel=one.channel,
                  purpose=one.purpose, topic=one.topic, campaign_id=one.campaign,
                  event_id=f"{name} {n}")
            for n, one in enumerate(tried)
            if not one.is_capped
        ]  # fmt: skip
    messages = counted_messages(
        timeline(spark, history), offers(spark, CONTENTS), offers(spark, CAMPAIGNS), rules=rules
    )
    held = defaultdict(list)
    for row in capped(messages, longest=max(rule.limit for rule in rules)).collect():
        held[row.person_id, row.policy].append(row)
    weighed = pressure(messages, as_of=AS_OF).collect()
    return held, {(row.person_id, row.cap): row for row in weighed}


@pytest.mark.parametrize("name", GOLDEN_CAPS)
def test_documented_cases(name, found):
    """What was sent is in the timeline; an attempt is stopped where a cap holds at its time."""
    caps, _, tried = GOLDEN_CAPS[name]
    for attempt in tried:
        holding = [
            row
            for rule in caps
            for row in found[0][name, rule.name]
            if utc(row.starts_at) < attempt.at < utc(row.ends_at)
            and (not row.channels or attempt.channel in row.channels)
            and all(_holds(part, attempt) for part in row.scope)
        ]
        assert bool(holding) == attempt.is_capped, attempt


def _holds(part: Row, attempt: Attempt) -> bool:
    known = {"purpose": attempt.purpose, "topic": attempt.topic, "campaign": attempt.campaign}
    told = known[part["kind"]]
    return (told in part["values"]) != part["negated"]


def spans(found, person: str, policy: str) -> list[tuple[timedelta, timedelta]]:
    rows = found[0].get((person, policy), [])
    return sorted((utc(row.starts_at) - START, utc(row.ends_at) - START) for row in rows)


def test_the_window_rolls_with_every_message(found):
    assert spans(found, "three", "two") == [(2 * DAY, 8 * DAY), (4 * DAY, 9 * DAY)]
    rows = sorted(found[0]["three", "two"], key=lambda row: row.starts_at)
    assert [row.evidence for row in rows] == [
        ["messages:a", "messages:b"], ["messages:b", "messages:c"],
    ]  # fmt: skip
    for row in rows:
        assert (row.channels, row.reason) == ([], "capped")
        assert row.scope == [Row(kind="purpose", values=["marketing"], negated=False)]


def test_exactly_one_window_later_is_allowed(found):
    assert spans(found, "exactly", "two") == []
    assert spans(found, "just", "two") == [(WEEK - MICROSECOND, WEEK)]


def test_a_message_counts_once_at_its_earliest(found):
    (row,) = found[0]["twice", "two"]
    assert row.evidence == ["messages:first", "messages:second"]
    assert spans(found, "twice", "two") == [(3 * DAY, 8 * DAY)]
    assert spans(found, "one", "two") == []


def test_at_one_moment_the_id_decides(found):
    (row,) = found[0]["tie", "two"]
    assert row.evidence == ["messages:y", "messages:z"]


def test_a_cap_counts_its_own_channels_and_purposes_only(found):
    assert spans(found, "other", "two") == []
    rows = found[0]["other", "two_sms"]
    assert [(row.channels, row.scope[0]["values"]) for row in rows] == [
        (["email", "sms"], sorted(BOTH))
    ]
    assert spans(found, "no channel", "two_sms") == []
    assert spans(found, "no channel", "two") == [(DAY, DAY + WEEK)]
    assert spans(found, "delivery", "delivered") == [(DAY, 2 * DAY)]
    assert spans(found, "delivery", "two") == []


def test_an_opening_by_a_machine_is_none(found):
    assert spans(found, "machine", "opened") == []
    (row,) = found[0]["human", "opened"]
    assert row.evidence == ["messages:human"]


def test_nobody_has_no_cap(found):
    everybody = {person for person, _ in found[0]} | {person for person, _ in found[1]}
    assert not everybody & {None, "n_device"}


def test_pressure_counts_the_window_up_to_now(found):
    rows = found[1]
    edge = rows["edge", "two"]
    assert (edge.counted, edge.cap_limit, edge.next_allowed_at) == (1, 2, None)
    assert utc(edge.window_starts_at) == AS_OF - WEEK
    assert ("late", "two") not in rows
    assert (rows["tomorrow", "two"].counted, rows["tomorrow", "two"].next_allowed_at) == (1, None)


def test_the_next_is_allowed_when_the_oldest_of_the_limit_leaves_the_window(found):
    full = found[1]["full", "two"]
    assert full.counted == 2  # exact up to the limit
    assert utc(full.next_allowed_at) == START + 26 * DAY + WEEK
