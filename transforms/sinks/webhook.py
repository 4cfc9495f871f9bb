"""Webhook: JSON to any address of the retailer's own, signed, with an idempotency key.

Signed as the specification "Standard Webhooks" says (standardwebhooks.com, v1): `webhook-id`,
`webhook-timestamp` and `webhook-signature`, which is HMAC-SHA-256 over "id.timestamp.body" in
base64. The id is the same each time the same call is tried, and stands in `Idempotency-Key`, too,
so that whoever remembers it does nothing twice. Each record brings its `record_id`.

What the receiver needs to act goes out plainly: name in `identifiers` only what it has to know.
A success may say {"rejected": [{"record_id": "…", "reason": "…"}]} of rows it did not take.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from tactful.transforms.options import option
from tactful.transforms.sinks import sink as s
from tactful.transforms.sinks.http import (
    ACCEPTED,
    Answer,
    Call,
    Erase,
    Http,
    Signed,
    calls_whole,
    took,
)

GUARDED = ("email", "phone")
PREFIX = "whsec_"
# What the specification asks of a secret: 192 bits at least.
LEAST_BYTES = 24
MOST_REASON = 100


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the receiver may want to read in each call."""

    audience_id: str | None = option("Its own name for the audience.", default=None)


def forms(identifiers: DataFrame) -> DataFrame:
    """Write every identifier plainly, under the name of its type.

    Adds: field, wire, reason. Keeps: every row and column.
    """
    kind, value = F.col("identifier_type"), F.col("value")
    refused = s.looks_hashed(value) & kind.isin(*GUARDED)
    wire = (
        F.when(kind == "email_sha256", s.kept_hash(value))
        .when(refused, None)
        .when(kind == "email", s.kept_address(value))
        .otherwise(s.kept_text(value))
    )
    why = F.when(refused, s.ALREADY_HASHED).otherwise(s.INVALID)
    written = identifiers.withColumns({"field": kind, "wire": wire})
    return written.withColumn("reason", F.when(F.col("wire").isNull(), why))


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
    """What happens to whom: the audience, the operation, and a record a person."""
    records: list[dict[str, Any]] = [{"identifiers": json.loads(payload)} for payload in payloads]
    for record, record_id in zip(records, record_ids, strict=bool(record_ids)):
        record["record_id"] = record_id
    told: dict[str, Any] = {"audience": audience, "operation": operation, "records": records}
    if audience_id:
        told["audience_id"] = audience_id
    return s.document(told)


def speech(
    payloads: Sequence[str],
    *,
    record_ids: Sequence[str],
    policy: str,
    operation: str = "send",
    audience_id: str | None = None,
) -> str:
    """What is to be said to whom, or is not after all: the policy, and a record a message."""
    pairs = zip(payloads, record_ids, strict=True)
    records = [{"record_id": record_id, **json.loads(payload)} for payload, record_id in pairs]
    return s.document({"operation": operation, "policy": policy, "records": records})


def erase(options: Mapping[str, Any], values: Sequence[s.Value]) -> list[Call]:
    """An operation as any other, with a record a value: what there is of them is to be deleted."""
    found = []
    for start in range(0, len(values), SINK.batch_limit):
        part = values[start : start + SINK.batch_limit]
        records = [{"identifiers": {value.field: [value.wire]}} for value in part]
        text = s.document({"operation": "erase", "records": records})
        found.append(Call("POST", "", text, tuple(range(start, start + len(part)))))
    return found


def headers(call: Call, signed: Signed) -> dict[str, str]:
    """The signature, and what it is of."""
    return {
        "Content-Type": "application/json",
        "Idempotency-Key": signed.key,
        "webhook-id": signed.key,
        "webhook-timestamp": str(signed.at),
        "webhook-signature": signature(signed, call.body or ""),
    }


def signature(signed: Signed, text: str) -> str:
    """What stands in `webhook-signature`: v1 and the HMAC of id, timestamp and body."""
    message = f"{signed.key}.{signed.at}.{text}".encode()
    digest = hmac.new(_secret(signed.credential), message, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


def _secret(credential: str) -> bytes:
    """The bytes of a secret: whsec_ is followed by base64, anything else is taken as it is."""
    if credential.startswith(PREFIX):
        return base64.b64decode(credential.removeprefix(PREFIX), validate=True)
    return credential.encode()


def unfit(credential: str) -> tuple[str, str] | None:
    """A secret that no receiver's library would read, or that is soon guessed.

    Source: standardwebhooks.com, "Signature scheme", looked at 2026-11.
    """
    try:
        length = len(_secret(credential))
    except binascii.Error:
        return f"no base64 behind {PREFIX}", f"{PREFIX} and base64, or a secret without {PREFIX}"
    if length < LEAST_BYTES:
        return f"a secret of {length} bytes", f"a secret of {LEAST_BYTES} bytes or more"
    return None


def read(status: int, said: Any, call: Call) -> Answer:
    """Any success takes all, but for the records that it names as rejected."""
    named = said.get("rejected") if isinstance(said, dict) else None
    if not isinstance(named, list) or not named or call.body is None:
        return Answer(ACCEPTED)
    records = json.loads(call.body)["records"]
    rows = {record.get("record_id"): row for record, row in zip(records, call.rows, strict=True)}
    refused = {
        rows[told.get("record_id")]: str(told.get("reason") or "rejected")[:MOST_REASON]
        for told in named
        if isinstance(told, dict) and told.get("record_id") in rows
    }
    return took(call, refused)


SINK = s.Sink(
    kind="webhook",
    channel=None,
    batch_limit=500,
    # Our own: what receivers take without being told of it.
    max_bytes=1_000_000,
    minimum_audience=0,
    identifier_types=(),
    needs_ad_consent=False,
    extension="json",
    forms=forms,
    split=s.one_a_person,
    row=s.values_by_field,
    body=body,
    fields={},
    options=Options,
    speech=speech,
    can_schedule=True,
    can_cancel=True,
    http=Http(
        base="",
        calls=calls_whole("POST", ""),
        headers=headers,
        per_second=50.0,
        read=read,
        unfit=unfit,
        erase=Erase(erase, leaves="what your receiver does with it is its own", per_second=50.0),
    ),
    doc="A webhook: JSON to an address of your own, signed, with an idempotency key.",
)
