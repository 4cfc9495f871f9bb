"""What must not be said, by hand: each rule a row that it gives and one that it does not."""

from __future__ import annotations

from typing import Any

import pytest

from tests.oracle.test_oracle import Shop, at, send

REGRET = {"name": "full", "when": "price_regret", "lasts": "14d"}
PRODUCTS = [
    {"sku": "jeans", "price": 40, "brand": "Loop", "fuel": "Electric"},
    {"sku": "truck", "price": 9000, "fuel": "diesel"},
    {"sku": "mat"},
]


def buys(shop, days=1, order_id="o", **line):
    return shop.tell(
        "purchases", "order_placed", days, "customer_id=c", order_id=order_id,
        lines=[{"sku": "jeans", "line_id": "1", **line}],
    )  # fmt: skip


def regretted(shop, **reference):
    return {(row["message_id"], row["policy"]) for row in shop.table("regrets", **reference)}


def test_half_price_after_full_price_is_a_regret(tmp_path):
    shop = Shop(tmp_path, suppress=[REGRET])
    order = buys(shop, amount=40)
    for name, days, told in (
        ("half price", 3, {"skus": ["jeans"], "offers_discount": True}),
        ("full price", 3, {"skus": ["jeans"]}),
        ("another", 3, {"skus": ["mat"], "offers_discount": True}),
        ("too late", 15, {"skus": ["jeans"], "offers_discount": True}),
    ):
        send(shop, name, days, **told)
    assert regretted(shop, products=PRODUCTS) == {("half price", "full")}
    (row,) = shop.table("suppressions", products=PRODUCTS)
    assert [(part["kind"], part["values"]) for part in row["scope"]] == [
        ("sku", ["jeans"]), ("discount", []),
    ]  # fmt: skip
    assert (row["ends_at"], row["evidence"]) == (at(15), [order])


@pytest.mark.parametrize(
    ("line", "is_full"),
    [
        ({"amount": 40}, True),
        ({"amount": 50}, True),
        ({"amount": 39.99}, False),
        ({"amount": 80, "quantity": 2}, True),
        ({"amount": 40, "quantity": 2}, False),
        ({}, True),  # nobody tells what it cost
        ({"amount": 0}, False),
        ({"amount": 60, "discount": 5}, False),
        ({"sku": "mat", "amount": 1}, True),  # nobody tells its price
        ({"sku": "mat", "unit_price": 10, "discount": 1}, False),
    ],
)
def test_what_full_price_is(tmp_path, line, is_full):
    shop = Shop(tmp_path, suppress=[REGRET])
    buys(shop, **line)
    assert len(shop.table("suppressions", products=PRODUCTS)) == is_full


def test_what_was_taken_back_is_regretted_no_more(tmp_path):
    shop = Shop(tmp_path, suppress=[REGRET])
    buys(shop, amount=40)
    back = shop.tell("purchases", "order_returned", 4, order_id="o")
    (row,) = shop.table("suppressions", products=PRODUCTS)
    assert (row["ends_at"], row["lifted_by"]) == (at(4), back)


def test_a_message_is_about_what_its_content_or_campaign_offers(tmp_path):
    shop = Shop(tmp_path, suppress=[REGRET])
    buys(shop, amount=40)
    send(shop, "by campaign", 2, campaign_id="spring")
    send(shop, "by content", 2, campaign_id="spring", content_id="mats")
    send(shop, "by itself", 2, campaign_id="spring", skus=["mat"])
    send(shop, "said not to", 2, campaign_id="spring", offers_discount=False)
    send(shop, "unknown", 2, campaign_id="never heard of")
    send(shop, "discount by content", 2, skus=["jeans"], content_id="half")
    campaigns = [
        {"campaign_id": "spring", "brands": ["x"], "skus": ["jeans"], "offers_discount": True}
    ]
    contents = [
        {"content_id": "mats", "locale": "en", "skus": ["mat"]},
        {"content_id": "mats", "locale": "de", "skus": ["lamp"]},
        {"content_id": "half", "offers_discount": True},
    ]
    found = regretted(shop, products=PRODUCTS, campaigns=campaigns, contents=contents)
    assert found == {("by campaign", "full"), ("discount by content", "full")}


