"""Lines as SendGrid's webhook, or whoever tampers with it, may leave them in a file.

Each with the events that must come out of it: their text, and the reasons against each.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

GOLDEN = Path(__file__).parent / "golden" / "dialects" / "sendgrid.json"
AT = 1772409600  # 2026-03-02T00:00:00Z
MAX_ROW_BYTES = 2_000_000
Parts = tuple[tuple[bytes, tuple[str, ...]], ...]


@dataclass(frozen=True)
class Line:
    """A line of a landing file, and what must become of it: each event's bytes and reasons."""

    told: bytes
    parts: Parts


def event(event_id: str, **told: Any) -> dict[str, Any]:
    """An open by Ann, but for what is told differently; None leaves a field out."""
    good = {
        "email": "ann@mail.example", "timestamp": AT, "event": "open", "sg_event_id": event_id,
        "sg_message_id": f"{event_id}.filter.0",
    }  # fmt: skip
    return {name: value for name, value in (good | told).items() if value is not None}


def text(told: Any) -> bytes:
    return json.dumps(told, ensure_ascii=False).encode()


def one(event_id: str, *reasons: str, **told: Any) -> Line:
    """One event on a line of its own."""
    line = text(event(event_id, **told))
    return Line(line, ((line, reasons),))


def whole(line: str | bytes, *reasons: str) -> Line:
    """A line that is kept whole."""
    line = line if isinstance(line, bytes) else line.encode()
    return Line(line, ((line, reasons or ("malformed_json",)),))


def compact(*parts: tuple[bytes, tuple[str, ...]]) -> Line:
    """The same of an array that is not cut byte for byte: its events are told without blanks."""
    cut = ((json.dumps(json.loads(t), separators=(",", ":")).encode(), why) for t, why in parts)
    return Line(array(*parts).told, tuple(cut))


def array(*parts: tuple[bytes, tuple[str, ...]]) -> Line:
    """Entries as they stand in one array, each with the reasons against it."""
    return Line(b"[" + b" ,\r\t ".join(told for told, _ in parts) + b"]", parts)


def good(event_id: str, **told: Any) -> tuple[bytes, tuple[str, ...]]:
    return text(event(event_id, **told)), ()


A, B = (text(event(f"glued {n}")).decode() for n in "ab")
NOT_SOUND = ("malformed_json",)
NO_TIME, EPOCH = "occurred_at_not_a_time", "occurred_at_at_epoch"
BAD_BYTES = text(event("bad bytes", useragent="X")).replace(b"X", b"\xff\xc3")
FEW = 10_000
SHORT = '{{"email":"p{0}@mail.example","timestamp":1772409600,"event":"open","sg_event_id":"many {0}","sg_message_id":"m{0}"}}'  # noqa: E501
MANY = array(*((SHORT.format(n).encode(), ()) for n in range(FEW)))
BIG = whole(b"[" + text(event("big", useragent="x" * MAX_ROW_BYTES)) + b"]", "oversized")
# Names that no event of SendGrid's has; some are words of the canonical form.
STRANGE = ("account_status_change", "subscribe", "sent", "resubscribe", "bounced", "unknown")
NAMES = {
    "OPEN": "opened", " Open\u00a0": "opened", "group unsubscribe": "unsubscribed",
    "Group-Unsubscribe": "unsubscribed", "SpamReport": "complained", "spam_report": "complained",
    "Processed": "sent",
}  # fmt: skip
# The same moment in all its forms.
MOMENTS = (AT, str(AT), f" {AT} ", AT * 1000, str(AT * 1000), f"{AT}.000", "2026-03-02T00:00:00Z")
# What somebody says in `category`, and the topic that comes of it.
CATEGORIES: tuple[tuple[Any, str | None], ...] = (
    ("belts", "belts"), (["belts"], "belts"), (["belts", "sale"], "belts"), (5, "5"),
    ('["belts"]', "belts"), ("[draft] belts", "[draft] belts"), ("", None), ([], None),
    ([[]], None), ({"a": 1}, None), ([None], None), ("x" * 1001, None), (["", "belts"], None),
)  # fmt: skip

