"""The canonical fields of each stream, and how a JSON value is understood as one of them."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

TYPES = {
    "clicks": "page_view product_view search add_to_cart remove_from_cart checkout_start "
    "form_start form_submit login signup app_install app_open store_visit review_submitted "
    "shared referred loyalty_join course_signup chat_opened error_shown",
    "purchases": "order_placed order_paid order_shipped order_delivered order_cancelled "
    "order_returned order_refunded",
    "messages": "sent delivered opened clicked bounced complained unsubscribed subscribed failed",
    "profiles": "attribute_set preference_set consent_granted consent_withdrawn",
    "service": "contact_opened contact_closed",
}
EVENT_TYPES = {stream: tuple(names.split()) for stream, names in TYPES.items()}
REQUIRED = {"purchases": ("order_id",), "messages": ("message_id",)}

TIME = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d)?)(?:\.(\d+))?)?(Z|[+-]\d\d:?\d\d)?", re.ASCII
)


class WrongType(ValueError):
    """The value cannot be read as the field's type."""


def text(value: Any) -> str:
    """Strings as they are; a number or truth value as JSON writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | Decimal):
        return str(value)
    raise WrongType


def money(value: Any) -> Decimal:
    """decimal(18,4), rounded half up; a number in quotes is a number too."""
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise WrongType
    try:
        amount = cents(Decimal(value))
    except InvalidOperation as wrong:
        raise WrongType from wrong
    if not abs(amount) < 10**14:
        raise WrongType
    return amount


def cents(value: Decimal) -> Decimal:
    """Round to four places, half up."""
    return value.quantize(Decimal("0.0001"), ROUND_HALF_UP)


def whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise WrongType
    return value


def flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise WrongType
    return value


def moment(value: Any) -> datetime:
    """An ISO 8601 time; without a zone it comes back naive. Finer than a microsecond is cut."""
    match = TIME.fullmatch(value) if isinstance(value, str) else None
    if not match:
        raise WrongType
    day, clock, fraction, zone = match.groups()
    stamp = f"{day}T{clock or '00:00'}"
    try:
        time = datetime.fromisoformat(stamp + (zone or ""))
    except ValueError as wrong:
        raise WrongType from wrong
    time = time.replace(microsecond=int((fraction or "0")[:6].ljust(6, "0")))
    return time.astimezone(UTC) if zone else time


def listed(of: Callable[[Any], Any]) -> Callable[[Any], list[Any]]:
    """A list, each entry understood alike."""

    def read(value: Any) -> list[Any]:
        if not isinstance(value, list):
            raise WrongType
        return [None if entry is None else of(entry) for entry in value]

    return read


def record(**fields: Callable[[Any], Any]) -> Callable[[Any], dict[str, Any]]:
    """An object with known fields; others are of no interest."""

    def read(value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise WrongType
        found = {name: value.get(name) for name in fields}
        return {name: None if at is None else fields[name](at) for name, at in found.items()}

    return read


def instant(value: Any) -> datetime:
    """A time with its zone."""
    time = moment(value)
    if time.tzinfo is None:
        raise WrongType
    return time


def mapping(value: Any) -> dict[str, str | None]:
    """An object of texts; what is nested stays as it is, it is never looked at."""
    if not isinstance(value, dict):
        raise WrongType
    return dict(value)


LINE = record(
    line_id=text, sku=text, category=text, quantity=money, unit_price=money, discount=money,
    amount=money,
)  # fmt: skip
DEVICE = record(type=text, os=text)
GEO = record(country=text, region=text, city=text, time_zone=text)

COMMON = {
    "event_id": text,
    "type": text,
    "received_at": instant,
    "source": text,
    "identifiers": listed(record(type=text, value=text)),
    "properties": mapping,
}


def _texts(names: str) -> dict[str, Callable[[Any], Any]]:
    return dict.fromkeys(names.split(), text)


FIELDS: dict[str, dict[str, Callable[[Any], Any]]] = {
    "clicks": {
        **COMMON,
        **_texts("session_id sku category form query url referrer message_id campaign_id place"),
        "device": DEVICE,
        "geo": GEO,
    },
    "purchases": {
        **COMMON,
        **_texts("order_id line_id campaign_id place store_id currency"),
        "coupons": listed(text),
        "lines": listed(LINE),
    },
    "messages": {
        **COMMON,
        **_texts("message_id channel purpose campaign_id variant content_id topic bounce"),
        "skus": listed(text),
        "categories": listed(text),
        "offers_discount": flag,
        "machine_open": flag,
        "cost": money,
    },
    "profiles": {
        **COMMON,
        **_texts("attribute value channel purpose provenance policy_text jurisdiction"),
    },
    "service": {**COMMON, **_texts("contact_id channel topic order_id"), "satisfaction": whole},
}
