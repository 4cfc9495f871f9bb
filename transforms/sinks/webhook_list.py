"""A list of customers not to write to, for a receiver of webhooks: one JSON line a change.

The form is the receiver's own (told by the project on 2026-11-26; there is no vendor's page): `op`,
`policy`, and the email in lower case and the phone in E.164, plainly, since the receiver compares
them with its own list. So its files are as private as the raw contacts are (the outbox is its
owner's alone). An email of which only a hash is known cannot be written. A person with more than
one email or phone becomes several lines: the first of each together, then the second ones.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from tactful.transforms.sinks import sink as s

EMAIL, PHONE = "email", "phone"
KEYS = (EMAIL, PHONE)
OPS: dict[str, str] = {"add": "suppress", "remove": "unsuppress"}


def forms(identifiers: DataFrame) -> DataFrame:
    """Write emails and phones plainly; every other identifier is refused."""
    return s.write(
        identifiers,
        {
            "email": s.Form(EMAIL, plain_email, guarded=True),
            "phone": s.Form(PHONE, s.kept_e164, guarded=True),
        },
    )


def plain_email(value: Column) -> Column:
    """An email address in lower case; null when it is none."""
    email = F.lower(s.trimmed(value))
    return F.when(email.rlike(r"(?U)^[^@\s]+@[^@\s]+$"), email)


def split(members: Column) -> Column:
    """Cut one person's identifiers into lines with at most one email and one phone."""
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
    """A customer's email and phone as one JSON object; null with several of one kind, or none."""
    held = s.of_fields(members, *KEYS)
    wires = {key: s.wires_of(held, key) for key in KEYS}
    parts = F.struct(*(F.get(wire, 0).alias(key) for key, wire in wires.items()))
    most = F.greatest(*(F.size(wire) for wire in wires.values()))
    return F.when(most == 1, s.as_json(parts))


def body(
    payloads: Sequence[str],
    *,
    operation: s.Operation,
    audience: str,
    seq: int = 1,
    last: bool = True,
    total: int | None = None,
    session: str = "",
    schema: Sequence[str] | None = None,
) -> str:
    """One JSON line a record; the audience is named after its policy."""
    head = {"op": OPS[operation], "policy": audience, "email": None, "phone": None}
    return "".join(s.document({**head, **json.loads(payload)}) for payload in payloads)


SINK = s.Sink(
    kind="webhook_list",
    channel=None,
    batch_limit=1_000_000,
    minimum_audience=0,
    identifier_types=(EMAIL, PHONE),
    needs_ad_consent=False,
    extension="jsonl",
    forms=forms,
    split=split,
    row=row,
    body=body,
    fields={EMAIL: EMAIL, PHONE: PHONE},
    together=((EMAIL, PHONE),),
    offered=(EMAIL, PHONE),
    max_identifiers_per_row=len(KEYS),
    doc="A list of customers not to write to, for a receiver of webhooks: one JSON line a change.",
)
