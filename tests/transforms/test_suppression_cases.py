"""Suppressions: what must not be said to whom, from when, until when, and what ended it."""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tactful.transforms.rules.purchased import Purchased, purchased
from tactful.transforms.rules.refusals import refused
from tactful.transforms.rules.rule import Policy
from tactful.transforms.settled import settled_lines
from tests.timelines import (
    DAY,
    HOUR,
    MICROSECOND,
    START,
    Told,
    event,
    products,
    timeline,
    utc,
)

GOLDEN = Path(__file__).parents[1] / "golden" / "decision_cases.json"
CASES = {case["id"]: case for case in json.loads(GOLDEN.read_text(encoding="utf-8"))["cases"]}
WORDS = ("no_consent", "unsubscribed", "bounced", "complained")
FAR = datetime.max.replace(tzinfo=UTC)


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


# --- what was bought -----------------------------------------------------------------------------


def rule(policy: str, match: str = "sku", days: float | None = 30, **more: Any) -> Policy:
    lasts = None if days is None else days * DAY
    return Policy(policy, "purchased", Purchased(match=match, lasts=lasts, **more))


RULES = [
    rule("bought", channels=("ad", "email")),
    rule("for_ever", days=None),
    rule("share", days=4, lasts_share=0.5),
    rule("share_only", days=None, lasts_share=0.8),
    rule("kind", "category", 10, lifted_by=("order_returned",)),
    rule("brand", "brand", 10),
    rule("anything", "all", 1),
]
PRODUCTS = [
    {"sku": "jeans", "category": "clothes", "brand": "Loop"},
    {"sku": "mat", "brand": "Loop", "replenish_days": 9.0},
    {"sku": "third", "replenish_days": 1 / 3},
    {"sku": "coffee", "category": "food", "replenish_days": 30.0},
]


def bought(person: str | None, at: Any = DAY, sku: str | None = "jeans", **told: Any) -> Told:
    """A line of the person's only order; an order's lines share an event."""
    known = {"order_id": f"order of {person}", "event_id": f"{person} buys", "line_id": "l0"}
    return event(person, "order_placed", at, sku=sku, **known | told)


def undo(person: str, at: Any, type_: str = "order_cancelled", **told: Any) -> Told:
    return event(None, type_, at, **{"order_id": f"order of {person}"} | told)


ORDERS = [
    bought("plain"),
    # A whole order, one line by its id, one product, a line that is not there, another order.
    bought("whole"), bought("whole", line_number=1, line_id="l1", sku="mat"),
    undo("whole", 2 * DAY, event_id="undo whole"),
    bought("line"), bought("line", line_number=1, line_id="l1", sku="mat"),
    undo("line", 2 * DAY, line_id="l1", event_id="undo line"),
    bought("sku"), bought("sku", line_number=1, line_id="l1", sku="mat"),
    undo("sku", 2 * DAY, sku="mat", event_id="undo sku"),
    bought("elsewhere"), undo("elsewhere", 2 * DAY, line_id="l9"),
    undo("elsewhere", 2 * DAY, order_id="another"),
    undo("elsewhere", 2 * DAY, sku="mat"),
    # News that came first, at the very end, and a moment before it.
    bought("before"), undo("before", 0 * DAY, "order_refunded", event_id="undo before"),
    bought("at end"), undo("at end", 31 * DAY, event_id="undo at end"),
    bought("near end"), undo("near end", 31 * DAY - MICROSECOND, event_id="undo near end"),
    # The earliest of several counts, at one moment the smaller id.
    bought("several"), undo("several", 5 * DAY, event_id="c"),
    undo("several", 3 * DAY, "order_returned", event_id="b"),
    undo("several", 3 * DAY, "order_refunded", event_id="a"),
    # An order that was sent twice was placed when first sent.
    bought("again", DAY), bought("again", 3 * DAY, event_id="again once more"),
    # Products that lack this or that.
    bought("unknown", sku="ghost", category="toys"), bought("nameless", sku=None),
    bought("own category", sku="jeans", category="sale"),
    bought("voucher"), bought("voucher", line_number=1, sku="voucher", amount=Decimal(-10)),
    bought("mat", sku="mat"), bought("third", sku="third"),
    bought("A161", moment("2026-06-01"), sku="coffee"),
    # A shared device and nobody are no persons.
    bought("n_device"), bought(None),
]  # fmt: skip


@pytest.fixture(scope="module")
def purchases(spark) -> dict[tuple[str, str], list[Any]]:
    """Every suppression by person and policy, by line and channel; one Spark action."""
    told = timeline(spark, ORDERS)
    lines = settled_lines(told, currency="USD")
    rows = purchased(told, lines, products(spark, PRODUCTS), policies=RULES)
    held = defaultdict(list)
    for row in rows.collect():
        held[row.person_id, row.policy].append(row)
    return {key: sorted(rows, key=lambda r: (about(r) or "", r.starts_at))
            for key, rows in held.items()}  # fmt: skip