LINES = [
    # Arrays that are none, or are not whole and alone on their line.
    whole(f"[{A},{B}"),
    whole(f"[{A},{B[:-5]}"),
    whole(f"[{A},{B}]]"),
    whole(f"[{A}][{B}]"),
    whole(f"[{A}] {B}"),
    whole(f"[{A},]"),
    whole(f"[,{A}]"),
    whole(f"[{A} {B}]"),
    whole(A + B),
    whole(f"{A},{B}"),
    whole(f"{A}],[{B}"),
    whole(f"{A}]"),
    whole("[" + A + "}," + B + "]"),
    whole('["a", NaN]'),
    whole(f"[{A}, \x00]"),
    whole(A.replace("ann", "ann\x00")),
    whole(b"\xef\xbb\xbf" + A.encode()),
    whole(b'[{"event": "\xff'.ljust(20), "invalid_utf8", "malformed_json"),
    whole("5"),
    whole('"text"'),
    whole("null"),
    whole("plainly not JSON"),
    # An array of nothing is a row all the same.
    whole("[]", "no_events"),
    whole(" [ \t] ", "no_events"),
    # What stands between good events harms none of them.
    compact(good("between 1"), (b"5", NOT_SOUND), (b"null", NOT_SOUND), (b"[]", NOT_SOUND),
          (b"[" + text(event("nested")) + b"]", NOT_SOUND), good("between 2"),
          (b"{}", ("missing:event_id", "missing:type", "missing:message_id",
                   "missing:occurred_at"))),
    array((b"[[[5]]]", NOT_SOUND)),
    compact(good("signs 1", useragent="a},{b"), good("signs 2", x=[{"a": 1}, {"a": 2}])),
    # Cut between `},{` there are three pieces, and three entries: not the same ones.
    compact((b'{"k": "},{", "j": "},{"}', ("missing:event_id", "missing:type",
            "missing:message_id", "missing:occurred_at")), (b"5", NOT_SOUND), good("shifted")),
    array(good("before bad bytes", useragent="Zo\u00eb \u4e00"),
          (BAD_BYTES, ("invalid_utf8",)), good("after bad bytes")),
    Line(b" [ " + text(event("blanks around")) + b" ]  ", (good("blanks around"),)),
    Line(text([json.dumps(event("quoted \u00e9 \u4e00"))]),
         ((json.dumps(event("quoted \u00e9 \u4e00")).encode(), ()),)),
    # Said twice, with and without another payload: `accept` tells them apart.
    array(good("twice"), good("twice"), good("twice", event="click")),
    array(good("escaped \u00fc", useragent="a\\\"]} ,x{", email="a\u0000nn@mail.example")),
    # Of a name that is said twice the last counts.
    Line(A.replace('"event": "open"', '"event": "open", "event": "click"').encode(),
         ((A.replace('"event": "open"', '"event": "open", "event": "click"').encode(), ()),)),
    # Times.
    one("no time", "missing:occurred_at", timestamp=None),
    one("blank time", "missing:occurred_at", timestamp=" "),
    *(one(f"bad time {n}", NO_TIME, timestamp=said) for n, said in enumerate(
        ("soon", AT * 10**6, [AT], {"s": AT}, "1e400", -(10**15), True, "NaN", "0x1F"))),
    *(one(f"early {n}", EPOCH, timestamp=said) for n, said in enumerate((0, -5, 20260302, "0"))),
    one("late", "occurred_at_in_future", timestamp=AT + 10**7),
    one("late by far", "occurred_at_in_future", timestamp=10**11 - 1),
    *(one(f"moment {n}", timestamp=said) for n, said in enumerate(MOMENTS)),
    # Names of events.
    *(one(f"named {n}", event=word) for n, word in enumerate(NAMES)),
    *(one(f"strange {word}", "unknown_type", event=word) for word in STRANGE),
    *(one(f"strange {n}", "unknown_type", event=said) for n, said in enumerate((5, True))),
    one("no name", "missing:type", event=None),
    one("blank name", "missing:type", event=" \u200b"),
    one("one group", "opens_one_group", event="Group Resubscribe", asm_group_id=1),
    # Ids, addresses, and what is no text.
    one("no message", "missing:message_id", sg_message_id=None),
    one("nobody", email=None),
    one("nobody leaves", "missing:identifiers", event="unsubscribe", email=None,
        sg_message_id=None),
    one("somebody leaves", event="unsubscribe", sg_message_id=None),
    one("number", email=5, sg_message_id=7, category=True, sg_machine_open="yes, maybe"),
    one("object", "wrong_type:identifiers", email={"a": 1}),
    one("object leaves", "wrong_type:identifiers", event="unsubscribe", email=["a@b.example"]),
    one("message object", "wrong_type:message_id", sg_message_id={"a": 1}),
    one("x" * 1001, "too_long:event_id", sg_message_id="m"),
    one("many fields", "too_many_fields", **{f"f{n}": n for n in range(1200)}),
    *(one(f"category {n}", category=said) for n, (said, _) in enumerate(CATEGORIES)),
    one("long argument", campaign_id="x" * 1001, customer_id="x" * 1001),
    one("blank argument", campaign_id="", customer_id=" ", purpose="", asm_group_id=1,
        marketing_campaign_id="mc"),
    # As texts these would be one customer, who are many.
    one("no names", customer_id=True, loyalty_id=0.0, device_id=1e3, anonymous_id="1e3"),
    one("whole number", customer_id=17),
    one("odd purpose", event="processed", purpose="newsletter"),
    one("odd purpose leaves", event="unsubscribe", purpose="newsletter"),
    BIG,
]  # fmt: skip
QUOTED = A.replace('"', "'").encode()
# Python has another bound on how deep a text is nested, and cuts other arrays than Spark does.
OURS = [
    whole("[" * 3000 + "]" * 3000),
    Line(b"[" + QUOTED + b"]", ((QUOTED, NOT_SOUND),)),
    whole(b"[" + BAD_BYTES + b", 5]", "invalid_utf8", "malformed_json"),
]
