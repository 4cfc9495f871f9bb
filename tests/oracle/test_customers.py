"""What the oracle says of customers' odd purchases, against answers by hand."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.oracle.test_oracle import Shop, send

PRODUCTS = [
    {"sku": "jeans", "category": "clothes", "brand": "Loop", "price": 60, "cost": 31},
    {"sku": "shirt", "category": "clothes", "brand": "Bay", "price": 30},
    {"sku": "coat", "category": "clothes", "brand": "Bay", "price": 130},
]
JEANS = {"line_id": "1", "sku": "jeans", "quantity": 1, "amount": 100}


def buy(shop, who, *lines, order_id="o", day=1, **told):
    told = {"order_id": f"{who}/{order_id}", "lines": [*lines], **told}
    return shop.tell("purchases", "order_placed", day, f"customer_id={who}", **told)


def undo(shop, who, type_, *lines, order_id="o", **told):
    what = {"lines": [*lines]} if lines else {}
    return shop.tell("purchases", type_, 2, order_id=f"{who}/{order_id}", **what, **told)


def customers(shop):
    """The rows by customer_id."""
    answer = shop.answer(products=PRODUCTS)
    whose = {
        row["person_id"]: answer.names[row["identifier_key"]].partition(":")[2]
        for row in answer.tables["identity"]
        if answer.names[row["identifier_key"]].startswith("customer_id:")
    }
    return {whose.get(row["person_id"]): row for row in answer.tables["customers"]}


def test_margin_is_of_goods_that_are_kept_and_paid_for(tmp_path):
    shop = Shop(tmp_path)
    buy(shop, "empty", {**JEANS, "quantity": 0})
    buy(shop, "untold", JEANS)
    buy(shop, "untold", {"sku": "jeans", "quantity": 1}, order_id="p")
    buy(shop, "priced", {"sku": "jeans", "unit_price": 50, "discount": 5})
    refunds = {
        "nearly": {"line_id": "1", "amount": 99.99},
        "all": {"line_id": "1", "amount": 100},
        "one": {"line_id": "1", "amount": 100, "quantity": 1},
        "whole": {"line_id": "1"},
    }
    for who, line in refunds.items():
        buy(shop, who, JEANS)
        undo(shop, who, "order_refunded", line)
    buy(shop, "foreign", JEANS)
    undo(shop, "foreign", "order_returned", {"line_id": "1", "amount": 90}, currency="EUR")
    found = customers(shop)
    margins = {who: row["margin_total"] for who, row in found.items()}
    assert margins == {
        "empty": 100, "untold": 69, "priced": 14, "nearly": Decimal("-30.99"), "all": -31,
        "one": 0, "whole": 0, "foreign": 0,
    }  # fmt: skip
    assert {found[who]["returns_share"] for who in refunds} == {0.0}
    assert found["foreign"]["returns_share"] == 1.0


def test_a_voucher_lowers_what_the_order_cost_and_is_nothing_bought(tmp_path):
    shop = Shop(tmp_path)
    buy(shop, "c", JEANS, {"amount": -5})
    buy(shop, "c", {"sku": "jeans", "quantity": -1, "unit_price": 20}, order_id="p", day=3)
    (row,) = customers(shop).values()
    assert (row["orders"], row["revenue"]["USD"], row["margin_total"]) == (1, 95, 64)
    assert row["product_intervals"] == {}


def test_of_the_low_and_the_high_the_middle_is_told(tmp_path):
    shop = Shop(tmp_path)
    buy(shop, "c", {"sku": "shirt"}, {"sku": "coat"})
    assert customers(shop)["c"]["value_band"] == "middle"


def test_a_shared_device_is_no_customer(tmp_path):
    shop = Shop(tmp_path)
    for day, who in enumerate("ab", 1):
        shop.tell("clicks", "login", day, f"customer_id={who}", "device_id=tablet")
    shop.tell("clicks", "page_view", 5, "device_id=tablet")
    assert set(customers(shop)) == {"a", "b"}


@pytest.mark.parametrize(
    ("type_", "line", "counts"),
    [
        ("order_cancelled", {}, False),
        ("order_cancelled", {"sku": "shirt"}, True),
        ("order_returned", {}, True),
    ],
)
def test_an_order_that_was_cancelled_whole_is_no_outcome(tmp_path, type_, line, counts):
    shop = Shop(tmp_path)
    send(shop, "m", 0.5, campaign_id="spring")
    buy(shop, "c", JEANS, {"sku": "shirt", "amount": 9}, {"amount": -9}, campaign_id="spring")
    undo(shop, "c", type_, *([line] if line else []))
    (row,) = shop.table("outcomes", products=PRODUCTS)
    told = [(one["revenue"], one["currency"]) for one in row["orders"]]
    assert told == ([(100, "USD")] if counts else [])
    assert (row["goal_reached_at"] is not None) == counts
