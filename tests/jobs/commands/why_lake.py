"""A lake of three customers, written row by row, for the commands that answer why."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from deltalake import DeltaTable

from tactful.schemas.catalog import PUBLISHED
from tactful.schemas.table import FORMAT_VERSION
from tests.small_lake import write_table

AS_OF = datetime(2026, 3, 1, tzinfo=UTC)
HOSTILE = "a\x1b]0;gone\x07<script>alert(1)</script>[red]\u202e|`*"
Row = dict[str, Any]


def key(letter: str) -> str:
    return letter * 32


ANN, BOB, EVE = (f"p_{key(letter)}" for letter in "abe")
GONE = f"p_{key('c')}"
DEVICE = f"n_{key('d')}"
CONF = """
[lake]
location = "lake"
[sources.shop]
stream = "purchases"
path = "landing"
[[caps]]
name = "email_weekly"
channels = ["email"]
limit = 2
window = "7d"
[[suppress]]
name = "bought_it"
when = "purchased"
match = "sku"
lasts = "30d"
[[activate]]
name = "cart_reminder"
when = "cart_abandoned"
channels = ["email", "sms"]
again_after = "9d"
[[activate]]
name = "hello"
when = "welcome"
channels = ["email"]
[[destinations]]
name = "crm_list"
kind = "file"
policy = "bought_it"
"""


def at(day: int, hour: int = 0) -> datetime:
    return datetime(2026, 2, day, hour, tzinfo=UTC)


def ref(stream: str, event_id: str, day: int) -> Row:
    return {"occurred_at": at(day), "stream": stream, "event_id": event_id}


def write_why_lake(folder: Path) -> Path:
    """Ann (customer 17, who was two persons once), Bob (customer 18), who share a tablet, and Eve.

    Ann bought S1, was sent two emails, and is in one audience. 17 is Eve's loyalty number as well.
    """
    lake = folder / "lake"
    for name, rows in {**_who(), **_happened(), **_told()}.items():
        write_table(lake, name, rows)
    (lake / "_lake.json").write_text(json.dumps({"format_version": FORMAT_VERSION}))
    publish(lake)
    (folder / "landing").mkdir()
    (folder / "my.toml").write_text(CONF)
    return lake


def publish(lake: Path, batch: int = 1) -> None:
    """Note the versions that the tables have now, and the batch by which they were made."""
    versions = {
        table.name: DeltaTable(str(lake / table.path)).version()
        for table in PUBLISHED
        if (lake / table.path / "_delta_log").is_dir()
    }
    state = {"as_of": AS_OF.isoformat(), "batch": batch, "tables": versions}
    (lake / "_published.json").write_text(json.dumps(state))


def event(person: str | None, stream: str, type_: str, event_id: str, day: int, **more: Any) -> Row:
    return {
        "person_id": person, "stream": stream, "type": type_, "event_id": event_id,
        "occurred_at": at(day), "line_number": 0, **more,
    }  # fmt: skip


def _who() -> Mapping[str, Sequence[Row]]:
    told = [
        ("a", "customer_id", "17", "linked", ANN), ("1", "email", "ann@x.io", "linked", ANN),
        ("2", "email", HOSTILE, "linked", ANN), ("b", "customer_id", "18", "linked", BOB),
        ("3", "email", "bob@x.io", "linked", BOB), ("e", "loyalty_id", "17", "linked", EVE),
        ("c", "phone", "+12025550123", "linked", ANN), ("d", "device_id", "tab", "neutral", ANN),
        ("6", "member_no", "M-6", "linked", EVE), ("4", "email", "till@x.io", "hub", None),
        ("5", "customer_id", "unknown", "blocked", None),
    ]  # fmt: skip
    identity = [
        {
            "identifier_key": key(letter), "identifier_type": kind, "value": value, "state": state,
            "person_id": person, "first_seen_at": at(1), "last_seen_at": at(20),
            "neutral_from_at": at(9) if state == "neutral" else None,
            "neutral_person_id": DEVICE if state == "neutral" else None,
        }
        for letter, kind, value, state, person in told
    ]  # fmt: skip
    kinds = {key(letter): kind for letter, kind, *_ in told}

    def link(letters: str, event_id: str, day: int, blocked: str = "") -> Row:
        keys, junk = [key(x) for x in letters], [key(x) for x in blocked]
        return {
            "link_id": event_id, "identifier_keys": keys, "blocked_keys": junk, "kind": "seen",
            "identifier_types": [kinds[k] for k in keys], "blocked_types": [kinds[k] for k in junk],
            "first_seen": ref("clicks", event_id, day), "last_seen": ref("clicks", event_id, day),
        }  # fmt: skip

    return {
        "identity": identity,
        "identifiers": identity,
        "_log/links": [
            link("a1", "c1", 1), link("a2", "c2", 2), link("ac", "c3", 3), link("ad", "c4", 4),
            link("b3", "c5", 5), link("bd", "c6", 9), link("a4", "c7", 6, blocked="5"),
        ],
        "hubs": [{"identifier_key": key("4"), "identifier_type": "email", "seen_with_count": 900}],
        "identity_changes": [
            {"changed_at": at(3), "kind": "merge", "from_person_id": GONE, "to_person_id": ANN,
             "cause_event_id": "clicks:c3", "rule": "linked"},
        ],
    }  # fmt: skip


def _happened() -> Mapping[str, Sequence[Row]]:
    bought = {"order_id": "o1", "sku": "S1", "amount": Decimal("12.5"), "currency": "GBP"}
    mail = {"channel": "email", "campaign_id": HOSTILE}
    timeline = [
        event(ANN, "purchases", "order_placed", "b1", 10, **bought),
        event(ANN, "messages", "sent", "m1-sent", 20, message_id="m1", **mail),
        event(ANN, "messages", "sent", "m2-sent", 25, message_id="m2", **mail),
        event(ANN, "profiles", "consent_withdrawn", "w1", 26),
        event(BOB, "profiles", "consent_withdrawn", "w2", 27),
        event(DEVICE, "clicks", "page_view", "v1", 12),
    ]
    messages = [
        {"event_id": f"{m}-sent", "type": "sent", "message_id": m, "occurred_at": at(day),
         "purpose": "marketing", "source": "esp", **mail}
        for m, day in (("m1", 20), ("m2", 25))
    ]  # fmt: skip
    return {
        "timeline": timeline,
        "messages": messages,
        "contents": [{"content_id": "c1", "locale": "en", "topic": "news"}],
        "campaigns": [{"campaign_id": HOSTILE, "topic": "Summer-Sale"}],
        "outcomes": [
            {"message_id": m, "person_id": ANN, "channel": "email", "sent_at": at(day),
             "orders": []}
            for m, day in (("m1", 20), ("m2", 25))
        ],
        "profiles": [
            {"event_id": "w1", "type": "consent_withdrawn", "occurred_at": at(26),
             "provenance": "third party", "source": "broker"},
        ],
        "customers": [
            {"person_id": ANN, "first_seen_at": at(1), "last_seen_at": at(26), "orders": 1,
             "consents": {"email:marketing": False},
             "attributes": {"diet": {"value": HOSTILE, "provenance": "third", "said_at": at(2)}}},
            {"person_id": BOB, "first_seen_at": at(5), "last_seen_at": at(27), "orders": 0},
        ],
    }  # fmt: skip


def _told() -> Mapping[str, Sequence[Row]]:
    def row(n: int, person: str, policy: str, reason: str, day: int, **more: Any) -> Row:
        return {
            "suppression_id": str(n), "person_id": person, "policy": policy, "reason": reason,
            "channels": [], "starts_at": at(day),
            "scope": [{"kind": "purpose", "values": ["marketing"], "negated": False}], **more,
        }  # fmt: skip

    milk = [{"kind": "sku", "values": ["S1"], "negated": False}]
    lifted = {"ends_at": at(24), "lifted_by": "purchases:r1"}
    records = [
        {"record_id": f"{n}", "destination": "crm_list", "audience": "bought_it",
         "operation": "add", "person_id": person, "identifier_keys": [key(letter)],
         "payload": "{}", "emitted_at": at(10 + n), "batch_id": n, "position": 0}
        for n, (person, letter) in enumerate(((ANN, "1"), (BOB, "3")))
    ]  # fmt: skip
    return {
        **_planned(),
        "assignments": [
            {"anchor_key": key(letter), "campaign_id": campaign, "arm": arm, "assigned_at": at(day)}
            for letter, campaign, arm, day in (
                ("a", "spring", "control", 5), ("1", "summer", "test", 6),
                ("2", "summer", "control", 7), ("b", "spring", "test", 8),
            )
        ],
        "suppressions": [
            row(1, ANN, "bought_it", "purchased", 10, scope=milk, evidence=["purchases:b1"],
                ends_at=at(10) + timedelta(days=30)),
            row(2, ANN, "bought_it", "purchased", 8, scope=milk, evidence=["purchases:b0"],
                **lifted),
            row(3, ANN, "no_consent", "no_consent", 26, evidence=["profiles:w1"]),
            row(4, ANN, "unsubscribed", "unsubscribed", 27, evidence=["profiles:w2"]),
            row(5, BOB, "no_consent", "no_consent", 27, evidence=["profiles:w2"]),
        ],
        "pressure": [
            {"person_id": ANN, "cap": "email_weekly", "counted": 1, "cap_limit": 2,
             "window_starts_at": at(22), "as_of": AS_OF},
        ],
        "regrets": [
            {"message_id": "m1", "policy": "bought_it", "person_id": ANN, "channel": "email",
             "sent_at": at(20), "evidence": ["purchases:b1"]},
        ],
        "records": records,
        "deliveries": [
            {"destination": "crm_list", "name": "1.json", "audience": "bought_it",
             "operation": "add", "records": 1, "state": "written", "warnings": ["below_minimum"],
             "at": at(10), "batch_id": 0},
        ],
        "delivery_states": [
            {"destination": "crm_list", "name": "1.json", "audience": "bought_it",
             "operation": "add", "state": state, "at": at(day), "effective_by": at(day + 1)}
            for state, day in (("rejected", 10), ("accepted", 11))
        ],
        "delivery_rows": [
            {"record_id": "1", "destination": "crm_list", "name": "2.json", "state": "rejected",
             "reason": "no such person", "at": at(12)},
        ],
        "_log/memberships": [
            {"destination": "crm_list", "audience": "bought_it", "identifier_key": key(letter),
             "member_key": key(letter), "is_member": True, "batch_id": n}
            for n, letter in enumerate("13")
        ],
    }  # fmt: skip


def _planned() -> Mapping[str, Sequence[Row]]:
    """Of Ann: what comes next, what lost to it, what is held back, what was said and what not."""

    def row(name: str, outcome: str, decided: int, by: str = "email", **more: Any) -> Row:
        policy, _, step = name.partition(" ")
        return {
            "decision_id": f"{name} {by}", "anchor_key": key("a"), "person_id": ANN,
            "policy": policy, "step": int(step or 1), "channel": by, "outcome": outcome,
            "is_shadow": False, "is_final": False, "lost_to": [], "evidence": ["purchases:b1"],
            "as_of": at(decided), "batch_id": decided, **more,
        }  # fmt: skip

    soon = AS_OF + timedelta(hours=9)
    before = row("cart_reminder", "chosen", 21, send_at=at(23))
    rows = [
        row("hello", "chosen", 27, content_id="c1", send_at=soon),
        row("cart_reminder 2", "lost", 27, reason="min-gap", lost_to=["hello email"],
            send_at=soon + timedelta(hours=20)),
        row("cart_reminder 2", "suppressed", 27, by="sms", reason="no_address"),
        row("cart_reminder 3", "suppressed", 27, reason="bought_it"),
        row("hello", "suppressed", 27, by="push", reason="unanswered"),
        {**before, "is_final": True, "emitted_at": at(23), "as_of": at(23), "batch_id": 23},
        row("cart_reminder", "withdrawn", 22, by="sms", reason="order_placed", is_final=True),
    ]  # fmt: skip
    shown = [
        {**one, "activation_id": one["decision_id"], "decided_at": one["as_of"],
         "action": f"{one['policy']}:{one['step']}"}
        for one in rows
    ]  # fmt: skip
    return {"activations": shown, "_log/plans": [before, *rows]}
