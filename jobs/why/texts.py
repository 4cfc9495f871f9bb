"""Texts: moments, events and suppressions in words, and foreign text such that it does nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from tactful.transforms.blanks import CONTROLS, INVISIBLE, SPACES

# What a terminal obeys, what turns writing round, and what nobody sees; a plain space stays.
UNSEEN = re.compile(
    "["
    + "".join(
        f"{re.escape(chr(first))}-{re.escape(chr(last))}"
        for first, last in (*SPACES, *CONTROLS, *INVISIBLE)
        if first != 0x20
    )
    + "]"
)
LONGEST = 120
FEW = 3

# What somebody did, or what was done; of every type of event (`schemas/events.py`).
DID = {
    "page_view": "looked at a page", "product_view": "looked at a product", "search": "searched",
    "add_to_cart": "put into the cart", "remove_from_cart": "took out of the cart",
    "checkout_start": "began to check out", "form_start": "began a form",
    "form_submit": "sent a form", "login": "logged in", "signup": "signed up",
    "app_install": "installed the app", "app_open": "opened the app",
    "store_visit": "visited a store", "review_submitted": "wrote a review", "shared": "shared",
    "referred": "referred somebody", "loyalty_join": "joined the loyalty programme",
    "course_signup": "signed up for a course", "chat_opened": "opened a chat",
    "error_shown": "was shown an error",
    "order_placed": "ordered", "order_paid": "paid for", "order_shipped": "was shipped",
    "order_delivered": "was delivered", "order_cancelled": "cancelled",
    "order_returned": "returned", "order_refunded": "was refunded for",
    "sent": "was sent a message", "delivered": "the message arrived", "opened": "opened a message",
    "clicked": "clicked in a message", "bounced": "a message came back",
    "complained": "complained about a message", "unsubscribed": "unsubscribed",
    "subscribed": "subscribed", "failed": "a message could not be sent",
    "attribute_set": "something was noted", "preference_set": "named a preference",
    "consent_granted": "gave consent", "consent_withdrawn": "withdrew consent",
    "always_link": "the business said that two identifiers are one customer",
    "never_link": "the business said that two identifiers are never one customer",
    "link_withdrawn": "the business took back what it said of two identifiers",
    "contact_opened": "turned to customer service", "contact_closed": "customer service was done",
}  # fmt: skip


def visible(text: Any, longest: int = LONGEST) -> str:
    r"""Foreign text on one line: what is not seen, or would be obeyed, as \x1b or \u202e."""
    plain = seen(str(text), but="")
    return plain if len(plain) <= longest else f"{plain[: longest - 1]}…"


def seen(text: str, but: str = "\n") -> str:
    r"""Foreign text in which nothing is hidden, of any length. but: what stays as it is."""
    return UNSEEN.sub(lambda found: found[0] if found[0] in but else _escaped(found[0]), text)


def moment(at: datetime | None) -> str:
    """A moment as people write it, in UTC: 24 October 2017, 09:30."""
    if at is None:
        return "-"
    zoned = as_utc(at)
    return f"{zoned.day} {zoned.strftime('%B %Y, %H:%M')}"


def as_utc(at: datetime) -> datetime:
    """The moment in UTC; one without a zone is UTC already."""
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def listed(texts: Iterable[Any], most: int = FEW, count: int | None = None) -> str:
    """Some of several: a, b, c and 4 more. count: how many there are, if not all of them came."""
    told = [visible(text, 60) for text in texts if text is not None]
    more = (len(told) if count is None else count) - min(most, len(told))
    return ", ".join(told[:most]) + (f" and {more:,} more" if more > 0 else "")


def event_words(row: Mapping[str, Any]) -> str:
    """One event in words: ordered S1 and S2 for 12.30 GBP (order o17)."""
    said = DID.get(row["type"], visible(row["type"]))
    if row.get("is_by_machine"):
        said = "a message"
    skus = row.get("skus") or []
    # Paid for what, refunded for what: where nothing is named, only how much.
    parts = [said if skus else said.removesuffix(" for")]
    if skus:
        parts.append(listed(dict.fromkeys(skus), count=row.get("skus_count")))
    if row.get("amount") is not None:
        parts.append(f"for {row['amount']:,.2f} {visible(row.get('currency') or '', 8)}".rstrip())
    if row.get("channel"):
        parts.append(f"by {channel(row['channel'])}")
    if row.get("is_by_machine"):
        parts.append("was opened by a machine")
    if row.get("attribute"):
        value = f" = {visible(row['value'], 60)}" if row.get("value") is not None else ""
        parts[0] = f"{said}: {visible(row['attribute'], 40)}{value}"
    about = [
        f"{name} {visible(row[column], 60)}"
        for name, column in (
            ("order", "order_id"), ("campaign", "campaign_id"), ("message", "message_id"),
        )
        if row.get(column)
    ]  # fmt: skip
    return " ".join(parts) + (f" ({', '.join(about)})" if about else "")


def channel(name: str | None) -> str:
    """A channel in words."""
    return visible((name or "an unknown channel").replace("_", " "), 40)


def channels(names: Sequence[str] | None) -> str:
    """The channels that something holds for."""
    return ", ".join(map(channel, names)) if names else "every channel"


def scope_words(scope: Sequence[Mapping[str, Any]] | None) -> str:
    """What a suppression is about: sku S1; marketing."""
    told = []
    for part in scope or ():
        values = listed(part["values"] or [])
        kind = part["kind"].removeprefix("attribute:")
        said = {
            "all": "everything",
            "purpose": f"{values} messages",
            "topic": f"messages on {values}",
            "discount": "a discount",
        }.get(kind, f"{kind} {values}")
        told.append(f"all but {said}" if part["negated"] else said)
    return " that are about ".join(told) or "everything"


def _escaped(letter: str) -> str:
    point = ord(letter)
    return f"\\x{point:02x}" if point < 0x100 else f"\\u{point:04x}"
