"""What the business of a small world says of who is one customer, and who never is."""

from __future__ import annotations

import random
from typing import Any

from tests.oracle.fields import MANUAL

REASONS = (None, "they told us", " two accounts\u00a0", "\u200b")
AUTHORS = (None, "eve", " zoe ", "")


def manual_links(maker: Any, seed: int) -> None:
    """Words on two identifiers, at times taken back or turned round, and some that are no pair.

    Of customers and their devices, of a hub and of shared devices, of who is never seen.
    """
    dice = random.Random(f"manual links {seed}")
    for _ in range(dice.randint(3, 7)):
        one, other = _identifier(dice, maker), _identifier(dice, maker)
        time = maker.when()
        for _ in range(dice.choice((1, 1, 2, 3))):
            told = {"author": dice.choice(AUTHORS), "reason": dice.choice(REASONS)}
            named = [_written(maker, who) for who in dice.sample((one, other), 2)]
            type_ = dice.choices(MANUAL, (4, 3, 2))[0]
            # Two words may be said at one moment, and one may come again.
            maker.add("profiles", type_, time, named, **told)
            time = dice.choice((time, maker.later(time)))
    for _ in range(dice.randint(1, 3)):
        named = [_written(maker, _identifier(dice, maker)) for _ in range(dice.choice((1, 3)))]
        named += dice.choice(([], [{"type": "email", "value": "unknown"}]))
        maker.add("profiles", dice.choice(MANUAL), maker.when(), named)


def _identifier(dice: random.Random, maker: Any) -> tuple[str, str]:
    person = dice.choice(maker.people)
    return dice.choice((
        ("customer_id", person.customer_id),
        ("customer_id", person.customer_id),
        ("email", person.emails[-1]),
        ("email", "desk@shop.example"),
        ("phone", person.phone),
        ("loyalty_id", person.loyalty_id),
        ("device_id", person.devices[-1]),
        ("anonymous_id", person.cookies[-1]),
        ("customer_id", "c99"),
    ))  # fmt: skip


def _written(maker: Any, who: tuple[str, str]) -> dict[str, Any]:
    """An identifier in one of the ways in which it is written."""
    kind, value = who
    if kind == "email":
        kind, value = maker._spelled(value)
    if kind == "phone":
        value = maker._dialled(value)
    return {"type": kind, "value": value}
