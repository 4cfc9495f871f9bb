"""Braze: a custom attribute of users, or a subscription group where somebody opted out.

Rules from Braze's API description (github.com/braze-inc; /users/track and
/v2/subscription/status/set, /subscription/status/get; read 2026-11-27).

Nobody in a subscription group that is set to unsubscribed gets any campaign of it, so only opt-outs
go there, each to a group of its own channel. All else sets an attribute, true or false, by which a
segment leaves them out. Users that Braze does not have are not made (`_update_existing_only`). A
group cannot say who closed it: who is unsubscribed before we say so is never subscribed by us.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from pyspark.sql import DataFrame

from tactful.transforms.options import option
from tactful.transforms.sinks import sink as s
from tactful.transforms.sinks.http import Answer, Call, Erase, Http, bearer, numbered, took

USERS, ATTRIBUTES = 50, 75
STATES = {"suppress": "unsubscribed", "unsuppress": "subscribed"}
# Names of one identifier in /users/track, and of lists of them in a subscription group.
LISTS = {"external_id": "external_ids", "email": "emails", "phone": "phones"}
BY_CHANNEL = {"email": "email", "sms": "phone"}


@dataclass(frozen=True, kw_only=True)
class Options:
    """Where it is said."""

    subscription_group_id: str | None = option(
        "The subscription group that opt-outs are taken out of; of the destination's own channel.",
        default=None,
        pattern=r"[0-9a-fA-F-]{36}",
        looks="the group's id there, as 504e09e6-ffa4-4b31-96c3-c05d50d903cf",
    )
    attribute: str | None = option(
        "The custom attribute that says it, true or false; silent: tactful_ and the policy's name.",
        default=None,
        pattern=r"[A-Za-z][A-Za-z0-9_ ]{0,99}",
        looks="a name of letters, digits, _ and blanks",
    )


def forms(identifiers: DataFrame) -> DataFrame:
    """Write every identifier as Braze keeps it: plainly, since it writes to them."""
    return s.write(
        identifiers,
        {
            "customer_id": s.Form("external_id", s.kept_id),
            "email": s.Form("email", s.kept_address, guarded=True),
            "phone": s.Form("phone", s.kept_e164, guarded=True),
        },
    )


def body(
    payloads: Sequence[str],
    *,
    operation: s.Operation,
    audience: str,
    subscription_group_id: str | None = None,
    attribute: str | None = None,
    seq: int = 1,
    last: bool = True,
    total: int | None = None,
    session: str = "",
    schema: Sequence[str] | None = None,
    record_ids: Sequence[str] = (),
) -> str:
    """The attributes of users, or the state of a group's users, a list a kind of identifier."""
    users: list[dict[str, str]] = [json.loads(payload) for payload in payloads]
    if operation in ("add", "remove"):
        says = {s.says_by(attribute, audience): operation == "add"}
        return s.document(
            {"attributes": [{**user, **says, "_update_existing_only": True} for user in users]}
        )
    if not subscription_group_id:
        raise ValueError(f"audience {audience!r}: Braze needs subscription_group_id for opt-outs")
    groups = []
    for name, plural in LISTS.items():
        if values := [user[name] for user in users if name in user]:
            group = {"subscription_group_id": subscription_group_id}
            groups.append({**group, "subscription_state": STATES[operation], plural: values})
    return s.document({"subscription_groups": groups})


def faults(given: Mapping[str, Any], is_opt_out: bool) -> Iterable[s.Fault]:
    """What may stand beside a subscription group."""
    if "subscription_group_id" not in given:
        return
    if not is_opt_out:
        yield s.Fault("subscription_group_id", "no such key, or a policy of opt-outs", s.PASSES)
    if given.get("channel") not in BY_CHANNEL:
        hint = "a group is of one channel, and a refusal closes only what it is about"
        yield s.Fault("channel", '"email" or "sms" beside subscription_group_id', hint)
    if "attribute" in given:
        yield s.Fault("attribute", "no such key beside subscription_group_id")


def advice(options: Mapping[str, Any], audience: str) -> str:
    """What has to look at the attribute."""
    name = s.says_by(options.get("attribute"), audience)
    return "" if SINK.is_opt_out(options) else s.excluded_by(f"the attribute {name}", "users")


