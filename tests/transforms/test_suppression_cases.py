"""Suppressions: what must not be said to whom, from when, until when, and what ended it."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from tactful.transforms.rules.purchased import Purchased, purchased
from tactful.transforms.rules.rule import Policy
from tactful.transforms.settled import settled_lines
from tests.decision_cases import CASES, moment
from tests.timelines import (
    DAY,
    MICROSECOND,
    START,
    Told,
    about,
    event,
    products,
    timeline,
    utc,
)


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
