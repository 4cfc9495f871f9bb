"""What an event says of consent beside what it is: each such signal as an event of its own.

Strings of TCF and GPP are numbers here, cut by arithmetic; the product reads them as texts of bits.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from tests.oracle.blanks import is_unseen, trim

NAMES = {
    "gpc": "gpc", "secgpc": "gpc", "globalprivacycontrol": "gpc",
    "tcf": "tcf_string", "tcfstring": "tcf_string", "tcstring": "tcf_string",
    "gpp": "gpp_string", "gppstring": "gpp_string",
    "usprivacy": "us_privacy", "uspstring": "us_privacy", "usprivacystring": "us_privacy",
    "errorcode": "error_code",
}  # fmt: skip
SIGNS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
MANDATORY = datetime(2026, 2, 28, tzinfo=UTC)
# Where the opt-outs of a section begin, in bits; usnat has a third one.
FIRST = dict.fromkeys(range(7, 28), 12) | {7: 18, 11: 14, 18: 14} | dict.fromkeys(range(24, 28), 16)
# Of what a string's sections say, the first of these counts.
ORDER = (
    "gpc_opt_out", "gpp_opt_out", "tcf_2_3_disclosed_vendors_missing", "tcf_purposes_refused",
    "tcf_vendors_refused", "unreadable", "tcf_granted",
)  # fmt: skip
OF_A_FIELD = {"wrong_type", "out_of_bounds", "too_long", "too_many", "missing", "unknown_value"}
WHOLE = {"unknown_type", "unknown_currency"}
NEEDED = {"event_id", "occurred_at", "identifiers"}


class Bits:
    """A text of base64url as one large number, read from its left."""

    def __init__(self, text: str) -> None:
        if not text or set(text) - set(SIGNS):
            raise ValueError(text)
        self.width, self.value = 6 * len(text), 0
        for sign in text:
            self.value = self.value * 64 + SIGNS.index(sign)

    def number(self, at: int, width: int) -> int:
        if at + width > self.width:
            raise ValueError("it ends too early")
        return self.value >> (self.width - at - width) & (2**width - 1)


def tcf(text: str, vendors: Collection[int] = ()) -> str:
    first, *others = text.split(".")
    try:
        bits = Bits(first)
        if first[0] != "C" or len(first) < 36 or not all(map(Bits, others)):
            return "unreadable"
        if bits.number(0, 6) != 2:
            return "unreadable"
    except ValueError:
        return "unreadable"
    created = datetime.fromtimestamp(0, UTC).timestamp() + bits.number(6, 36) / 10
    shown = any(Bits(part).number(0, 3) == 1 for part in others)
    if created >= MANDATORY.timestamp() and not shown:
        return "tcf_2_3_disclosed_vendors_missing"
    consents = {p for p in range(1, 25) if bits.number(152 + p - 1, 1)}
    interests = {p for p in range(1, 25) if bits.number(176 + p - 1, 1)}
    if not ({1, 3, 4} <= consents and {2, 7, 9, 10} <= consents | interests):
        return "tcf_purposes_refused"
    if not vendors:
        return "nothing"
    try:
        if not set(vendors) <= _vendors(bits):
            return "tcf_vendors_refused"
    except ValueError:
        return "tcf_vendors_refused"
    return "tcf_granted" if bits.number(132, 6) >= 4 and bits.number(138, 1) else "nothing"


def _vendors(bits: Bits) -> set[int]:
    if not bits.number(229, 1):
        most = bits.number(213, 16)
        return {v for v in range(1, min(most, bits.width - 230) + 1) if bits.number(229 + v, 1)}
    found, at = set[int](), 242
    for _ in range(bits.number(230, 12)):
        is_range, low = bits.number(at, 1), bits.number(at + 1, 16)
        high = bits.number(at + 17, 16) if is_range else low
        found |= set(range(low, high + 1))
        at += 33 if is_range else 17
    return found


def sections(header: str) -> list[int] | None:
    """The sections of a GPP string by its header, in Fibonacci's code."""
    try:
        bits = Bits(header)
        if bits.number(0, 6) != 3 or bits.number(6, 6) != 1:
            return None
        ids, at, last = [], 24, 0
        for _ in range(bits.number(12, 12)):
            is_range = bits.number(at, 1)
            step, at = _fibonacci(bits, at + 1)
            low = high = last + step
            if is_range:
                step, at = _fibonacci(bits, at)
                high = low + step
            if high > 1000:
                return None
            ids += range(low, high + 1)
            last = high
    except ValueError:
        return None
    return ids


