"""How right who is who comes out, held against planted truth, in an easy, typical, hostile world.

A world is made of customers whose identifiers are known, seen as a shop sees them; the product's
own rule, without Spark, says who they are. Pairs of identifiers of one customer that are one
person: precision of those found, recall of those there are; B-cubed is the same for each
identifier in turn.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import typer

from tactful.jobs.identity.manual import PAIR
from tactful.jobs.identity.relabel import relabel
from tactful.jobs.settings.config import Identity
from tactful.transforms.identity.sharing import SHARINGS
from tests.links import BEFORE, LINKS

START = datetime(2026, 1, 1, tzinfo=UTC)
TYPES = {
    "customer_id": {"priority": 1, "unique": True},
    "email": {"priority": 2},
    "phone": {"priority": 3},
    "device_id": {"priority": 8, "device": True},
    "anonymous_id": {"priority": 9, "device": True},
}
NO_PAIRS = pa.schema([(name, pa.string()) for name in PAIR])


@dataclass(frozen=True)
class Setting:
    """How a world is: shares of customers, devices and log-ins, and things that many meet."""

    shared_at_home: float
    shared_with_strangers: float
    mistyped: float
    family_emails: float = 0.0
    swapping: float = 0.0
    kiosks: int = 0
    constants: int = 0
    call_centres: int = 0
    # How many customers meet each of those.
    crowd: int = 200


SETTINGS = {
    "easy": Setting(0.0, 0.0, 0.0),
    "typical": Setting(0.03, 0.005, 0.01, family_emails=0.01, kiosks=1, call_centres=1),
    "hostile": Setting(
        0.30, 0.10, 0.05, family_emails=0.10, swapping=0.05, kiosks=10, constants=3, call_centres=5
    ),
}


@dataclass
class Shop:
    """What happened: sets of identifiers seen together in order of time, and whose each is."""

    dice: random.Random
    seen: list[tuple[str, ...]] = field(default_factory=list)
    owners: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    def see(self, customer: str, *identifiers: str, is_own: bool = True) -> None:
        """A log-in, order or call: is_own is false for what only looks like the customer's."""
        for name in identifiers:
            self.owners[name].add(customer if is_own else f"nobody's {name}")
        self.seen.append(tuple(identifiers))

    def owner_of(self, name: str) -> str:
        """Whose it is; what is several customers' is none of theirs."""
        owners = self.owners[name]
        return next(iter(owners)) if len(owners) == 1 else f"shared {name}"


def make(setting: Setting, *, customers: int, seed: int) -> Shop:
    """A year of a shop, shuffled."""
    shop = Shop(random.Random(f"{seed} {setting}"))
    dice = shop.dice
    names = [str(n) for n in range(customers)]
    for name in names:
        for ids in _own_sightings(dice, name, customers, setting):
            shop.see(name, *ids)
    for name in names:
        mate = names[int(name) ^ 1] if int(name) ^ 1 < customers else name
        if dice.random() < setting.shared_at_home:
            shop.see(mate, f"customer_id:{mate}", f"device_id:{name} 0")
        if dice.random() < setting.shared_with_strangers:
            other = dice.choice(names)
            shop.see(other, f"customer_id:{other}", f"device_id:{name} 0")
        if dice.random() < setting.family_emails:
            shop.see(mate, f"customer_id:{mate}", f"email:{name}")
        if dice.random() < setting.mistyped:
            # Another customer's address, by a slip of the finger: it stays the other one's.
            other = dice.choice(names)
            shop.seen.append((f"customer_id:{name}", f"email:{other}"))
        if dice.random() < setting.swapping:
            for _ in range(10):
                shop.see(mate, f"customer_id:{mate}", f"device_id:{name} 0")
                shop.see(name, f"customer_id:{name}", f"device_id:{mate} 0")
    crowds = {
        "anonymous_id:kiosk": setting.kiosks,
        "device_id:constant": setting.constants,
        "phone:call centre": setting.call_centres,
    }
    for thing, count in crowds.items():
        for number in range(count):
            for name in dice.sample(names, min(setting.crowd, customers)):
                shop.see(name, f"customer_id:{name}", f"{thing} {number}")
    dice.shuffle(shop.seen)
    return shop


