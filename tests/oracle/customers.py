"""What is known of a person: orders, revenue, messages and consents."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from tests.oracle.facts import Event, Facts
from tests.oracle.timeline import acts_on

UNDO = ("order_cancelled", "order_returned", "order_refunded")
Rows = list[dict[str, Any]]


def customers(facts: Facts, outcomes: Rows) -> Rows:
    """One row a person that owns an event; a shared device's steady id is one too."""
    events: dict[str, list[Event]] = defaultdict(list)
    for event in facts.events:
        if facts.owner(event) is not None:
            events[facts.owner(event)].append(event)
    undos, placed, sent = defaultdict(list), defaultdict(list), defaultdict(list)
    for row in facts.timeline:
        if row["type"] in UNDO:
            undos[row["order_id"]].append(row)
        if row["type"] == "order_placed":
            placed[row["person_id"]].append(row)
    for row in outcomes:
        sent[row["person_id"]].append(row)
    return [
        {
            "person_id": person_id,
            "first_seen_at": own[0].occurred_at,
            "last_seen_at": own[-1].occurred_at,
            **_bought(placed[person_id], undos, facts),
            **_contacts(sent[person_id]),
            "consents": _consents(own),
            "as_of": facts.as_of,
        }
        for person_id, own in events.items()
    ]


def _bought(placed: Rows, undos: Mapping[str, Rows], facts: Facts) -> dict[str, Any]:
    """Orders that stand, and what was paid and not given back."""
    lines: dict[str, Rows] = defaultdict(list)
    revenue: dict[str, Decimal] = defaultdict(Decimal)
    for row in placed:
        lines[row["order_id"]].append(row)
        currency = row["currency"] or facts.config["business"]["currency"]
        revenue[currency] += _kept(row, undos[row["order_id"]])
    standing = {
        order_id: rows
        for order_id, rows in lines.items()
        if not all(_is_cancelled(row, undos[order_id]) for row in rows)
    }
    last = max((row["occurred_at"] for rows in standing.values() for row in rows), default=None)
    return {
        "orders": len(standing),
        "revenue": dict(revenue),
        "last_order_at": last,
        "recency_days": (facts.as_of - last).days if last else None,
    }


def _is_cancelled(placed: Mapping[str, Any], undos: Rows) -> bool:
    return any(u["type"] == "order_cancelled" and acts_on(u, placed) for u in undos)


def _kept(placed: Mapping[str, Any], undos: Rows) -> Decimal:
    """What was paid for a line less what was given back; a return and its refund count once."""
    paid = max(placed["amount"] or Decimal(0), Decimal(0))
    if _is_cancelled(placed, undos):
        return Decimal(0)
    given_back = [
        sum(
            (
                paid if u["amount"] is None else u["amount"]
                for u in undos
                if u["type"] == kind and acts_on(u, placed)
            ),
            Decimal(0),
        )
        for kind in ("order_returned", "order_refunded")
    ]
    return paid - min(paid, max(*given_back, Decimal(0)))


def _contacts(sent: Rows) -> dict[str, dict[str, int]]:
    def count(rows: Iterable[Mapping[str, Any]]) -> dict[str, int]:
        return dict(Counter(row["channel"] for row in rows if row["channel"] is not None))

    return {
        "sends": count(sent),
        "opens": count(row for row in sent if row["opened_at"]),
        "clicks": count(row for row in sent if row["clicked_at"]),
    }


def _consents(events: Iterable[Event]) -> dict[str, bool]:
    """The newest answer per channel and purpose; at the same moment a withdrawal wins."""
    newest: dict[str, tuple[Any, bool]] = {}
    for event in events:
        if event.stream == "profiles" and event["type"].startswith("consent_"):
            key = f"{event['channel'] or '*'}:{event['purpose'] or 'marketing'}"
            answer = (event.occurred_at, event["type"] == "consent_withdrawn")
            newest[key] = max(newest.get(key, answer), answer)
    return {key: not withdrawn for key, (_, withdrawn) in newest.items()}
