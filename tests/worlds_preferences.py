"""What customers of small worlds ask for: of what products have, and of what none has."""

from __future__ import annotations

import random
from typing import Any

ATTRIBUTES = ("colour", "colour", " Colour", "category", "brand", "wings")
VALUES = (
    "blue", "Blue ", "red", "green", '["red", "BLUE"]', '["red"', "[]", "clothes", "Loop", "flying",
    None,
)  # fmt: skip
PARTIES = (None, None, "zero", "Zero party", "first", "third", "hearsay")


def preferences(maker: Any, seed: int) -> None:
    """Some answers each, at times at one moment, withdrawn, or said by others of somebody."""
    dice = random.Random(f"preferences {seed}")
    for _ in range(dice.randint(4, 7)):
        person = dice.choice(maker.people)
        ids = [{"type": "customer_id", "value": person.customer_id}]
        time = maker.when()
        for _ in range(dice.randint(1, 3)):
            told = {
                "attribute": dice.choice(ATTRIBUTES),
                "value": dice.choice(VALUES),
                "provenance": dice.choice(PARTIES),
            }
            type_ = dice.choice(("preference_set", "preference_set", "attribute_set"))
            maker.add("profiles", type_, time, ids, **told)
            time = maker.later(time)
