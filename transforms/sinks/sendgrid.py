"""SendGrid: a custom field of contacts, or an unsubscribe group where somebody opted out of email.

Rules from SendGrid's API descriptions (github.com/twilio/twilio-oai: tsg_suppressions_v3 and
tsg_mc_contacts_v3; read 2026-11-27).

Nobody in an unsubscribe group gets any message of it, so only opt-outs from email go there. All
else writes yes or no into a text field of the contact, by which a segment leaves it out. A group
does not say who put an address there, so it is searched first: who was there before us closed it
at SendGrid and is never taken out by us. Addresses leave a group one call each. Suppressions for a
group that was deleted would close everything (they become global), which no call can find out:
SendGrid's own search then answers 404, so nothing is closed without it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from pyspark.sql import DataFrame

from tactful.transforms.options import option
from tactful.transforms.sinks import sink as s
from tactful.transforms.sinks.http import (
    ACCEPTED,
    RETRY,
    Answer,
    Call,
    Erase,
    Http,
    bearer,
    numbered,
    took,
)

YES, NO = "yes", "no"
ERASED = 900
GROUP = "/v3/asm/groups/{group_id}/suppressions"


@dataclass(frozen=True, kw_only=True)
class Options:
    """Where it is said."""

    group_id: str | None = option(
        "The unsubscribe group for opt-outs from email.",
        default=None,
        pattern=s.DIGITS,
        looks="the group's number there, digits alone",
    )
    field_id: str | None = option(
        "The contacts' custom text field that says it, yes or no, for all that is no opt-out.",
        default=None,
        pattern=r"e[0-9]+_T",
        looks="the id of a text field there, such as e1_T",
    )


def forms(identifiers: DataFrame) -> DataFrame:
    """Write every address as SendGrid keeps it, in lower case; it knows nobody by anything else."""
    return s.write(identifiers, {"email": s.Form("email", s.kept_address, guarded=True)})


def body(
    payloads: Sequence[str],
    *,
    operation: s.Operation,
    audience: str,
    group_id: str | None = None,
    field_id: str | None = None,
    seq: int = 1,
    last: bool = True,
    total: int | None = None,
    session: str = "",
    schema: Sequence[str] | None = None,
    record_ids: Sequence[str] = (),
) -> str:
    """Addresses for a group, or contacts with the field that says it."""
    contacts: list[dict[str, str]] = [json.loads(payload) for payload in payloads]
    if operation in ("suppress", "unsuppress"):
        return s.document({"recipient_emails": [contact["email"] for contact in contacts]})
    if not field_id:
        raise ValueError(f"audience {audience!r}: SendGrid needs field_id for what is no opt-out")
    says = {field_id: YES if operation == "add" else NO}
    return s.document({"contacts": [{**contact, "custom_fields": says} for contact in contacts]})


def faults(given: Mapping[str, Any], is_opt_out: bool) -> Iterable[s.Fault]:
    """A group or a field, and a group for opt-outs alone."""
    if "group_id" in given and not is_opt_out:
        yield s.Fault("group_id", "no such key, or a policy of opt-outs", s.PASSES)
    if "group_id" in given and "field_id" in given:
        yield s.Fault("field_id", "group_id or field_id, not both")
    if "group_id" not in given and "field_id" not in given:
        fitting = "group_id, the unsubscribe group" if is_opt_out else "field_id, the custom field"
        yield s.Fault("group_id" if is_opt_out else "field_id", f"{fitting} at sendgrid")


def advice(options: Mapping[str, Any], audience: str) -> str:
    """What has to look at the field."""
    field_id = options.get("field_id")
    return s.excluded_by(f"the field {field_id}", "contacts") if field_id else ""


def calls(text: str, operation: str, options: Mapping[str, Any], rows: Sequence[int]) -> list[Call]:
    """One call for contacts and for suppressions; leaving a group is one call an address."""
    if operation in ("add", "remove"):
        return [Call("PUT", "/v3/marketing/contacts", text, tuple(rows))]
    place = GROUP.format_map(options)
    if operation == "suppress":
        return [Call("POST", place, text, tuple(rows))]
    emails = json.loads(text)["recipient_emails"]
    return [
        Call("DELETE", f"{place}/{quote(email, safe='')}", None, (row,))
        for email, row in zip(emails, rows, strict=True)
    ]


def erase(options: Mapping[str, Any], values: Sequence[s.Value]) -> list[Call]:
    """Addresses for an erasure job: all that SendGrid keeps of mail that it sent to them.

    From github.com/twilio/sendgrid-oai, tsg_recipients_data_erasure_v3 (read 2026-11-28): at most
    5,000 addresses and 256 KB a call, so that nine hundred of the longest fit.
    """
    named = numbered(values, "email")
    parts = [named[start : start + ERASED] for start in range(0, len(named), ERASED)]
    return [
        Call(
            "POST",
            "/v3/recipients/erasejob",
            s.document({"email_addresses": [email for _, email in part]}),
            tuple(row for row, _ in part),
        )
        for part in parts
    ]


def read(status: int, said: Any, call: Call) -> Answer:
    """Suppressed addresses are repeated: one that is not was not taken."""
    if status == 204:
        return Answer(ACCEPTED)
    if not isinstance(said, dict) or (call.method == "PUT" and "job_id" not in said):
        return Answer(RETRY, said="an answer that is none")
    told = said.get("recipient_emails")
    if not isinstance(told, list) or call.body is None:
        return Answer(ACCEPTED)
    echoed = {str(email).lower() for email in told}
    asked = zip(json.loads(call.body)["recipient_emails"], call.rows, strict=True)
    refused = {row: "not_taken" for email, row in asked if email not in echoed}
    return took(call, refused)


def look(options: Mapping[str, Any], payloads: Mapping[int, str]) -> list[Call]:
    """Search the group for all addresses at once."""
    emails = [json.loads(payload)["email"] for payload in payloads.values()]
    asked = s.document({"recipient_emails": emails})
    return [Call("POST", f"{GROUP.format_map(options)}/search", asked, tuple(payloads))]


def closed(said: Any, call: Call, payloads: Mapping[int, str]) -> set[int]:
    """The addresses that the search found."""
    found = {str(email).lower() for email in said} if isinstance(said, list) else set()
    return {row for row in call.rows if json.loads(payloads[row])["email"] in found}


SINK = s.Sink(
    kind="sendgrid",
    channel="email",
    batch_limit=10_000,
    limits={"suppress": 1_000, "unsuppress": 1_000},
    # "Up to 30,000 contacts, or 6MB of data, whichever is lower" (Add or Update a Contact).
    max_bytes=6_000_000,
    minimum_audience=0,
    identifier_types=("email",),
    needs_ad_consent=False,
    extension="json",
    forms=forms,
    split=s.one_each,
    row=s.one_value,
    body=body,
    fields={"email": "email"},
    together=(("email",),),
    offered=("email",),
    max_identifiers_per_row=1,
    options=Options,
    listed_by=("group_id", "field_id"),
    is_opt_out=lambda options: bool(options.get("group_id")),
    faults=faults,
    advice=advice,
    http=Http(
        base="https://api.sendgrid.com",
        calls=calls,
        headers=bearer,
        per_second=10.0,
        read=read,
        culprit=r'"field":\s*"contacts\[(\d+)\]',
        lists=(("contacts",),),
        look=look,
        closed=closed,
        # 100 a minute.
        erase=Erase(
            erase,
            leaves="SendGrid's contacts are deleted by ids of its own, in its pages, and nothing "
            "there says what becomes of its lists of opt-outs",
            per_second=1.6,
            is_answer=lambda said, _: isinstance(said, dict) and "job_id" in said,
        ),
    ),
    doc="SendGrid: a contacts' custom field, or an unsubscribe group for opt-outs from email.",
)
