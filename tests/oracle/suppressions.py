"""What must not be said to whom, from when to when, and why."""

from __future__ import annotations

import hashlib
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.oracle.caps import reached
from tests.oracle.config import duration, rules
from tests.oracle.facts import Event, Facts, Order, is_profile
from tests.oracle.timeline import acts_on

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FAR = datetime.max.replace(tzinfo=UTC)
SAID = {"unsubscribed": "unsubscribed", "complained": "complained", "bounced": "bounced"}
NEW_ADDRESS = {"email": "email", "sms": "phone", "call": "phone"}


@dataclass(frozen=True)
class Suppression:
    """One suppression with the event that caused it."""

    person_id: str
    policy: str
    reason: str
    channel: str | None
    scope: tuple[str, str]
    cause: Order
    ends_at: datetime | None
    lifted_by: str | None
    evidence: tuple[str, ...]
    line_number: int | None = None

    @property
    def starts_at(self) -> datetime:
        return self.cause[0]

    def row(self) -> dict[str, Any]:
        kind, value = self.scope
        return {
            "suppression_id": self._id(),
            "person_id": self.person_id,
            "policy": self.policy,
            "reason": self.reason,
            "channel": self.channel,
            "scope_kind": kind,
            "scope_value": value,
            "starts_at": self.starts_at,
            "ends_at": self.ends_at,
            "lifted_by": self.lifted_by,
            "evidence": list(self.evidence),
        }

    def _id(self) -> str:
        line = "" if self.line_number is None else str(self.line_number)
        micros = (self.starts_at - EPOCH) // timedelta(microseconds=1)
        cause = ":".join(self.cause[1:])
        parts = [self.policy, cause, line, self.channel or "", *self.scope, str(micros)]
        return hashlib.sha256("|".join(parts).encode()).hexdigest()[:32]


def suppressions(facts: Facts) -> list[Suppression]:
    """All suppressions that ever were; ended ones stay."""
    makers = {"purchased": _purchased, "no_consent": _no_consent, **dict.fromkeys(SAID, _said)}
    rows = [row for rule in rules(facts.config) for row in makers[rule["when"]](rule, facts)]
    return [*rows, *_capped(facts)]


def _purchased(rule: Mapping[str, Any], facts: Facts) -> Iterator[Suppression]:
    """What was bought is not advertised, until it lapses or the line is undone."""
    undos = defaultdict(list)
    for row in facts.timeline:
        if row["stream"] == "purchases" and row["type"] in rule["lifted_by"]:
            undos[row["order_id"]].append(row)
    for placed in facts.timeline:
        value = _matched(placed, rule["match"], facts)
        if placed["type"] != "order_placed" or not is_profile(placed["person_id"]) or not value:
            continue
        lifts = (undo for undo in undos[placed["order_id"]] if acts_on(undo, placed))
        lift = min(lifts, key=_order, default=None)
        lapses_at = _lapses_at(placed, rule, facts)
        ends_at, lifted_by = lapses_at, None
        if lift and lift["occurred_at"] < (lapses_at or FAR):
            ends_at = max(placed["occurred_at"], lift["occurred_at"])
            lifted_by = f"purchases:{lift['event_id']}"
        for channel in rule["channels"] or [None]:
            yield Suppression(
                person_id=placed["person_id"],
                policy=rule["name"],
                reason="purchased",
                channel=channel,
                scope=(rule["match"], value),
                cause=_order(placed),
                ends_at=ends_at,
                lifted_by=lifted_by,
                evidence=(f"purchases:{placed['event_id']}",),
                line_number=placed["line_number"],
            )


def _order(row: Mapping[str, Any]) -> Order:
    return row["occurred_at"], row["stream"], row["event_id"]


def _matched(row: Mapping[str, Any], match: str, facts: Facts) -> str | None:
    """The line's sku, category or brand; what the line does not say the product says."""
    product = facts.products.get(row["sku"]) or {}
    if match == "brand":
        return product.get("brand")
    return row[match] or (product.get("category") if match == "category" else None)


