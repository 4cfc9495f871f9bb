"""Google: Customer Match audiences through the Data Manager API.

Rules from Google's pages "Format user data", "Send audience members", "Upload members to an
audience" and the REST reference of audienceMembers.ingest, audienceMembers.remove, AudienceMember,
MobileData and Destination (developers.google.com/data-manager/api; checked 2026-11-21).

Where Google's own Python helper and the pages differ, the pages win: white space inside an address
is removed, not an error, and names go without prefix and suffix.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from tactful.transforms.options import option
from tactful.transforms.sinks import sink as s
from tactful.transforms.sinks.http import Call, Erase, Http, Value, bearer
from tactful.transforms.sinks.replacing import Replace

EMAIL, PHONE, MOBILE = "emailAddress", "phoneNumber", "mobileIds"
CONTACT = (EMAIL, PHONE)
MAX_IDENTIFIERS = 10
GRANTED, DENIED = "CONSENT_GRANTED", "CONSENT_DENIED"

DOTLESS = ("gmail.com", "googlemail.com")
PREFIXES = r"^(?:mrs|mr|ms|miss|mx|dr|prof|sir)(?:\.\s*|\s+)"
SUFFIXES = r"(?:\s*,\s*|\s+)(?:jr|sr|ii|iii|iv)\.?$"


@dataclass(frozen=True, kw_only=True)
class Account:
    """The account that owns an audience."""

    account_id: str = option(
        "Its number, with or without dashes.",
        pattern=r"[0-9]+(-[0-9]+)*",
        looks="a number such as 1234567890 or 123-456-7890",
    )
    account_type: str = option(
        "Which of Google's products it is of.",
        default="GOOGLE_ADS",
        allowed=(
            "GOOGLE_ADS", "DISPLAY_VIDEO_ADVERTISER", "DISPLAY_VIDEO_PARTNER", "DATA_PARTNER",
            "GOOGLE_ANALYTICS_PROPERTY",
        ),
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Options:
    """Where the audience is."""

    audience_id: str = option(
        "The audience's id there.",
        pattern=s.DIGITS,
        looks="the audience's number there, digits alone",
        needed="the audience's id at {kind}",
    )
    account: Account = option(
        "The account that owns the audience.",
        needed="the account that owns the audience",
        hint='account = { account_id = "…" }',
    )


def forms(identifiers: DataFrame) -> DataFrame:
    """Write every identifier the way Google matches it.

    An `email_sha256` passes as it came. Its maker hashed some spelling of the address; for Gmail
    that may not be the dotless one Google matches, so where the address itself is known, send that.
    """
    return s.write(
        identifiers,
        {
            "email": s.Form(EMAIL, lambda v: s.sha256(normalise_email(v)), guarded=True),
            "email_sha256": s.Form(EMAIL, s.kept_hash),
            "phone": s.Form(PHONE, lambda v: s.sha256(normalise_phone(v)), guarded=True),
            # "Don't hash mobile IDs": they travel plain, and only advertising ids are meant.
            "device_id": s.Form(MOBILE, s.kept_advertising_id, s.NOT_ADVERTISING_ID),
        },
    )


def normalise_email(value: Column) -> Column:
    """An email address as Google reads it; null when it is none.

    Lower case, no white space anywhere; at gmail.com and googlemail.com without dots and without
    what follows a +, since Google delivers all of those to one mailbox.
    """
    email = F.lower(s.squeezed(value))
    local, domain = F.substring_index(email, "@", 1), F.substring_index(email, "@", -1)
    bare = F.regexp_replace(F.substring_index(local, "+", 1), r"\.", "")
    local = F.when(domain.isin(*DOTLESS), bare).otherwise(local)
    is_address = email.rlike("^[^@]+@[^@]+$") & (local != "")
    return F.when(is_address, F.concat_ws("@", local, domain))


def normalise_phone(value: Column) -> Column:
    """A phone number with + and country code; null when it is none."""
    return s.kept_e164(value)


def normalise_given_name(value: Column) -> Column:
    """A first name in lower case, without Mrs. and the like; null when nothing is left."""
    return s.kept_text(F.regexp_replace(F.lower(s.trimmed(value)), PREFIXES, ""))


def normalise_family_name(value: Column) -> Column:
    """A last name in lower case, without Jr. and the like; null when nothing is left."""
    return s.kept_text(F.regexp_replace(F.lower(s.trimmed(value)), SUFFIXES, ""))


def normalise_region_code(value: Column) -> Column:
    """A country as two capital letters; null when it is none."""
    code = F.upper(s.trimmed(value))
    return F.when(code.rlike("^[A-Z]{2}$"), code)


def normalise_postal_code(value: Column) -> Column:
    """A postal code as written; null when it is empty."""
    return s.kept_text(value)


def profile(field: str, value: Column) -> Column:
    """What goes on the wire for one field of an address: names hashed, country and code plain."""
    return {
        "given_name": lambda: s.sha256(normalise_given_name(value)),
        "family_name": lambda: s.sha256(normalise_family_name(value)),
        "region_code": lambda: normalise_region_code(value),
        "postal_code": lambda: normalise_postal_code(value),
    }[field]()


def consent(ad_user_data: Column, ad_personalization: Column) -> Column:
    """One person's two ad consents (GRANTED, DENIED or unknown) in Google's words."""
    return F.struct(
        _status(ad_personalization).alias("adPersonalization"),
        _status(ad_user_data).alias("adUserData"),
    )


def is_granted(given: Column) -> Column:
    """Whether both consents are granted. Unknown counts as no, as it does in the EEA."""
    both = (given["adUserData"] == GRANTED) & (given["adPersonalization"] == GRANTED)
    return F.coalesce(both, F.lit(False))


def is_denied(given: Column) -> Column:
    """Whether either consent is denied."""
    return (given["adUserData"] == DENIED) | (given["adPersonalization"] == DENIED)


def split(members: Column) -> Column:
    """Cut one person's identifiers into records that Google takes: ten each, one kind each."""
    ordered = F.array_sort(members)
    contacts, mobiles = s.of_fields(ordered, *CONTACT), s.of_fields(ordered, MOBILE)
    return F.concat(s.chunks(contacts, MAX_IDENTIFIERS), s.chunks(mobiles, MAX_IDENTIFIERS))


