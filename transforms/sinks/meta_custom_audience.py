"""Meta: customer file custom audiences through the Marketing API.

Rules from Meta's pages "Customer File Custom Audiences", "Custom Audience Users" and "Customer
Information Parameters" (developers.facebook.com/documentation/ads-commerce; checked 2026-11-21).
A file is the body of one POST (add) or DELETE (remove) on /{audience_id}/users. Meta keeps the
dots of a Gmail address and wants phones without +, so Google's hashes match nobody here.

One row of a multi-key upload holds one value a key. A person with more becomes several rows: the
first values of all keys together, which matches best, then the second ones, and so on.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from tactful.transforms.options import option
from tactful.transforms.sinks import sink as s
from tactful.transforms.sinks.http import (
    ACCEPTED,
    FORBIDDEN,
    REJECTED,
    RETRY,
    Answer,
    Call,
    Erase,
    Http,
    bearer,
)
from tactful.transforms.sinks.replacing import Replace, part_of_row, values_of_row
from tactful.transforms.sinks.us_states import CODES as US_STATES

EXTERN_ID, EMAIL, PHONE, MADID = "EXTERN_ID", "EMAIL", "PHONE", "MADID"
KEYS = (EXTERN_ID, EMAIL, PHONE, MADID)
SCHEMA = (EMAIL, PHONE, MADID)
# "Handling Errors" and "Rate Limits" of the Graph API (checked 2026-11-21).
BAD_TOKENS = (102, 190)
TOO_MANY = (1, 2, 4, 17, 32, 341, 613, 80003)
NO_LETTERS = r"(?U)[\p{P}\p{S}\s]+"


@dataclass(frozen=True, kw_only=True)
class Options:
    """Where the audience is."""

    audience_id: str = option(
        "The audience's id there.",
        pattern=s.DIGITS,
        looks="the audience's number there, digits alone",
        needed="the audience's id at {kind}",
    )


def forms(identifiers: DataFrame) -> DataFrame:
    """Write every identifier the way Meta matches it: contacts hashed, ids plain."""
    return s.write(
        identifiers,
        {
            "customer_id": s.Form(EXTERN_ID, s.kept_text),
            "email": s.Form(EMAIL, lambda v: s.sha256(normalise_email(v)), guarded=True),
            "email_sha256": s.Form(EMAIL, s.kept_hash),
            "phone": s.Form(PHONE, lambda v: s.sha256(normalise_phone(v)), guarded=True),
            "device_id": s.Form(MADID, normalise_madid, s.NOT_ADVERTISING_ID),
        },
    )


def normalise_email(value: Column) -> Column:
    """An email address in lower case, dots and +suffix kept; null when it is none."""
    email = F.lower(s.trimmed(value))
    return F.when(email.rlike(r"(?U)^[^@\s]+@[^@\s]+$"), email)


def normalise_phone(value: Column) -> Column:
    """A phone number as digits from the country code on; null when it is none."""
    return F.regexp_replace(s.kept_e164(value), r"^\+0*", "")


def normalise_madid(value: Column) -> Column:
    """A phone's advertising id in lower case with its hyphens; null when it is none."""
    return F.lower(s.kept_advertising_id(value))


def normalise_name(value: Column) -> Column:
    """A name in lower case without punctuation and spaces, accents kept; null when empty."""
    return s.kept_text(F.regexp_replace(F.lower(value), NO_LETTERS, ""))


def normalise_city(value: Column) -> Column:
    """A town in lower case without punctuation and spaces; null when empty."""
    return normalise_name(value)


def normalise_state(value: Column) -> Column:
    """A state in lower case; of the United States as two letters, also from its full name."""
    name = normalise_name(value)
    codes = F.create_map(*(F.lit(part) for pair in US_STATES.items() for part in pair))
    return F.coalesce(F.try_element_at(codes, name), name)


def normalise_zip(value: Column, country: Column) -> Column:
    """A postal code in lower case without spaces and dashes; of the United States five digits.

    Without a country the form 94035-1234 is read as American: no other country writes it.
    """
    code = F.lower(s.squeezed(value))
    american = F.coalesce(normalise_country(country) == "us", code.rlike(r"^\d{5}-\d{4}$"))
    bare = F.regexp_replace(code, "-", "")
    return s.kept_text(F.when(american, F.substring(bare, 1, 5)).otherwise(bare))