def _fibonacci(bits: Bits, at: int) -> tuple[int, int]:
    total, one, two, before = 0, 1, 2, 0
    while True:
        bit = bits.number(at, 1)
        at += 1
        if bit and before:
            return total, at
        total += one if bit else 0
        one, two, before = two, one + two, bit


def gpp(text: str, vendors: Collection[int] = ()) -> str:
    header, *parts = text.split("~")
    ids = sections(header)
    if not ids or len(ids) != len(parts):
        return "unreadable"
    said = [_section(n, part, vendors) for n, part in zip(ids, parts, strict=True)]
    return next((word for word in ORDER if word in said), "nothing")


def _section(number: int, text: str, vendors: Collection[int]) -> str:
    if number == 2:
        return tcf(text, vendors)
    if number == 6:
        return us_privacy(text)
    if number not in FIRST:
        return "unreadable"
    core, *others = text.split(".")
    if any(part and part[0] in SIGNS and SIGNS.index(part[0]) >> 3 == 3 for part in others):
        return "gpc_opt_out"
    try:
        bits = Bits(core[:12])
        if bits.width < 24 or not 1 <= bits.number(0, 6) <= (2 if number == 7 else 1):
            return "unreadable"
    except ValueError:
        return "unreadable"
    places = range(FIRST[number], FIRST[number] + (6 if number == 7 else 4), 2)
    return "gpp_opt_out" if any(bits.number(at, 2) == 1 for at in places) else "nothing"


def us_privacy(text: str) -> str:
    if not re.fullmatch("1[YN-]{3}", text.upper(), re.ASCII):
        return "unreadable"
    return "gpp_opt_out" if text[2] in "yY" else "nothing"


def gpc(text: str) -> str:
    if text.lower() in ("1", "true", "yes", "on"):
        return "gpc_opt_out"
    return "nothing" if text.lower() in ("0", "false", "no", "off", "null", "unset") else "in_doubt"


def _bare(name: str) -> str:
    return "".join(c for c in name.lower() if not is_unseen(c) and c not in "-_./")


def _said(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else trim(str(value))


def signals(
    stream: str, fields: Mapping[str, Any], reasons: Collection[str], vendors: Collection[int]
) -> Iterator[tuple[str, dict[str, Any], str, list[str], list[str]]]:
    """Stream, fields, raw text, reasons and doubts of each event that the signals of one make."""
    parts = [reason.partition(":") for reason in reasons]
    if not all(f in WHOLE or (f in OF_A_FIELD and n not in NEEDED) for f, _, n in parts):
        return
    if fields.get("type") in ("always_link", "never_link", "link_withdrawn"):
        return
    if not fields.get("event_id") or fields.get("occurred_at") is None:
        return
    told = {**(fields.get("properties") or {}), **fields.get("unknown fields", {})}
    for key, value in told.items():
        name, said = NAMES.get(_bare(key)), _said(value)
        is_code = name == "error_code"
        if name is None or not said or is_code != (stream == "messages"):
            continue
        common = {n: fields.get(n) for n in ("occurred_at", "received_at", "source", "identifiers")}
        common["event_id"] = f"{stream}/{fields['event_id']}/{key}"
        if is_code:
            if said == "21610" and fields.get("type") == "failed":
                more = {"type": "unsubscribed", "channel": fields.get("channel") or "sms",
                        "message_id": fields.get("message_id")}  # fmt: skip
                yield "messages", {**common, **more}, said, [], []
            continue
        if not fields.get("identifiers"):
            continue
        found = {"gpc": gpc, "us_privacy": us_privacy}.get(name)
        strings = {"tcf_string": tcf, "gpp_string": gpp}
        finding = found(said) if found else strings[name](said, vendors)
        opens = finding == "tcf_granted"
        if finding == "nothing" or (opens and reasons):
            continue
        finding = "gpc_in_doubt" if finding == "in_doubt" else finding
        more = {"channel": "ad", "purpose": "marketing", "attribute": name, "value": finding,
                "type": "consent_granted" if opens else "consent_withdrawn"}  # fmt: skip
        why = [f"unreadable:{name}"] if finding == "unreadable" else []
        doubts = [f"gpc:{said[:100]}"] if finding == "gpc_in_doubt" else []
        yield "profiles", {**common, **more}, said, why, doubts
