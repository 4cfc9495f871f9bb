"""How much a person has been contacted: pressure, and the rows that a reached cap makes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from tests.oracle.config import caps, duration
from tests.oracle.facts import Event, Facts


def counted(cap: Mapping[str, Any], facts: Facts) -> dict[str, list[Event]]:
    """Per person, the events a cap counts: each message once, at its earliest, in order."""
    first: dict[tuple[str, str], Event] = {}
    for event in facts.of("messages", cap["counts"]):
        person_id = facts.profile(event)
        if person_id is not None and _counts(event, cap):
            first.setdefault((person_id, event["message_id"]), event)
    messages: dict[str, list[Event]] = defaultdict(list)
    for (person_id, _), event in first.items():
        messages[person_id].append(event)
    return messages


def pressure(facts: Facts) -> list[dict[str, Any]]:
    """One row a person and cap with at least one message in the window that ends at as_of."""
    rows = []
    for cap in caps(facts.config):
        window, limit = duration(cap["window"]), cap["limit"]
        starts_at = facts.as_of - window
        for person_id, messages in counted(cap, facts).items():
            times = [event.occurred_at for event in messages if event.occurred_at > starts_at]
            if not times:
                continue
            full = len(times) >= limit
            rows.append(
                {
                    "person_id": person_id,
                    "cap": cap["name"],
                    "counted": min(len(times), limit),
                    "cap_limit": limit,
                    "window_starts_at": starts_at,
                    "next_allowed_at": times[-limit] + window if full else None,
                    "as_of": facts.as_of,
                }
            )
    return rows


def reached(facts: Facts) -> Iterator[tuple[Mapping[str, Any], str, list[Event]]]:
    """Each time a cap was reached: the cap, the person, and the messages that filled it."""
    for cap in caps(facts.config):
        limit, window = cap["limit"], duration(cap["window"])
        for person_id, messages in counted(cap, facts).items():
            for last in range(limit, len(messages) + 1):
                filled = messages[last - limit : last]
                # exactly W later is allowed again: the window is open at its start
                if filled[-1].occurred_at < filled[0].occurred_at + window:
                    yield cap, person_id, filled


def _counts(event: Event, cap: Mapping[str, Any]) -> bool:
    if event["type"] == "opened" and event["machine_open"]:
        return False
    right_channel = not cap["channels"] or event["channel"] in cap["channels"]
    return right_channel and (event["purpose"] or "marketing") in cap["purposes"]
