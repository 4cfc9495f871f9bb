"""How senders of small worlds write closed values, and what becomes of customers' addresses."""

from __future__ import annotations

import random
from typing import Any

# Further words for closed values, and words that are none of them.
SYNONYMS = {
    "email": ("e-mail", "Emails"), "sms": ("text", "MMS"), "push": ("Push Notification",),
    "ad": ("ads", "advertising", "Advert"), "call": ("phone call", "voice"),
    "marketing": ("promo", "Advertising"), "transactional": ("transaction",),
    "hard": ("permanent", "hard bounce"), "soft": ("Transient", "temporary"),
    "order_cancelled": ("order_canceled",), "unsubscribed": ("unsubscribe", "opt-out"),
    "subscribed": ("Subscribe",), "consent_withdrawn": ("opt_out", "Consent Revoked"),
    "consent_granted": ("OptIn",), "bounced": ("bounce",), "opened": ("open",),
}  # fmt: skip
EVERY = ("all", "ANY", "*")
BLANKS = ("", "  ", "\u00a0", "\u200b")
DOUBTFUL = ("fax", "phone", "profiling", "-", ["email", "sms"], 7, "ann@mail.example")


def spelled(dice: random.Random, word: str | None, *, odd: bool = True) -> Any:
    """A closed value as some system writes it; `odd`: at times one that nobody knows."""
    how = dice.random()
    if word is None:
        return dice.choice(BLANKS) if how > 0.97 else None
    if how < 0.8:
        return word
    if odd and how < 0.83:
        return dice.choice(EVERY)
    if odd and how < 0.86:
        return dice.choice(DOUBTFUL)
    forms = (
        word.upper(), word.title(), f" {word} ", word.replace("_", "-"), f"\u200b{word}\t",
        *SYNONYMS.get(word, ()),
    )  # fmt: skip
    return dice.choice(forms)


def dead_addresses(maker: Any, person: Any) -> None:
    """One address after the other bounces, told by itself or by its message; one comes back."""
    time, ids = maker.when(), [{"type": "customer_id", "value": person.customer_id}]
    channel, kind = maker.dice.choice((("email", "email"), ("sms", "phone"), ("call", "phone")))
    values = [*person.emails, f"ann.{person.customer_id}@old.example"]
    values = values if kind == "email" else [person.phone, f"41555529{person.customer_id[1:]}0"]
    for value in maker.dice.sample(values, maker.dice.randint(1, len(values))):
        named = [*ids, {"type": kind, "value": value}]
        told = {"message_id": maker._message_id(), "channel": channel}
        by_message = maker.dice.random() < 0.4
        if by_message:
            maker.add("messages", "sent", maker.later(time), named, **told)
        bounced = told if by_message else maker._of_no_message(told)
        maker.add("messages", "bounced", time, ids if by_message else named, **bounced,
                 bounce="hard")  # fmt: skip
        time = maker.later(time)
        if maker.dice.random() < 0.3:
            who = maker.dice.choice((ids, named))
            told = {
                "message_id": maker._message_id(),
                "channel": maker.dice.choice((channel, "all")),
            }
            maker.add("messages", "subscribed", time, who, **maker._of_no_message(told))
            time = maker.later(time)


def new_address(maker: Any, person: Any) -> None:
    """An address stops working, and later the person is seen with a new one."""
    time, message_id = maker.when(), maker._message_id()
    n = maker.used["message"]
    ids = [{"type": "customer_id", "value": person.customer_id}]
    channel, kind, value = maker.dice.choice(
        (
            ("email", "email", f"new{n}@mail.example"),
            ("sms", "phone", f"41555527{n % 100:02d}"),
            ("call", "phone", f"41555528{n % 100:02d}"),
        )
    )
    told = {"message_id": message_id, "channel": channel, "bounce": "hard"}
    maker.add("messages", "bounced", time, ids, **maker._of_no_message(told))
    named = [*ids, {"type": kind, "value": value}]
    maker.add(
        "profiles", "attribute_set", maker.later(time), named, attribute="address", value="new"
    )


def channelless(maker: Any, seed: int) -> None:
    """Addresses that are gone, told without a channel, or in a word that nobody knows."""
    dice = random.Random(f"bounces {seed}")
    for n in range(dice.randint(1, 3)):
        person = dice.choice(maker.people)
        addresses = [{"type": "email", "value": person.emails[0]},
                     {"type": "phone", "value": person.phone}]  # fmt: skip
        number = {"type": "customer_id", "value": person.customer_id}
        named = dice.choice((addresses[:1], addresses[1:], addresses, []))
        told = {"bounce": "hard", "channel": dice.choice((None, None, "mailbox", "all"))}
        message_id = dice.choice((None, f"gone{n}"))
        if message_id and dice.random() < 0.5:
            sent = {"channel": dice.choice((None, "email", "push")), "purpose": "marketing"}
            sent_to = dice.choice(([number], [number], addresses[:1], [number, *addresses]))
            maker.add("messages", "sent", maker.when(), sent_to, message_id=message_id, **sent)
        maker.add("messages", "bounced", maker.when(), [number, *named], message_id=message_id,
                  **told)  # fmt: skip
