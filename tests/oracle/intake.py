"""From landing files to accepted events: every row is accepted, a duplicate, or quarantined."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.oracle import replies, segment, sendgrid, shopify, signals
from tests.oracle.blanks import trim
from tests.oracle.config import duration
from tests.oracle.fields import FIELDS, MANUAL, NAMES, REQUIRED, Wrong, moment
from tests.oracle.identifiers import Normaliser
from tests.oracle.words import CLOSES, OPENS, doubts, event_type, settle

# Another system's event in canonical form, and what only such a one can have wrong.
LayOut = Callable[[Mapping[str, Any]], tuple[dict[str, Any], list[str]]]
# The same of a form whose rows may be several events, of several streams.
Split = Callable[[Mapping[str, Any]], Iterable[tuple[str, dict[str, Any], list[str]]]]
MIXED: dict[str, Split] = {"segment": segment.events, "shopify": shopify.events}
# Where a row goes that is not even an object.
UNREAD = {"segment": "clicks", "shopify": "purchases"}
# Names under which an object holds but a list of objects, and what may stand beside them.
WRAPPERS: dict[str, dict[str, set[str]]] = {
    "segment": {"batch": {"context", "integrations", "messageId", "metadata", "sentAt", "sequence",
                          "timestamp", "writeKey"}},
    "shopify": {name: set() for name in (
        "orders", "customers", "refunds", "fulfillments", "checkouts")},
}  # fmt: skip
# Names under which an object of Shopify's holds but one other.
SINGLE = {"order", "customer", "refund", "fulfillment", "checkout"}
# What a row that closes something cannot do without; for the rest it is not refused.
NEEDED = {"event_id", "type", "occurred_at", "identifiers", "message_id"}
OF_A_FIELD = ("wrong_type", "out_of_bounds", "too_long", "too_many")


@dataclass
class Row:
    """One line of a landing file, and what was understood of it."""

    stream: str
    source_name: str
    raw: str
    landed_at: datetime
    reasons: list[str] = field(default_factory=list)
    fields: dict[str, Any] = field(default_factory=dict)
    doubts: list[str] = field(default_factory=list)

    @property
    def event_id(self) -> str | None:
        return self.fields.get("event_id")

    @property
    def payload(self) -> dict[str, Any]:
        """What it says, whoever delivered it and when."""
        return {k: v for k, v in self.fields.items() if k not in ("received_at", "source")}


@dataclass(frozen=True)
class Intake:
    """What became of every row that was read."""

    accepted: list[Row]
    duplicates: list[Row]
    quarantined: list[Row]

    @property
    def counts(self) -> dict[str, int]:
        parts = {
            "accepted": len(self.accepted),
            "duplicate": len(self.duplicates),
            "quarantined": len(self.quarantined),
        }
        reused = sum("id_reused" in row.reasons for row in self.quarantined)
        return {"read": sum(parts.values()), **parts, "id_reused": reused}


def take_in(
    landing: Mapping[str, Iterable[Path]],
    config: Mapping[str, Any],
    *,
    normaliser: Normaliser | None = None,
    reused: Collection[str] = (),
) -> Intake:
    """Read every landing file and sort its rows out.

    `normaliser` says which identifiers can be used; without it no manual link is refused for them.

    `reused` names raw rows that the product quarantined as `id_reused`. Where one id came with
    several payloads, arrival may decide which one was accepted; it is one that is not named here.
    """
    rows = [row for source, paths in landing.items() for row in _read(source, paths, config)]
    if normaliser is not None:
        for row in rows:
            row.reasons += _unclear_link(row, normaliser)
    vendors = config.get("consent", {}).get("tcf_vendors", ())
    rows += [further for row in rows for further in _signals(row, vendors)]
    broken = [row for row in rows if row.reasons]
    by_id: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        if not row.reasons:
            by_id[row.stream, row.fields["event_id"]].append(row)
    result = Intake([], [], broken)
    for repeats in by_id.values():
        _accept_one(repeats, result, set(reused), duration(config["intake"]["dedupe_compare"]))
    return result


def _accept_one(rows: list[Row], result: Intake, reused: set[str], compare: timedelta) -> None:
    first, *others = sorted(
        rows, key=lambda row: (row.raw in reused, _opens(row), _rank(row), row.landed_at)
    )
    result.accepted.append(first)
    for row in others:
        told_apart = abs(row.landed_at - first.landed_at) <= compare
        if row.payload != first.payload and told_apart:
            row.reasons.append("id_reused")
            result.quarantined.append(row)
        else:
            result.duplicates.append(row)


def _opens(row: Row) -> bool:
    """Of several rows with one id in one batch, one that closes a channel stands."""
    return row.fields["type"] not in (
        "unsubscribed", "complained", "bounced", "consent_withdrawn",
    )  # fmt: skip


def _rank(row: Row) -> str:
    said = json.dumps(row.payload, sort_keys=True, default=str)
    return hashlib.sha256(said.encode()).hexdigest()


def _read(source: str, paths: Iterable[Path], config: Mapping[str, Any]) -> list[Row]:
    told = config["sources"][source]
    stream, lay_out = told.get("stream"), None
    if told.get("dialect") == "sendgrid":
        stream, lay_out = "messages", sendgrid.canonical
    rows = []
    for path in paths:
        landed_at = datetime.fromtimestamp(0, UTC) + timedelta(
            microseconds=path.stat().st_mtime_ns // 1000
        )
        for line in path.read_bytes().split(b"\n"):
            if not line.strip():
                continue
            line = line.rstrip(b"\r")
            most = config["intake"]["max_row_bytes"]
            if told.get("dialect") in MIXED:
                for one in _objects(told["dialect"], line, most):
                    rows += _split(told["dialect"], source, one, landed_at, config)
                continue
            for event, faults in sendgrid.cut(line, most) if lay_out else [(line, [])]:
                row = Row(stream, source, event.decode("utf-8", "replace"), landed_at, [*faults])
                rows.append(row if faults else _understand(row, event, config, lay_out))
    return rows


def _objects(dialect: str, line: bytes, most: int) -> Iterable[bytes]:
    """The objects of a line that is a list of them, or that wraps one; else the line."""
    if len(line) > most:
        return [line]
    name = None
    try:
        said = json.loads(line, object_pairs_hook=list, parse_constant=_no_number)
        if line.strip().startswith(b"{"):
            names = [key for key, _ in said]
            if dialect == "shopify" and len(names) == 1 and names[0] in SINGLE:
                one = json.loads(line, parse_float=Decimal)[names[0]]
                return [_written(one).encode() if isinstance(one, dict) else line]
            wraps = WRAPPERS[dialect]
            name = next((n for n in names if n in wraps), None)
            if name is None or names.count(name) > 1 or {*names} - {name, *wraps[name]}:
                return [line]
            said = json.loads(line)[name]
            if not isinstance(said, list) or not said:
                return [line]
    except (ValueError, TypeError, RecursionError):
        return [line]
    if name is not None:
        entries = json.loads(line, parse_float=Decimal)[name]
        return [_written(entry).encode() for entry in entries]
    return [b"[]" if reasons else one for one, reasons in sendgrid.cut(line, most)]


def _written(entry: Any) -> str:
    """An entry of a list as it stands there, as far as it is no number with a fraction."""
    return entry if isinstance(entry, str) else json.dumps(entry, default=float)


def _split(
    dialect: str, source: str, line: bytes, landed_at: datetime, config: Mapping[str, Any]
) -> list[Row]:
    """The events of one object, each a row of its own."""
    whole = Row(UNREAD[dialect], source, line.decode("utf-8", "replace"), landed_at)
    said = _object(whole, line, config)
    if said is None:
        return [whole]
    rows = []
    for stream, event, reasons in MIXED[dialect](said):
        raw = whole.raw if not rows else f"{whole.raw}/{len(rows) + 1}"
        row = Row(stream, source, raw, landed_at, [*whole.reasons, *reasons])
        rows.append(_filled(row, event, config))
    return rows


def _understand(
    row: Row, line: bytes, config: Mapping[str, Any], lay_out: LayOut | None = None
) -> Row:
    said = _object(row, line, config)
    if said is None:
        return row
    if lay_out:
        said, reasons = lay_out(said)
        row.reasons += reasons
    return _filled(row, said, config)


def _object(row: Row, line: bytes, config: Mapping[str, Any]) -> dict[str, Any] | None:
    """What the line says; None where it is no object, and why not among the row's reasons."""
    if len(line) > config["intake"]["max_row_bytes"]:
        row.reasons.append("oversized")
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        row.reasons.append("invalid_utf8")
    if "oversized" in row.reasons:
        return None  # quarantined whole: nobody looks for what such a row says
    try:
        said = json.loads(row.raw, parse_float=Decimal, parse_constant=_no_number)
    except ValueError:
        said = None
    if not isinstance(said, dict):
        row.reasons.append("malformed_json")
        return None
    return said


