"""How customers of small worlds turn channels down, and share what they do it by."""

from __future__ import annotations

import random
from typing import Any

CHANNELS = ("email", "email", "sms", "ad", None)
TABLET = {"type": "device_id", "value": "tablet"}


def silence(maker: Any, person: Any) -> None:
    """Somebody has enough of a channel, and at times comes back to it."""
    time, ids = maker.when(), _number(person)
    channel = maker.dice.choice(("email", "email", "email", "sms", "push", "ad", "call"))
    said = maker.dice.choice(("unsubscribed", "unsubscribed", "complained"))
    for type_ in (said, "subscribed", said)[: maker.dice.randint(1, 3)]:
        told = {"message_id": maker._message_id(), "channel": channel}
        maker.add("messages", type_, time, ids, **maker._of_no_message(told))
        time = maker.later(time)


def shared_addresses(maker: Any, seed: int) -> None:
    """Families share an address, a tablet, or a message, and by them turn channels down.

    Nobody knows whose word each is. It is told last, so that it changes nothing else of a world.
    """
    dice = random.Random(f"families {seed}")
    for n in range(dice.randint(0, 2)):
        family = dice.sample(maker.people, dice.randint(2, 3))
        address = {"type": "email", "value": f"family{n}@mail.example"}
        for person in family:
            shared = dice.choice(([address], [address], [address, TABLET]))
            maker.add("clicks", "login", maker.when(), [*_number(person), *shared])
        for _ in range(dice.randint(1, 4)):
            one, other = dice.sample(family, 2)
            page = {"type": "anonymous_id", "value": f"page {dice.randint(0, 3)}"}
            named = dice.choice(
                ([address], [address], [TABLET], [address, TABLET], [*_number(one), address],
                 [address, page], [*_number(one), *_number(other)], [])
            )  # fmt: skip
            sent_to = dice.choice(
                (_number(other), [address], [address, *_number(other)],
                 [*_number(one), *_number(other)])
            )  # fmt: skip
            say = dice.choice((_by_message, _at_once, _at_once)) if named else _by_message
            say(maker, dice, named, sent_to)


def _at_once(maker: Any, dice: random.Random, named: list[Any], _: Any) -> None:
    """A word of no message, or of consent; at times it is taken back by the same."""
    time, channel = maker.when(), dice.choice(CHANNELS)
    if dice.random() < 0.4:
        purpose = dice.choice((None, "marketing", "transactional"))
        for type_ in ("consent_withdrawn", "consent_granted")[: dice.choice((1, 1, 2))]:
            maker.add("profiles", type_, time, named, channel=channel, purpose=purpose)
            time = maker.later(time)
        return
    said = dice.choice(("unsubscribed", "unsubscribed", "complained", "bounced"))
    for type_ in (said, "subscribed", said)[: dice.choice((1, 1, 2, 3))]:
        hard = {"bounce": "hard"} if type_ == "bounced" else {}
        maker.add("messages", type_, time, named, channel=channel or "email", **hard)
        time = maker.later(time)


def _by_message(maker: Any, dice: random.Random, named: list[Any], sent_to: list[Any]) -> None:
    """By what was sent to somebody, at times in the name of another or on another channel."""
    time, message_id = maker.when(), maker._message_id()
    if dice.random() < 0.7:
        told = {"message_id": message_id, "channel": "email", "purpose": "marketing"}
        maker.add("messages", "sent", time, sent_to, **told)
    channel = dice.choice((None, "email", "sms"))
    said = dice.choice(("unsubscribed", "complained", "bounced"))
    more = {"bounce": "hard"} if said == "bounced" else {}
    told = {"message_id": message_id, "channel": channel, **more}
    maker.add("messages", said, maker.later(time), named, **told)


def _number(person: Any) -> list[Any]:
    return [{"type": "customer_id", "value": person.customer_id}]