def row(
    members: Column,
    *,
    operation: Column | s.Operation = "add",
    schema: Sequence[str] | None = None,
    granted: Column | None = None,
    opt_in: bool = True,
    given: Column | None = None,
) -> Column:
    """One audienceMember, with that member's own consent when it is added.

    Granted is said only of who granted. Of who was never asked Google is told just that
    (unspecified), and only where silence is consent (not `opt_in`): in the EEA it counts as no.

    Null, and so never sent, when an addition lacks a consent that it needs, when contacts and
    mobile ids are mixed (the data of a member is one of both), or beyond ten identifiers. A removal
    says nothing about consent: it may be the very withdrawal that caused it.
    given: both consents where they differ (see `consent`), else both follow from `granted`.
    """
    removing = F.lit(operation) == "remove"
    if given is None:
        word = F.when(F.lit(False) if granted is None else granted, "GRANTED")
        given = consent(word, word)
    allowed = is_granted(given) if opt_in else ~is_denied(given)
    contacts = F.concat(*(_identifiers(members, field) for field in CONTACT))
    mobiles = s.wires_of(members, MOBILE)
    user = F.struct(contacts.alias("userIdentifiers"))
    member = F.struct(
        F.when(~removing, given).alias("consent"),
        F.when(F.size(mobiles) > 0, F.struct(mobiles.alias("mobileIds"))).alias("mobileData"),
        F.when(F.size(contacts) > 0, user).alias("userData"),
    )
    one_kind = (F.size(contacts) > 0) != (F.size(mobiles) > 0)
    fits = F.greatest(F.size(contacts), F.size(mobiles)) <= MAX_IDENTIFIERS
    return F.when(one_kind & fits & (removing | allowed), s.as_json(member))


def body(
    payloads: Sequence[str],
    *,
    operation: s.Operation,
    audience: str,
    audience_id: str | None,
    account: Mapping[str, str],
    seq: int = 1,
    last: bool = True,
    total: int | None = None,
    session: str = "",
    schema: Sequence[str] | None = None,
    record_ids: Sequence[str] = (),
) -> str:
    """The body of one audienceMembers:ingest (add) or audienceMembers:remove request.

    Consent stands at each member only: given for the whole request it would speak for everybody
    in it. Terms of service are part of ingest alone. There are no sessions: each request stands
    alone.
    """
    if not audience_id or not account.get("account_id"):
        raise ValueError(f"audience {audience!r}: Google needs audience_id and account_id")
    members = [json.loads(payload) for payload in payloads]
    if len({"mobileData" in member for member in members}) > 1:
        raise ValueError(f"audience {audience!r}: one request holds contacts or mobile ids")
    request = {
        "audienceMembers": members,
        "destinations": [_destination(audience_id, account)],
        "encoding": "HEX",
        "validateOnly": False,
    }
    if operation == "add":
        request["termsOfService"] = {"customerMatchTermsOfServiceStatus": "ACCEPTED"}
    return s.document(request)


def is_answer(said: Any, _: str) -> bool:
    """Whether the vendor itself has answered; a gateway does not say this."""
    return isinstance(said, dict) and "requestId" in said


def calls(text: str, operation: str, options: Mapping[str, Any], rows: Sequence[int]) -> list[Call]:
    """Members are ingested into the audience, or removed from it."""
    verb = "ingest" if operation == "add" else "remove"
    return [Call("POST", f"/v1/audienceMembers:{verb}", text, tuple(rows))]


def values(payload: str, schema: Sequence[str]) -> list[Value]:
    """The values of one audienceMember."""
    member = json.loads(payload)
    contacts = member.get("userData", {}).get("userIdentifiers", ())
    mobiles = member.get("mobileData", {}).get(MOBILE, ())
    held = [Value(field, wire) for one in contacts for field, wire in one.items()]
    return held + [Value(MOBILE, wire) for wire in mobiles]


