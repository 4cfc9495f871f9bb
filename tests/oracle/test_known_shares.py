"""What the oracle says of how much is known, against answers by hand."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from tests.oracle import compute
from tests.oracle.test_oracle import Shop, at
from tests.worlds import World, write

# These shops begin on a Sunday.
FIRST, SECOND = date(2026, 2, 23), date(2026, 3, 2)
RATES = [
    {"day": "2026-03-01", "currency": "EUR", "rate": 1.5},
    {"day": "2026-03-03", "currency": "EUR", "rate": 2},
    {"day": "2026-03-01", "currency": "USD", "rate": 7},
]


def shares(shop, rates=RATES):
    """The rows by their key, each as the tuple of its other columns."""
    world = World(shop.events, shop.config, [], at(20), at(400))
    (written,) = write(world, shop.folder)
    found = compute(written, shop.config, b"key", world.as_of, rates=rates).tables["known_shares"]
    return {
        (row["source"], row["stream"], row["week_on"]): tuple(row.values())[3:] for row in found
    }


def test_events_of_persons_by_system_and_week(tmp_path):
    shop = Shop(tmp_path)
    for who in ("customer_id=a", "email=a@x.io", "email=unknown"):
        shop.tell("clicks", "page_view", 0.999, who, source=" pos ")
    shop.tell("clicks", "page_view", 1, source="pos")
    shop.tell("clicks", "page_view", 7.99, "customer_id=a")
    shop.tell("profiles", "always_link", 2, "customer_id=a", "customer_id=b")
    nothing = (Decimal(0), Decimal(0), 0)
    assert shares(shop) == {
        ("pos", "clicks", FIRST): (3, 2, 0.6667, *nothing),
        ("pos", "clicks", SECOND): (1, 0, 0.0, *nothing),
        ("", "clicks", SECOND): (1, 1, 1.0, *nothing),
    }


def test_what_was_paid_is_worth_its_days_rate(tmp_path):
    shop = Shop(tmp_path)
    lines = [{"amount": 10}, {"amount": -3}, {"amount": "0.0001"}, {}]
    # The till says first what was bought, and the shop whose it is.
    order = {"order_id": "o1", "currency": "eur", "lines": lines}
    shop.tell("purchases", "order_placed", 1, source="till", **order)
    shop.tell("purchases", "order_placed", 2.5, "customer_id=a", source="shop", **order)
    for n, (days, code) in enumerate(((2, "EUR"), (3, "USD"), (4, None), (5, "GBP"), (6, "GBP"))):
        told = {"order_id": f"p{n}", "currency": code, "lines": [{"amount": 1}, {"amount": 1}]}
        shop.tell("purchases", "order_placed", days, source="till", **told)
    shop.tell("purchases", "order_returned", 7, "customer_id=a", source="shop", order_id="o1")
    assert shares(shop) == {
        # 7.0001 × 1.5, since half of the last place is rounded up, and 4 + 2 + 2 of nobody.
        ("till", "purchases", SECOND): (6, 0, 0.0, Decimal("18.5002"), Decimal("10.5002"), 2),
        ("shop", "purchases", SECOND): (2, 2, 1.0, Decimal(0), Decimal(0), 0),
    }
    assert shares(shop, rates=[])["till", "purchases", SECOND][3:] == (Decimal(4), Decimal(0), 4)
