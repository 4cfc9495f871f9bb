"""Triggers: each a story of a few events, what it must propose and what it must not."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.proposed import by_oracle, by_transforms, differences
from tests.timelines import DAY, HOUR, START, Told, event

MINUTE = timedelta(minutes=1)
ACTIVATE = [
    {"name": "cart", "when": "cart_abandoned", "steps": [{"after": "1d"}]},
    {"name": "cart_alone", "when": "cart_abandoned", "cancel_on": ["order_placed", "add_to_cart"]},
    {"name": "form", "when": "form_abandoned"},
    {"name": "quote", "when": "form_abandoned", "forms": ["quote"], "cancel_on": []},
    {"name": "review", "when": "review_request", "steps": [{"after": "3d"}]},
    {"name": "review_web", "when": "review_request", "of_stores": False, "delivered_within": "5d"},
    {"name": "goes_with", "when": "complement"},
    {"name": "refill", "when": "replenishment", "before": "2d"},
    {"name": "refill_soon", "when": "replenishment", "own_from": 2, "looks_back": "20d"},
    {"name": "hello", "when": "welcome"},
    {"name": "first_order", "when": "welcome", "on": ["order_placed", "loyalty_join"]},
    {"name": "miss_you", "when": "win_back", "after": "30d", "expires": "30d"},
    {"name": "sorry", "when": "service_call"},
    {"name": "sale", "when": "campaign", "campaign_id": "sale", "steps": [{"after": "2d"}]},
    {"name": "letter", "when": "campaign", "campaign_id": "letter", "expires": "1d",
     "cancel_on": ["order_placed"]},
    {"name": "undated", "when": "campaign", "campaign_id": "undated"},
]  # fmt: skip
PRODUCTS = [
    {"sku": "shoes", "complements": ["belt", "socks", "shoes"]},
    {"sku": "boots", "complements": ["socks"]},
    {"sku": "coffee", "replenish_days": 10.5},
    {"sku": "mat"},
]
CAMPAIGNS = [
    {"campaign_id": "sale", "skus": ["mat", "boots"], "starts_at": START + 10 * DAY,
     "ends_at": START + 12 * DAY},
    {"campaign_id": "letter", "starts_at": START + 20 * DAY},
    {"campaign_id": "undated"},
    {"campaign_id": "nobody's", "starts_at": START},
]  # fmt: skip


def adds(who: str, at: Any, sku: str | None = "mat", **told: Any) -> Told:
    return event(who, "add_to_cart", at, sku=sku, **told)


def removes(who: str, at: Any, sku: str | None = "mat") -> Told:
    return event(who, "remove_from_cart", at, sku=sku)


def buys(who: str | None, at: Any, *skus: str, of: str | None = None, number: str = "1",
         **told: Any) -> list[Told]:  # fmt: skip
    """An order of one or several lines, its number made of whose it is."""
    order = f"{of or who} {number}"
    return [
        event(who, "order_placed", at, order_id=order, line_number=n, line_id=str(n), sku=sku,
              amount=Decimal(10), event_id=f"{order} placed", **told)
        for n, sku in enumerate(skus)
    ]  # fmt: skip


def then(of: str, type_: str, at: Any, *, number: str = "1", by: str | None = None,
         **told: Any) -> Told:  # fmt: skip
    """What became of an order, told by somebody who knows its number alone."""
    return event(by, type_, at, order_id=f"{of} {number}", **told)


CARTS = [
    adds("p_left", HOUR, "mat"), adds("p_left", 2 * HOUR, "shoes", event_id="last"),
    adds("p_bought", HOUR), *buys("p_bought", 30 * HOUR, "coffee", place="store"),
    *buys("p_order first", HOUR, "mat"), adds("p_order first", 2 * HOUR),
    adds("p_two", HOUR, "mat"), adds("p_two", 2 * DAY, "shoes"), adds("p_two", 2 * DAY, "shoes"),
    adds("p_emptied", HOUR), removes("p_emptied", 2 * HOUR), removes("p_emptied", 3 * HOUR),
    adds("p_half", HOUR, "mat"), adds("p_half", HOUR, "belt"), removes("p_half", 2 * HOUR, "mat"),
    adds("p_thinks again", HOUR), removes("p_thinks again", 2 * HOUR),
    adds("p_thinks again", 3 * HOUR),
    adds("p_split", HOUR, "mat"), *buys("p_split", 90 * MINUTE, "mat"), adds("p_split", 2 * HOUR,
                                                                               "belt"),
    adds("p_edge", HOUR, "a"), adds("p_edge", 5 * HOUR, "b"),
    *(adds("p_machine", HOUR + n * MINUTE, f"s{n % 3}") for n in range(200)),
    adds("p_at once", HOUR), *buys("p_at once", HOUR, "shoes"),
    adds("p_unnamed", HOUR, None), adds("n_device", HOUR), adds(None, HOUR),  # type: ignore[arg-type]
]  # fmt: skip
FORMS = [
    event("p_form", "form_start", HOUR, form="quote", event_id="begun"),
    event("p_form", "form_submit", 2 * DAY, form="newsletter"),
    event("p_sent", "form_start", HOUR, form="quote"),
    event("p_sent", "form_submit", 3 * HOUR, form="quote", event_id="sent in"),
    event("p_vague", "form_start", HOUR, form="quote"), event("p_vague", "form_submit", DAY),
    event("p_again", "form_start", HOUR, form="quote"),
    event("p_again", "form_start", 90 * MINUTE, form="quote", event_id="again"),
    event("p_again", "form_start", 9 * HOUR, form="other"),
    event("p_nameless", "form_start", HOUR), event("p_nameless", "form_submit", DAY, form="quote"),
]  # fmt: skip
ARRIVALS = [
    *buys("p_arrived", DAY, "shoes", "mat"), then("p_arrived", "order_delivered", 3 * DAY,
                                                  line_id="0", event_id="shoes came"),
    *buys("p_all", DAY, "shoes", "mat"), then("p_all", "order_delivered", 3 * DAY,
                                              event_id="all came"),
    then("p_all", "order_delivered", 4 * DAY),
    *buys("p_waiting", DAY, "mat"), then("p_waiting", "order_shipped", 2 * DAY),
    *buys("p_pieces", DAY, "mat", quantity=Decimal(2)),
    then("p_pieces", "order_delivered", 3 * DAY, quantity=Decimal(1)),
    then("p_pieces", "order_delivered", 5 * DAY, quantity=Decimal(1), event_id="the other came"),
    *buys("p_first line", DAY, "shoes", "mat", quantity=Decimal(1)),
    then("p_first line", "order_delivered", 3 * DAY, quantity=Decimal(1)),
    *buys("p_one of two", DAY, "mat", quantity=Decimal(2)),
    then("p_one of two", "order_delivered", 3 * DAY, quantity=Decimal(1)),
    *buys("p_other off", DAY, "mat", quantity=Decimal(2)),
    then("p_other off", "order_delivered", 3 * DAY, quantity=Decimal(1), event_id="one came"),
    then("p_other off", "order_cancelled", 5 * DAY, quantity=Decimal(1), line_id="0"),
    *buys("p_back", DAY, "mat"), then("p_back", "order_delivered", 3 * DAY),
    then("p_back", "order_returned", 5 * DAY, event_id="sent back"),
    *buys("p_back before", DAY, "mat"), then("p_back before", "order_cancelled", 2 * DAY),
    then("p_back before", "order_delivered", 3 * DAY),
    *buys("p_refunded", DAY, "mat"), then("p_refunded", "order_delivered", 3 * DAY),
    then("p_refunded", "order_refunded", 4 * DAY, event_id="money back"),
    *buys("p_none", DAY, "mat", quantity=Decimal(0)), then("p_none", "order_delivered", 3 * DAY),
    *buys("p_store", DAY, "mat", place=" Store"), then("p_store", "order_delivered", 3 * DAY),
    *buys("p_slow", DAY, "mat"), then("p_slow", "order_delivered", 9 * DAY),
    *buys("p_has said", DAY, "mat", "shoes"), then("p_has said", "order_delivered", 3 * DAY),
    event("p_has said", "review_submitted", 4 * DAY, sku="mat", event_id="said"),
    *buys("p_has said all", DAY, "mat"), then("p_has said all", "order_delivered", 3 * DAY),
    event("p_has said all", "review_submitted", 4 * DAY, sku="mat", event_id="said all"),
    *buys("p_said before", 2 * DAY, "mat"), then("p_said before", "order_delivered", 3 * DAY),
    event("p_said before", "review_submitted", DAY, sku="mat"),
    then("p_early", "order_delivered", HOUR), *buys("p_early", DAY, "mat"),
]  # fmt: skip
COMPLEMENTS = [
    *buys("p_belt later", DAY, "shoes"), *buys("p_belt later", 2 * DAY, "belt", number="2",
                                               place="store"),
    *buys("p_both later", DAY, "boots"), *buys("p_both later", 2 * DAY, "socks", number="2"),
    *buys("p_has belt", DAY, "belt", "socks"), *buys("p_has belt", 2 * DAY, "shoes", number="2"),
    *buys("p_gave back", DAY, "shoes"), then("p_gave back", "order_returned", 2 * DAY,
                                             event_id="shoes back"),
    *buys("p_two pairs", DAY, "shoes", "boots"), then("p_two pairs", "order_returned", 2 * DAY,
                                                      line_id="0"),
]  # fmt: skip
REFILLS = [
    *buys("p_once", DAY, "coffee"),
    *(row for n in range(4) for row in buys("p_habit", (1 + 7 * n) * DAY, "coffee",
                                            number=str(n))),
    *buys("p_twice", DAY, "mat"), *buys("p_twice", 5 * DAY, "mat", number="2"),
    *buys("p_same day", DAY, "coffee"), *buys("p_same day", DAY + HOUR, "coffee", number="2"),
    *buys("p_no more", DAY, "coffee"), then("p_no more", "order_returned", 2 * DAY),
    *buys("p_basket", DAY, "coffee", "mat"), *buys("p_basket", 4 * DAY, "mat", number="2"),
    *buys("p_basket", 7 * DAY, "mat", number="3"),
    *buys("p_long ago", DAY, "mat"), *buys("p_long ago", 40 * DAY, "mat", number="2"),
    *buys("p_long ago", 45 * DAY, "mat", number="3"),
]  # fmt: skip
OTHERS = [
    event("p_new", "signup", DAY, event_id="joined"), event("p_new", "signup", 9 * DAY),
    event("p_new", "loyalty_join", 2 * DAY), *buys("p_new", 3 * DAY, "mat"),
    event("p_known", "contact_opened", DAY, contact_id="c1"),
    event(None, "contact_closed", 2 * DAY, contact_id="c1", satisfaction=1, event_id="bad"),
    event("p_glad", "contact_opened", DAY, contact_id="c2", satisfaction=1),
    event("p_glad", "contact_closed", 2 * DAY, contact_id="c2", satisfaction=4),
    event("p_back again", "contact_opened", DAY, contact_id="c3"),
    event(None, "contact_closed", 2 * DAY, contact_id="c3", satisfaction=2),
    event("p_back again", "contact_opened", 3 * DAY, contact_id="c4", event_id="back"),
    event(None, "contact_closed", 2 * DAY, contact_id="c5", satisfaction=1),
    event("p_bare", "contact_closed", 2 * DAY, satisfaction=2),
    *buys("p_reads", 21 * DAY, "mat"),
]  # fmt: skip
TOLD = [*CARTS, *FORMS, *ARRIVALS, *COMPLEMENTS, *REFILLS, *OTHERS]
PERSONS = [
    {"person_id": "p_reads", "first_seen_at": START},
    {"person_id": "p_just", "first_seen_at": START + 10 * DAY},
    {"person_id": "p_late", "first_seen_at": START + 11 * DAY},
    {"person_id": "n_device", "first_seen_at": START},
]
WORLD = {"activate": ACTIVATE, "sold": PRODUCTS, "campaigns": CAMPAIGNS, "persons": PERSONS}


@pytest.fixture(scope="module")
def found(spark) -> list[dict[str, Any]]:
    return by_transforms(spark, TOLD, **WORLD)


@pytest.fixture(scope="module")
def said(found) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """Proposals by person and policy, in the order in which they may be said."""
    rows = defaultdict(list)
    for row in sorted(found, key=lambda row: (row["proposed_at"], row["skus"])):
        rows[row["person_id"], row["policy"]].append(row)
    return rows


def told(rows: list[dict[str, Any]]) -> list[tuple[Any, list[str], str | None]]:
    """When each may be said, counted from the start, of what, and what withdraws it."""
    return [
        (row["proposed_at"] - START, row["skus"],
         row["withdrawn_by"] and row["withdrawn_by"]["event_id"])
        for row in rows
    ]  # fmt: skip


def test_the_oracle_proposes_the_same(found):
    assert not differences(found, by_oracle(TOLD, **WORLD))
    assert {row["policy"] for row in found} == {one["name"] for one in ACTIVATE} - {"undated"}


def test_a_cart_that_was_left(said):
    first, second = said["p_left", "cart"]
    assert (first["step"], first["proposed_at"] - START) == (1, 6 * HOUR)
    assert (second["step"], second["proposed_at"] - START) == (2, 30 * HOUR)
    assert first["cause"] == {
        "occurred_at": START + 2 * HOUR, "stream": "clicks", "event_id": "last",
    }  # fmt: skip
    assert (first["skus"], first["withdrawn_by"]) == (["mat", "shoes"], None)
    assert first["expires_at"] == START + 6 * HOUR + 7 * DAY
    assert first["first_evidence"] == "clicks:last" and len(first["evidence"]) == 2
    assert (first["event"]["type"], first["event"]["sku"]) == ("add_to_cart", "shoes")


def test_a_purchase_anywhere_withdraws_every_step(said):
    assert told(said["p_bought", "cart"]) == [
        (5 * HOUR, ["mat"], "p_bought 1 placed"), (29 * HOUR, ["mat"], "p_bought 1 placed"),
    ]  # fmt: skip
    assert told(said["p_order first", "cart_alone"]) == [(6 * HOUR, ["mat"], None)]
    assert told(said["p_at once", "cart_alone"])[0][2] == "p_at once 1 placed"


def test_one_cart_is_one_occasion(said):
    assert [skus for _, skus, _ in told(said["p_two", "cart"])] == [
        ["mat"], ["mat"], ["shoes"], ["shoes"],
    ]  # fmt: skip
    mat, shoes = told(said["p_two", "cart_alone"])
    assert mat[2] and shoes == (2 * DAY + 4 * HOUR, ["shoes"], None)
    assert told(said["p_machine", "cart_alone"]) == [
        (5 * HOUR + 199 * MINUTE, ["s0", "s1", "s2"], None)
    ]
    assert [skus for _, skus, _ in told(said["p_edge", "cart_alone"])] == [["a"], ["b"]]
    assert [skus for _, skus, _ in told(said["p_split", "cart_alone"])] == [["mat"], ["belt"]]
    assert told(said["p_unnamed", "cart_alone"]) == [(5 * HOUR, [], None)]


def test_what_was_removed_is_not_reminded_of(said):
    (emptied,) = said["p_emptied", "cart_alone"]
    assert emptied["withdrawn_by"]["occurred_at"] == START + 2 * HOUR
    assert told(said["p_half", "cart_alone"]) == [(5 * HOUR, ["belt"], None)]
    assert told(said["p_thinks again", "cart_alone"]) == [(7 * HOUR, ["mat"], None)]


def test_nobody_and_a_shared_device_hear_nothing(said):
    assert not {person for person, _ in said} & {None, "n_device"}


def test_a_form_that_was_not_submitted(said):
    (row,) = said["p_form", "form"]
    assert told([row]) == [(2 * HOUR, [], None)]
    assert row["event"]["form"] == "quote" and row["evidence"] == ["clicks:begun"]
    assert told(said["p_sent", "form"]) == [(2 * HOUR, [], "sent in")]
    assert told(said["p_sent", "quote"]) == [(2 * HOUR, [], None)]
    assert said["p_vague", "form"][0]["withdrawn_by"]
    assert [row["cause"]["event_id"] for row in said["p_again", "quote"]] == ["again"]
    assert len(said["p_again", "form"]) == 2
    assert told(said["p_nameless", "form"]) == [(2 * HOUR, [], None)]
    assert ("p_nameless", "quote") not in said


def test_only_what_has_arrived_and_was_kept_is_asked_about(said):
    """A163: of a part of an order only that part; A164: of what was refunded nothing."""
    first, second = said["p_arrived", "review"]
    assert told([first, second]) == [(10 * DAY, ["shoes"], None), (13 * DAY, ["shoes"], None)]
    assert first["evidence"] == ["purchases:p_arrived 1 placed", "purchases:shoes came"]
    assert first["first_evidence"] == "purchases:shoes came"
    assert [row["cause"]["event_id"] for row in said["p_all", "review"]] == ["all came"] * 2
    assert said["p_all", "review"][0]["skus"] == ["mat", "shoes"]
    assert told(said["p_pieces", "review"])[0] == (12 * DAY, ["mat"], None)
    assert said["p_pieces", "review"][0]["first_evidence"] == "purchases:the other came"
    assert told(said["p_first line", "review"])[0] == (10 * DAY, ["shoes"], None)
    assert told(said["p_other off", "review"])[0] == (10 * DAY, ["mat"], None)
    assert said["p_other off", "review"][0]["first_evidence"] == "purchases:one came"
    for silent in ("p_waiting", "p_back before", "p_none", "p_said before", "p_one of two"):
        assert (silent, "review") not in said, silent
    assert told(said["p_back", "review"])[0] == (10 * DAY, ["mat"], "sent back")
    assert told(said["p_refunded", "review"])[0] == (10 * DAY, ["mat"], "money back")
    assert told(said["p_has said", "review"])[0] == (10 * DAY, ["shoes"], None)
    assert told(said["p_has said all", "review"])[0] == (10 * DAY, ["mat"], "said all")
    assert told(said["p_early", "review"])[0] == (8 * DAY, ["mat"], None)


def test_reviews_of_stores_and_of_what_came_late_are_a_choice(said):
    assert told(said["p_store", "review"])[0] == (8 * DAY, ["mat"], None)
    assert ("p_store", "review_web") not in said
    assert ("p_slow", "review") in said and ("p_slow", "review_web") not in said


def test_what_goes_with_what_was_bought(said):
    assert told(said["p_arrived", "goes_with"]) == [(4 * DAY, ["belt", "socks"], None)]
    assert told(said["p_belt later", "goes_with"]) == [(4 * DAY, ["socks"], None)]
    assert told(said["p_both later", "goes_with"]) == [
        (4 * DAY, ["socks"], "p_both later 2 placed")
    ]
    assert ("p_has belt", "goes_with") not in said
    assert told(said["p_gave back", "goes_with"]) == [(4 * DAY, ["belt", "socks"], "shoes back")]
    assert told(said["p_two pairs", "goes_with"]) == [(4 * DAY, ["socks"], None)]
    assert ("p_waiting", "goes_with") not in said


def test_what_runs_out_by_its_own_rhythm(said):
    once = said["p_once", "refill"]
    assert (
        told(once) == [(9.5 * DAY, ["coffee"], None)]
        and once[0]["cause"]["event_id"] == "p_once 1 placed:coffee"
    )
    habit = told(said["p_habit", "refill"])
    assert habit[-1] == (27 * DAY, ["coffee"], None)
    assert [withdrawn for *_, withdrawn in habit[:-1]] == [f"p_habit {n} placed" for n in (1, 2, 3)]
    assert ("p_twice", "refill") not in said
    assert told(said["p_twice", "refill_soon"]) == [(9 * DAY, ["mat"], None)]
    assert told(said["p_same day", "refill"]) == [(9.5 * DAY + HOUR, ["coffee"], None)]
    assert ("p_no more", "refill") not in said
    assert {row["cause"]["event_id"] for row in said["p_basket", "refill"]} == {
        "p_basket 1 placed:coffee", "p_basket 3 placed:mat",
    }  # fmt: skip
    assert told(said["p_long ago", "refill_soon"]) == [(50 * DAY, ["mat"], None)]


def test_who_is_new_is_greeted_once(said):
    (row,) = said["p_new", "hello"]
    assert told([row]) == [(DAY, [], None)] and row["evidence"] == ["clicks:joined"]
    (first,) = said["p_new", "first_order"]
    assert first["event"]["type"] == "loyalty_join"


def test_who_has_not_ordered_for_long(said):
    assert told(said["p_once", "miss_you"]) == [(31 * DAY, [], None)]
    first, second = told(said["p_twice", "miss_you"])
    assert first == (31 * DAY, [], "p_twice 2 placed") and second == (35 * DAY, [], None)
    assert ("p_back before", "miss_you") not in said


def test_who_was_not_helped_well_is_rung(said):
    (row,) = said["p_known", "sorry"]
    assert (row["cause"]["event_id"], row["proposed_at"] - START) == ("bad", 2 * DAY)
    assert ("p_glad", "sorry") not in said
    assert told(said["p_back again", "sorry"]) == [(2 * DAY, [], "back")]
    assert ("p_bare", "sorry") in said


def test_a_campaign_speaks_from_its_start_to_its_end(said):
    (row,) = said["p_reads", "sale"]
    assert told([row]) == [(10 * DAY, ["boots", "mat"], None)]
    assert row["expires_at"] == START + 12 * DAY
    assert row["cause"] == {
        "occurred_at": START + 10 * DAY, "stream": "campaigns", "event_id": "sale:reads",
    }  # fmt: skip
    assert row["evidence"] == ["campaigns:sale"]
    assert ("p_just", "sale") in said and ("p_late", "sale") not in said
    assert told(said["p_reads", "letter"]) == [(20 * DAY, [], "p_reads 1 placed")]
    assert said["p_late", "letter"][0]["expires_at"] == START + 21 * DAY