def test_who_asked_for_electric_hears_nothing_of_trucks(tmp_path):
    asked = {"name": "asked", "when": "declared_preference"}
    shop = Shop(tmp_path, suppress=[asked, {**asked, "name": "mostly", "share": 0.6}])
    told = {"attribute": "fuel", "value": "electric"}
    answer = shop.tell("profiles", "preference_set", 1, "customer_id=c", **told)
    guess = {**told, "value": "diesel", "provenance": "third"}
    shop.tell("profiles", "preference_set", 2, "customer_id=c", **guess)
    shop.tell("profiles", "attribute_set", 2, "customer_id=c", **{**guess, "provenance": "zero"})
    later = shop.tell("profiles", "preference_set", 5, "customer_id=c", **{**told, "value": " "})
    send(shop, "truck", 3, skus=["truck"])
    send(shop, "both", 3, skus=["truck", "jeans"])
    send(shop, "electric", 3, skus=["jeans", "mat"])
    send(shop, "afterwards", 6, skus=["truck"])
    assert regretted(shop, products=PRODUCTS) == {
        ("truck", "asked"), ("both", "asked"), ("truck", "mostly"),
    }  # fmt: skip
    row, _ = shop.table("suppressions", products=PRODUCTS)
    assert row["scope"] == [{"kind": "attribute:fuel", "values": ["electric"], "negated": True}]
    assert (row["starts_at"], row["ends_at"], row["lifted_by"]) == (at(1), at(5), later)
    assert row["evidence"] == [answer]


def test_who_asked_for_two_kinds_hears_of_both(tmp_path):
    shop = Shop(tmp_path, suppress=[{"name": "asked", "when": "declared_preference"}])
    two = {"attribute": "fuel", "value": ' ["Electric", "diesel"]'}
    shop.tell("profiles", "preference_set", 1, "customer_id=c", **two)
    send(shop, "truck", 3, skus=["truck"])
    assert regretted(shop, products=PRODUCTS) == set()
    (row,) = shop.table("suppressions", products=PRODUCTS)
    asked = {"kind": "attribute:fuel", "values": ["diesel", "electric"], "negated": True}
    assert row["scope"] == [asked]


def test_a_review_waits_for_its_own_line(tmp_path):
    rule = {"name": "waits", "when": "unfulfilled", "late_after": "5d", "channels": ["email"]}
    shop = Shop(tmp_path, suppress=[rule])
    lines = [{"sku": "jeans", "line_id": "1"}, {"sku": "mat", "line_id": "2"}]
    told = {"order_id": "o", "lines": lines}
    order = shop.tell("purchases", "order_placed", 1, "customer_id=c", **told)
    came = shop.tell("purchases", "order_delivered", 3, order_id="o", line_id="1")
    shop.tell("purchases", "order_delivered", 4, order_id="o", line_id="unknown")
    shop.tell("purchases", "order_delivered", 5, order_id="o", line_id="1")
    last = shop.tell("purchases", "order_delivered", 8, order_id="o", lines=[{"sku": "mat"}])
    for name, days, about in (
        ("jeans too early", 2, {"topic": "Review request", "skus": ["jeans"]}),
        ("jeans", 4, {"topic": "review_request", "skus": ["jeans"]}),
        ("mat", 4, {"topic": "review-request", "skus": ["mat"]}),
        ("news", 4, {"topic": "news", "skus": ["mat"]}),
        ("strap", 4, {"topic": "complement", "skus": ["strap"]}),
        ("bag", 4, {"topic": "complement", "skus": ["bag"]}),
        ("while late", 7, {"topic": "news"}),
        ("after all", 9, {"topic": "review_request", "skus": ["mat"]}),
    ):
        send(shop, name, days, **about)
    known = [*PRODUCTS[:2], {"sku": "mat", "complements": ["strap"]}, {"sku": "jeans"}]
    found = regretted(shop, products=known)
    assert {name for name, _ in found} == {"jeans too early", "mat", "strap", "while late"}
    rows = shop.table("suppressions", products=known)
    spans = {(row["scope"][0]["values"][0], row["starts_at"], row["ends_at"]) for row in rows}
    assert spans == {
        ("jeans", at(1), at(3)), ("complement", at(1), at(3)), ("mat", at(1), at(8)),
        ("strap", at(1), at(8)), ("marketing", at(6), at(8)),
    }  # fmt: skip
    assert {row["lifted_by"] for row in rows} == {came, last}
    assert all(row["evidence"] == [order] for row in rows)


