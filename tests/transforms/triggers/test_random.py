"""Random small worlds: what the transforms propose is what the oracle proposes, in any order."""

from __future__ import annotations

import random
from datetime import timedelta
from decimal import Decimal
from typing import Any

from tests.proposed import by_oracle, by_transforms, differences, numbered
from tests.timelines import DAY, HOUR, START, Told, event

SEEDS = range(8)
SKUS = ("shoes", "boots", "belt", "coffee", "mat", None)
PRODUCTS = [
    {"sku": "shoes", "complements": ["belt", "mat"]},
    {"sku": "boots", "complements": ["belt", "coffee", "boots"]},
    {"sku": "coffee", "replenish_days": 3.25},
    {"sku": "mat", "replenish_days": 0.5, "complements": []},
]
CAMPAIGNS = [
    {"campaign_id": "sale", "starts_at": START + 4 * DAY, "ends_at": START + 6 * DAY,
     "skus": ["mat", "mat", "belt"]},
    {"campaign_id": "open", "starts_at": START + 2 * DAY},
]  # fmt: skip
ACTIVATE = [
    {"name": "cart", "when": "cart_abandoned", "steps": [{"after": "2h"}, {"after": "1d"}]},
    {"name": "cart_soon", "when": "cart_abandoned", "after": "0s", "expires": "2h",
     "cancel_on": ["add_to_cart", "checkout_start", "contact_opened"]},
    {"name": "form", "when": "form_abandoned"},
    {"name": "form_long", "when": "form_abandoned", "after": "6h", "forms": ["a", "b"],
     "cancel_on": ["form_submit", "order_placed"]},
    {"name": "review", "when": "review_request", "after": "1d", "steps": [{"after": "1d"}]},
    {"name": "review_web", "when": "review_request", "of_stores": False,
     "delivered_within": "2d", "cancel_on": ["order_placed", "contact_opened"]},
    {"name": "goes_with", "when": "complement", "after": "2h"},
    {"name": "goes_once", "when": "complement", "cancel_on": ["order_placed"]},
    {"name": "refill", "when": "replenishment"},
    {"name": "refill_early", "when": "replenishment", "own_from": 2, "looks_back": "3d",
     "before": "1d", "cancel_on": ["order_placed"]},
    {"name": "hello", "when": "welcome", "on": ["signup", "subscribed", "order_placed"],
     "cancel_on": ["order_placed"], "steps": [{"after": "1d"}]},
    {"name": "miss_you", "when": "win_back", "after": "3d"},
    {"name": "sorry", "when": "service_call", "satisfaction_up_to": 3},
    {"name": "sale", "when": "campaign", "campaign_id": "sale", "steps": [{"after": "1d"}],
     "cancel_on": ["order_placed", "login"]},
    {"name": "letter", "when": "campaign", "campaign_id": "open"},
]  # fmt: skip


def world(seed: int) -> tuple[list[Told], list[dict[str, Any]]]:
    """Some persons and what happened to them, much of it at the same moments; who was seen when."""
    dice = random.Random(f"triggers {seed}")
    people = [f"p_{seed}_{n}" for n in range(4)]
    told: list[Told] = []

    def at() -> timedelta:
        step = dice.choice((timedelta(minutes=20), HOUR, 12 * HOUR))
        return dice.randint(0, int(8 * DAY / step)) * step

    def who() -> str | None:
        return dice.choice((*people, *people, f"n_{seed}", None))

    def browse() -> None:
        start, person = at(), who()
        for n in range(dice.randint(1, 5)):
            type_ = dice.choice(("add_to_cart", "add_to_cart", "add_to_cart", "remove_from_cart",
                                 "checkout_start", "login"))  # fmt: skip
            told.append(event(person, type_, start + n * dice.choice((timedelta(), HOUR / 3, HOUR)),
                              sku=dice.choice(SKUS)))  # fmt: skip

    def fill_in() -> None:
        start, person = at(), who()
        for n in range(dice.randint(1, 4)):
            type_ = dice.choice(("form_start", "form_start", "form_submit"))
            told.append(event(person, type_, start + n * dice.choice((timedelta(), HOUR / 3)),
                              form=dice.choice(("a", "b", "c", None))))  # fmt: skip

    def order() -> None:
        number, when, person = f"o{seed} {len(told)}", at(), who()
        place = dice.choice((None, "online", "store"))
        for again in range(dice.choice((1, 1, 1, 2))):
            name = f"{number} placed {again}"
            for n in range(dice.randint(1, 3)):
                quantity = dice.choice((None, Decimal(0), Decimal(1), Decimal(2)))
                amount = dice.choice((None, Decimal(10), Decimal("0.5"), Decimal(-1)))
                told.append(event(
                    person if again == 0 else who(), "order_placed", when + again * HOUR,
                    order_id=number, line_number=n, line_id=f"{n}", sku=dice.choice(SKUS),
                    quantity=quantity, amount=amount, event_id=name, place=place,
                ))  # fmt: skip
        for _ in range(dice.choice((0, 1, 1, 2, 3))):
            type_ = dice.choice((
                "order_delivered", "order_delivered", "order_shipped", "order_returned",
                "order_refunded", "order_cancelled",
            ))  # fmt: skip
            about = dice.choice(({}, {}, {"quantity": Decimal(1)}, {"line_id": "0"},
                                 {"line_id": "1"}, {"sku": "mat"},
                                 {"sku": "mat", "quantity": Decimal(1)}))  # fmt: skip
            told.append(event(
                dice.choice((person, None)), type_, when + dice.randint(-1, 40) * HOUR,
                order_id=dice.choice((number, number, number, f"x{seed}")), **about,
            ))  # fmt: skip

    def ask() -> None:
        contact, person, when = f"c{seed} {len(told)}", who(), at()
        for n in range(dice.randint(1, 3)):
            told.append(event(
                dice.choice((person, person, None)),
                "contact_opened" if n == 0 else dice.choice(("contact_closed", "contact_opened")),
                when + n * dice.choice((timedelta(), HOUR)),
                contact_id=dice.choice((contact, contact, None)),
                satisfaction=dice.choice((None, 1, 3, 5)),
            ))  # fmt: skip

    def join() -> None:
        type_ = dice.choice(("signup", "subscribed", "review_submitted", "loyalty_join"))
        told.append(event(who(), type_, at(), sku=dice.choice(SKUS)))

    for _ in range(30):
        dice.choice((browse, browse, fill_in, order, order, order, ask, join))()
    persons = [{"person_id": one, "first_seen_at": START + at()} for one in people]
    return told, persons


def test_random_worlds(spark):
    worlds = [world(seed) for seed in SEEDS]
    told = numbered(row for events, _ in worlds for row in events)
    persons = [one for _, people in worlds for one in people]
    rest = {"activate": ACTIVATE, "sold": PRODUCTS, "campaigns": CAMPAIGNS, "persons": persons}
    expected = by_oracle(told, **rest)
    told_in_any_order = random.Random(1).sample(told, len(told))
    found = by_transforms(spark, told_in_any_order, **rest)
    assert not differences(found, expected)
    assert {row["policy"] for row in found} == {one["name"] for one in ACTIVATE}
    withdrawn = {row["policy"] for row in found if row["withdrawn_by"]}
    assert len(withdrawn) >= 10 and any(not row["withdrawn_by"] for row in found)
