"""What became of a message belongs to whom it was sent, and is about what it was about."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tactful.transforms.message_facts import ABOUT, keys_of_messages, settled, with_message_facts
from tests.timelines import DAY, HOUR, START, Told, event, timeline, utc

ANN, BEN = "p_ann", "p_ben"
OFFER = {
    "channel": "email", "purpose": "marketing", "campaign_id": "spring", "variant": "a",
    "content_id": "summer", "topic": "sale", "skus": ["jeans"], "categories": ["clothes"],
    "offers_discount": True,
}  # fmt: skip


def told(message: str, person: str | None, type_: str, at: Any, **more: Any) -> Told:
    return event(person, type_, at, message_id=message, event_id=f"{message} {type_} {at}", **more)


# A message: its events, and of each what it is in the end: person and what differs from OFFER.
CASES: dict[str, tuple[list[Told], list[tuple[str | None, dict[str, Any]]]]] = {
    "what follows names the message alone": (
        [
            told("bare", ANN, "sent", DAY, **OFFER),
            told("bare", None, "delivered", 2 * DAY),
            told("bare", None, "unsubscribed", 300 * DAY),
        ],
        [(ANN, {})] * 3,
    ),
    "what follows is dated before the sending": (
        [told("skew", None, "opened", DAY - HOUR), told("skew", ANN, "sent", DAY, **OFFER)],
        [(ANN, {})] * 2,
    ),
    "the sending knows better": (
        [
            told("other", BEN, "opened", DAY, channel="sms", purpose="transactional"),
            told("other", ANN, "sent", 2 * DAY, **OFFER),
            told("other", "n_tablet", "clicked", 3 * DAY, campaign_id="autumn", skus=[]),
        ],
        [(ANN, {})] * 3,
    ),
    "what the sending leaves open the earliest says": (
        [
            told("open", BEN, "clicked", 3 * DAY, purpose="marketing"),
            told("open", None, "sent", 4 * DAY, **{**OFFER, "purpose": None, "skus": None}),
            told("open", ANN, "opened", 2 * DAY, purpose="transactional"),
            told("open", None, "delivered", DAY, skus=["mat"]),
        ],
        [(ANN, {"purpose": "transactional", "skus": ["mat"]})] * 4,
    ),
    "no sending at all": (
        [
            told("none", None, "delivered", DAY),
            told("none", "n_tablet", "opened", DAY, channel="email"),
            told("none", ANN, "clicked", 2 * DAY, channel="sms", campaign_id="spring"),
            told("none", BEN, "complained", 3 * DAY),
        ],
        [(ANN, {**dict.fromkeys(ABOUT), "channel": "email", "campaign_id": "spring"})] * 4,
    ),
    "sent twice, the first time to nobody known": (
        [
            told("twice", None, "sent", DAY, **{**OFFER, "variant": None}),
            told("twice", ANN, "sent", 2 * DAY, **{**OFFER, "channel": "sms", "variant": "b"}),
            told("twice", None, "clicked", 3 * DAY),
        ],
        [(ANN, {"variant": "b"})] * 3,
    ),
    "one id for a whole mailing": (
        [
            told("mailing", ANN, "sent", DAY, **OFFER),
            told("mailing", BEN, "sent", 2 * DAY, **OFFER),
            told("mailing", BEN, "unsubscribed", 3 * DAY),
            told("mailing", "p_cy", "opened", 3 * DAY),
            told("mailing", None, "delivered", 3 * DAY),
        ],
        [(ANN, {}), (BEN, {}), (BEN, {}), (ANN, {}), (ANN, {})],
    ),
    "nobody is known": (
        [told("nobody", "n_tablet", "sent", DAY), told("nobody", None, "opened", 2 * DAY)],
        [("n_tablet", dict.fromkeys(ABOUT)), (None, dict.fromkeys(ABOUT))],
    ),
    "every channel stays every channel": (
        [
            told("all", None, "complained", HOUR, channel="all"),
            told("all", None, "unsubscribed", DAY, channel="all"),
            told("all", ANN, "sent", 2 * DAY, **OFFER),
            told("all", None, "opened", 3 * DAY),
        ],
        [(ANN, {"channel": "all"}), (ANN, {"channel": "all"}), (ANN, {}), (ANN, {})],
    ),
    "a word for all says nothing of the message": (
        [
            told("words", ANN, "unsubscribed", DAY, channel="all"),
            told("words", None, "opened", 2 * DAY),
        ],
        [(ANN, {**dict.fromkeys(ABOUT), "channel": "all"}), (ANN, dict.fromkeys(ABOUT))],
    ),
    "who subscribes opens what they say": (
        [
            told("back", ANN, "sent", DAY, **OFFER),
            told("back", None, "subscribed", 2 * DAY, channel="sms"),
            told("back", BEN, "subscribed", 3 * DAY),
        ],
        [(ANN, {}), (ANN, {"channel": "sms"}), (BEN, {})],
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def found(spark) -> dict[str, Any]:
    """Every event in the end, by its id; they came in no order at all."""
    rows = [row for rows, _ in CASES.values() for row in rows]
    random.Random(3).shuffle(rows)
    return {row.event_id: row for row in with_message_facts(timeline(spark, rows)).collect()}


@pytest.mark.parametrize("name", CASES)
def test_an_event_says_what_its_message_says(name: str, found: dict[str, Any]) -> None:
    rows, wanted = CASES[name]
    for row, (person, about) in zip(rows, wanted, strict=True):
        now = found[row["event_id"]]
        assert now.person_id == person, row["event_id"]
        assert {n: now[n] for n in ABOUT} == {**OFFER, **about}, row["event_id"]
        assert (now.type, now.stream, now.line_number) == (row["type"], "messages", 0)


def test_nothing_comes_or_goes(found: dict[str, Any]) -> None:
    assert len(found) == sum(len(rows) for rows, _ in CASES.values())


def test_what_names_no_message_is_of_none(spark) -> None:
    names = [{"identifier_keys": [key], "anchor_key": key} for key in "ab"]
    rows = [
        event(None, type_, at, event_class="consent", event_id=type_, channel=channel, **who)
        for type_, at, channel, who in (
            ("complained", DAY, "sms", names[0]),
            ("unsubscribed", 2 * DAY, None, names[1]),
            ("subscribed", 3 * DAY, None, {}),
        )
    ]
    told = timeline(spark, rows).drop("person_id")
    labels = spark.createDataFrame(
        [(key, "linked", f"p_{key}") for key in "ab"],
        "identifier_key string, state string, person_id string",
    ).selectExpr("*", "NULL AS neutral_from_at", "NULL AS neutral_person_id")
    found = {row.event_id: (row.person_id, row.channel) for row in settled(told, labels).collect()}
    assert found == {
        "complained": ("p_a", "sms"), "unsubscribed": ("p_b", None), "subscribed": (None, None),
    }  # fmt: skip


def test_a_message_is_found_by_every_identifier_unless_all_events_name_it(spark) -> None:
    def named(message: str, type_: str, at: Any, keys: list[str]) -> Told:
        kind = "consent" if type_ == "unsubscribed" else "message"
        return told(message, None, type_, at, event_class=kind, identifier_keys=keys)

    rows = [
        named("alike", "sent", DAY, ["a"]),
        named("alike", "opened", 2 * DAY, ["a"]),
        named("bare", "sent", DAY, ["a", "b"]),
        named("bare", "delivered", 2 * DAY, []),
        named("word", "unsubscribed", 3 * DAY, ["c"]),
        named("word", "sent", DAY, ["a"]),
        named("nobody", "sent", DAY, []),
        named("nobody", "unsubscribed", DAY, []),
    ]
    found = keys_of_messages(timeline(spark, rows)).collect()
    assert sorted(
        (row.message_id, row.event_class, row.identifier_key, utc(row.occurred_at) - START)
        for row in found
    ) == [
        ("bare", "message", "a", 2 * DAY), ("bare", "message", "b", 2 * DAY),
        ("word", "consent", "a", 3 * DAY), ("word", "consent", "c", 3 * DAY),
        ("word", "message", "a", DAY), ("word", "message", "c", DAY),
    ]  # fmt: skip


@pytest.mark.parametrize(("count", "is_of_each"), [(1, True), (20, True), (21, False)])
def test_who_closes_and_names_none_of_several_is_any_of_them(spark, count: int, is_of_each: bool):
    """Of more than twenty the id is a mailing's; who names themselves speaks for themselves."""
    persons = [f"p_{n:02d}" for n in range(count)]
    rows = [told("m", who, "sent", n * HOUR, **OFFER) for n, who in enumerate(persons)] * 2
    rows += [told("m", None, "unsubscribed", DAY), told("m", persons[0], "complained", DAY),
             told("m", "n_tablet", "bounced", DAY, bounce="hard")]  # fmt: skip
    found = with_message_facts(timeline(spark, rows)).where("type != 'sent'").collect()
    said = {row["type"]: row["sent_persons"] for row in found}
    each = persons if is_of_each else None
    for kind, wanted in (("unsubscribed", each), ("complained", None), ("bounced", each)):
        assert (said[kind] and sorted(said[kind])) == wanted, kind
    assert {row["person_id"] for row in found} == {persons[0]}