def _filled(row: Row, said: Mapping[str, Any], config: Mapping[str, Any]) -> Row:
    row.fields = _fields(row, said)
    row.fields["occurred_at"] = _occurred_at(row, said.get("occurred_at"), config)
    _check(row, said)
    _settle(row, said)
    return row


def _settle(row: Row, said: Mapping[str, Any]) -> None:
    """Closed values in place of words; a row that closes something is not refused for them."""
    reasons = settle(row.stream, row.fields, said)
    forgiven = set(said) - NEEDED if row.fields["type"] in CLOSES else set()
    faults = {f"{fault}:{name}" for fault in OF_A_FIELD for name in forgiven}
    row.reasons = [reason for reason in row.reasons if reason not in faults]
    row.reasons += reasons
    row.doubts = list(doubts(row.stream, row.fields["type"], said))


def _signals(row: Row, vendors: Collection[int]) -> Iterable[Row]:
    """What an event says of consent beside what it is: rows of their own."""
    told = signals.signals(row.stream, row.fields, row.reasons, vendors)
    for stream, said, raw, reasons, words in told:
        fields = {**dict.fromkeys(FIELDS[stream]), **said, "unknown fields": {}}
        yield Row(stream, row.source_name, raw, row.landed_at, reasons, fields, words)


def _unclear_link(row: Row, normaliser: Normaliser) -> list[str]:
    """A word on two identifiers names just two that can be used; one without value says nothing."""
    unread = any(reason.endswith(":identifiers") for reason in row.reasons)
    if row.fields.get("type") not in MANUAL or unread:
        return []
    named = normaliser.read(row.fields["identifiers"])
    says_more = named.blocked or [why for why in named.dropped if not why.endswith(":empty")]
    return ["not_two_identifiers"] if len(named.valid) != 2 or says_more else []


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _fields(row: Row, said: Mapping[str, Any]) -> dict[str, Any]:
    """Known fields by their type; what is not known is part of the payload and nothing else."""
    known = FIELDS[row.stream]
    fields: dict[str, Any] = dict.fromkeys(known)
    unknown = {k: v for k, v in said.items() if k not in known and k != "occurred_at"}
    for name in known.keys() & said.keys():
        try:
            fields[name] = None if said[name] is None else known[name](said[name])
        except Wrong as wrong:
            row.reasons += [f"{w}:{name}" if w in OF_A_FIELD else w for w in wrong.words]
    if len(said) > NAMES:
        row.reasons.append("too_many_fields")
    return {**fields, "unknown fields": unknown}