def test_what_comes_in_pieces_is_waited_for_until_the_last(tmp_path):
    rule = {"name": "waits", "when": "unfulfilled", "complement_topics": []}
    bought = {"name": "bought", "when": "purchased", "match": "sku", "lasts": "9d"}
    shop = Shop(tmp_path, suppress=[rule, bought])
    lines = [{"sku": "jeans", "line_id": "1", "quantity": 2}, {"sku": "mat", "line_id": "2"},
             {"sku": "jeans", "line_id": "3"}, {"sku": "voucher", "amount": -10}]  # fmt: skip
    shop.tell("purchases", "order_placed", 1, "customer_id=c", order_id="o", lines=lines)

    def comes(days: float, **line: Any) -> str:
        return shop.tell("purchases", "order_delivered", days, order_id="o", lines=[line])

    comes(2, line_id="2", quantity=0)
    comes(3, sku="jeans", quantity=1)
    second = comes(4, sku="jeans", quantity=1)
    third = comes(5, sku="jeans", quantity=1)
    back = {"line_id": "2", "quantity": 1}
    given = shop.tell("purchases", "order_returned", 6, order_id="o", lines=[back])
    rows = shop.table("suppressions", products=PRODUCTS)
    ends = {(row["ends_at"], row["lifted_by"]) for row in rows if row["policy"] == "waits"}
    assert ends == {(at(4), second), (at(5), third), (at(6), given)}
    skus = {row["scope"][0]["values"][0] for row in rows if row["policy"] == "bought"}
    assert skus == {"jeans", "mat"}


@pytest.mark.parametrize(("place", "makes"), [("online", 3), ("Store ", 0), (None, 3)])
def test_what_nobody_tells_of_is_as_the_merchant_says(tmp_path, place, makes):
    silent = {"name": "silent", "when": "unfulfilled", "undelivered_after": "4d"}
    lost = {**silent, "name": "lost", "without_delivery": "undelivered", "complement_topics": []}
    shop = Shop(tmp_path, suppress=[silent, lost])
    line = {"sku": "jeans", "amount": 1}
    told = {"order_id": "o", "lines": [line], "place": place}
    shop.tell("purchases", "order_placed", 1, "customer_id=c", **told)
    rows = shop.table("suppressions", products=PRODUCTS)
    assert len([row for row in rows if row["policy"] == "silent"]) == (2 if makes else 0)
    given_up = {(row["ends_at"], row["lifted_by"]) for row in rows if row["policy"] == "silent"}
    assert given_up <= {(at(5), None)}
    late = {
        (row["scope"][0]["kind"], row["starts_at"], row["ends_at"], row["lifted_by"])
        for row in rows if row["policy"] == "lost"
    }  # fmt: skip
    waits = {("sku", at(1), None, None), ("purpose", at(5), None, None)}
    assert late == (waits if makes else set())


