"""An open service contact: what is not said meanwhile, and what closes it."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pytest

from tactful.transforms.rules.rule import Policy
from tactful.transforms.rules.service_open import ServiceOpen, service_open
from tests.timelines import DAY, HOUR, MICROSECOND, START, Told, event, timeline, utc

POLICIES = [
    Policy("open", "service_open", ServiceOpen()),
    Policy("bounded", "service_open", ServiceOpen(lasts_at_most=2 * DAY, channels=("sms", "ad"))),
]


def opens(person: str | None, at: Any, number: str | None = "own", **told: Any) -> Told:
    return event(person, "contact_opened", at, contact_id=_of(person, number), **told)


def closes(whose: str, at: Any, *, by: str | None = None, number: str | None = "own",
           **told: Any) -> Told:  # fmt: skip
    return event(by, "contact_closed", at, contact_id=_of(whose, number), **told)


def _of(person: str | None, number: str | None) -> str | None:
    return f"of {person}" if number == "own" else number


TOLD = [
    opens("waits", DAY, event_id="in"),
    opens("helped", DAY, event_id="in2"), closes("helped", 2 * DAY, event_id="out2"),
    closes("helped", 2 * DAY + HOUR),
    opens("tie", DAY), closes("tie", DAY, event_id="at once"),
    closes("late", DAY - MICROSECOND), opens("late", DAY),
    opens("again", DAY), closes("again", 2 * DAY, event_id="o1"), opens("again", 5 * DAY),
    closes("again", 6 * DAY, event_id="o2"),
    opens("slow", DAY), closes("slow", 3 * DAY, event_id="slow out"),
    opens("near", DAY), closes("near", 3 * DAY - MICROSECOND, event_id="near out"),
    opens("other", DAY), closes("other", 2 * DAY, by="helped", event_id="by other"),
    opens("same moment", DAY), closes("same moment", 2 * DAY, event_id="b"),
    closes("same moment", 2 * DAY, event_id="a"),
    opens("no number", DAY, None), closes("no number", 2 * DAY, number=None, by="no number"),
    opens("two", DAY, "shared"), opens("three", DAY, "shared"),
    event(None, "contact_closed", 2 * DAY, contact_id="shared", event_id="of both"),
    opens("chats", DAY, "x1"), event("chats", "chat_opened", DAY),
    opens("n_device", DAY, "x2"), opens(None, DAY, "x3"),
]  # fmt: skip


@pytest.fixture(scope="module")
def held(spark) -> dict[tuple[str, str], list[Any]]:
    """Every suppression by person and policy, oldest first; one Spark action."""
    rows = defaultdict(list)
    for row in service_open(timeline(spark, TOLD), policies=POLICIES).collect():
        rows[row.person_id, row.policy].append(row)
    return {key: sorted(found, key=lambda row: row.starts_at) for key, found in rows.items()}


def spans(rows: list[Any]) -> list[tuple[Any, Any, str | None]]:
    return [
        (utc(r.starts_at) - START, r.ends_at and utc(r.ends_at) - START, r.lifted_by) for r in rows
    ]


def test_while_a_contact_is_open_no_marketing_is_said(held):
    (row,) = held["waits", "open"]
    assert (row.reason, row.channels, row.ends_at, row.lifted_by) == (
        "service_open",
        [],
        None,
        None,
    )
    assert (row.scope[0]["kind"], row.scope[0]["values"]) == ("purpose", ["marketing"])
    assert row.evidence == ["service:in"]
    (bounded,) = held["waits", "bounded"]
    assert bounded.channels == ["ad", "sms"]
    assert spans([bounded]) == [(DAY, 3 * DAY, None)]


def test_the_first_closing_not_before_it_ends_it(held):
    (row,) = held["helped", "open"]
    assert spans([row]) == [(DAY, 2 * DAY, "service:out2")]
    assert row.evidence == ["service:in2", "service:out2"]
    assert spans(held["tie", "open"]) == [(DAY, DAY, "service:at once")]
    assert spans(held["late", "open"]) == [(DAY, None, None)]
    assert spans(held["same moment", "open"]) == [(DAY, 2 * DAY, "service:a")]


def test_opened_again_is_open_again(held):
    assert spans(held["again", "open"]) == [
        (DAY, 2 * DAY, "service:o1"), (5 * DAY, 6 * DAY, "service:o2"),
    ]  # fmt: skip


def test_a_closing_after_the_bound_lifts_nothing(held):
    assert spans(held["slow", "bounded"]) == [(DAY, 3 * DAY, None)]
    assert held["slow", "bounded"][0].evidence == [held["slow", "open"][0].evidence[0]]
    assert spans(held["near", "bounded"]) == [(DAY, 3 * DAY - MICROSECOND, "service:near out")]


def test_the_number_counts_whoever_closes(held):
    assert spans(held["other", "open"]) == [(DAY, 2 * DAY, "service:by other")]
    for person in ("two", "three"):
        assert spans(held[person, "open"]) == [(DAY, 2 * DAY, "service:of both")]


def test_without_a_number_nothing_is_closed(held):
    assert spans(held["no number", "open"]) == [(DAY, None, None)]
    assert spans(held["no number", "bounded"]) == [(DAY, 3 * DAY, None)]


def test_only_persons_and_openings_count(held):
    assert not {person for person, _ in held} & {None, "n_device"}
    assert len(held["chats", "open"]) == 1