def normalise_country(value: Column) -> Column:
    """A country as two letters in lower case; null when it is none."""
    code = F.lower(s.trimmed(value))
    return F.when(code.rlike("^[a-z]{2}$"), code)


def profile(field: str, value: Column, *, country: Column | None = None) -> Column:
    """What goes on the wire for one field of a profile; Meta wants all of them hashed."""
    normalised = {
        "FN": lambda: normalise_name(value),
        "LN": lambda: normalise_name(value),
        "FI": lambda: F.substring(normalise_name(value), 1, 1),
        "CT": lambda: normalise_city(value),
        "ST": lambda: normalise_state(value),
        "ZIP": lambda: normalise_zip(value, F.lit(None) if country is None else country),
        "COUNTRY": lambda: normalise_country(value),
    }[field]()
    return s.sha256(normalised)


def split(members: Column) -> Column:
    """Cut one person's identifiers into rows with at most one value a key."""
    ordered = F.array_sort(members)
    values = [s.of_fields(ordered, key) for key in KEYS]
    longest = F.greatest(*(F.size(held) for held in values))
    rows = F.transform(
        F.sequence(F.lit(1), F.greatest(longest, F.lit(1))),
        lambda n: F.concat(*(F.slice(held, n, F.lit(1)) for held in values)),
    )
    return F.filter(rows, lambda held: F.size(held) > 0)


def row(
    members: Column,
    *,
    operation: Column | s.Operation = "add",
    schema: Sequence[str] | None = None,
    granted: Column | None = None,
    opt_in: bool = True,
) -> Column:
    """One row of data in the order of the schema, blank where the person has no value.

    Consent has no place in it: who is in the audience may be there.

    Null when a key has two values, when a member's key is not in the schema, or without a value.
    """
    keys = tuple(schema or SCHEMA)
    held = s.of_fields(members, *KEYS)
    wires = [s.wires_of(held, key) for key in keys]
    data = F.array(*(F.coalesce(F.get(wire, 0), F.lit("")) for wire in wires))
    known = F.size(held) == F.size(s.of_fields(held, *keys))
    single = F.greatest(F.lit(0), *(F.size(wire) for wire in wires)) == 1
    return F.when(known & single, s.as_json(data))


def body(
    payloads: Sequence[str],
    *,
    operation: s.Operation,
    audience: str,
    audience_id: str | None = None,
    seq: int = 1,
    last: bool = True,
    total: int | None = None,
    session: str = "",
    schema: Sequence[str] | None = None,
    record_ids: Sequence[str] = (),
) -> str:
    """The body of one request of an upload session.

    Additions and removals are different calls and so different sessions: let `session` tell them
    apart. `seq` counts from 1; `total` is the number of rows in the whole session.
    """
    data = [json.loads(payload) for payload in payloads]
    keys = list(schema or SCHEMA)
    if any(len(values) != len(keys) for values in data):
        raise ValueError(f"audience {audience!r}: a row does not have one value a key of {keys}")
    return s.document(
        {
            "payload": {"data": data, "schema": keys},
            "session": {
                "batch_seq": seq,
                "estimated_num_total": len(data) if total is None else total,
                "last_batch_flag": last,
                "session_id": session_id(session),
            },
        }
    )


def session_id(session: str) -> int:
    """A positive whole number that stands for a session, the same for the same session.

    Meta takes 64 bits. 53 are used, so that readers that keep numbers as doubles (jq, JavaScript)
    pass it on unchanged.
    """
    digest = hashlib.sha256(session.encode("utf-8")).digest()
    return int.from_bytes(digest[:8], "big") % (2**53 - 1) + 1


def is_answer(said: Any, _: str) -> bool:
    """Whether the vendor itself has answered; a gateway does not say this."""
    return isinstance(said, dict) and "num_received" in said


