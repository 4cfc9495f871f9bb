"""What the oracle makes of messages that one order counts for, against answers by hand."""

from __future__ import annotations

import pytest

from tests.oracle.compare import differences
from tests.oracle.test_oracle import Shop, at, send

MODELS = ("last_touch", "first_touch", "linear", "time_decay", "position")


def touched(rows):
    """Of each message and order, why it counts and with which weights."""
    return {
        (row["message_id"], one["order_id"]): (
            one["touch"], *(pytest.approx(one["weights"][model], abs=1e-12) for model in MODELS),
        )
        for row in rows
        for one in row["orders"]
    }  # fmt: skip


def order(shop, order_id, days, *skus, **told):
    lines = [{"sku": sku} for sku in skus]
    shop.tell(
        "purchases", "order_placed", days, "customer_id=c", order_id=order_id, lines=lines, **told
    )


def test_a_click_beats_the_campaign_and_that_a_product(tmp_path):
    shop = Shop(tmp_path, attribution={"window": "7d", "half_life": "1d"})
    send(shop, "offers", 1, skus=["mat", "lamp"])
    send(shop, "names", 3, campaign_id="spring", skus=["mat"])
    send(shop, "clicked", 1, campaign_id="spring")
    shop.tell("messages", "clicked", 2, message_id="clicked")
    order(shop, "o", 4, "jeans", "mat", campaign_id="spring")
    order(shop, "p", 1.5, "lamp")
    order(shop, "last moment", 8, "lamp")
    order(shop, "too late", 8 + 1e-6, "lamp", "jeans")
    rows = shop.table("outcomes")
    assert touched(rows) == {
        ("offers", "o"): ("product", 0, 1, 1 / 3, 1 / 7, 0.4),
        ("clicked", "o"): ("click", 0, 0, 1 / 3, 2 / 7, 0.2),
        ("names", "o"): ("campaign", 1, 0, 1 / 3, 4 / 7, 0.4),
        ("offers", "p"): ("product", 1, 1, 1, 1, 1),
        ("offers", "last moment"): ("product", 0, 1, 1 / 2, 1 / 3, 1 / 2),
        ("clicked", "last moment"): ("click", 1, 0, 1 / 2, 2 / 3, 1 / 2),
        ("clicked", "too late"): ("click", 1, 1, 1, 1, 1),
    }
    reached = {row["message_id"]: row["goal_reached_at"] for row in rows}
    assert reached == {"offers": None, "names": at(4), "clicked": at(4)}


def test_very_old_touches_get_next_to_nothing_and_ties_go_by_id(tmp_path):
    shop = Shop(tmp_path, attribution={"window": "300d", "half_life": "1s"})
    for message, days in (("a", 1), ("c", 200), ("b", 200)):
        send(shop, message, days, skus=["mat"])
    order(shop, "o", 300, "mat")
    answer = shop.answer(as_of=301).tables
    assert touched(answer["outcomes"]) == {
        ("a", "o"): ("product", 0, 1, 1 / 3, 0, 0.4),
        ("b", "o"): ("product", 0, 0, 1 / 3, 1 / 2, 0.2),
        ("c", "o"): ("product", 1, 0, 1 / 3, 1 / 2, 0.4),
    }


def test_last_digits_are_no_difference_and_more_is(tmp_path):
    shop = Shop(tmp_path)
    send(shop, "m", 1, skus=["mat"])
    order(shop, "o", 2, "mat")
    tables = shop.answer().tables
    (row,) = tables["outcomes"]
    (one,) = row["orders"]

    def other(weight):
        weights = {**one["weights"], "time_decay": weight}
        return {**tables, "outcomes": [{**row, "orders": [{**one, "weights": weights}]}]}

    assert differences(other(1 - 1e-12), tables) == []
    (found,) = differences(other(1 - 1e-6), tables)
    assert found.startswith("outcomes[m].orders: product ")
