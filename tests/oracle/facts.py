"""What every later module reads: the events up to `as_of`, each with its owner."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tests.oracle.identifiers import Identifier

EventId = tuple[str, str]
Order = tuple[datetime, str, str]


@dataclass(frozen=True)
class Event:
    """One accepted event with its identifiers, in the order of priority and key."""

    stream: str
    fields: Mapping[str, Any]
    identifiers: tuple[Identifier, ...]
    blocked: tuple[Identifier, ...]

    def __getitem__(self, name: str) -> Any:
        return self.fields.get(name)

    @property
    def id(self) -> EventId:
        return self.stream, self.fields["event_id"]

    @property
    def name(self) -> str:
        """As evidence names it."""
        return ":".join(self.id)

    @property
    def occurred_at(self) -> datetime:
        return self.fields["occurred_at"]

    @property
    def order(self) -> Order:
        """Newest, oldest, first and last mean this order; arrival never decides."""
        return self.occurred_at, *self.id


@dataclass(frozen=True)
class Facts:
    """The world as of a moment: events in their order, owners, identity, timeline, products."""

    config: Mapping[str, Any]
    as_of: datetime
    events: list[Event]
    owners: Mapping[EventId, str | None]
    identity: list[dict[str, Any]]
    timeline: list[dict[str, Any]]
    products: Mapping[str, Mapping[str, Any]]

    def owner(self, event: Event) -> str | None:
        return self.owners[event.id]

    def profile(self, event: Event) -> str | None:
        """Its owner where that is a person; a shared device's steady id is nobody's profile."""
        return self.owner(event) if is_profile(self.owner(event)) else None

    def of(self, stream: str, *types: str) -> list[Event]:
        """The events of a stream and some of its types, in their order."""
        return [e for e in self.events if e.stream == stream and e["type"] in types]


def is_profile(person_id: str | None) -> bool:
    """Whether somebody stands behind the id: nobody's events and `n_…` owners have no profile."""
    return person_id is not None and not person_id.startswith("n_")
