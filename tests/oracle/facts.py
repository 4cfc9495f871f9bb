"""One accepted event, as everything after the intake knows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tests.oracle.blanks import trim
from tests.oracle.fields import MANUAL
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

    @property
    def is_sighting(self) -> bool:
        """Whether its identifiers were seen together; what somebody says of two is none."""
        return self["type"] not in MANUAL

    def property(self, name: str) -> str | None:
        """What it says beside the canonical fields, within its properties or without."""
        within, outside = self["properties"] or {}, self["unknown fields"] or {}
        value = outside.get(name, within.get(name))
        return value if value is not None and trim(value) else None
