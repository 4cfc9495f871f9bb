"""Who is who: the state and person of every identifier, and the owner of every event."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tests.oracle.config import identifier_types
from tests.oracle.facts import Event, EventId
from tests.oracle.graph import components, cut_oversized, find_hubs, keep_apart, star_links
from tests.oracle.identifiers import Identifier


@dataclass
class Label:
    """What is known of one identifier."""

    identifier: Identifier
    first_seen_at: datetime
    last_seen_at: datetime
    state: str = "linked"
    person_id: str | None = None
    neutral_from_at: datetime | None = None
    neutral_person_id: str | None = None

    def row(self) -> dict[str, Any]:
        return {
            "identifier_key": self.identifier.key,
            "identifier_type": self.identifier.type,
            "person_id": self.person_id,
            "household_id": None,
            "first_seen_at": self.first_seen_at,
            "last_seen_at": self.last_seen_at,
            "state": self.state,
            "neutral_from_at": self.neutral_from_at,
            "neutral_person_id": self.neutral_person_id,
        }


def resolve(events: Iterable[Event], config: Mapping[str, Any]) -> dict[str, Label]:
    """The label of every identifier, from all events up to the decision clock."""
    events = sorted(events, key=lambda event: event.order)
    types = identifier_types(config)
    labels = _seen(events)
    hubs = find_hubs(events, types)
    links = star_links(events, hubs, types)
    nodes = {k: at.identifier for k, at in labels.items() if at.state == "linked"}
    nodes = {key: node for key, node in nodes.items() if key not in hubs}
    hubs |= cut_oversized(nodes, links, config["identity"]["max_identifiers"])
    nodes = {key: node for key, node in nodes.items() if key not in hubs}
    cut = keep_apart(nodes, links, types)
    neutral = {key for key in cut if types[nodes[key].type]["device"]}
    for key in hubs | (cut - neutral):
        labels[key].state = "hub"
    for part in components(nodes.keys() - cut, links):
        earliest = min(part, key=lambda key: (labels[key].first_seen_at, key))
        for key in part:
            labels[key].person_id = f"p_{earliest}"
    for key in neutral:
        labels[key].state = "neutral"
    for key in neutral:
        _share(labels[key], events, labels)
    return labels


def owners(events: Iterable[Event], labels: Mapping[str, Label]) -> dict[EventId, str | None]:
    """Whose each event is: that of its first identifier that is no hub."""
    return {event.id: _owner(event, labels) for event in events}


def _seen(events: Iterable[Event]) -> dict[str, Label]:
    labels: dict[str, Label] = {}
    for event in events:  # in order of time
        for state, found in (("linked", event.identifiers), ("blocked", event.blocked)):
            for x in found:
                at = event.occurred_at
                label = labels.setdefault(x.key, Label(x, at, at, state))
                label.last_seen_at = at
    return labels


def _share(device: Label, events: Iterable[Event], labels: Mapping[str, Label]) -> None:
    """A shared device is its first person's until a second is seen with it, then nobody's."""
    key = device.identifier.key
    first_seen: dict[str, datetime] = {}  # per person, in the order of events
    for event in events:
        keys = [x.key for x in event.identifiers]
        known = [labels[k] for k in keys if labels[k].state == "linked"]
        if key in keys and known and known[0].person_id:
            first_seen.setdefault(known[0].person_id, event.occurred_at)
    persons = list(first_seen.items())
    device.neutral_person_id = f"n_{key}"
    if persons:
        device.person_id = persons[0][0]
    if len(persons) > 1:
        device.neutral_from_at = persons[1][1]


def _owner(event: Event, labels: Mapping[str, Label]) -> str | None:
    found = [labels[x.key] for x in event.identifiers]
    label = next((at for at in found if at.state != "hub"), None)
    if label is None:
        return None
    shared_from = label.neutral_from_at
    if label.state == "neutral" and shared_from and event.occurred_at >= shared_from:
        return label.neutral_person_id
    return label.person_id