def _lapses_at(row: Mapping[str, Any], rule: Mapping[str, Any], facts: Facts) -> datetime | None:
    """After a share of the product's own replenishment time, else after `lasts`, else never."""
    days = (facts.products.get(row["sku"]) or {}).get("replenish_days")
    if rule["lasts_share"] is not None and days is not None:
        micros = math.floor(rule["lasts_share"] * float(days) * 86_400_000_000)
        return row["occurred_at"] + timedelta(microseconds=micros)
    return row["occurred_at"] + duration(rule["lasts"]) if rule["lasts"] else None


def _no_consent(rule: Mapping[str, Any], facts: Facts) -> Iterator[Suppression]:
    """A withdrawal holds until a later consent for the same channel and purpose."""
    grants = facts.of("profiles", "consent_granted")
    for event in facts.of("profiles", "consent_withdrawn"):
        person_id, purpose = facts.profile(event), event["purpose"] or "marketing"
        if person_id is None:
            continue
        lifts = [
            grant
            for grant in grants
            if facts.owner(grant) == person_id
            and (grant["purpose"] or "marketing") == purpose
            and grant["channel"] in (None, event["channel"])
            and grant.occurred_at > event.occurred_at
        ]
        ends_at, lifted_by = (lifts[0].occurred_at, lifts[0].name) if lifts else (None, None)
        yield _stated(rule, person_id, event, purpose, ends_at, lifted_by)


def _said(rule: Mapping[str, Any], facts: Facts) -> Iterator[Suppression]:
    """What a person or their mailbox has said about a channel, until they subscribe again."""
    subscribed = facts.of("messages", "subscribed")
    for event in facts.of("messages", rule["when"]):
        person_id = facts.profile(event)
        if person_id is None or (event["type"] == "bounced" and event["bounce"] != "hard"):
            continue
        lifts = [
            (again.occurred_at, again.name)
            for again in subscribed
            if facts.owner(again) == person_id
            and again["channel"] == event["channel"]
            and again.occurred_at > event.occurred_at
        ][:1]
        if event["type"] == "bounced":
            lifts += _new_addresses(person_id, event, facts)[:1]
        ends_at, lifted_by = min(lifts, key=lambda lift: lift[0], default=(None, None))
        yield _stated(rule, person_id, event, "marketing", ends_at, lifted_by)


def _new_addresses(person_id: str, bounce: Event, facts: Facts) -> list[tuple[datetime, str]]:
    """Addresses of the person for that channel, first seen after the bounce; earliest first."""
    kind = NEW_ADDRESS.get(bounce["channel"])
    return sorted(
        (row["first_seen_at"], f"identifier:{row['identifier_key']}")
        for row in facts.identity
        if row["person_id"] == person_id
        and row["state"] == "linked"
        and row["identifier_type"] == kind
        and row["first_seen_at"] > bounce.occurred_at
    )


def _stated(
    rule: Mapping[str, Any],
    person_id: str,
    event: Event,
    purpose: str,
    ends_at: datetime | None,
    lifted_by: str | None,
) -> Suppression:
    return Suppression(
        person_id=person_id,
        policy=rule["name"],
        reason=rule["when"],
        channel=event["channel"],
        scope=("purpose", purpose),
        cause=event.order,
        ends_at=ends_at,
        lifted_by=lifted_by,
        evidence=(event.name,),
    )


def _capped(facts: Facts) -> Iterator[Suppression]:
    """A reached cap is silence until the oldest of its messages leaves the window."""
    for cap, person_id, filled in reached(facts):
        for channel in cap["channels"] or [None]:
            for purpose in cap["purposes"]:
                yield Suppression(
                    person_id=person_id,
                    policy=cap["name"],
                    reason="capped",
                    channel=channel,
                    scope=("purpose", purpose),
                    cause=filled[-1].order,
                    ends_at=filled[0].occurred_at + duration(cap["window"]),
                    lifted_by=None,
                    evidence=tuple(event.name for event in filled),
                )