def test_a_voucher_is_nothing_bought(purchases):
    assert [about(row) for row in purchases["voucher", "bought"]] == ["jeans"]
    assert len(purchases["voucher", "anything"]) == 1


def about(row: Any) -> str | None:
    """The one product, category, brand or purpose that a row is about."""
    (part,) = row.scope
    return part["values"][0] if part["values"] else None


def ends(rows: list[Any]) -> dict[str, tuple[timedelta | None, str | None]]:
    """Per scope: how long after the start it ends, and what lifted it."""
    return {about(row): (row.ends_at and utc(row.ends_at) - START, row.lifted_by) for row in rows}


def test_what_was_bought_is_not_offered_for_a_while(purchases):
    (row,) = purchases["plain", "bought"]
    assert row.channels == ["ad", "email"]
    assert (utc(row.starts_at), utc(row.ends_at)) == (START + DAY, START + 31 * DAY)
    assert (row.reason, row.scope[0]["kind"], about(row)) == ("purchased", "sku", "jeans")
    assert (row.lifted_by, row.evidence) == (None, ["purchases:plain buys"])
    (row,) = purchases["plain", "for_ever"]
    assert (row.channels, row.ends_at) == ([], None)
    assert len({row.suppression_id for rows in purchases.values() for row in rows}) == sum(
        len(rows) for rows in purchases.values()
    )


def test_an_undo_acts_on_its_line_its_product_or_the_whole_order(purchases):
    kept, back = (31 * DAY, None), 2 * DAY
    assert ends(purchases["whole", "bought"]) == {
        "jeans": (back, "purchases:undo whole"), "mat": (back, "purchases:undo whole"),
    }  # fmt: skip
    assert ends(purchases["line", "bought"]) == {
        "jeans": kept,
        "mat": (back, "purchases:undo line"),
    }
    assert ends(purchases["sku", "bought"]) == {"jeans": kept, "mat": (back, "purchases:undo sku")}
    assert ends(purchases["elsewhere", "bought"]) == {"jeans": kept}


def test_an_undo_that_came_first_ends_it_where_it_starts(purchases):
    assert ends(purchases["before", "bought"]) == {"jeans": (DAY, "purchases:undo before")}


def test_an_undo_after_the_end_lifts_nothing(purchases):
    assert ends(purchases["at end", "bought"]) == {"jeans": (31 * DAY, None)}
    near = (31 * DAY - MICROSECOND, "purchases:undo near end")
    assert ends(purchases["near end", "bought"]) == {"jeans": near}
    assert ends(purchases["at end", "for_ever"]) == {"jeans": (31 * DAY, "purchases:undo at end")}


def test_the_earliest_undo_that_the_rule_knows_counts(purchases):
    assert ends(purchases["several", "bought"]) == {"jeans": (3 * DAY, "purchases:a")}
    assert ends(purchases["several", "kind"]) == {"clothes": (3 * DAY, "purchases:b")}
    assert ends(purchases["whole", "kind"]) == {"clothes": (11 * DAY, None)}


def test_an_order_that_was_sent_twice_was_placed_when_first_sent(purchases):
    (row,) = purchases["again", "for_ever"]
    assert utc(row.starts_at) - START == DAY
    assert row.evidence == ["purchases:again buys"]


def test_a_share_of_the_products_own_time_or_else_the_fixed_one(purchases):
    assert ends(purchases["mat", "share"]) == {"mat": (5.5 * DAY, None)}
    assert ends(purchases["plain", "share"]) == {"jeans": (5 * DAY, None)}
    assert ends(purchases["plain", "share_only"]) == {"jeans": (None, None)}
    sixth = timedelta(microseconds=86_400_000_000 // 6)
    assert ends(purchases["third", "share"]) == {"third": (DAY + sixth, None)}


def test_the_line_names_the_category_or_else_the_product(purchases):
    assert ends(purchases["plain", "kind"]) == {"clothes": (11 * DAY, None)}
    assert ends(purchases["own category", "kind"]) == {"sale": (11 * DAY, None)}
    assert ends(purchases["unknown", "kind"]) == {"toys": (11 * DAY, None)}
    assert ("mat", "kind") not in purchases


def test_without_a_value_there_is_nothing_to_suppress(purchases):
    assert ends(purchases["plain", "brand"]) == {"Loop": (11 * DAY, None)}
    assert ("unknown", "brand") not in purchases
    assert {policy for person, policy in purchases if person == "nameless"} == {"anything"}
    assert ends(purchases["nameless", "anything"]) == {None: (2 * DAY, None)}


def test_only_persons_are_protected(purchases):
    assert not {person for person, _ in purchases} & {None, "n_device"}


def test_a161_what_runs_out_may_be_offered_again(purchases):
    case = CASES["A161"]
    (row,) = purchases["A161", "share_only"]
    offered = [moment(at) for at in case["input"]["offers_at"]]
    stopped = [n for n, at in enumerate(offered) if at < utc(row.ends_at)]
    assert stopped == case["expected"]["suppressed"]


# --- what was said -------------------------------------------------------------------------------


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