def calls(text: str, operation: str, options: Mapping[str, Any], rows: Sequence[int]) -> list[Call]:
    """Rows are added to the audience by POST and taken out of it by DELETE."""
    method = "POST" if operation == "add" else "DELETE"
    return [Call(method, f"/{options['audience_id']}/users", text, tuple(rows))]


def replaced(
    payloads: Sequence[str],
    *,
    schema: Sequence[str],
    audience: str,
    session: str,
    options: Mapping[str, Any],
) -> Iterator[Call]:
    """One session at /{audience_id}/usersreplace ("Custom Audience Usersreplace", read 2026-11-28).

    Who is in none of its requests is out of the audience once the last of them has come.
    """
    for seq, start, size, last in s.cut_into_requests(len(payloads), SINK.batch_limit):
        text = body(
            payloads[start : start + size], operation="add", audience=audience, seq=seq, last=last,
            total=len(payloads), session=session, schema=schema,
        )  # fmt: skip
        rows = tuple(range(start, start + size))
        yield Call("POST", f"/{options['audience_id']}/usersreplace", text, rows)


def erase(options: Mapping[str, Any], values: Sequence[s.Value]) -> list[Call]:
    """Whoever is out of an audience: Meta keeps nothing else that it was told."""
    found = []
    for start in range(0, len(values), SINK.batch_limit):
        part = values[start : start + SINK.batch_limit]
        keys = tuple(key for key in KEYS if any(value.field == key for value in part))
        rows = [[value.wire if value.field == key else "" for key in keys] for value in part]
        text = body(list(map(s.document, rows)), operation="remove", audience="", schema=keys)
        found += calls(text, "remove", options, range(start, start + len(part)))
    return found


def read(status: int, said: Any, call: Call) -> Answer:
    """A success counts the rows it did not take, and does not say which they are."""
    invalid, received = (_count(said, name) for name in ("num_invalid_entries", "num_received"))
    # Received are those of the whole session up to now, so never fewer than this call's.
    unnamed = min(len(call.rows), max(invalid, len(call.rows) - received))
    state = REJECTED if unnamed == len(call.rows) else ACCEPTED
    return Answer(state, unnamed=unnamed)


def _count(said: Any, name: str) -> int:
    told = said.get(name)
    return told if isinstance(told, int) and told > 0 else 0


def blame(said: Any) -> str | None:
    """What Meta means by a 400: its code says whether the token or the pace is at fault."""
    error = said.get("error") if isinstance(said, dict) else None
    code = error.get("code") if isinstance(error, dict) else None
    if code in BAD_TOKENS:
        return FORBIDDEN
    return RETRY if code in TOO_MANY or (error or {}).get("is_transient") is True else None


SINK = s.Sink(
    kind="meta_custom_audience",
    channel="ad",
    batch_limit=10_000,
    minimum_audience=100,
    identifier_types=("email", "email_sha256", "phone", "device_id", "customer_id"),
    needs_ad_consent=True,
    hashes=True,
    extension="json",
    forms=forms,
    split=split,
    row=row,
    body=body,
    fields={
        "customer_id": EXTERN_ID,
        "email": EMAIL,
        "email_sha256": EMAIL,
        "phone": PHONE,
        "device_id": MADID,
    },
    together=(("email", "email_sha256", "phone", "device_id", "customer_id"),),
    offered=("email", "phone", "device_id"),
    max_identifiers_per_row=len(KEYS),
    options=Options,
    # A change takes up to a day ("Customer File Custom Audiences"). Of the API it is the version of
    # 2026-11-04; `endpoint` names a later one.
    http=Http(
        base="https://graph.facebook.com/v27.0",
        calls=calls,
        headers=bearer,
        per_second=2.0,
        read=read,
        is_answer=is_answer,
        delay=timedelta(hours=24),
        blame=blame,
        erase=Erase(
            erase,
            leaves="other audiences, of other destinations, are asked by them",
            per_second=2.0,
            is_answer=is_answer,
        ),
    ),
    replace=Replace(
        values=values_of_row,
        part=part_of_row,
        calls=replaced,
        meanwhile="until the last of them it holds what it held",
    ),
    doc="Meta: customer file custom audiences through the Marketing API.",
)
