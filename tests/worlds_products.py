"""What the shops of small worlds sell, and rows of products that cannot be used."""

from __future__ import annotations

import random
from typing import Any

from tests.worlds_rows import MAX_ROW_BYTES

# None of these can be used, so that the last good row of its product stays.
ODD_PRODUCTS: tuple[dict[str, Any] | str | bytes, ...] = (
    {"sku": "mat", "replenish_days": -5},
    {"sku": "mat", "replenish_days": 0},
    {"sku": "lamp", "replenish_days": 800_000},
    {"sku": "lamp", "replenish_days": float("nan")},  # which JSON does not know
    {"sku": "lamp", "replenish_days": "NaN", "price": "cheap"},
    {"sku": "beans", "price": -0.01},
    {"sku": "beans", "price": 10**15, "replenish_days": "a week"},
    {"sku": " \u3000", "brand": "Bay"},
    {"category": "home"},
    {"sku": ["jeans"], "brand": "Loop"},
    "sku,category,brand,price,replenish_days",
    '{"sku": "soap"}{"sku": "ghost"}',
    '{"sku": "soap", "brand": "Loop"',
    b'{"sku": "jeans", "brand": "\xff"}',
    {"sku": "soap", "brand": "x" * MAX_ROW_BYTES},
)
ODD_COSTS: tuple[dict[str, Any], ...] = (
    {"sku": "mat", "cost": -0.01},
    {"sku": "lamp", "cost": "5,00"},
    {"sku": "beans", "cost": "1e12"},
    {"sku": "soap", "cost": [3]},
    {"sku": "soap", "complements": "jeans"},
    {"sku": "soap", "complements": [{"sku": "jeans"}]},
)


def world_products(dice: random.Random) -> list[dict[str, Any] | str | bytes]:
    """Rows of products, oldest first: some lack this or that, come twice, or cannot be used.

    The sku `ghost` is not among those that can.
    """
    rows: list[dict[str, Any] | str | bytes] = [
        {"sku": "jeans", "category": "clothes", "brand": "Loop", "price": 59.0, "cost": 31.5,
         "colour": "Blue", "complements": ["soap", " lamp", "soap", None]},
        {"sku": "mat", "category": "sports", "brand": "Loop", "price": 20, "replenish_days": 9.0,
         "colour": "red", "Colour": " GREEN"},
        {"sku": "lamp", "category": "home", "price": 35.5, "replenish_days": 4.0,
         "attributes": {"COLOUR ": "red", "wings": " "}},
        {"sku": "beans", "category": "food", "brand": "Bay", "price": 9.99, "replenish_days": 2.5,
         "cost": 4},
        {"sku": "soap", "brand": "Bay", "replenish_days": 6.0, "cost": 0, "colour": "white"},
        {"sku": "skirt", "category": "clothes", "brand": "Loop", "price": 39, "cost": "70.0001"},
        {"sku": "shirt", "category": "clothes", "brand": "Bay", "price": 39},
        {"sku": "coat", "category": "clothes", "brand": "Bay", "price": 139},
    ]  # fmt: skip
    again = [
        {
            "sku": "jeans",
            "category": "clothes",
            "brand": "Bay",
            "price": "61.50",
            "cost": "30.00505",
        },
        {"sku": "\u200bmat ", "category": " sports", "brand": "Loop", "replenish_days": "3"},
        {"sku": "beans", "brand": "\u00a0", "price": 0, "replenish_days": None},
    ]
    own = random.Random(f"cost {dice.getstate()[1][:2]}")
    rows += dice.sample(again, dice.randint(1, len(again)))
    return [*rows, *dice.sample(ODD_PRODUCTS, 6), *own.sample(ODD_COSTS, 3)]
