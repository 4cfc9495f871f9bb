"""What money is worth in a small world, whose business counts in dollars."""

from __future__ import annotations

import random
from typing import Any

from tests.landing import Event

# None of these can be used, so that the last good row of its day and currency stays.
ODD_RATES: tuple[Event, ...] = (
    {"day": "2026-03-09", "currency": "EUR", "rate": 0},
    {"day": "2026-03-09", "currency": "EUR", "rate": -1.2},
    {"day": "2026-03-09", "currency": "EUR", "rate": "0.000000004"},
    {"day": "2026-03-09", "currency": "EUR", "rate": 10**9},
    {"day": "2026-03-09", "currency": "EUR", "rate": "1e999"},
    {"day": "2026-03-09", "currency": "EUR", "rate": "1,2"},
    {"day": "2026-03-09", "currency": "EUR", "rate": True},
    {"day": "2026-03-09", "currency": "EUR", "rate": None},
    {"day": "2026-03-09", "currency": "Euro", "rate": 1.2},
    {"day": "2026-03-09", "currency": ["EUR"], "rate": 1.2},
    {"day": "2026-03-09", "currency": "[EUR", "rate": 1.2},
    {"day": "2026-03-09", "currency": "\u200b", "rate": 1.2},
    {"day": "2026-03-09T00:00:00Z", "currency": "EUR", "rate": 1.2},
    {"day": "2026-02-30", "currency": "EUR", "rate": 1.2},
    {"day": "0000-01-01", "currency": "EUR", "rate": 1.2},
    {"day": "2026-3-9", "currency": "EUR", "rate": 1.2},
    {"day": "20260309", "currency": "EUR", "rate": 1.2},
    {"day": 20520, "currency": "EUR"},
    {"currency": "EUR", "rate": 1.2},
    "day,currency,rate",
    '{"day": "2026-03-09", "currency": "EUR", "rate": 1.2}]',
    b'{"day": "2026-03-09", "currency": "EUR\xff", "rate": 1.2}',
)


OFF: tuple[Event, ...] = (
    {"amount": -5}, {"amount": -0.0001}, {"line_id": "l1", "amount": -3.3333}, {"amount": -1000},
    {"sku": "jeans", "quantity": -1, "unit_price": 9.99}, {"sku": "mat", "amount": -7},
    {"sku": "jeans", "quantity": -2, "amount": 4},
)  # fmt: skip


def in_pounds(currency: str | None, order_id: str) -> str | None:
    """An order's currency; of some in euros it is another, of which no rate is told."""
    dice = random.Random(f"pounds {order_id}")
    return "GBP" if currency == "EUR" and dice.random() < 0.4 else currency


def vouchers(rows: dict[str, list[Any]], seed: int) -> None:
    """Take something off some orders by lines of their own, and leave out some quantities.

    A till writes what it takes back beside what it sells, at times alone.
    """
    dice = random.Random(f"vouchers {seed}")
    for row in (*rows["shop"], *rows["till"]):
        if isinstance(row, dict) and row.get("place") and dice.random() < 0.2:
            row["place"] = row["place"].upper()
        lines = row.get("lines") if isinstance(row, dict) else None
        if not lines or row.get("type") != "order_placed":
            continue
        told = [{**line} for line in lines]
        if dice.random() < 0.2:
            told[0].pop("quantity", None)
        if dice.random() < 0.3:
            told.insert(dice.choice((0, len(told))), dice.choice(OFF))
        row["lines"] = told[-1:] if dice.random() < 0.05 else told


def world_rates(seed: int) -> list[Event]:
    """Rows of rates, oldest first: some come twice, say nothing that counts, or cannot be used.

    Of the pound there is none, and of the euro at times only from a later day on. A rate of the
    business's own currency is no rate.
    """
    dice = random.Random(f"rates {seed}")
    rows: list[Event] = [
        {"day": "2026-03-06", "currency": "EUR", "rate": 1.08},
        {"day": "2026-03-09", "currency": "EUR", "rate": 1.5},
        {"day": "2026-03-09", "currency": " eur", "rate": "1.12345678", "bank": "ECB"},
        {"day": "2026-03-14", "currency": "EUR\u00a0", "rate": "11e-1"},
        {"day": "2027-01-01", "currency": "EUR", "rate": 9},
        {"day": "2026-03-01", "currency": "USD", "rate": 2},
        {"day": "1999-12-31", "currency": "VND", "rate": "0.000039114"},
    ]
    early: Event = {"day": "2026-02-20", "currency": "EUR", "rate": 1.0999}
    rows += dice.sample([early], dice.randint(0, 1))
    return [*dice.sample(rows, len(rows)), *dice.sample(ODD_RATES, 7)]
