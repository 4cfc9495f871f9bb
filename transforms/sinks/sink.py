"""What a destination is: its limits, and how an identifier, a record and a file look there."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from tactful.transforms.options import options_of

Operation = Literal["add", "remove"]

INVALID = "invalid"
ALREADY_HASHED = "already_hashed"
NOT_ADVERTISING_ID = "not_an_advertising_id"
UNSUPPORTED = "unsupported"
# The form is right, but no message reaches the address any more.
BOUNCED = "bounced"
# The form is right, but the same value there is somebody's who said no to ads, or nobody's own.
WITHHELD = "refused_or_shared"

MEMBERS = "array<struct<field:string,wire:string>>"
SHA256_HEX = "^[0-9a-f]{64}$"
ADVERTISING_ID = "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"
NO_ADVERTISING_ID = "00000000-0000-0000-0000-000000000000"
E164 = r"^\+[1-9][0-9]{6,14}$"
WHITESPACE = r"(?U)\s+"
# How a network numbers its audiences and accounts; a name in its place is refused there.
DIGITS = r"[0-9]+"


@dataclass(frozen=True)
class NoOptions:
    """Nothing to choose."""


@dataclass(frozen=True)
class Sink:
    """One kind of destination.

    `forms`  identifiers → the same rows with `field`, `wire` and `reason` (see `write`).
    `split`  members of one person → array of members, each of which fits into one record. A member
             is struct<field, wire, …>; further fields (its key) pass through untouched.
    `row`    members of one record, `operation`, `schema`, `granted` (whether the person granted ad
             consent), `opt_in` (whether silence is no) → the record's JSON. Null where they are no
             legal record, so that nothing is cut off in silence: call `split` first.
    `body`   JSON records → the text of one file, which is one request where there is an API.
    `fields` the name at the destination of each type of identifier, in the order of its schema.
    `together` types that one audience may hold side by side; a destination configured across
             two of these groups is refused, and `apart` says why. Empty `identifier_types`: any.
    `offered` the types that a configuration may name; empty: any. The hash of an email goes with
             the email and is not named.
    `options` a frozen dataclass of `option`s: what has to be known of an audience there. What it
             declares, `body` takes under the same names; a table inside it as a dictionary.
    `doc`    a sentence about it.
    """

    kind: str
    channel: str | None
    batch_limit: int
    minimum_audience: int
    identifier_types: tuple[str, ...]
    needs_ad_consent: bool
    extension: str
    forms: Callable[..., DataFrame]
    split: Callable[[Column], Column]
    row: Callable[..., Column]
    body: Callable[..., str]
    fields: Mapping[str, str]
    together: tuple[tuple[str, ...], ...] = ()
    apart: str = ""
    offered: tuple[str, ...] = ()
    max_identifiers_per_row: int | None = None
    options: type = NoOptions
    doc: str = ""

    @property
    def place(self) -> tuple[str, ...]:
        """The options that say which list it fills; none where each destination has its own."""
        return tuple(name for name, o in options_of(self.options).items() if o.is_required)

    def schema(self, identifiers: Sequence[str]) -> tuple[str, ...]:
        """The destination's fields for the configured types, each once, in its own order."""
        wanted = {self.fields[kind] for kind in identifiers if kind in self.fields}
        return tuple(field for field in dict.fromkeys(self.fields.values()) if field in wanted)


@dataclass(frozen=True)
class Form:
    """How one type of identifier is written for a destination.

    `wire` gives null for a value that the destination cannot take, `reason` says why. `guarded`
    refuses what already looks hashed: a second hash would match nobody, and nobody would notice.
    """

    field: str
    wire: Callable[[Column], Column]
    reason: str = INVALID
    guarded: bool = False


class Request(NamedTuple):
    """One request of a session: its number from 1, the slice of records, and whether it ends it."""

    seq: int
    start: int
    size: int
    last: bool


