"""SendGrid's events as canonical ones, worked out from what the vendor's page says of them."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from tests.oracle.blanks import is_unseen, trim

WHAT_HAPPENED = {
    "processed": "sent", "deferred": "bounced", "delivered": "delivered", "bounce": "bounced",
    "blocked": "bounced",
    "dropped": "failed", "open": "opened", "click": "clicked", "spamreport": "complained",
    "unsubscribe": "unsubscribed", "groupunsubscribe": "unsubscribed",
    "groupresubscribe": "subscribed",
}  # fmt: skip
OWN = ("purpose", "campaign_id", "variant", "content_id", "topic", "decision_id")
WHO = ("customer_id", "email_sha256", "phone", "loyalty_id", "device_id", "anonymous_id")


def cut(line: bytes, most: int) -> Iterator[tuple[bytes, list[str]]]:
    """The events of a landed line, each with what is wrong with it as a line already."""
    text = line.decode("latin-1").strip(" \t\r\n")
    if len(line) > most or not text.startswith("["):
        yield line, []
        return
    try:
        if not json.loads(text, parse_constant=_no_number):
            yield line, ["no_events"]
            return
    except (ValueError, RecursionError):
        yield line, []
        return
    for piece in _pieces(text):
        if piece.startswith('"'):  # an event in quotes is read as what is quoted
            yield json.loads(piece).encode(), []
        else:
            yield piece.encode("latin-1"), []


def _pieces(text: str) -> Iterator[str]:
    """The entries of an array, as they stand there."""
    decoder, at = json.JSONDecoder(), 1
    while True:
        while text[at] in " \t\r\n,":
            at += 1
        if text[at] == "]":
            return
        _, end = decoder.raw_decode(text, at)
        yield text[at:end]
        at = end


def canonical(event: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The event in canonical form, and what is wrong with it that only SendGrid's can have."""
    word = _squeezed(event.get("event"))
    happened = WHAT_HAPPENED.get(word)
    if happened is None and _is_told(event.get("event")):
        happened = "something else"
    own = {name: event[name] for name in OWN if _is_plain(event.get(name))}
    own |= {name: event[name] for name in WHO if _may_name_somebody(event.get(name))}
    is_persons_word = happened in ("bounced", "complained", "unsubscribed", "subscribed")
    if is_persons_word:
        own.pop("purpose", None)
    told: dict[str, Any] = {
        "event_id": event.get("sg_event_id"),
        "type": happened,
        "occurred_at": _time(event.get("timestamp")),
        "identifiers": [
            {"type": "email", "value": _address(event.get("email"))},
            *({"type": name, "value": own[name]} for name in WHO if name in own),
        ],
        "message_id": event.get("sg_message_id"),
        "channel": "email",
        "bounce": _bounce(word, event.get("type")) if happened == "bounced" else None,
        "machine_open": _flag(event.get("sg_machine_open")) if happened == "opened" else None,
        **_about(event),
        **({"purpose": None} if is_persons_word else {}),
        **{name: own[name] for name in OWN if name in own},
    }
    if event.get("email") is None:
        told["identifiers"].pop(0)
    laid_out = {"email", "event", "timestamp", "sg_event_id", "sg_message_id", *own}
    told["properties"] = {k: v for k, v in event.items() if k not in laid_out}
    reasons = ["opens_one_group"] if word == "groupresubscribe" else []
    return {name: value for name, value in told.items() if value is not None}, reasons


def _about(event: Mapping[str, Any]) -> dict[str, Any]:
    """What SendGrid itself says of a message, where the sender's own arguments do not."""
    campaign, content = event.get("marketing_campaign_id"), event.get("sg_template_id")
    category = event.get("category")
    if isinstance(category, str) and category.startswith("["):
        with contextlib.suppress(ValueError):  # a list that somebody wrote down as a text
            category = json.loads(category)
    first = category[0] if isinstance(category, list) and category else category
    is_marketing = _is_told(event.get("asm_group_id")) or _is_plain(campaign)
    return {
        "campaign_id": campaign if _is_plain(campaign) else None,
        "content_id": content if _is_plain(content) else None,
        "topic": first if _is_plain(first) else None,
        "purpose": "marketing" if is_marketing else None,
    }


def _address(told: Any) -> Any:
    """What stands between < and > behind a name."""
    found = re.fullmatch("[^<>]*<([^<>]+)>", told) if isinstance(told, str) else None
    return found[1] if found else told


def _bounce(word: str, kind: Any) -> Any:
    if word == "deferred" or (word == "blocked" and not _is_told(kind)):
        return "soft"
    return {"bounce": "hard", "blocked": "soft"}.get(_squeezed(kind), kind)


def _time(value: Any) -> Any:
    """Seconds since 1970, or milliseconds where they can be nothing else; else as it is told."""
    try:
        number = Decimal(str(value).strip())
    except InvalidOperation:
        return value
    if not number.is_finite() or isinstance(value, bool):
        return value
    if abs(number) >= 10**11:
        number /= 1000
    if abs(number) >= 10**11:
        return value
    time = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(number * 10**6))
    return time.isoformat()


def _flag(value: Any) -> bool | None:
    return {"true": True, "false": False}.get(str(value).lower())


def _is_told(value: Any) -> bool:
    return value is not None and bool(trim(_text(value)))


def _is_plain(value: Any) -> bool:
    """Whether a value is one that a sender may give a message: a text, a number, a truth value."""
    if isinstance(value, list | dict) or not _is_told(value):
        return False
    return len(_text(value).encode()) <= 1000


def _may_name_somebody(value: Any) -> bool:
    """Whether a value may be an identifier: no truth value, and no number that is not whole."""
    if not _is_plain(value):
        return False
    said = value if isinstance(value, str) else str(value).lower()
    return not re.fullmatch(r"true|false|-?\d+(\.\d+([eE][+-]?\d+)?|[eE][+-]?\d+)", said)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)


def _squeezed(value: Any) -> str:
    said = value if isinstance(value, str) else ""
    return "".join(c for c in said.lower() if not is_unseen(c) and c not in "-_./")


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no JSON")
