"""Rows as large as the door lets through: amounts, texts, lists, times, all at their bounds."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from tests.landing import Event, World
from tests.worlds import START, make

MOST = "999999999999.9999"
MOST_OF = "999999999.9999"
LONGEST = 1000
ODD_SIGNS = "\x00\u202eä☃\U0001f6d2'\"\\$`{}[]:,;%"
FIRST = "1971-01-01T00:00:00Z"


def extreme_world(seed: int) -> World:
    """A small world, and in it customers who buy, hear and say as much as can be said."""
    world, dice = make(seed), random.Random(f"{seed} extremes")
    events = {name: list(rows) for name, rows in world.events.items()}
    rows = {"shop": _orders, "till": _returns, "mail": _messages, "web": _clicks, "crm": _words}
    for source, of in rows.items():
        events[source] += of(dice)
    config = {**world.config, "intake": {"max_row_bytes": 1_000_000}}
    return replace(world, events=events, config=config)


def _at(dice: random.Random) -> str:
    return (START + timedelta(minutes=dice.randrange(20 * 24 * 60))).isoformat()


def _row(event_id: str, type_: str, at: str, who: str = "rich", **told: Any) -> dict[str, Any]:
    named = [{"type": "customer_id", "value": who}]
    return {"event_id": event_id, "type": type_, "occurred_at": at, "identifiers": named, **told}


def _line(dice: random.Random, n: int) -> dict[str, Any]:
    """A line that costs as much as a line may, told in one of the ways to say so."""
    sign = dice.choice(("", "", "", "-"))
    price = {"quantity": MOST_OF, "unit_price": f"{sign}1000", "discount": f"{sign}0.0001"}
    told = dice.choice(({"amount": f"{sign}{MOST}"}, price, {**price, "amount": MOST}))
    return {"line_id": f"l{n}", "sku": dice.choice(("jeans", "mat", "x" * LONGEST)), **told}


def _orders(dice: random.Random) -> list[Event]:
    """More money than a single amount can hold: in one order, and over many."""
    rows: list[Event] = [
        _row(f"x{n}", "order_placed", _at(dice), dice.choice(("rich", "richer")), order_id=f"x{n}",
             currency=dice.choice(("eur", "VND", None)), campaign_id="spring",
             lines=[_line(dice, at) for at in range(dice.randint(1, 4))])
        for n in range(150)
    ]  # fmt: skip
    many = [{"line_id": f"l{n}", "sku": "mat", "amount": MOST} for n in range(300)]
    order = {"order_id": "o" * LONGEST, "coupons": ["c" * LONGEST] * 100, "campaign_id": "spring"}
    rows.append(_row("p" * LONGEST, "order_placed", _at(dice), lines=many, **order))
    rows.append(_row("first", "order_placed", FIRST, order_id="first", lines=many[:1]))
    return rows


def _returns(dice: random.Random) -> list[Event]:
    rows: list[Event] = []
    for n in range(40):
        back = {"line_id": "l0", "amount": dice.choice((MOST, f"-{MOST}", "0.0001"))}
        what = dice.choice(({"lines": [back] * 150}, {"lines": [back]}, {"line_id": "l1"}, {}))
        type_ = dice.choice(("order_returned", "order_refunded", "order_cancelled"))
        rows.append(_row(f"back{n}", type_, _at(dice), order_id=f"x{dice.randrange(150)}", **what))
    return rows


def _messages(dice: random.Random) -> list[Event]:
    rows: list[Event] = []
    for n in range(30):
        sent = datetime.fromisoformat(_at(dice))
        told = {"message_id": f"{n}" + "m" * 990, "channel": "email", "campaign_id": "spring"}
        skus = [f"s{at}" for at in range(dice.choice((1, 5000)))] if n < 3 else ["jeans"]
        rows.append(_row(f"sent{n}", "sent", sent.isoformat(), cost=MOST, skus=skus, **told))
        clicked = (sent + timedelta(hours=1)).isoformat()
        rows.append(_row(f"clicked{n}", "clicked", clicked, **told))
    rows.append(_row("sent first", "sent", FIRST, message_id="first", channel="sms", cost=MOST))
    return rows


def _clicks(dice: random.Random) -> list[Event]:
    crowd = [{"type": kind, "value": f"{kind}{n}"} for n in range(50)
             for kind in ("anonymous_id", "device_id")]  # fmt: skip
    more = {f"field {n}{'f' * 50}": n for n in range(900)}
    return [
        {**_row("crowd", "login", _at(dice)), "identifiers": crowd},
        {**_row("long", "login", _at(dice), "v" * LONGEST), "url": "ä" * 50_000},
        {**_row("fields", "page_view", _at(dice)), **more, "properties": more},
        {**_row("odd" + ODD_SIGNS, "page_view", _at(dice), ODD_SIGNS), "sku": ODD_SIGNS},
        {**_row("old", "page_view", FIRST), "received_at": "0001-01-01T00:00:00Z"},
        {**_row("late", "page_view", _at(dice)), "received_at": "9999-12-31T23:59:59.999999Z"},
    ]


def _words(dice: random.Random) -> list[Event]:
    return list(_said(dice))


def _said(dice: random.Random) -> Iterator[Event]:
    for n, type_ in enumerate(("consent_granted", "consent_withdrawn", "consent_granted")):
        yield _row(f"word{n}", type_, _at(dice), channel="email", policy_text="p" * 100_000)
    yield _row("value", "attribute_set", _at(dice), attribute="a" * LONGEST, value="v" * 100_000)