def _check(row: Row, said: Mapping[str, Any]) -> None:
    kind = row.fields.get("type")
    row.fields["type"] = event_type(row.stream, kind)
    is_reply = row.stream == "messages" and replies.is_reply(kind)
    if is_reply:
        row.fields["type"] = replies.meaning(said)
    for name in ("event_id", "type", "occurred_at", *REQUIRED.get(row.stream, ())):
        if not trim(str(said.get(name) if said.get(name) is not None else "")):
            needed = name
            if name == "message_id" and row.fields["type"] in CLOSES | OPENS:
                needed = None if _names_somebody(said) else "identifiers"
            elif name == "message_id" and is_reply:
                needed = None
            row.reasons += [f"missing:{needed}"] if needed else []
    if kind and trim(kind) and row.fields["type"] is None:
        row.reasons.append("reply_without_word" if is_reply else "unknown_type")


def _names_somebody(said: Mapping[str, Any]) -> bool:
    """Whether a word that may be of no message says whose it is."""
    ids = said.get("identifiers")
    values = [entry.get("value") for entry in ids or () if isinstance(entry, dict)]
    is_named = any(value is not None and trim(str(value)) for value in values)
    return isinstance(ids, list) and is_named


def _occurred_at(row: Row, value: Any, config: Mapping[str, Any]) -> datetime | None:
    if value is None or (isinstance(value, str) and not trim(value)):
        return None
    try:
        time = moment(value)
    except Wrong:
        row.reasons.append("occurred_at_not_a_time")
        return None
    if time.tzinfo is None:
        row.reasons.append("occurred_at_without_zone")
        return None
    if time.year < 1971:
        row.reasons.append(f"occurred_at_{'long_ago' if time.year < 1969 else 'at_epoch'}")
    if time > row.landed_at + duration(config["intake"]["max_skew"]):
        row.reasons.append("occurred_at_in_future")
    return time