def part(payload: str, schema: Sequence[str], kept: Collection[Value]) -> str:
    """One audienceMember with these values alone."""
    member = json.loads(payload)
    if "userData" in member:
        named = member["userData"]["userIdentifiers"]
        member["userData"] = {
            "userIdentifiers": [one for one in named if Value(*next(iter(one.items()))) in kept]
        }
    if "mobileData" in member:
        mobiles = member["mobileData"][MOBILE]
        member["mobileData"] = {MOBILE: [wire for wire in mobiles if Value(MOBILE, wire) in kept]}
    return s.document(member).strip()


def replaced(
    payloads: Sequence[str],
    *,
    schema: Sequence[str],
    audience: str,
    session: str,
    options: Mapping[str, Any],
) -> Iterator[Call]:
    """Everybody is removed (audienceMembers.removeAll, since v1.8), then these are ingested."""
    everybody = {"destinations": [_destination(options["audience_id"], options["account"])]}
    yield Call("POST", "/v1/audienceMembers:removeAll", s.document(everybody), ())
    for _, start, size, _ in s.cut_into_requests(len(payloads), SINK.batch_limit):
        text = body(payloads[start : start + size], operation="add", audience=audience, **options)
        yield from calls(text, "add", options, range(start, start + size))


def erase(options: Mapping[str, Any], values: Sequence[Value]) -> list[Call]:
    """Whoever is out of an audience: Google keeps nothing else that it was told."""
    found = []
    for fields in (CONTACT, (MOBILE,)):
        named = [(row, value) for row, value in enumerate(values) if value.field in fields]
        for start in range(0, len(named), SINK.batch_limit):
            part = named[start : start + SINK.batch_limit]
            members = [s.document(_member(value)) for _, value in part]
            text = body(members, operation="remove", audience="", **options)
            found += calls(text, "remove", options, [row for row, _ in part])
    return found


def _member(value: Value) -> dict[str, Any]:
    if value.field == MOBILE:
        return {"mobileData": {MOBILE: [value.wire]}}
    return {"userData": {"userIdentifiers": [{value.field: value.wire}]}}


def _status(value: Column) -> Column:
    known = F.when(value == "GRANTED", GRANTED).when(value == "DENIED", DENIED)
    return F.coalesce(known, F.lit("CONSENT_STATUS_UNSPECIFIED"))


def _identifiers(members: Column, field: str) -> Column:
    """One object a value of this field, as {"emailAddress": …}; the other fields stay null."""

    def named(wire: Column) -> Column:
        other = F.lit(None).cast("string")
        return F.struct(*((wire if name == field else other).alias(name) for name in CONTACT))

    return F.transform(s.wires_of(members, field), named)


def _destination(audience_id: str, account: Mapping[str, str]) -> dict[str, object]:
    destination: dict[str, object] = {
        "operatingAccount": _account(account, "account"),
        "productDestinationId": str(audience_id),
    }
    if account.get("login_account_id"):
        destination["loginAccount"] = _account(account, "login_account")
    return destination


def _account(account: Mapping[str, str], name: str) -> dict[str, str]:
    # People copy 123-456-7890 from the page; the API takes the digits.
    return {
        "accountId": str(account[f"{name}_id"]).replace("-", ""),
        "accountType": account.get(f"{name}_type") or "GOOGLE_ADS",
    }


SINK = s.Sink(
    kind="google_data_manager",
    channel="ad",
    batch_limit=10_000,
    minimum_audience=100,
    identifier_types=("email", "email_sha256", "phone", "device_id"),
    needs_ad_consent=True,
    hashes=True,
    extension="json",
    forms=forms,
    split=split,
    row=row,
    body=body,
    fields={"email": EMAIL, "email_sha256": EMAIL, "phone": PHONE, "device_id": MOBILE},
    # "Mixed data types are not allowed on the same list" (CrmBasedUserListInfo.upload_key_type),
    # and every member of one request must carry the same type of data.
    together=(("email", "email_sha256", "phone"), ("device_id",)),
    apart="Google keeps mobile ids in lists of their own",
    offered=("email", "phone", "device_id"),
    max_identifiers_per_row=MAX_IDENTIFIERS,
    options=Options,
    # 300 requests a minute and project ("Limits and quotas"). A request with one bad member is
    # refused as a whole, with the place of each in its fieldViolations ("Understand API errors").
    http=Http(
        base="https://datamanager.googleapis.com",
        calls=calls,
        headers=bearer,
        per_second=5.0,
        is_answer=is_answer,
        culprit=r'"field":\s*"audience_?[mM]embers\[(\d+)\]',
        lists=(("audienceMembers",),),
        mints=True,
        erase=Erase(
            erase,
            leaves="other audiences, of other destinations, are asked by them",
            per_second=5.0,
            is_answer=is_answer,
        ),
    ),
    replace=Replace(
        values=values,
        part=part,
        calls=replaced,
        meanwhile="between the first and the last of them it holds less than it should",
    ),
    doc="Google: Customer Match audiences through the Data Manager API.",
)
