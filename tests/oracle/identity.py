"""Who is who: the state and person of every identifier."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tests.oracle.engine import identify, open_database, rows
from tests.oracle.facts import Event
from tests.oracle.identifiers import Identifier
from tests.oracle.inputs import put_events, put_types


@dataclass(frozen=True)
class Label:
    """What is known of one identifier."""

    identifier: Identifier
    told: Mapping[str, Any]

    @property
    def state(self) -> str:
        return self.told["state"]

    @property
    def person_id(self) -> str | None:
        return self.told["person_id"]

    @property
    def neutral_from_at(self) -> datetime | None:
        return self.told["neutral_from_at"]

    def row(self) -> dict[str, Any]:
        return dict(self.told)


BY_HAND = """
INSERT INTO words (kind, identifier_key, other_key)
SELECT $1, a.identifier_key, b.identifier_key
FROM identifiers AS a, identifiers AS b
WHERE list_sort([a.identifier_key, b.identifier_key]) = list_sort([$2, $3]) AND a.node < b.node
"""
ALWAYS = datetime.max.replace(tzinfo=UTC)


def resolve(
    events: Iterable[Event],
    config: Mapping[str, Any],
    *,
    as_of: datetime = ALWAYS,
    always: Iterable[str] = (),
    never: Iterable[str] = (),
) -> dict[str, Label]:
    """The label of every identifier, from these events.

    as_of: by default after everything. always, never: pairs of keys that somebody joined or keeps
    apart by hand, written as 'm1 m2'.
    """
    events = list(events)
    known = {x.key: x for event in events for x in event.identifiers + event.blocked}
    with open_database() as db:
        put_events(db, events)
        put_types(db, config, as_of)
        for kind, pairs in (("always_link", always), ("never_link", never)):
            for pair in pairs:
                db.execute(BY_HAND, [kind, *pair.split()])
        identify(db)
        labels = rows(db, "identity")
    return {row["identifier_key"]: Label(known[row["identifier_key"]], row) for row in labels}
