"""A plain file for any other system: one JSON line a person, with what it needs and no more.

Personal data stays in one place (G8), so contacts and device ids go out as SHA-256 of the form that
intake gave them (email: trimmed, lower case; phone: E.164), which the receiver can compute from its
own copy. Only the retailer's own customer and loyalty numbers are written plainly.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from tactful.transforms.options import option
from tactful.transforms.sinks import sink as s

PLAIN = ("customer_id", "loyalty_id")
GUARDED = ("email", "phone")


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the receiver may want to read in each line."""

    audience_id: str | None = option("Its own name for the audience.", default=None)


def forms(identifiers: DataFrame, *, plain: Sequence[str] = PLAIN) -> DataFrame:
    """Hash every identifier but those of the types in `plain`; the field's name says which it is.

    Adds: field (`email_sha256`, `customer_id`, …), wire, reason. Keeps: every row and column.
    """
    kind, value = F.col("identifier_type"), F.col("value")
    text = s.kept_text(value)
    refused = s.looks_hashed(value) & kind.isin(*GUARDED)
    wire = (
        F.when(kind == "email_sha256", s.kept_hash(value))
        .when(refused, None)
        .when(kind.isin(*plain), text)
        .otherwise(s.sha256(text))
    )
    is_plain = kind.isin("email_sha256", *plain)
    field = F.when(is_plain, kind).otherwise(F.concat(kind, F.lit("_sha256")))
    why = F.when(refused, s.ALREADY_HASHED).otherwise(s.INVALID)
    taken = identifiers.withColumns({"field": field, "wire": wire})
    return taken.withColumn("reason", F.when(F.col("wire").isNull(), why))


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
    """One JSON line a record, each complete in itself, so that a cut file is still readable."""
    head = {"audience": audience, "operation": operation}
    if audience_id:
        head["audience_id"] = audience_id
    return "".join(s.document({**head, "identifiers": json.loads(payload)}) for payload in payloads)


def speech(
    payloads: Sequence[str],
    *,
    record_ids: Sequence[str],
    policy: str,
    operation: str = "send",
    audience_id: str | None = None,
) -> str:
    """One JSON line a message that is to be said, or is not after all, with all that it takes."""
    head = {"operation": operation, "policy": policy}
    pairs = zip(payloads, record_ids, strict=True)
    return "".join(
        s.document({**head, "record_id": record_id, **json.loads(payload)})
        for payload, record_id in pairs
    )


SINK = s.Sink(
    kind="file",
    channel=None,
    batch_limit=1_000_000,
    minimum_audience=0,
    identifier_types=(),
    needs_ad_consent=False,
    hashes=True,
    extension="jsonl",
    forms=forms,
    split=s.one_a_person,
    row=s.values_by_field,
    body=body,
    fields={},
    options=Options,
    speech=speech,
    can_schedule=True,
    can_cancel=True,
    doc="A plain file for any other system: one JSON line a person.",
)
