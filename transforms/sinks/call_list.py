"""A call list: whom a call centre must not ring, as CSV that any dialler reads.

One line a number, in E.164 as diallers take it, with the operation: add (do not ring), remove (ring
again). Nobody is called here: whoever dials reads the files in their order. A field that a
spreadsheet would take for a formula is written with an apostrophe before it, as OWASP's page "CSV
Injection" advises (owasp.org; read 2026-11-27); a number in E.164 stays as it is, since a dialler
reads it and a + before digits calculates nothing.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass

from pyspark.sql import DataFrame

from tactful.transforms.options import option
from tactful.transforms.sinks import sink as s

COLUMNS = ("operation", "phone", "customer_id", "audience", "record_id")
CALLS = (
    "operation", "phone", "policy", "content_id", "campaign_id", "products", "reason", "send_at",
    "not_after", "locale", "decision_id", "record_id",
)  # fmt: skip
FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the call centre may want to read in each line."""

    audience_id: str | None = option("Its own name for the audience.", default=None)


def forms(identifiers: DataFrame) -> DataFrame:
    """Write numbers plainly, since somebody dials them."""
    return s.write(
        identifiers,
        {
            "phone": s.Form("phone", s.kept_e164, guarded=True),
            "customer_id": s.Form("customer_id", s.kept_id),
        },
    )


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
    """A header and a line a record."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\r\n")
    writer.writeheader()
    ids = record_ids or [""] * len(payloads)
    for payload, record_id in zip(payloads, ids, strict=True):
        known: dict[str, str] = json.loads(payload)
        if "customer_id" in known:
            known["customer_id"] = _no_formula(known["customer_id"])
        writer.writerow(
            {
                **known,
                "operation": operation,
                "audience": _no_formula(audience_id or audience),
                "record_id": record_id,
            }
        )
    return text.getvalue()


def speech(
    payloads: Sequence[str],
    *,
    record_ids: Sequence[str],
    policy: str,
    operation: str = "send",
    audience_id: str | None = None,
) -> str:
    """A header and a line a call that is to be made: whom, about what, from when and until when."""
    text = io.StringIO()
    writer = csv.DictWriter(text, CALLS, lineterminator="\r\n", extrasaction="ignore")
    writer.writeheader()
    for payload, record_id in zip(payloads, record_ids, strict=True):
        told = json.loads(payload)
        products = [p.get("name") or p["sku"] for p in told.get("products", ())]
        plain = {name: _no_formula(str(value)) for name, value in told.items()}
        writer.writerow(
            {
                **plain,
                "operation": operation,
                "policy": _no_formula(policy),
                "phone": told["address"],
                "products": _no_formula(", ".join(products)),
                "record_id": record_id,
            }
        )
    return text.getvalue()


def _no_formula(value: str) -> str:
    return f"'{value}" if value.startswith(FORMULA) else value


SINK = s.Sink(
    kind="call_list",
    channel="call",
    batch_limit=1_000_000,
    minimum_audience=0,
    identifier_types=("phone", "customer_id"),
    needs_ad_consent=False,
    extension="csv",
    forms=forms,
    split=s.one_each,
    row=s.one_value,
    body=body,
    fields={"phone": "phone", "customer_id": "customer_id"},
    together=(("phone", "customer_id"),),
    offered=("phone", "customer_id"),
    max_identifiers_per_row=1,
    options=Options,
    speech=speech,
    # Whoever has been given a list calls from it; what it says besides is for the next one.
    can_schedule=True,
    doc="A call list: whom a call centre must not ring, or is to ring, as CSV.",
)
