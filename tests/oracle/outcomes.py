"""What became of every message that was sent, and which orders followed it."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from decimal import Decimal
from typing import Any

from tests.oracle.config import duration
from tests.oracle.facts import Event, Facts
from tests.oracle.timeline import paid


def first_sent(facts: Facts) -> dict[str, Event]:
    """The first `sent` event of every message."""
    sent: dict[str, Event] = {}
    for event in facts.of("messages", "sent"):
        sent.setdefault(event["message_id"], event)
    return sent


def outcomes(facts: Facts) -> list[dict[str, Any]]:
    """One row a message sent."""
    reached: dict[str, dict[str, datetime]] = defaultdict(dict)
    for event in facts.of("messages", "delivered", "opened", "clicked"):
        if not (event["type"] == "opened" and event["machine_open"]):
            reached[event["message_id"]].setdefault(event["type"], event.occurred_at)
    orders = _first_orders(facts)
    rows = []
    for message_id, sent in first_sent(facts).items():
        row = {
            "message_id": message_id,
            "person_id": facts.owner(sent),
            "campaign_id": sent["campaign_id"],
            "variant": sent["variant"],
            "channel": sent["channel"],
            "sent_at": sent.occurred_at,
            "delivered_at": reached[message_id].get("delivered"),
            "opened_at": reached[message_id].get("opened"),
            "clicked_at": reached[message_id].get("clicked"),
        }
        followed = [order for order in orders[row["person_id"]] if _follows(order, row, facts)]
        row["orders"] = sorted(map(_entry, followed), key=_by_time)
        row["goal_reached_at"] = row["orders"][0]["converted_at"] if row["orders"] else None
        rows.append(row)
    return rows


def _first_orders(facts: Facts) -> dict[str | None, list[Event]]:
    """Per person, the first `order_placed` of each order; nobody has no orders."""
    placed: dict[tuple[str, str], Event] = {}
    for event in facts.of("purchases", "order_placed"):
        if facts.owner(event) is not None:
            placed.setdefault((facts.owner(event), event["order_id"]), event)
    orders: dict[str | None, list[Event]] = defaultdict(list)
    for (person_id, _), event in placed.items():
        orders[person_id].append(event)
    return orders


def _follows(order: Event, message: dict[str, Any], facts: Facts) -> bool:
    """Soon enough after its click, or after its sending where the order names its campaign."""
    window = duration(facts.config["attribution"]["window"])
    at, clicked_at, sent_at = order.occurred_at, message["clicked_at"], message["sent_at"]
    after_click = clicked_at is not None and clicked_at <= at <= clicked_at + window
    campaign = message["campaign_id"]
    named = campaign is not None and order["campaign_id"] == campaign
    return after_click or (named and sent_at <= at <= sent_at + window)


def _entry(order: Event) -> dict[str, Any]:
    revenue = sum((paid(line) or Decimal(0) for line in order["lines"] or []), Decimal(0))
    return {
        "order_id": order["order_id"],
        "converted_at": order.occurred_at,
        "revenue": revenue,
        "currency": order["currency"],
    }


def _by_time(entry: dict[str, Any]) -> tuple[datetime, str]:
    return entry["converted_at"], entry["order_id"]
