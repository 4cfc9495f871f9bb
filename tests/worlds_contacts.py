"""How customers of small worlds reach customer service, and what the desk tells of it."""

from __future__ import annotations

import random
from typing import Any


def contacts(maker: Any, seed: int) -> None:
    """Contacts that stay open, are closed by their number alone, twice, by others, or come again.

    Some moments are the very same, some closings come before any opening, and some have no number.
    """
    dice = random.Random(f"contacts {seed}")
    for n in range(dice.randint(5, 10)):
        number = dice.choice((f"s{n}", f"s{n}", f"s{n}", "s0", None))
        person = dice.choice(maker.people)
        told = {"contact_id": number, "channel": dice.choice(("chat", "call", None))}
        time = maker.when()
        for _ in range(dice.choice((1, 1, 2, 3))):
            maker.add("service", "contact_opened", time, _customer(dice, maker, person), **told)
            for _ in range(dice.choice((0, 1, 1, 1, 2))):
                time = maker.later(time)
                who = dice.choice(([], [], _customer(dice, maker, person)))
                maker.add("service", "contact_closed", time, who, **told)
            time = maker.later(time)


def _customer(dice: random.Random, maker: Any, person: Any) -> list[dict[str, Any]]:
    """Whom the desk names: mostly the customer, at times somebody else or a shared address."""
    other = dice.choice(maker.people)
    return dice.choice((
        [{"type": "customer_id", "value": person.customer_id}],
        [{"type": "customer_id", "value": person.customer_id}],
        [{"type": "email", "value": person.emails[0]}],
        [{"type": "device_id", "value": "tablet"}],
        [{"type": "customer_id", "value": other.customer_id}],
    ))  # fmt: skip
