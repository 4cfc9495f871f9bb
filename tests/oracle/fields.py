"""The canonical fields of each stream, and how a JSON value is understood as one of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from tests.oracle.blanks import trim

TYPES = {
    "clicks": "page_view product_view search add_to_cart remove_from_cart checkout_start "
    "form_start form_submit login signup app_install app_open store_visit review_submitted "
    "shared referred loyalty_join course_signup chat_opened error_shown",
    "purchases": "order_placed order_paid order_shipped order_delivered order_cancelled "
    "order_returned order_refunded",
    "messages": "sent delivered opened clicked bounced complained unsubscribed subscribed failed",
    "profiles": "attribute_set preference_set consent_granted consent_withdrawn "
    "always_link never_link link_withdrawn",
    "service": "contact_opened contact_closed",
}
EVENT_TYPES = {stream: tuple(names.split()) for stream, names in TYPES.items()}
# What the business says of two identifiers; nobody does it and nobody was seen by it.
MANUAL = ("always_link", "never_link", "link_withdrawn")
REQUIRED = {"purchases": ("order_id",), "messages": ("message_id",)}

CURRENCIES = frozenset(Path(__file__).with_name("currencies.txt").read_text("ascii").split())

TIME = re.compile(
    r"""
    (?P<day>\d{4}-\d\d-\d\d|\d{8})
    (?:[Tt ](?P<clock>
        \d\d(?::\d\d)?|\d{4}|(?:\d\d:\d\d:\d\d|\d{6})(?:[.,](?P<fraction>\d+))?
    )(?P<zone>[Zz]|[+-]\d\d(?::?\d\d)?)?)?
    """,
    re.ASCII | re.VERBOSE,
)
FARTHEST = timedelta(hours=18)
NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*", re.ASCII)

# G10: what a retailer never meets. Texts are measured in bytes.
NAME_BYTES, TEXT_BYTES = 1000, 100_000
NAMES = 1000
ENTRIES = {"identifiers": 100, "lines": 5000, "coupons": 1000, "skus": 5000, "categories": 1000}
MILLION_MILLIONS = 10**12


class Wrong(ValueError):
    """What is wrong with a value, in the words of the reasons: wrong_type, out_of_bounds …"""

    def __init__(self, *words: str) -> None:
        super().__init__(*words)
        self.words = frozenset(words)


WRONG_TYPE, OUT_OF_BOUNDS, TOO_MANY_FIELDS = "wrong_type", "out_of_bounds", "too_many_fields"


def bounded(longest: int, *, is_name: bool) -> Callable[[Any], str | None]:
    """A string, a number or truth value as JSON writes it; blanks say nothing.

    Blanks around a name are no part of it; a free text stays as it was said.
    """

    def read(value: Any) -> str | None:
        if isinstance(value, bool):
            return "true" if value else "false"
        if not isinstance(value, str | int | Decimal):
            raise Wrong(WRONG_TYPE)
        said = str(value)
        if len(said.encode()) > longest:
            raise Wrong("too_long")
        name = trim(said)
        return (name if is_name else said) if name else None

    return read


text, long_text = bounded(NAME_BYTES, is_name=True), bounded(TEXT_BYTES, is_name=False)


def raw(value: Any) -> str:
    """A text whose blanks are looked at later: what an identifier says."""
    text(value)
    return str(value)


def money(value: Any, bound: int = MILLION_MILLIONS) -> Decimal:
    """Rounded half up to four places; a number in quotes is a number too."""
    is_told = isinstance(value, str | int | Decimal) and not isinstance(value, bool)
    if not is_told or not NUMBER.fullmatch(str(value)):
        raise Wrong(WRONG_TYPE)
    try:
        amount = cents(Decimal(value))
    except InvalidOperation as large:
        raise Wrong(OUT_OF_BOUNDS) from large
    if abs(amount) >= bound:
        raise Wrong(OUT_OF_BOUNDS)
    return amount


def quantity(value: Any) -> Decimal:
    return money(value, 10**9)


def cents(value: Decimal) -> Decimal:
    """Round to four places, half up."""
    return value.quantize(Decimal("0.0001"), ROUND_HALF_UP)


def stars(value: Any) -> int | None:
    """How satisfied somebody was, from 1 to 5, as a number or a text; all else says nothing."""
    said = "" if isinstance(value, bool | list | dict) else trim(str(value))
    return int(said[0]) if re.fullmatch(r"[1-5](\.0+)?", said) else None


def currency(value: Any) -> str | None:
    """A code of ISO 4217, in capitals."""
    said = text(value)
    code = trim(said or "").upper()
    if code and code not in CURRENCIES:
        raise Wrong("unknown_currency")
    return code or None


def flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise Wrong(WRONG_TYPE)
    return value


def moment(value: Any) -> datetime:
    """An ISO 8601 time; without a zone it comes back naive. Finer than a microsecond is cut."""
    match = TIME.fullmatch(str(value)) if isinstance(value, str | int) else None
    if not match:
        raise Wrong(WRONG_TYPE)
    day, clock, zone = match["day"].replace("-", ""), match["clock"] or "00", match["zone"]
    digits = re.split("[.,]", clock)[0].replace(":", "").ljust(6, "0")
    try:
        time = datetime.strptime(day + digits, "%Y%m%d%H%M%S")
    except ValueError as wrong:
        raise Wrong(WRONG_TYPE) from wrong
    time = time.replace(microsecond=int((match["fraction"] or "0")[:6].ljust(6, "0")))
    return _in_utc(time, zone) if zone else time


def _in_utc(time: datetime, zone: str) -> datetime:
    hours, minutes = (0, 0) if zone in "Zz" else (int(zone[1:3]), int(zone[3:].strip(":") or 0))
    offset = timedelta(hours=hours, minutes=minutes)
    day, sign = time.date(), zone[0]
    # The first day there is, and the last, only as UTC tells them.
    if offset > FARTHEST or minutes > 59 or (day, sign) in ((date.min, "+"), (date.max, "-")):
        raise Wrong(WRONG_TYPE)
    return time.replace(tzinfo=UTC) - (-offset if sign == "-" else offset)


def listed(of: Callable[[Any], Any], most: int) -> Callable[[Any], list[Any]]:
    """A list, each entry understood alike."""

    def read(value: Any) -> list[Any]:
        if not isinstance(value, list):
            raise Wrong(WRONG_TYPE)
        told, words = gathered((of, entry) for entry in value)
        if len(value) > most:
            words.add("too_many")
        if words:
            raise Wrong(*words)
        return told

    return read


def texts(most: int) -> Callable[[Any], list[str]]:
    """A list of texts without those that say nothing."""
    read = listed(text, most)
    return lambda value: [entry for entry in read(value) if entry is not None]


def gathered(
    parts: Iterable[tuple[Callable[[Any], Any], Any]],
) -> tuple[list[Any], set[str]]:
    """Each value as it is understood, and everything that is wrong with any of them."""
    told, words = [], set()
    for of, value in parts:
        try:
            told.append(None if value is None else of(value))
        except Wrong as wrong:
            told.append(None)
            words |= wrong.words
    return told, words


def record(**fields: Callable[[Any], Any]) -> Callable[[Any], dict[str, Any]]:
    """An object with known fields; what others say is a part of the payload and nothing else."""

    def read(value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise Wrong(WRONG_TYPE)
        told, words = gathered((of, value.get(name)) for name, of in fields.items())
        known = dict(zip(fields, told, strict=True))
        if costs(known) >= MILLION_MILLIONS:
            words.add(OUT_OF_BOUNDS)
        if len(value) > NAMES:
            words.add(TOO_MANY_FIELDS)
        if words:
            raise Wrong(*words)
        return known | {"more": {k: v for k, v in value.items() if k not in fields}}

    return read


def costs(line: Mapping[str, Any]) -> Decimal:
    """What quantity, price and discount of a line make, whatever its sign; else nothing."""
    quantity, price = line.get("quantity"), line.get("unit_price")
    if quantity is None or price is None:
        return Decimal(0)
    return abs(quantity * price - (line.get("discount") or 0))


def instant(value: Any) -> datetime | None:
    """A time with its zone; blanks say nothing."""
    if isinstance(value, str) and not trim(value):
        return None
    time = moment(value)
    if time.tzinfo is None:
        raise Wrong(WRONG_TYPE)
    return time


def mapping(value: Any) -> dict[str, str | None]:
    """An object of texts; what is nested stays as it is, it is never looked at."""
    if not isinstance(value, dict):
        raise Wrong(WRONG_TYPE)
    if len(value) > NAMES:
        raise Wrong(TOO_MANY_FIELDS)
    return dict(value)


LINE = record(
    line_id=text, sku=text, category=text, quantity=quantity, unit_price=money, discount=money,
    amount=money,
)  # fmt: skip
DEVICE = record(type=text, os=text)
GEO = record(country=text, region=text, city=text, time_zone=text)

COMMON = {
    "event_id": text,
    "type": text,
    "received_at": instant,
    "source": text,
    "identifiers": listed(record(type=raw, value=raw), ENTRIES["identifiers"]),
    "properties": mapping,
}


def _texts(names: str, of: Callable[[Any], Any] = text) -> dict[str, Callable[[Any], Any]]:
    return dict.fromkeys(names.split(), of)


FIELDS: dict[str, dict[str, Callable[[Any], Any]]] = {
    "clicks": {
        **COMMON,
        **_texts("session_id sku category form message_id campaign_id place"),
        **_texts("query url referrer", long_text),
        "device": DEVICE,
        "geo": GEO,
    },
    "purchases": {
        **COMMON,
        **_texts("order_id line_id campaign_id place store_id sku"),
        "amount": money,
        "currency": currency,
        "coupons": texts(ENTRIES["coupons"]),
        "lines": listed(LINE, ENTRIES["lines"]),
    },
    "messages": {
        **COMMON,
        **_texts("message_id channel purpose campaign_id variant content_id topic bounce"),
        **_texts("decision_id"),
        "skus": texts(ENTRIES["skus"]),
        "categories": texts(ENTRIES["categories"]),
        "offers_discount": flag,
        "machine_open": flag,
        "cost": money,
    },
    "profiles": {
        **COMMON,
        **_texts("attribute channel purpose provenance jurisdiction"),
        **_texts("value policy_text", long_text),
    },
    "service": {**COMMON, **_texts("contact_id channel topic order_id"), "satisfaction": stars},
}