def test_who_answers_nothing_is_left_alone(tmp_path):
    tired = {"name": "tired", "when": "fatigued", "limit": 2, "window": "7d", "rest": "10d"}
    shop = Shop(tmp_path, suppress=[tired])
    first, second = send(shop, "m1", 1), send(shop, "m2", 2)
    (
        send(shop, "read", 2),
        send(shop, "by machine", 2),
        send(shop, "receipt", 2, purpose="transactional"),
    )
    send(shop, "text", 2, channel="sms"), send(shop, "read late", 0.5)
    shop.tell("messages", "opened", 4, message_id="read")
    shop.tell("messages", "opened", 4, message_id="by machine", machine_open=True)
    third = send(shop, "m3", 7)
    shop.tell("messages", "clicked", 10.1, message_id="m3")
    send(shop, "too soon", 11), send(shop, "rested", 20.5)
    rows = shop.table("suppressions", as_of=30)
    told = [(row["starts_at"], row["ends_at"], row["evidence"]) for row in rows]
    late = "messages:sent-6"
    assert (at(5), at(15), [late, first, second]) in told
    assert (at(10), at(20), [first, second, third]) in told
    assert len(rows) == 2
    assert regretted(shop, as_of=30) == {("m3", "tired"), ("too soon", "tired")}


def test_who_is_annoyed_too_often_is_left_alone(tmp_path):
    worn = {"name": "worn", "when": "fatigued", "bad_limit": 1, "window": "7d", "rest": "10d"}
    bought = {"name": "bought", "when": "purchased", "match": "sku", "lasts": "30d"}
    late = {"name": "late", "when": "unfulfilled", "late_after": "2d"}
    shop = Shop(tmp_path, suppress=[worn, bought, late])
    order = buys(shop)
    again = send(shop, "again", 2, skus=["jeans"])
    send(shop, "another", 2, skus=["mat"])
    shop.tell("purchases", "order_delivered", 6, order_id="o")
    send(shop, "while it rests", 9, skus=["mat"])
    annoyed = shop.tell("messages", "complained", 14, message_id="again")
    after = send(shop, "afterwards", 15, skus=["jeans"])
    rows = [r for r in shop.table("suppressions", as_of=30) if r["policy"] == "worn"]
    assert [(r["starts_at"], r["ends_at"], r["evidence"]) for r in rows] == [
        (at(3), at(13), [again, order]), (at(15), at(25), [annoyed, after]),
    ]  # fmt: skip
    assert ("while it rests", "worn") in regretted(shop, as_of=30)


def test_what_is_bought_once_it_is_paid(tmp_path):
    rule = {"name": "paid", "when": "purchased", "match": "sku", "lasts": "10d", "at": "order_paid",
            "paid_within": "5d"}  # fmt: skip
    full = {**REGRET, "name": "full", "at": "order_paid"}
    shop = Shop(tmp_path, suppress=[rule, full])
    lines = [{"sku": "jeans", "line_id": "1", "amount": 40}, {"sku": "mat", "line_id": "2"}]
    order = shop.tell("purchases", "order_placed", 1, "customer_id=c", order_id="o", lines=lines)
    send(shop, "unpaid", 2, skus=["jeans"])
    paid = shop.tell("purchases", "order_paid", 3, order_id="o", line_id="1")
    whole = shop.tell("purchases", "order_paid", 4, order_id="o")
    send(shop, "paid", 5, skus=["jeans"], offers_discount=True)
    late = shop.tell("purchases", "order_placed", 1, "customer_id=c", order_id="late", lines=lines)
    shop.tell("purchases", "order_paid", 6.1, order_id="late")
    shop.tell("purchases", "order_returned", 7, order_id="o", line_id="2")
    rows = shop.table("suppressions", products=PRODUCTS, as_of=30)
    told = {(r["policy"], r["scope"][0]["values"][0], r["starts_at"], r["ends_at"]) for r in rows}
    assert told == {
        ("paid", "jeans", at(3), at(13)), ("paid", "mat", at(4), at(7)),
        ("full", "jeans", at(3), at(17)), ("full", "mat", at(4), at(7)),
        ("full", "jeans", at(6.1), at(20.1)), ("full", "mat", at(6.1), at(20.1)),
    }  # fmt: skip
    evidence = {tuple(row["evidence"]) for row in rows}
    assert {(order, paid), (order, whole)} <= evidence and len(evidence) == 3 and late
    assert regretted(shop, products=PRODUCTS, as_of=30) == {("paid", "paid"), ("paid", "full")}
