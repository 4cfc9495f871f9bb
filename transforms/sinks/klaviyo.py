"""Klaviyo: an attribute of profiles, or its suppression list where somebody opted out of email.

Rules from Klaviyo's API description, revision 2026-07-15 (github.com/klaviyo/openapi, stable;
read 2026-11-27), operations "Bulk Suppress Profiles", "Bulk Unsuppress Profiles" and "Bulk Import
Profiles".

A suppressed profile gets no email marketing at all, so only opt-outs from email go there. All else
sets a property of the profile, true or false, by which a segment leaves it out of a campaign. An
import changes nobody's consent and lifts no suppression. Unsuppressing takes away suppressions by
hand (USER_SUPPRESSED) alone: who unsubscribed or bounced at Klaviyo stays closed there. A profile
that is not there yet is made, without consent to anything.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pyspark.sql import DataFrame

from tactful.transforms.options import option
from tactful.transforms.sinks import sink as s
from tactful.transforms.sinks.http import Call, Erase, Http, Signed, is_object

REVISION = "2026-07-15"
JOBS = {
    "suppress": "profile-suppression-bulk-create-job",
    "unsuppress": "profile-suppression-bulk-delete-job",
    "add": "profile-bulk-import-job",
    "remove": "profile-bulk-import-job",
}
ADDRESSES = 100


@dataclass(frozen=True, kw_only=True)
class Options:
    """Where it is said."""

    suppresses: bool = option(
        "Whether it fills Klaviyo's suppression list, which is for opt-outs from email alone.",
        default=False,
    )
    property: str | None = option(
        "The profile property that says it, true or false; silent: tactful_ and the policy's name.",
        default=None,
        pattern=r"[A-Za-z][A-Za-z0-9_ ]{0,99}",
        looks="a name of letters, digits, _ and blanks",
    )


def forms(identifiers: DataFrame) -> DataFrame:
    """Write every identifier as Klaviyo keeps it: plainly, since it writes to them."""
    return s.write(
        identifiers,
        {
            "email": s.Form("email", s.kept_address, guarded=True),
            "phone": s.Form("phone_number", s.kept_e164, guarded=True),
            "customer_id": s.Form("external_id", s.kept_id),
        },
    )


def body(
    payloads: Sequence[str],
    *,
    operation: s.Operation,
    audience: str,
    suppresses: bool = False,
    property: str | None = None,
    seq: int = 1,
    last: bool = True,
    total: int | None = None,
    session: str = "",
    schema: Sequence[str] | None = None,
    record_ids: Sequence[str] = (),
) -> str:
    """One job: suppressions by address, or profiles with the property that says it."""
    profiles: list[dict[str, Any]] = [json.loads(payload) for payload in payloads]
    if operation in ("suppress", "unsuppress"):
        if any(set(profile) != {"email"} for profile in profiles):
            raise ValueError(f"audience {audience!r}: Klaviyo suppresses by email address alone")
    else:
        says = {s.says_by(property, audience): operation == "add"}
        profiles = [{**profile, "properties": says} for profile in profiles]
    data = [{"attributes": profile, "type": "profile"} for profile in profiles]
    attributes = {"profiles": {"data": data}}
    return s.document({"data": {"attributes": attributes, "type": JOBS[operation]}})


def faults(given: Mapping[str, Any], is_opt_out: bool) -> Iterable[s.Fault]:
    """What may stand beside `suppresses`."""
    if given.get("suppresses") is not True:
        return
    if not is_opt_out:
        yield s.Fault("suppresses", "false, or a policy of opt-outs", s.PASSES)
    if given.get("channel") != "email":
        hint = "who said no to another channel has not said no to email"
        yield s.Fault("channel", '"email" beside suppresses = true', hint)
    if given.get("identifiers", ["email"]) != ["email"]:
        yield s.Fault("identifiers", '["email"] beside suppresses = true')
    if "property" in given:
        yield s.Fault("property", "no such key beside suppresses = true")


def advice(options: Mapping[str, Any], audience: str) -> str:
    """What has to look at the property."""
    name = s.says_by(options.get("property"), audience)
    return "" if SINK.is_opt_out(options) else s.excluded_by(f"the property {name}", "profiles")


def calls(text: str, operation: str, options: Mapping[str, Any], rows: Sequence[int]) -> list[Call]:
    """The job is made at the place of its kind."""
    return [Call("POST", f"/api/{JOBS[operation]}s", text, tuple(rows))]


def erase(options: Mapping[str, Any], values: Sequence[s.Value]) -> list[Call]:
    """A job a profile ("Request Profile Deletion"): by an address or a number, and nothing else."""
    return [
        Call("POST", "/api/data-privacy-deletion-jobs", _deletion(value), (row,))
        for row, value in enumerate(values)
        if value.field in ("email", "phone_number")
    ]


def _deletion(value: s.Value) -> str:
    profile = {"attributes": {value.field: value.wire}, "type": "profile"}
    attributes = {"profile": {"data": profile}}
    return s.document({"data": {"attributes": attributes, "type": "data-privacy-deletion-job"}})


def headers(call: Call, signed: Signed) -> dict[str, str]:
    """A private key, and the revision that all this was written for."""
    return {
        "Authorization": f"Klaviyo-API-Key {signed.credential}",
        "Content-Type": "application/vnd.api+json",
        "revision": REVISION,
    }


SINK = s.Sink(
    kind="klaviyo",
    channel=None,
    batch_limit=10_000,
    limits={"suppress": ADDRESSES, "unsuppress": ADDRESSES},
    # "The maximum allowed payload size is 5MB" (Bulk Import Profiles).
    max_bytes=5_000_000,
    minimum_audience=0,
    identifier_types=("email", "phone", "customer_id"),
    needs_ad_consent=False,
    extension="json",
    forms=forms,
    split=s.one_each,
    row=s.one_value,
    body=body,
    fields={"email": "email", "phone": "phone_number", "customer_id": "external_id"},
    together=(("email", "phone", "customer_id"),),
    offered=("email", "phone", "customer_id"),
    max_identifiers_per_row=1,
    options=Options,
    listed_by=("suppresses", "property"),
    is_opt_out=lambda options: bool(options.get("suppresses")),
    faults=faults,
    advice=advice,
    # 150 a minute for imports, the slower of the two.
    http=Http(
        base="https://a.klaviyo.com",
        calls=calls,
        headers=headers,
        per_second=2.5,
        is_answer=is_object,
        # Errors of JSON:API point at what they are about.
        culprit=r'"pointer":\s*"/data/attributes/profiles/data/(\d+)',
        lists=(("data", "attributes", "profiles", "data"),),
        # 60 a minute; a success says nothing.
        erase=Erase(
            erase,
            leaves="whom Klaviyo knows by customer_id alone is not erased by it",
            per_second=1.0,
        ),
    ),
    doc="Klaviyo: a profile property, or the suppression list for opt-outs from email.",
)
