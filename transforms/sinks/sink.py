"""What a destination is: its limits, and how an identifier, a record and a file look there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from tactful.transforms.options import options_of
from tactful.transforms.sinks.http import Http
from tactful.transforms.sinks.http import Value as Value
from tactful.transforms.sinks.http import document as document
from tactful.transforms.sinks.replacing import Replace

# An audience is added to and removed from; a list of opt-outs suppresses and unsuppresses.
Operation = Literal["add", "remove", "suppress", "unsuppress"]
CLOSING: dict[str, Operation] = {"add": "suppress", "remove": "unsuppress"}

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
# As far as RFC 5321 lets an address go, and what vendors take of ids of a retailer's own.
MAX_ADDRESS = 254
E164 = r"^\+[1-9][0-9]{6,14}$"
WHITESPACE = r"(?U)\s+"
# How a network numbers its audiences and accounts; a name in its place is refused there.
DIGITS = r"[0-9]+"


# Why a rule that passes fills no list of opt-outs.
PASSES = "what passes again must not be kept as an opt-out by who sends"

# By which identifiers a destination is told of persons where nobody says it.
USUAL = ("email", "phone")


class Fault(NamedTuple):
    """What is wrong between the options of one entry: the key, what it may be, and what helps."""

    key: str
    allowed: str
    hint: str = ""


def never(options: Mapping[str, Any]) -> bool:
    """It fills no list of opt-outs, whatever the options."""
    return False


def no_advice(options: Mapping[str, Any], audience: str) -> str:
    """Nothing is to be done there besides."""
    return ""


def says_by(told: str | None, audience: str) -> str:
    """What an audience is called at a vendor where nobody chose a name."""
    return told or f"tactful_{audience}"


def excluded_by(name: str, what: str) -> str:
    """The advice of a vendor at which something has to look at what it was told."""
    return f"it sets {name} and no more: leave {what} out of your campaigns by a segment of it"


def none_wrong(given: Mapping[str, Any], is_opt_out: bool) -> Iterable[Fault]:
    """The options bear each other and every policy."""
    return ()


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
    `http`   how a file of it is sent, and what an answer says; None where there is nobody to call.
    `is_opt_out` options → whether what it fills is the vendor's own list of those who opted out.
             Only opt-outs may go there: the vendor sends them nothing any more, of no campaign.
             Its records suppress and unsuppress, those of any other list add and remove.
    `faults` an entry as written, whether its policy is an opt-out → what is wrong between its
             options and that policy.
    `advice` options, audience → what its user has to do there besides, as a sentence; or nothing.
    `listed_by` the options that say which list it fills; silent: those that have to be given.
    `max_bytes` how long the text of one file may be; None where the vendor does not say. What is
             longer is split, never cut.
    `limits` the most records of one file by operation, where it is less than `batch_limit`.
    `speech` send records, their ids, policy → the text of one file of what is to be said to whom;
             None where nobody can be spoken to by it. It says so, and whoever reads it says it.
             Of what is called back the operation is `cancel`.
    `hashes` whether its audiences hold contacts as hashes; what is to be said has them plainly.
    `replace` how an audience is replaced whole; None where the vendor cannot do that.
    `can_schedule` whether who reads it says something at its `send_at`, and not before.
    `can_cancel` whether who reads it takes back until then what it was told to say. Only what does
             both is told ahead.
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
    http: Http | None = None
    is_opt_out: Callable[[Mapping[str, Any]], bool] = never
    faults: Callable[[Mapping[str, Any], bool], Iterable[Fault]] = none_wrong
    advice: Callable[[Mapping[str, Any], str], str] = no_advice
    listed_by: tuple[str, ...] = ()
    max_bytes: int | None = None
    limits: Mapping[str, int] = field(default_factory=dict)
    speech: Callable[..., str] | None = None
    replace: Replace | None = None
    hashes: bool = False
    can_schedule: bool = False
    can_cancel: bool = False

    @property
    def takes_ahead(self) -> bool:
        """Whether it may be told before the moment at which something is said."""
        return self.can_schedule and self.can_cancel

    @property
    def place(self) -> tuple[str, ...]:
        """The options that say which list it fills; none where each destination has its own."""
        required = (name for name, o in options_of(self.options).items() if o.is_required)
        return self.listed_by or tuple(required)

    def limit(self, operation: str) -> int:
        """How many records one file of an operation may hold."""
        return self.limits.get(operation, self.batch_limit)

    @property
    def usual_identifiers(self) -> tuple[str, ...]:
        """By which identifiers it is told of persons where nobody says it."""
        usual = tuple(name for name in USUAL if name in (self.offered or USUAL))
        return usual or self.offered[:1]

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


def kept_address(value: Column) -> Column:
    """An email address in lower case, as who writes to it needs it; null when it is none."""
    email = F.lower(trimmed(value))
    is_address = email.rlike(r"(?U)^[^@\s]+@[^@\s]+$") & (F.length(email) <= MAX_ADDRESS)
    return F.when(is_address, email)


def kept_id(value: Column) -> Column:
    """A retailer's own number for somebody; null when it is empty, or longer than vendors take."""
    plain = kept_text(value)
    return F.when(F.length(plain) <= MAX_ADDRESS, plain)


def one_each(members: Column) -> Column:
    """One record an identifier: a vendor that keeps persons by one of them is told each apart."""
    return F.transform(F.array_sort(members), lambda m: F.array(m))


def one_a_person(members: Column) -> Column:
    """One record a person, who are told of by all that they are known by."""
    return F.filter(F.array(F.array_sort(members)), lambda held: F.size(held) > 0)


def one_value(
    members: Column,
    *,
    operation: Column | Operation = "add",
    schema: Sequence[str] | None = None,
    granted: Column | None = None,
    opt_in: bool = True,
) -> Column:
    """One identifier as {"field": "value"}; null where there is none, or more than one."""
    held = F.filter(members, lambda m: m["wire"].isNotNull())
    pair = F.create_map(F.get(held, 0)["field"], F.get(held, 0)["wire"])
    return F.when(F.size(held) == 1, as_json(pair))


def values_by_field(
    members: Column,
    *,
    operation: Column | Operation = "add",
    schema: Sequence[str] | None = None,
    granted: Column | None = None,
    opt_in: bool = True,
) -> Column:
    """A person's identifiers as one JSON object, field → sorted values; null without any."""
    held = F.filter(members, lambda m: m["wire"].isNotNull())
    names = F.array_sort(F.array_distinct(F.transform(held, lambda m: m["field"])))
    values = F.transform(names, lambda name: wires_of(held, name))
    return F.when(F.size(names) > 0, as_json(F.map_from_arrays(names, values)))


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
