"""One identifier behind many events: what a bot, or an account for tests, does to a batch.

Every shape has as many events of each kind over the same persons and days; only whose they are
differs. Each runs in a lake of its own, all in one session. A JVM goes on getting faster for many
runs, so the ratio behind each is to the faster of two uniform runs, one before and one behind all
others; the goal is at most 2.
"""

from __future__ import annotations

import json
import random
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import typer

from tactful.jobs.demo.command import demo_config
from tactful.jobs.runs import pipeline

SEED = 7
START = datetime(2017, 12, 1, tzinfo=UTC)
DAYS = 30
PRODUCTS = 200
FEEDS = ("baskets", "mailings", "web", "esp", "shop", "crm", "care", "products", "campaigns")
# Of ten events eight are clicks, one is an order and one a message.
ORDERS, MESSAGES = 0.1, 0.1


@dataclass(frozen=True)
class Shape:
    """Whose the events are: `share` of all are one identifier's, within `hours`."""

    name: str
    share: float = 0.0
    hours: int = 24 * DAYS
    is_customer: bool = False


UNIFORM = Shape("uniform")
SHAPES = (
    Shape("a bot's cookie, 10 % within a day", 0.1, 24),
    Shape("a bot's cookie, 50 % within a day", 0.5, 24),
    Shape("a bot's cookie, 10 % over all days", 0.1),
    Shape("a bot's cookie, 50 % over all days", 0.5),
    Shape("a customer, 10 % of every kind", 0.1, is_customer=True),
    Shape("a customer, 50 % of every kind", 0.5, is_customer=True),
)


def main(events: int = 50_000, persons: int = 5_000) -> None:
    """Run every shape once, after a run that only warms up."""
    order = (UNIFORM, UNIFORM, *SHAPES, UNIFORM)
    _, before, *others, after = (measure(shape, events, persons) for shape in order)
    fastest = {step: min(before[step], after[step]) for step in pipeline.STEPS}
    print(f"## One identifier with many of {events:,} events of {persons:,} persons")
    print()
    print(f"| shape | {' | '.join(pipeline.STEPS)} | all |")
    print(f"|---|{'---|' * (len(pipeline.STEPS) + 1)}")
    for shape, seconds in zip(order[1:], (before, *others, after), strict=True):
        print(f"| {shape.name} | {' | '.join(_cells(seconds, fastest))} |")


def _cells(seconds: dict[str, float], fastest: dict[str, float]) -> Iterator[str]:
    for steps in (*((step,) for step in pipeline.STEPS), pipeline.STEPS):
        took, least = (sum(told[step] for step in steps) for told in (seconds, fastest))
        yield f"{took:.1f} ({took / least:.2f})"


def measure(shape: Shape, events: int, persons: int) -> dict[str, float]:
    """The seconds of each step over the shape's landing, in a new lake."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        write(folder / "landing", shape, events=events, persons=persons)
        as_of = START + timedelta(days=DAYS + 1)
        return pipeline.run(demo_config(folder, seed=SEED), as_of=as_of).seconds


def write(landing: Path, shape: Shape, *, events: int, persons: int) -> None:
    """Land all events of a shape, one file a stream, with products to buy and to write about."""
    dice = random.Random(SEED)
    orders, messages = int(events * ORDERS), int(events * MESSAGES)
    clicks = events - orders - messages
    # A bot only clicks, so of clicks it holds more than of all.
    of_clicks = shape.share if shape.is_customer else shape.share * events / clicks
    of_others = shape.share if shape.is_customer else 0.0
    told = {
        "web": [_click(dice, n, shape, of_clicks, persons) for n in range(clicks)],
        "shop": [_order(dice, n, shape, of_others, persons) for n in range(orders)],
        "esp": [_sent(dice, n, shape, of_others, persons) for n in range(messages)],
        "products": [{"sku": f"s{n}", "category": f"c{n % 20}"} for n in range(PRODUCTS)],
        "campaigns": [{"campaign_id": "autumn"}],
    }
    for feed in FEEDS:
        (landing / feed).mkdir(parents=True)
    for feed, rows in told.items():
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (landing / feed / "1.json").write_text(text, encoding="utf-8")


def _event(
    dice: random.Random, event_id: str, type_: str, shape: Shape, share: float, persons: int
) -> tuple[str, dict[str, Any]]:
    """Whose an event is (`hot` or a person's number), and what every event says."""
    who = "hot" if dice.random() < share else str(dice.randrange(persons))
    hours = shape.hours if who == "hot" else 24 * DAYS
    at = START + timedelta(seconds=dice.randrange(hours * 3600))
    return who, {"event_id": event_id, "type": type_, "occurred_at": at.isoformat()}


def _who(who: str, *types: str) -> dict[str, Any]:
    values = {"email": f"{who}@mail.example", "customer_id": f"c-{who}", "anonymous_id": f"a-{who}"}
    return {"identifiers": [{"type": name, "value": values[name]} for name in types]}


def _click(dice: random.Random, n: int, shape: Shape, share: float, persons: int) -> dict[str, Any]:
    who, event = _event(dice, f"w{n}", "product_view", shape, share, persons)
    signed_in = dice.random() < 0.2 and (who != "hot" or shape.is_customer)
    known = ("customer_id",) if signed_in else ()
    sku = f"s{dice.randrange(PRODUCTS)}"
    return {**event, **_who(who, *known, "anonymous_id"), "sku": sku}


def _order(dice: random.Random, n: int, shape: Shape, share: float, persons: int) -> dict[str, Any]:
    who, event = _event(dice, f"o{n}", "order_placed", shape, share, persons)
    lines = [
        {"line_id": str(i), "sku": f"s{dice.randrange(PRODUCTS)}", "quantity": 1, "amount": 9.5}
        for i in range(dice.randint(1, 3))
    ]
    told = {"order_id": f"o{n}", "currency": "USD", "lines": lines}
    return {**event, **_who(who, "customer_id", "email"), **told}


def _sent(dice: random.Random, n: int, shape: Shape, share: float, persons: int) -> dict[str, Any]:
    who, event = _event(dice, f"m{n}", "sent", shape, share, persons)
    told = {"message_id": f"m{n}", "channel": "email", "purpose": "marketing"}
    return {**event, **_who(who, "email"), **told, "skus": [f"s{dice.randrange(PRODUCTS)}"]}


if __name__ == "__main__":
    typer.run(main)
