"""Where, when and how customers of small worlds do things, and what they tell of themselves."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

from tests.worlds_money import vouchers

ZONES = ("Europe/Berlin", "America/New_York", "Asia/Kolkata", "Mars/Olympus", "UTC", None)
COUNTRIES = ("DE", "DE", "us", " FR ", "Germany", "XX", None)
SYSTEMS = ("iOS", " Android ", "android", "windows", None)
PLACES = (("online", None), ("app", None), ("store", "s1"), ("store", "s2"), (None, "s1"))
ANSWERS: dict[str, tuple[str | None, ...]] = {
    "birth_year": ("1990", " 1946 ", "1800", "90", "199O", None),
    "birthday": ("1985-05-04", "1960-02-30T00:00:00Z", "4.5.1985", ""),
    "date_of_birth": ("2001-12-31", "0001-01-01"),
    "time_zone": ("Asia/Tokyo", " Europe/Paris ", "Mars/Olympus", "utc"),
    "colour": ("blue", "red", None),
}
SOURCES = ("zero", "first", "Second party", "third_party", "hearsay", None)


def furnish(rows: dict[str, list[Any]], seed: int) -> None:
    """Say of many events where they happened and how; before any of them is sent again."""
    dice = random.Random(f"circumstances {seed}")
    for source, told in rows.items():
        for row in told:
            if dice.random() < 0.5:
                row |= _more(dice, source, row)
    _spell_satisfaction(rows, seed)
    vouchers(rows, seed)


def _spell_satisfaction(rows: dict[str, list[Any]], seed: int) -> None:
    """Say in other words, or in none that mean anything, how content some callers were."""
    dice = random.Random(f"content {seed}")
    for row in rows["desk"]:
        if isinstance(row, dict) and dice.random() < 0.25:
            row["satisfaction"] = dice.choice(("5", " 2", 3.0, "4.00", 0, 6, 4.5, "good", True, ""))


def habits(maker: Any, seed: int) -> None:
    """Two customers of fixed habits, and what three of them say of themselves.

    One of them buys the same again and again, at times twice a day; the other answers messages.
    """
    dice = random.Random(f"habits {seed}")
    for person in maker.people[:3]:
        _answers(dice, maker, person)
    _regular(dice, maker, maker.people[0])
    _reader(dice, maker, maker.people[1])


def _more(dice: random.Random, source: str, row: dict[str, Any]) -> dict[str, Any]:
    if source in ("web", "app"):
        return {
            "device": {"type": "phone", "os": dice.choice(SYSTEMS)},
            "geo": {"country": _country(row), "time_zone": dice.choice(ZONES)},
        }
    if source in ("shop", "till") and row.get("type") == "order_placed":
        place, store = dice.choice(PLACES)
        return {"place": place, "store_id": store, "coupons": dice.choice(([], ["TEN"], [" "]))}
    if source == "desk":
        return {"satisfaction": dice.choice((1, 2, 5, None))}
    return {}


def _country(row: dict[str, Any]) -> str | None:
    return random.Random(f"country {row.get('event_id')}").choice(COUNTRIES)


def _answers(dice: random.Random, maker: Any, person: Any) -> None:
    for name in dice.sample(sorted(ANSWERS), 3):
        time = maker.when()
        for _ in range(dice.choice((1, 2, 3))):
            type_ = dice.choice(("attribute_set", "preference_set"))
            told = {"value": dice.choice(ANSWERS[name]), "provenance": dice.choice(SOURCES)}
            maker.add("profiles", type_, time, _named(person), attribute=name, **told)
            time = maker.later(time)


def _regular(dice: random.Random, maker: Any, person: Any) -> None:
    """Buys one of two brands of one kind of thing every few days, at much the same hour."""
    time = maker.when()
    for n in range(dice.randint(5, 14)):
        sku = dice.choice(("jeans", "skirt", "shirt", "beans"))
        line = {"sku": sku, "quantity": 1, "unit_price": 20, "discount": dice.choice((None, 0, 5))}
        maker.add(
            "purchases", "order_placed", time, _named(person), order_id=f"regular{n}",
            lines=[line], currency=dice.choice(("USD", "EUR")), place="app",
        )  # fmt: skip
        time += timedelta(hours=dice.choice((0, 3, 21, 24, 24, 48)))


def _reader(dice: random.Random, maker: Any, person: Any) -> None:
    """Opens and clicks what they are sent, at much the same hour, at times by a machine alone."""
    time = maker.when()
    for n in range(dice.randint(4, 9)):
        told = {"message_id": f"read{n}", "channel": dice.choice(("email", "email", "sms"))}
        maker.add("messages", "sent", time, _named(person), purpose="marketing", **told)
        for type_ in dice.sample(("delivered", "opened", "clicked", "opened"), 3):
            machine = dice.choice((True, False, None)) if type_ == "opened" else None
            later = time + timedelta(minutes=dice.choice((5, 61, 61)))
            maker.add("messages", type_, later, [], machine_open=machine, **told)
        time += timedelta(hours=dice.choice((24, 24, 27)))


def _named(person: Any) -> list[dict[str, Any]]:
    return [{"type": "customer_id", "value": person.customer_id}]


def business(seed: int) -> dict[str, Any]:
    """What the business calls new, lately, often and much; some of it left to the defaults."""
    dice = random.Random(f"business {seed}")
    told: dict[str, Any] = {
        "scores": {
            "recency_days": [1, 3, 5, 9],
            "orders": [2, 3, 4, 6],
            "revenue": [10, 40, 90, 200],
            "new_for": dice.choice(("4d", "12d")),
            "active_for": "3d",
            "lapsing_for": "5d",
        },
        "value": {"valued_from": "50.05"},
        "consent": dice.choice(
            (
                {"US": {"default": "opt_out"}},
                {"us": {"default": "opt_out"}, "FR": {"default": "opt_in"}},
                {"default": "opt_out", "DE": {"default": "opt_in"}},
            )
        ),
        "business": {"time_zone": "America/Sao_Paulo", "history_from": "2026-02-27"},
    }
    return {name: told[name] for name in told if dice.random() < 0.7}
