"""One accepted event, as everything after the intake knows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tests.oracle.identifiers import Identifier

EventId = tuple[str, str]


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
    def occurred_at(self) -> datetime:
        return self.fields["occurred_at"]