def calls(text: str, operation: str, options: Mapping[str, Any], rows: Sequence[int]) -> list[Call]:
    """Where attributes are set, or a group's states."""
    path = "/users/track" if operation in ("add", "remove") else "/v2/subscription/status/set"
    return [Call("POST", path, text, tuple(rows))]


def erase(options: Mapping[str, Any], values: Sequence[s.Value]) -> list[Call]:
    """Fifty users a call (/users/delete), by ids or by addresses; an address deletes one user."""
    found = []
    for field, plural in (("external_id", "external_ids"), ("email", "email_addresses")):
        named = numbered(values, field)
        for start in range(0, len(named), USERS):
            part = named[start : start + USERS]
            who = [wire if field == "external_id" else _first(wire) for _, wire in part]
            rows = tuple(row for row, _ in part)
            found.append(Call("POST", "/users/delete", s.document({plural: who}), rows))
    return found


def _first(email: str) -> dict[str, Any]:
    """Of several users of an address the one with an id, of these the one that changed last."""
    return {"email": email, "prioritization": ["identified", "most_recently_updated"]}


def is_answer(said: Any, text: str) -> bool:
    """Every answer is an object with a message."""
    return isinstance(said, dict) and "message" in said


def read(status: int, said: Any, call: Call) -> Answer:
    """A success may name rows that were not taken: `errors` with the index of each."""
    refused = {}
    for error in said.get("errors", ()) if isinstance(said, dict) else ():
        at = error.get("index") if isinstance(error, dict) else None
        if isinstance(at, int) and 0 <= at < len(call.rows):
            refused[call.rows[at]] = str(error.get("type", "refused"))
    return took(call, refused)


def look(options: Mapping[str, Any], payloads: Mapping[int, str]) -> list[Call]:
    """Ask of each user what the group's state is; answers are not in the order of the question."""
    found = []
    for row, payload in payloads.items():
        asked = {"subscription_group_id": options["subscription_group_id"], **json.loads(payload)}
        path = f"/subscription/status/get?{urlencode(asked)}"
        found.append(Call("GET", path, None, (row,)))
    return found


def closed(said: Any, call: Call, payloads: Mapping[int, str]) -> set[int]:
    """Who is unsubscribed already; who is unknown has closed nothing."""
    states = said.get("status") if isinstance(said, dict) else None
    values = states.values() if isinstance(states, dict) else [states]
    is_closed = any(str(value).lower() == "unsubscribed" for value in values)
    return set(call.rows) if is_closed else set()


SINK = s.Sink(
    kind="braze",
    channel=None,
    batch_limit=ATTRIBUTES,
    limits={"suppress": USERS, "unsuppress": USERS},
    # "All API endpoints have a data payload limit of 4 MB".
    max_bytes=4_000_000,
    minimum_audience=0,
    identifier_types=("customer_id", "email", "phone"),
    needs_ad_consent=False,
    extension="json",
    forms=forms,
    split=s.one_each,
    row=s.one_value,
    body=body,
    fields={"customer_id": "external_id", "email": "email", "phone": "phone"},
    together=(("customer_id", "email", "phone"),),
    offered=("customer_id", "email", "phone"),
    max_identifiers_per_row=1,
    options=Options,
    listed_by=("subscription_group_id",),
    is_opt_out=lambda options: bool(options.get("subscription_group_id")),
    faults=faults,
    advice=advice,
    # 5,000 a minute for subscriptions; 3,000 in three seconds for attributes.
    http=Http(
        base="",
        calls=calls,
        headers=bearer,
        per_second=80.0,
        read=read,
        is_answer=is_answer,
        look=look,
        closed=closed,
        # 20,000 a minute, shared with what identifies and merges users.
        erase=Erase(
            erase,
            leaves="whom Braze knows by a number alone is not erased by it, and of several users "
            "of one address one is",
            per_second=80.0,
            is_answer=lambda said, _: isinstance(said, dict) and "deleted" in said,
        ),
    ),
    doc="Braze: a custom attribute, or a subscription group for opt-outs.",
)
