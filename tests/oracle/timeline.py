"""The timeline: one row an event, or one a line for purchases that have lines."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from typing import Any

from tests.oracle.facts import Event
from tests.oracle.fields import cents


def rows_of(event: Event, person_id: str | None) -> list[dict[str, Any]]:
    """What happened, once for every line it happened to."""
    lines = (event["lines"] or []) if event.stream == "purchases" else []
    if not lines:
        own = {name: event[name] for name in ("sku", "category", "line_id")}
        return [_row(event, person_id, 0, **own)]
    return [
        _row(
            event,
            person_id,
            number,
            sku=line["sku"],
            category=line["category"],
            line_id=line["line_id"] or event["line_id"],
            quantity=line["quantity"],
            amount=paid(line),
        )
        for number, line in enumerate(lines)
    ]


def paid(line: Mapping[str, Any]) -> Any:
    """What was paid for a line: its amount, else quantity by unit price less discount."""
    if line["amount"] is not None:
        return line["amount"]
    if line["quantity"] is None or line["unit_price"] is None:
        return None
    return cents(line["quantity"] * line["unit_price"] - (line["discount"] or 0))


def acts_on(undo: Mapping[str, Any], placed: Mapping[str, Any]) -> bool:
    """Whether a later row of an order concerns a placed line: by line, else by product, else all.

    Both are timeline rows of one order.
    """
    if undo["line_id"] is not None:
        return undo["line_id"] == placed["line_id"]
    return undo["sku"] is None or undo["sku"] == placed["sku"]


def _row(event: Event, person_id: str | None, number: int, **line: Any) -> dict[str, Any]:
    facts = ("order_id", "currency", "message_id", "channel", "campaign_id")
    return {
        "person_id": person_id,
        "occurred_at": event.occurred_at,
        "event_date": event.occurred_at.astimezone(UTC).date(),
        "stream": event.stream,
        "type": event["type"],
        "event_id": event["event_id"],
        **{name: event[name] for name in facts},
        "quantity": None,
        "amount": None,
        **line,
        "line_number": number,
    }
