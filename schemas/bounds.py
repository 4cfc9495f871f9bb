"""Bounds at the door: what a row may hold at most, so that nothing accepted stops what follows.

They are generous: a retailer's own data never meets them, only a fault or an attack does. A row
beyond one is refused with its reason and lands in `quarantine` like any other that is wrong.
"""

from __future__ import annotations

# Amounts, prices, discounts and costs are below a million millions, in whatever currency; so is
# what a line costs where it says only quantity, price and discount.
MAX_MONEY = 10**12
MAX_QUANTITY = 10**9
# One unit of a currency is worth less than this in any other.
MAX_RATE = 10**9
# The decimal types that hold just these, at four places.
MONEY_WITHIN = "decimal(16,4)"
QUANTITY_WITHIN = "decimal(13,4)"

# What is bought again less often than every ten years is not bought again.
MAX_REPLENISH_DAYS = 3650
# Millimetres on one day: more than ever fell.
MAX_RAIN = 10_000

# Texts, in bytes of UTF-8: an id or a name, and what people or browsers write.
MAX_NAME_BYTES = 1_000
MAX_TEXT_BYTES = 100_000
FREE_TEXTS = ("url", "referrer", "query", "value", "policy_text")

# Entries of a list.
MAX_ENTRIES = {
    "identifiers": 100,
    "lines": 5_000,
    "coupons": 1_000,
    "skus": 5_000,
    "categories": 1_000,
}
# Names in any one object: the row, its `properties`, its device, one of its lines …
MAX_FIELDS = 1_000


def max_bytes(name: str) -> int:
    """How long the text of a field may be."""
    return MAX_TEXT_BYTES if name in FREE_TEXTS else MAX_NAME_BYTES