def cut_into_requests(total: int, limit: int) -> list[Request]:
    """Cut a number of records into requests that the destination takes."""
    starts = range(0, total, limit)
    return [
        Request(seq, start, min(limit, total - start), start + limit >= total)
        for seq, start in enumerate(starts, start=1)
    ]


def write(identifiers: DataFrame, forms: Mapping[str, Form]) -> DataFrame:
    """Put every identifier into the destination's own form, or say why it cannot be.

    Adds: field (its name there), wire (what is put on the wire, null when refused), reason (null,
    or why it was refused). Keeps: every row and column. Needs: identifier_type, value.
    """
    kind, value = F.col("identifier_type"), F.col("value")
    guarded = [name for name, form in forms.items() if form.guarded]
    hashed = kind.isin(*guarded) & looks_hashed(value)
    fields = [F.when(kind == name, F.lit(form.field)) for name, form in forms.items()]
    wires = [F.when((kind == name) & ~hashed, form.wire(value)) for name, form in forms.items()]
    reasons = [
        F.when(hashed, F.lit(ALREADY_HASHED)),
        *(F.when(kind == name, F.lit(form.reason)) for name, form in forms.items()),
        F.lit(UNSUPPORTED),
    ]
    taken = identifiers.withColumns({"field": F.coalesce(*fields), "wire": F.coalesce(*wires)})
    return taken.withColumn("reason", F.when(F.col("wire").isNull(), F.coalesce(*reasons)))


def looks_hashed(value: Column) -> Column:
    """Whether a value is already a SHA-256 digest in hex, in either case."""
    return F.coalesce(F.lower(trimmed(value)).rlike(SHA256_HEX), F.lit(False))


def trimmed(value: Column) -> Column:
    """The value without white space around it; Spark's own trim knows the blank only."""
    return F.regexp_replace(value, r"(?U)^\s+|\s+$", "")


def squeezed(value: Column) -> Column:
    """The value without any white space, inside or around."""
    return F.regexp_replace(value, WHITESPACE, "")


def sha256(value: Column) -> Column:
    """SHA-256 in lower-case hex, null for null."""
    return F.sha2(value, 256)


def kept_hash(value: Column) -> Column:
    """A hash that the source already made, as it is; null when it is none."""
    digest = F.lower(trimmed(value))
    return F.when(digest.rlike(SHA256_HEX), digest)


def kept_e164(value: Column) -> Column:
    """A phone number that intake made E.164; null when it is none."""
    return F.when(value.rlike(E164), value)


def kept_advertising_id(value: Column) -> Column:
    """A phone's advertising id as it is; null for other device ids and for the opted-out zeros."""
    plain = trimmed(value)
    lower = F.lower(plain)
    return F.when(lower.rlike(ADVERTISING_ID) & (lower != NO_ADVERTISING_ID), plain)


def kept_text(value: Column) -> Column:
    """The value without white space around it; null when nothing is left."""
    plain = trimmed(value)
    return F.when(plain != "", plain)


def of_fields(members: Column, *fields: str | Column) -> Column:
    """The members that carry a value for one of these fields."""
    return F.filter(members, lambda m: m["field"].isin(*fields) & m["wire"].isNotNull())


def wires_of(members: Column, *fields: str | Column) -> Column:
    """The values of these fields, each once and sorted."""
    wires = F.transform(of_fields(members, *fields), lambda m: m["wire"])
    return F.array_sort(F.array_distinct(wires))


def chunks(items: Column, size: int) -> Column:
    """An array cut into arrays of at most `size`, none of them empty."""
    numbers = F.sequence(F.lit(0), F.floor(F.size(items) / size).cast("int"))
    cut = F.transform(numbers, lambda n: F.slice(items, n * size + 1, F.lit(size)))
    return F.filter(cut, lambda chunk: F.size(chunk) > 0)


def as_json(value: Column) -> Column:
    """A struct or array as JSON; absent fields are left out whatever the session says."""
    return F.to_json(value, {"ignoreNullFields": "true"})


def document(value: Any) -> str:
    """One JSON document on one line: the same value gives the same text."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return text + "\n"
