"""What fits small worlds when and where: seasons and places of products, and the weather."""

from __future__ import annotations

import random
from datetime import date, timedelta
from typing import Any

from tests.landing import Event

FIRST_DAY = date(2026, 2, 27)
SEASONS = (["Spring"], [" fall ", "winter"], ["summer", "AUTUMN"], [], ["spring", "monsoon"])
REGIONS = (["DE"], ["us-ca", "FR"], [" au"], [])
PLACES = (
    ("US", "ca", "America/Los_Angeles"), ("US", "NY", "America/New_York"), ("au", " NSW ", None),
    ("AU", None, "Australia/Sydney"), ("DE", "BY", "Europe/Berlin"),
)  # fmt: skip
# None of these can be used, so that the last good row of its day stays.
ODD_WEATHER: tuple[Event, ...] = (
    {"region": "DE", "day": "2026-03-04", "temperature": -300},
    {"region": "DE", "day": "2026-03-05", "rain": -1},
    {"region": "DE", "day": "5.3.2026", "rain": 1},
    {"region": "DE", "day": "2026-03-06", "rain": "a lot"},
    {"region": " ", "day": "2026-03-06"},
    {"region": "DE"},
    {"region": ["DE"], "day": "2026-03-06"},
    '{"region": "DE", "day": "2026-03-06"',
)


def seasonal(products: list[Event], seed: int) -> None:
    """Say of some products in which season they are used, and for which places they are."""
    dice = random.Random(f"seasons {seed}")
    for row in products:
        if isinstance(row, dict) and isinstance(row.get("sku"), str):
            if dice.random() < 0.5:
                row["seasons"] = dice.choice(SEASONS)
            if dice.random() < 0.3:
                row["regions"] = dice.choice(REGIONS)


def elsewhere(rows: dict[str, list[Any]], seed: int) -> None:
    """Let some be seen in a part of a country, or on the other side of the earth."""
    for row in (*rows["web"], *rows["app"]):
        if isinstance(row, dict):
            dice = random.Random(f"elsewhere {seed} {row.get('event_id')}")
            if dice.random() < 0.6:
                country, region, zone = dice.choice(PLACES)
                told = {"country": country, "region": region, "time_zone": zone}
                row["geo"] = {name: value for name, value in told.items() if value}


def world_context(seed: int) -> list[Event]:
    """Rows of weather, oldest first: days twice, spelled otherwise, half told, and odd ones."""
    dice = random.Random(f"weather {seed}")
    rows: list[Event] = []
    for n in range(25):
        day = (FIRST_DAY + timedelta(days=n)).isoformat()
        for region in dice.sample(("DE", "de ", "US", "US-CA", "us-ca", "FR", "AU"), 4):
            told = {"temperature": dice.choice((-4, 5, "12.5", 20.0, None)),
                    "rain": dice.choice((0, 0.0, 3.5, None))}  # fmt: skip
            rows.append({"region": region, "day": day, **told})
    return [*rows, *dice.sample(ODD_WEATHER, 5)]


def checks(seed: int) -> list[dict[str, Any]]:
    """Entries of [[suppress]] that ask of each message whether it fits."""
    dice = random.Random(f"checks {seed}")
    return [
        {"name": "fitting", "when": "out_of_context"},
        {"name": "dry", "when": "out_of_context", "seasons": False, "regions": dice.random() < 0.5,
         "rain": dice.choice((True, False)), "channels": ["email", "push"]},
        {"name": "mild", "when": "out_of_context", "seasons": False, "regions": False,
         "temperature_from": 5, "temperature_to": dice.choice((12.5, 20)),
         "hours": dice.choice(("7-20", "22-6", "0-24"))},
    ]  # fmt: skip
