"""Bounces that name no channel: each is about the address it names, and closes nothing else."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.jobs.test_closings import CONFIG
from tests.landing import World
from tests.oracle.compare import read_tables
from tests.product import Shop
from tests.worlds import AS_OF

DAY = timedelta(days=1)
UNREACHABLE = [
    {"name": f"no_{channel}", "kind": "file", "policy": "bounced", "channel": channel,
     "identifiers": ["email", "phone"]}
    for channel in ("email", "sms", "push")
]  # fmt: skip
SPARE = {"name": "everybody", "kind": "file", "policy": "no_consent",
         "identifiers": ["email", "phone"]}  # fmt: skip
# Who bounced, what the bounce names beside their number, and what it says.
BOUNCES: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {
    "alone": (("email",), {}),
    "message": (("email",), {"message_id": "never sent"}),
    "word": (("email",), {"channel": "mailbox", "message_id": "never sent either"}),
    "text": (("phone",), {"channel": "phone"}),
    "both": (("email", "phone"), {}),
    "number": ((), {"channel": "mailbox"}),
    "pushed": (("email",), {"message_id": "a push"}),
    "moved": (("email",), {}),
    "all": (("email",), {"channel": "all"}),
    "mailed": ((), {"message_id": "a mail"}),
}
MAILED = ("alone", "message", "word", "moved", "all", "mailed")
PHONES = {who: f"+1415555260{n}" for n, who in enumerate(BOUNCES)}


@pytest.mark.faults
def test_a_bounce_without_a_channel_closes_its_own_address(spark, tmp_path: Path) -> None:
    web, mail, crm = [], [], []
    for who, (kinds, said) in BOUNCES.items():
        number = {"type": "customer_id", "value": who}
        address = {"email": {"type": "email", "value": f"{who}@x.io"},
                   "phone": {"type": "phone", "value": PHONES[who]}}  # fmt: skip
        row = {"event_id": who, "occurred_at": (AS_OF - 9 * DAY).isoformat()}
        own = [number, *address.values()]
        web.append({**row, "type": "login", "identifiers": own})
        # Somebody who takes no calls stands on a list with every address that still works.
        no = {"type": "consent_withdrawn", "channel": "call", "purpose": "marketing"}
        crm.append({**row, **no, "identifiers": [number]})
        named = [number, *(address[kind] for kind in kinds)]
        row = {"event_id": who, "occurred_at": (AS_OF - 5 * DAY).isoformat()}
        mail.append({**row, "type": "bounced", "bounce": "hard", "identifiers": named, **said})
    sent = {"event_id": "sent", "type": "sent", "channel": "push", "message_id": "a push"}
    at = (AS_OF - 6 * DAY).isoformat()
    pushed = [{"type": "customer_id", "value": "pushed"}]
    mail.append({**sent, "occurred_at": at, "identifiers": pushed})
    # Sent to an email, on a channel that nobody tells.
    mailed = [{"type": "customer_id", "value": "mailed"}, {"type": "email", "value": "mailed@x.io"}]
    sent = {"event_id": "mailed too", "type": "sent", "message_id": "a mail"}
    mail.append({**sent, "occurred_at": at, "identifiers": mailed})
    other = [{"type": "customer_id", "value": "moved"}, {"type": "email", "value": "new@x.io"}]
    web.append({"event_id": "new", "type": "login", "occurred_at": at, "identifiers": other})

    config = {**CONFIG, "destinations": [*UNREACHABLE, SPARE]}
    shop = Shop(World({}, config, [], AS_OF, AS_OF + 60 * DAY), tmp_path)
    # The words first, so that the second run finds nothing but bounces.
    shop.land({"web": web, "crm": crm, "mail": mail[-2:]})
    shop.decide()
    shop.land({"mail": mail[:-2]})
    shop.run()
    shop.assert_converged()

    suppressed = read_tables(shop.lake, ["suppressions"])["suppressions"]
    closed = {
        row["evidence"][0].partition(":")[2]: (tuple(row["channels"]), row["ends_at"] is None)
        for row in suppressed if row["reason"] == "bounced"
    }  # fmt: skip
    assert closed == {
        "alone": (("email",), True), "message": (("email",), True), "word": (("email",), True),
        "text": (("sms",), True), "both": ((), True), "number": ((), True),
        "pushed": (("push",), True), "moved": (("email",), False),
        "all": (("email",), True), "mailed": (("email",), True),
    }  # fmt: skip
    known = read_tables(shop.lake, ["identifiers"])["identifiers"]
    value = {row["identifier_key"]: row["value"] for row in known}
    held: dict[str, set[str]] = {}
    for destination, key in shop.held():
        held.setdefault(destination, set()).add(value[key])
    theirs = {who: {f"{who}@x.io", PHONES[who]} for who in BOUNCES}
    silent = theirs["both"] | theirs["number"]
    by_mail = set().union(*(theirs[who] for who in ("alone", "message", "word", "all", "mailed")))
    # Who moved to another address is on no list, and can be written to by that one.
    assert held["no_email"] == silent | by_mail
    assert held["no_sms"] == silent | theirs["text"]
    assert held["no_push"] == silent | theirs["pushed"]
    gone = {f"{who}@x.io" for who in MAILED} | {PHONES["text"]}
    # Every phone but the dead one, every email but the dead ones, the new one among them.
    assert held["everybody"] == (set.union(*theirs.values()) | {"new@x.io"}) - gone
