"""What an event says of consent beside what it is: each such signal as an event of its own.

Strings of TCF and GPP are numbers here, cut by arithmetic; the product reads them as texts of bits.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.oracle.blanks import is_unseen, trim

NAMES = {
    "gpc": "gpc", "secgpc": "gpc", "globalprivacycontrol": "gpc", "httpsecgpc": "gpc",
    "tcf": "tcf_string", "tcfstring": "tcf_string", "tcstring": "tcf_string",
    "iabtcftcstring": "tcf_string", "euconsentv2": "tcf_string",
    "gpp": "gpp_string", "gppstring": "gpp_string", "iabgpphdrgppstring": "gpp_string",
    "iabusprivacystring": "us_privacy",
    "usprivacy": "us_privacy", "uspstring": "us_privacy", "usprivacystring": "us_privacy",
    "errorcode": "error_code",
}  # fmt: skip
APPLIES = {"gdpr", "gdprapplies", "iabtcfgdprapplies"}
NO_PREFERENCE = {
    "false", "no", "off", "null", "nil", "unset", "not set", "undefined", "unknown", "none", "nan",
    "na", "n/a", "?0",
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
    chosen = max(bits.number(6, 36), bits.number(42, 36)) / 10
    shown = _shown([Bits(part) for part in others])
    if chosen >= MANDATORY.timestamp() and shown is None:
        return "tcf_2_3_disclosed_vendors_missing"
    consents = {p for p in range(1, 25) if bits.number(152 + p - 1, 1)}
    interests = {p for p in range(1, 25) if bits.number(176 + p - 1, 1)}
    if not ({1, 3, 4} <= consents and {2, 7, 9, 10} <= consents | interests):
        return "tcf_purposes_refused"
    if not vendors:
        return "nothing"
    try:
        by_consent, at = _vendors(bits, 213)
        by_interest, at = _vendors(bits, at)
        limits = _limits(bits, at)
    except ValueError:
        return "unreadable"
    asked = by_consent if {2, 7, 9, 10} <= consents else by_consent & by_interest
    if any(v not in asked for v in vendors if shown is None or v in shown):
        return "tcf_vendors_refused"
    if bits.number(132, 6) < 4 or not bits.number(138, 1):
        return "nothing"
    if not set(vendors) <= (by_consent if shown is None else by_consent & shown):
        return "nothing"
    for vendor in vendors:
        for purpose in (1, 2, 3, 4, 7, 9, 10):
            kinds = {kind for p, kind, whom in limits if p == purpose and vendor in whom}
            by = {"consent"} if purpose in consents else set()
            if purpose not in (1, 3, 4) and purpose in interests and vendor in by_interest:
                by.add("interest")
            by -= {"consent", "interest"} if 0 in kinds else set()
            by -= {"interest"} if 1 in kinds else set()
            by -= {"consent"} if 2 in kinds else set()
            if not by:
                return "nothing"
    return "tcf_granted"


def chosen_at(text: str) -> datetime:
    """When somebody chose what a TC string says, or the one inside a GPP string."""
    header, *parts = text.split("~")
    core = parts[(sections(header) or []).index(2)] if parts else text
    tenths = Bits(core.split(".")[0]).number(42, 36)
    return datetime.fromtimestamp(0, UTC) + timedelta(seconds=tenths / 10)


def _shown(segments: list[Bits]) -> set[int] | None:
    for bits in segments:
        if bits.number(0, 3) == 1:
            try:
                return _vendors(bits, 3)[0]
            except ValueError:
                return None
    return None


def _vendors(bits: Bits, at: int) -> tuple[set[int], int]:
    """A list of vendors that begins there, and where it ends."""
    most, is_ranges = bits.number(at, 16), bits.number(at + 16, 1)
    if is_ranges:
        return _ranges(bits, at + 17)
    end = at + 17 + most
    bits.number(end, 0)
    return {v for v in range(1, most + 1) if bits.number(at + 16 + v, 1)}, end


def _ranges(bits: Bits, at: int) -> tuple[set[int], int]:
    found, count = set[int](), bits.number(at, 12)
    at += 12
    for _ in range(count):
        is_range, low = bits.number(at, 1), bits.number(at + 1, 16)
        high = bits.number(at + 17, 16) if is_range else low
        found |= set(range(low, high + 1))
        at += 33 if is_range else 17
    return found, at


def _limits(bits: Bits, at: int) -> list[tuple[int, int, set[int]]]:
    """What a publisher restricts: purpose, what of it, and whom."""
    found, count = [], bits.number(at, 12)
    at += 12
    for _ in range(count):
        purpose, kind = bits.number(at, 6), bits.number(at + 6, 2)
        whom, at = _ranges(bits, at + 8)
        found.append((purpose, kind, whom))
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
    if not any(said):
        return "unreadable"
    return next((word for word in ORDER if word in said), "nothing")


def _section(number: int, text: str, vendors: Collection[int]) -> str:
    if number == 2:
        return tcf(text, vendors)
    if number == 6:
        return us_privacy(text)
    if number not in FIRST:
        return ""
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
    word = text.lower()
    if word in ("true", "yes", "on", "?1"):
        return "gpc_opt_out"
    if word in NO_PREFERENCE or not word.strip("-"):
        return "nothing"
    if re.fullmatch(r"[+-]?[01](\.0*)?", word) and float(word) >= 0:
        return "gpc_opt_out" if float(word) else "nothing"
    return "unreadable"


def _is_about(told: Mapping[str, Any]) -> bool:
    """Whether a TC string beside these says anything: not where the law does not hold."""
    said = [_said(value) for key, value in told.items() if _bare(key) in APPLIES]
    return not any(value and gpc(value) == "nothing" for value in said)


def _holds(chosen: datetime, shown: datetime) -> bool:
    """Whether a choice is of the last 13 months, and of no time to come."""
    months = shown.year * 12 + shown.month - 1 - 13
    year, month = divmod(months, 12)
    last = calendar.monthrange(year, month + 1)[1]
    first = shown.replace(year=year, month=month + 1, day=min(shown.day, last))
    return first <= chosen <= shown + timedelta(days=1)


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
            if re.fullmatch(r"[^0-9]*21610(\.0*)?", said) and fields.get("type") == "failed":
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
        if name == "tcf_string" and not _is_about(told):
            continue
        if opens:
            chosen = chosen_at(said)
            if not _holds(chosen, common["occurred_at"]):
                continue
            common["occurred_at"] = min(chosen, common["occurred_at"])
        more = {"channel": "ad", "purpose": "marketing", "attribute": name, "value": finding,
                "type": "consent_granted" if opens else "consent_withdrawn"}  # fmt: skip
        why = [f"unreadable:{name}"] if finding == "unreadable" else []
        yield "profiles", {**common, **more}, said, why, []