def _own_sightings(
    dice: random.Random, name: str, customers: int, setting: Setting
) -> Iterator[tuple[str, ...]]:
    """What a customer's own identifiers are seen with: sign-up, log-ins, orders by guests."""
    yield f"customer_id:{name}", f"email:{name}"
    if dice.random() < 0.5:
        yield f"email:{name}", f"phone:{name}"
    for device in range(dice.choice((1, 1, 2, 3))):
        yield f"customer_id:{name}", f"device_id:{name} {device}"
        for cookie in range(dice.choice((1, 2, 4))):
            known = dice.choice((f"customer_id:{name}", f"email:{name}"))
            yield known, f"anonymous_id:{name} {device} {cookie}"


def found(shop: Shop, *, sharing: str) -> dict[str, str]:
    """Whom the product takes each identifier for; hubs and neutral devices are nobody's."""
    order = {name: n for n, name in enumerate(TYPES)}
    rules = Identity(
        shared_devices=sharing, phone_region="US", max_links=5, max_devices=100,
        max_identifiers=1000, blocked=(), types=TYPES,
    )  # fmt: skip
    rows: dict[tuple[str, ...], dict[str, Any]] = {}
    for second, names in enumerate(shop.seen):
        at = {
            "occurred_at": START + timedelta(minutes=second),
            "stream": "clicks",
            "event_id": str(second),
        }
        keys = tuple(sorted(names, key=lambda name: (order[name.partition(":")[0]], name)))
        row = rows.setdefault(
            keys,
            {
                "kind": "seen",
                "identifier_keys": keys,
                "identifier_types": [key.partition(":")[0] for key in keys],
                "first_seen": at,
            },
        )
        row["last_seen"] = at
    told = relabel(
        pa.Table.from_pylist([*rows.values()], LINKS),
        pa.array(sorted({key for keys in rows for key in keys})),
        BEFORE.empty_table(),
        rules,
        as_of=START + timedelta(days=3650),
        always=NO_PAIRS.empty_table(),
        never=NO_PAIRS.empty_table(),
    )
    return {
        row["identifier_key"]: row["person_id"]
        if row["state"] == "linked"
        else f"nobody's {row['identifier_key']}"
        for row in told.labels.to_pylist()
    }


@dataclass(frozen=True)
class Score:
    """How right it is, of pairs and of identifiers; and what the largest person holds.

    most_customers, most_identifiers: how many one person has at most.
    """

    precision: float
    recall: float
    b_precision: float
    b_recall: float
    most_customers: int
    most_identifiers: int


def score(shop: Shop, persons: dict[str, str]) -> Score:
    """Compare who was found with who is there."""
    pairs = [(shop.owner_of(name), person) for name, person in persons.items()]
    both, there, here = Counter(pairs), Counter(o for o, _ in pairs), Counter(p for _, p in pairs)
    right, real, claimed = (
        sum(n * (n - 1) for n in counts.values()) for counts in (both, there, here)
    )
    customers = Counter(
        person for name, person in persons.items() if name.startswith("customer_id:")
    )
    return Score(
        right / claimed if claimed else 1.0,
        right / real if real else 1.0,
        sum(n * n / here[person] for (_, person), n in both.items()) / len(pairs),
        sum(n * n / there[owner] for (owner, _), n in both.items()) / len(pairs),
        max(customers.values()),
        max(here.values()),
    )


def main(customers: int = 20_000, seed: int = 1) -> None:
    """Print a table of all worlds and all answers."""
    print(f"## Who is who against planted truth, {customers:,} customers")
    print()
    print("| world | shared_devices | precision | recall | B-cubed precision | B-cubed recall |")
    print("|---|---|---|---|---|---|")
    for name, setting in SETTINGS.items():
        shop = make(setting, customers=customers, seed=seed)
        for sharing in SHARINGS:
            told = score(shop, found(shop, sharing=sharing))
            figures = (told.precision, told.recall, told.b_precision, told.b_recall)
            print(f"| {name} | {sharing} | " + " | ".join(f"{f:.4f}" for f in figures) + " |")


if __name__ == "__main__":
    typer.run(main)
