"""Rows of landing files, each with the reasons for which it must be refused, if any."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from tactful.transforms.sources.canonical import SEAL
from tests import worlds
from tests.landing import as_line as line

LANDED_AT = datetime(2026, 3, 10, tzinfo=UTC)
GOOD = "2026-03-02T00:00:00Z"
STREAMS = ("clicks", "purchases", "messages", "profiles", "service")
TYPES = dict(
    zip(
        STREAMS,
        ("page_view", "order_placed", "sent", "attribute_set", "contact_opened"),
        strict=True,
    )
)
NEEDED = {"purchases": {"order_id": "o1"}, "messages": {"message_id": "m1"}}

# How content somebody says to be, what is understood, and what of it is told as a doubt.
SATISFIED: tuple[tuple[Any, int | None, str | None], ...] = (
    (5, 5, None), (1, 1, None), ("5", 5, None), (" 4 ", 4, None), (3.0, 3, None), ("2.00", 2, None),
    ("", None, None), ("\u200b", None, None),
    (0, None, "0"), (6, None, "6"), (9, None, "9"), (-1, None, "-1"), (4.5, None, "4.5"),
    ("good", None, "good"), ("4,5", None, "4,5"), (True, None, "true"), ([5], None, "[5]"),
    (123456, None, "…"),
)  # fmt: skip


@dataclass(frozen=True)
class Row:
    """One row of a landing file, and the reasons for which it must be refused."""

    stream: str
    told: dict[str, Any] | str | bytes
    reasons: tuple[str, ...] = ()

    @property
    def line(self) -> bytes:
        return line(self.told)

    @property
    def shown(self) -> str:
        """The row as the product shows it in `raw`."""
        return self.line.rstrip(b"\r").decode("utf-8", "replace")


def row(stream: str, *reasons: str, **told: Any) -> Row:
    """A good event of a stream, but for what is told differently; None leaves a field out."""
    good = {"event_id": "e", "type": TYPES[stream], "occurred_at": GOOD, **NEEDED.get(stream, {})}
    return Row(stream, {k: v for k, v in (good | told).items() if v is not None}, reasons)


def raw(text: str | bytes, *reasons: str, stream: str = "clicks") -> Row:
    return Row(stream, text, reasons)


def glued(inner: str) -> str:
    return f'{{"event_id": "{inner}", "type": "page_view", "occurred_at": "{GOOD}"}}'


def after(landing: timedelta) -> str:
    return (LANDED_AT + landing).isoformat()


ANN = [{"type": "email", "value": "ann@mail.example"}]
BLANKS = ("   ", "\t", "\u00a0", "\u200b\u2060", "\ufeff\u00ad\u180e", "\u202e", "\u3164", "\u2800")
# One moment in the forms that ISO 8601 has for it.
MIDNIGHT = (
    "20260302T000000Z", "20260302T0000Z", "20260302T00Z", "2026-03-02T00Z", "2026-03-02T00:00z",
    "2026-03-02t00:00:00z", "2026-03-02T05:00:00+05", "20260302T053000+0530", "2026-03-02 00:00Z",
    "2026-03-02T00:00:00,000Z", "20260302T000000.000+00", "2026-03-01T21-03",
    "2026-03-01T18:30-0530", "2026-03-02T00:00:00.000000000000000000000000000001Z",
)  # fmt: skip
LOCAL = (
    "20260302T000000", "20260302T00", "2026-03-02T00", "2026-03-02t00:00:00,5", "20260302",
    20260302,
)  # fmt: skip
NO_TIMES = (
    "2026-03-02T00:00:00+5", "2026-03-02T00:00:00+19:00", "2026-03-02T00:00:00+05:60",
    "2026-03-02Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00",
    "2026-03-02T00:00.5Z", "2026-03-02T000Z", "2026-0302T00Z", "2026-W10-1T00Z", "2026-061T00Z",
    "20260302T000000ZZ", "20260230T00Z", "2026-03-02T25Z", "2026-03-02T00:00:00Z ",
    "0000-01-01T00:00:00Z",
    "2026-03-02T00:00:60Z", "2026-03-02T00:00:00\u221205:00", "2016-12-31T23:59:60Z",
    "2026-03-01T24:00:00Z", "2026-03-01T24:00Z", "20260301T240000Z", "2026-W10-1T00:00:00Z",
)  # fmt: skip
BEYOND = (
    {"amount": 10**12}, {"amount": "1.8e12"}, {"amount": "-1e999"}, {"unit_price": 10**20},
    {"quantity": 10**9}, {"discount": -(10**12)}, {"quantity": 10**6, "unit_price": 10**6},
    {"quantity": 10**6, "unit_price": -(10**6), "amount": 1},
    {"quantity": 1, "unit_price": 999_999_999_999, "discount": -1},
)  # fmt: skip
ALL_MISSING = ("missing:event_id", "missing:type", "missing:occurred_at")
NO_TIME, NO_ZONE = "occurred_at_not_a_time", "occurred_at_without_zone"
DEEP = {"deep": {"er": [1, None]}, "none": None, "text": "x"}
BIG = row("clicks", "oversized", event_id="big", url="x" * 10_000_000)

ROWS = [
    # What is no JSON object, whole and alone on its line.
    raw("plainly not JSON", "malformed_json"),
    raw('{"event_id": "t", "type": "page_view", "occurred_at": "2026-', "malformed_json"),
    raw("[1, 2]", "malformed_json"),
    raw("[" + glued("a1") + "]", "malformed_json"),
    raw('"text"', "malformed_json"),
    raw("null", "malformed_json"),
    raw(glued("a2") + glued("a3"), "malformed_json"),
    raw(glued("a4") + " " + glued("a5"), "malformed_json"),
    raw("{}" + glued("a5"), "malformed_json"),
    # The field that is put into every row, here already: by its name, and in escapes.
    raw(glued("s1")[:-1] + f', "{SEAL}": 0}}' + glued("s2"), "malformed_json"),
    raw(glued("s3")[:-1] + f', "\\u005a{SEAL[1:]}": 0}}' + glued("s4"), "malformed_json"),
    raw(glued("s5")[:-1] + f', "{SEAL[:-1]}\\u004c": 0}}' + glued("s6"), "malformed_json"),
    raw(glued("s7")[:-1] + f', "{SEAL}": 0}}'),
    raw(glued("a6") + ", " + glued("a7"), "malformed_json"),
    raw(glued("a8") + " trailing", "malformed_json"),
    raw(glued("a9") + "}", "malformed_json"),
    raw(glued("a10") + "]}", "malformed_json"),
    raw(glued("a11")[:-1] + ",}", "malformed_json"),
    raw(glued("a12")[:-1] + ', "x": {"y": 1}', "malformed_json"),
    raw("{'event_id': 'single'}", "malformed_json"),
    raw('{"event_id": NaN}', "malformed_json"),
    raw('{"event_id": "a' + chr(1) + '"}', "malformed_json"),
    raw(b"\xef\xbb\xbf" + glued("bom").encode(), "malformed_json"),
    raw("{}", *ALL_MISSING),
    raw(" { } ", *ALL_MISSING),
    raw("  " + glued("spaces") + "  "),
    raw(glued("carriage return") + "\r"),
    row("clicks", event_id="ä\u2028\u2029\u0085 ☃ 🛒"),
    raw(b'{"event_id": "utf8", "type": "?", "x": "\xff"}', "invalid_utf8", "missing:occurred_at",
        "unknown_type"),
    raw(b'{"event_id": "utf8 cut", "x": "\xff', "invalid_utf8", "malformed_json"),
    BIG,
    # What is missing or unknown.
    row("clicks", "missing:event_id", event_id=""),
    row("clicks", "missing:type", type=""),
    *(row("clicks", "missing:event_id", event_id=blank) for blank in BLANKS),
    *(row("purchases", "missing:order_id", order_id=blank) for blank in BLANKS),
    *(row("messages", "missing:message_id", message_id=blank) for blank in BLANKS),
    row("clicks", "missing:type", "missing:occurred_at", type="\u200b", occurred_at="\u00a0\t"),
    row("clicks", "missing:type", "missing:occurred_at", type=None, occurred_at=None),
    raw('{"event_id": "n", "type": "page_view", "occurred_at": null}', "missing:occurred_at"),
    row("clicks", "unknown_type", type="teleported"),
    row("clicks", "unknown_type", type=5),
    row("purchases", "unknown_type", type="page_view"),
    row("purchases", "missing:order_id", order_id=None),
    row("purchases", "missing:order_id", order_id=""),
    *(row("messages", "missing:message_id", message_id=None, type=kind, identifiers=ANN)
      for kind in ("sent", "delivered", "opened", "clicked", "failed")),
    *(row("messages", event_id=f"of no message {kind}", message_id=None, type=kind, identifiers=ANN)
      for kind in ("unsubscribed", "Opt-Out", "complained", "subscribed", "bounced")),
    row("messages", event_id="of blanks", message_id="\u200b", type="complained", identifiers=ANN),
    *(row("messages", "missing:identifiers", message_id=None, type="unsubscribed", identifiers=ids)
      for ids in (None, [], [{"type": "email", "value": "\u00a0"}], [None, {"type": "email"}])),
    row("messages", "missing:identifiers", "wrong_type:identifiers", message_id=None,
        type="unsubscribed", identifiers="ann@mail.example"),
    row("messages", "missing:message_id", "unknown_type", NO_ZONE, message_id=None,
        type="teleported", occurred_at="2026-03-02T00:00:00"),
    # Times.
    row("clicks", NO_TIME, occurred_at="yesterday"),
    row("clicks", NO_TIME, occurred_at="2026-02-30T00:00:00Z"),
    row("clicks", NO_TIME, occurred_at="2026-02-30T00:00:00"),
    row("clicks", NO_TIME, occurred_at="2026-03-02T24:00:00Z"),
    row("clicks", NO_TIME, occurred_at="2026-03-02T00:00:00Z\n"),
    row("clicks", NO_TIME, occurred_at=" 2026-03-02T00:00:00Z"),
    row("clicks", NO_TIME, occurred_at="02.03.2026 00:00Z"),
    row("clicks", NO_TIME, occurred_at="٢٠٢٦-03-02T00:00:00Z"),
    row("clicks", NO_TIME, occurred_at=1772409600),
    row("clicks", NO_TIME, occurred_at={"at": GOOD}),
    row("clicks", NO_ZONE, occurred_at="2026-03-02T00:00:00"),
    row("clicks", NO_ZONE, occurred_at="2026-03-02 00:00"),
    row("clicks", NO_ZONE, occurred_at="2026-03-02"),
    row("clicks", "occurred_at_at_epoch", occurred_at="1970-01-01T00:00:00Z"),
    row("clicks", "occurred_at_at_epoch", occurred_at="1970-12-31T23:59:59Z"),
    row("clicks", event_id="after the epoch", occurred_at="1971-01-01T00:00:00Z"),
    row("clicks", event_id="early", occurred_at=after(timedelta(hours=1))),
    row("clicks", "occurred_at_in_future", occurred_at=after(timedelta(hours=1, microseconds=1))),
    row("clicks", event_id="nanoseconds", occurred_at="2026-03-02T00:00:00.1234567Z"),
    row("clicks", event_id="minutes", occurred_at="2026-03-02T00:00Z"),
    row("clicks", event_id="minutes and zone", occurred_at="2026-03-02T05:30+05:30"),
    row("clicks", event_id="zone", occurred_at="2026-03-01 18:30:00.5-0530"),
    *(row("clicks", event_id=f"time {time}", occurred_at=time) for time in MIDNIGHT),
    *(row("clicks", NO_ZONE, occurred_at=time) for time in LOCAL),
    *(row("clicks", NO_TIME, occurred_at=time) for time in NO_TIMES),
    row("clicks", "occurred_at_long_ago", occurred_at="0001-01-03T00:00:00Z"),
    row("clicks", "occurred_at_long_ago", occurred_at="1968-12-31T23:59:59.999999Z"),
    row("clicks", "occurred_at_at_epoch", occurred_at="1970-01-01T00:00:00+14:00"),
    row("clicks", "occurred_at_in_future", occurred_at="9999-12-31T23:59:59Z"),
    row("clicks", event_id="received", received_at="\u00a0"),
    row("clicks", event_id="received late", received_at="9999-12-31T23:59:59Z"),
    row("clicks", "wrong_type:received_at", received_at="2026-03-02T00:00:00"),
    row("clicks", "wrong_type:received_at", received_at="9999-12-31T23:59:59-14:00"),
    row("clicks", "wrong_type:received_at", received_at="0001-01-01T00:00:00+14:00"),
    # Bounds: what is just within, and what is just beyond.
    row("purchases", event_id="large", lines=[
        {"amount": -999_999_999_999, "discount": "999999999999.9999", "unit_price": 1},
        {"quantity": 10**6, "unit_price": 10**6, "discount": 1},
        {"quantity": -10**6, "unit_price": 10**6, "discount": -1},
    ]),
    *(row("purchases", "out_of_bounds:lines", lines=[{"sku": "a", "amount": 1}, line])
      for line in BEYOND),
    row("purchases", "out_of_bounds:lines", "wrong_type:lines",
        lines=[{"amount": 10**12}, {"amount": "much"}]),
    row("messages", event_id="dear", cost="-999999999999.9999"),
    *(row("messages", "out_of_bounds:cost", cost=cost)
      for cost in (10**12, 10**15, "1e15", "-1000000000000", "999999999999.99995", 10**40)),
    row("messages", "wrong_type:cost", cost="NaN"),
    row("messages", "wrong_type:cost", cost="1_000"),
    row("clicks", event_id="i" * 1000, url="u" * 100_000, referrer="r" * 100_000),
    row("clicks", "too_long:event_id", event_id="i" * 1001),
    row("clicks", "too_long:url", "too_long:sku", url="u" * 100_001, sku="ä" * 501),
    row("clicks", "too_long:device", "too_long:geo", device={"os": "o" * 1001},
        geo={"city": "c" * 1001}),
    row("clicks", "too_long:identifiers", identifiers=[{"type": "email", "value": "e" * 1001}]),
    row("purchases", "too_long:lines", "too_long:coupons", lines=[{"sku": "s" * 1001}],
        coupons=["c", "c" * 1001]),
    row("clicks", event_id="many", identifiers=[{"type": "email", "value": "e"}] * 100),
    row("clicks", "too_many:identifiers", identifiers=[{"type": "email", "value": "e"}] * 101),
    row("purchases", event_id="much", lines=[{}] * 5000, coupons=["c"] * 1000),
    row("purchases", "too_many:lines", "too_many:coupons", lines=[{}] * 5001,
        coupons=["c"] * 1001),
    row("messages", event_id="wide", skus=["s"] * 5000, categories=["c"] * 1000),
    row("messages", "too_many:skus", "too_many:categories", skus=["s"] * 5001,
        categories=["c"] * 1001),
    row("clicks", event_id="fields", **{f"f{n}": n for n in range(997)}),
    row("clicks", "too_many_fields", **{f"f{n}": n for n in range(998)}),
    row("clicks", "too_many_fields", **{f"more{n}": n for n in range(20_000)}),
    row("clicks", event_id="own fields", properties={f"f{n}": n for n in range(1000)}),
    row("clicks", "too_many_fields", properties={f"f{n}": n for n in range(1001)}),
    row("clicks", "too_many_fields", device={f"f{n}": n for n in range(1001)}),
    row("purchases", "too_many_fields", lines=[{}, {f"f{n}": n for n in range(1001)}]),
    # Currencies.
    *(row("purchases", event_id=f"currency {code!r}", currency=code)
      for code in ("usd", " Eur\u00a0", "", "\u200b", "DEM", "XCG")),
    *(row("purchases", "unknown_currency", currency=code)
      for code in ("US Dollar", "$", "EURO", "ABC", 978)),
    row("purchases", "wrong_type:currency", currency=["EUR"]),
    # Wrong types, at any depth.
    row("clicks", "wrong_type:event_id", event_id={"id": 1}),
    row("clicks", "wrong_type:type", type=["page_view"]),
    row("clicks", "wrong_type:identifiers", identifiers="ann@mail.example"),
    row("clicks", "wrong_type:identifiers", identifiers={"type": "email", "value": "a@b.example"}),
    row("clicks", "wrong_type:identifiers", identifiers=["ann@mail.example"]),
    row("clicks", "wrong_type:identifiers",
        identifiers=[{"type": "email", "value": "a@b.example"}, {"type": "email", "value": {}}]),
    row("clicks", "wrong_type:device", "wrong_type:geo", device="phone", geo=["FR"]),
    row("clicks", "wrong_type:device", device={"type": ["phone"], "os": "x"}),
    row("clicks", "wrong_type:url", "wrong_type:sku", url={"href": "/"}, sku=["jeans"]),
    row("clicks", "wrong_type:properties", properties=["x"]),
    row("clicks", "wrong_type:properties", "wrong_type:url", properties="x", url=[]),
    row("clicks", "wrong_type:received_at", received_at="just now"),
    row("purchases", "wrong_type:lines", lines="two pairs of jeans"),
    row("purchases", "wrong_type:lines", lines=[{"sku": "jeans", "amount": "cheap"}]),
    row("purchases", "wrong_type:lines", lines=[{"sku": "a"}, {"quantity": {"n": 1}}]),
    row("purchases", "wrong_type:lines", lines=[{"sku": {"id": 1}, "amount": 1}]),
    row("purchases", "wrong_type:lines", lines=[{"sku": "jeans", "amount": True}]),
    row("purchases", "wrong_type:order_id", "wrong_type:coupons", order_id=["o1"], coupons="c"),
    row("messages", "wrong_type:cost", cost="cheap"),
    row("messages", "wrong_type:cost", "wrong_type:machine_open", cost="", machine_open="true"),
    row("messages", "wrong_type:machine_open", machine_open=1),
    row("messages", "wrong_type:skus", skus=["jeans", {"sku": "mat"}]),
    row("messages", "wrong_type:skus", "wrong_type:offers_discount", skus="jeans",
        offers_discount="perhaps"),
    *(row("service", event_id=f"content {n}", satisfaction=told)
      for n, (told, _, _) in enumerate(SATISFIED)),
    row("profiles", "wrong_type:value", value={"size": 42}),
    row("profiles", "wrong_type:value", type="preference_set", attribute="fuel",
        value=["electric", "hybrid"]),
    # What is right, however odd.
    row("clicks", event_id="more", never_heard_of=DEEP, properties={"own": "p", "deep": "old"}),
    row("clicks", event_id="deep", properties=DEEP),
    row("clicks", event_id="nulls", url=None, identifiers=None, device=None),
    row("clicks", event_id="numbers", url=5, query=True),
    row("clicks", event_id="{6d92078a-8246-4ba4}", url="[draft]", query='{"size": 42}'),
    row("purchases", event_id="priced",
        lines=[{"sku": "jeans", "quantity": 0.355, "unit_price": "59.90", "amount": 1e3}]),
    row("purchases", event_id="without lines", lines=[], coupons=[]),
    row("messages", event_id="typed", cost="0.0125", machine_open=False, skus=["jeans"]),
    row("clicks", event_id="blank", sku="\t", url="\u200b", device={"type": "\u2800", "os": " x"},
        identifiers=[{"type": "customer_id", "value": "\u200b"}]),
    row("purchases", event_id="blank lines", coupons=["", "c", None, "\u00a0"], line_id="\ufeff",
        lines=[{"line_id": "\u00a0", "sku": "", "category": "\u3164", "quantity": 1}, None]),
    row("clicks", event_id="inside", properties={"own": "p", "device.model": "old"},
        device={"type": "phone", "model": {"name": "X"}, "os": None},
        geo={"zip": "SW1", "country": "GB"}, never_heard_of=1,
        identifiers=[{"type": "email", "value": "a@b.example"},
                     {"type": "customer_id", "value": "c1", "verified": True}]),
    row("clicks", event_id="\u00a0padded click\t", session_id=" s 1\x00", sku="\ufeffjeans",
        query=" jeans "),
    row("purchases", event_id="padded order ", order_id="\u200bA1 ", line_id="\u3164l1\u2060",
        coupons=[" c"], lines=[{"line_id": " l1", "sku": "jeans\u00a0", "category": "a b "}]),
    row("messages", event_id="padded message", skus=["jeans\u200b", " \u2028", "\u0085mat"]),
    row("purchases", event_id="inside lines",
        lines=[{"sku": "jeans", "colour": "blue"}, None, {"colour": None, "amount": 1}]),
]  # fmt: skip

# Where our reading of a row is stricter than the oracle's, or Python's own parser gives up.
OURS = [
    raw(glued("inside twice")[:-1] + ', "device": {"os": "a", "model": 1, "os": "b", "model": 2}}'),
    raw(
        '{"event_id": "lines twice", "type": "order_placed", "occurred_at": "2026-03-02T00:00:00Z",'
        ' "order_id": "o", "lines": [{"amount": "dear", "amount": 2, "sku": "a", "sku": "b"}]}',
        stream="purchases",
    ),
    raw('{"x": ' * 3000 + "1" + "}" * 3000, "malformed_json"),
    raw(glued("same")[:-1] + ', "x": 1, "x": 2, "properties": {"a": 1, "a": 3}}'),
]

AWKWARD = [Row("clicks", told) for told in worlds.awkward_rows().events["web"] if told != ""]
