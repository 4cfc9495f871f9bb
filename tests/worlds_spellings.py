"""What is spelled in several ways: mailboxes that at Google are one value, and names of systems."""

from __future__ import annotations

import random
from typing import Any

from tests.oracle.blanks import trim

SPELLINGS = ("z.seven{n}@gmail.com", "zseven{n}@gmail.com", "ZSeven{n}+shop@gmail.com")
SYSTEMS = (("pos", "pos\u00a0"), ("Shop 2", " Shop 2"), (None, "", "\u200b"))
NOES = (
    ("profiles", "consent_withdrawn", "consent_granted"),
    ("messages", "unsubscribed", "subscribed"),
)

# Values that name nobody.
JUNK = (
    ("email", "unknown"), ("email", " NULL "), ("email", "not-an-email"),
    ("email", "noreply@example.com"), ("email", "test@test.com"), ("email_sha256", "abc"),
    ("phone", "0000000000"), ("phone", "12345"), ("phone", "+1 999 999"), ("phone", "nan"),
    ("customer_id", "0"), ("customer_id", ""), ("anonymous_id", "anonymous"),
    ("device_id", "00000000-0000-0000-0000-000000000000"), ("device_id", None),
    ("fax", "415 555 2600"),
)  # fmt: skip


def spellings(maker: Any, seed: int) -> None:
    """Some buy and hear of ads under one spelling, others say no, and at times yes, by another.

    It is told last, so that it changes nothing else of a world.
    """
    dice = random.Random(f"spellings {seed}")
    for n in range(dice.randint(1, 2)):
        people = dice.sample(maker.people, dice.choice((2, 2, 3)))
        for person, spelled in zip(people, dice.sample(SPELLINGS, len(people)), strict=True):
            address = {"type": "email", "value": spelled.format(n=n)}
            number = {"type": "customer_id", "value": person.customer_id}
            maker.add("clicks", "login", maker.when(), [number, address])
            named = dice.choice(([number], [address]))
            if dice.random() < 0.7:
                _buys(maker, dice, [number])
            if dice.random() < 0.6:
                told = {"channel": dice.choice((None, "ad")), "purpose": "marketing"}
                maker.add("profiles", "consent_granted", maker.when(), named, **told)
            else:
                _says_no(maker, dice, named)
            if dice.random() < 0.25:
                # Whoever else uses it makes it nobody's own, and it stays what it is at Google.
                other = {"type": "customer_id", "value": dice.choice(maker.people).customer_id}
                maker.add("clicks", "login", maker.when(), [other, address])


def named_sources(maker: Any, seed: int) -> None:
    """Let most events say which system sent them, however often and wherever they are told.

    Of one that came from two systems, whoever was heard first would be asked: arrival decides it.
    """
    for source, told in maker.rows.items():
        for place, row in enumerate(told):
            event_id = row.get("event_id") if isinstance(row, dict) else None
            if isinstance(event_id, str):
                name = random.Random(f"{seed} system of {trim(event_id)}").choice(SYSTEMS)
                spelled = random.Random(f"{seed} {source} {place}").choice(name)
                told[place] = {**row, "source": spelled}


def _buys(maker: Any, dice: random.Random, named: list[Any]) -> None:
    lines = [{"line_id": "l0", "sku": "jeans", "quantity": 1, "amount": 5}]
    order_id = f"g{dice.randrange(10**9)}"
    maker.add("purchases", "order_placed", maker.when(), named, order_id=order_id, lines=lines)


def _says_no(maker: Any, dice: random.Random, named: list[Any]) -> None:
    """To ads or to everything; at times it is taken back, and said again."""
    stream, no, yes = dice.choice(NOES)
    time, channel = maker.when(), dice.choice(("ad", "ad", "all"))
    for type_ in (no, yes, no)[: dice.choice((1, 1, 2, 2, 3))]:
        maker.add(stream, type_, time, named, channel=channel, purpose="marketing")
        time = maker.later(time)
