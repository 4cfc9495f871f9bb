"""Manual links from outside: two identifiers are one customer, or never are, as somebody says.

A list of them, or a single one of the command `link`: each becomes an event.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pyspark.sql import functions as F

from tactful.jobs.errors import LinkRefused, StepFailed
from tactful.jobs.identity.keyed import keys_told
from tactful.jobs.imports.lists import PeopleList, Row, address_alone
from tactful.jobs.imports.told import Event, bring, with_id
from tactful.jobs.lake.lake import Lake
from tactful.jobs.settings.config import Config
from tactful.schemas.events import PROFILES
from tactful.schemas.identity import LABELS, LINKS
from tactful.schemas.words import WITHDRAWN
from tactful.transforms.identity.links import is_seen

# The columns of a list: the one and the other, and what a row may say beside.
TWO = (("type", "value"), ("other_type", "other_value"))
PAIR = tuple(name for of_one in TWO for name in of_one)
ALSO = ("reason", "author", "occurred_at")
WHY_NOT = {
    "unknown_type": "is of a type that the configuration does not name",
    "empty": "has no value",
    "invalid": "cannot be one of its type",
}
Identifier = dict[str, str]


def import_links(
    lake: Lake,
    config: Config,
    people: PeopleList,
    *,
    type_: str,
    at: datetime | None,
    on_progress: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Land a list's rows as manual links of one type; the same list again lands nothing.

    type_: what is said, such as never_link. at: when, unless a row says it; else when the file was
    written.
    """
    moment = (at or people.written_at).isoformat()
    common = {"occurred_at": moment, "type": type_, "source": people.path.name}
    said = hashlib.sha256(f"{type_}|{moment}|{people.content_hash}".encode()).hexdigest()
    pieces = ([_event(row, common) for row in piece] for piece in people.rows())
    mark = said[:32]
    brought = bring(lake, config, PROFILES.name, pieces, mark=mark, on_progress=on_progress)
    return {
        "list": str(people.path),
        "rows": brought.rows + people.ragged["ragged"],
        **people.ragged,
        "landed": brought.landed,
        "refused": brought.refused,
        "known_before": brought.known_before,
        "left_aside": [*people.left_aside],
    }


@dataclass(frozen=True)
class Landed:
    """A word that landed: its id, and what of it does nothing as the last run left the lake.

    unseen: those of the two that no event has carried. is_of_nothing: whether it takes back what
    nobody said.
    """

    event_id: str
    unseen: list[Identifier]
    is_of_nothing: bool


def say(lake: Lake, config: Config, one: Identifier, other: Identifier, event: Event) -> Landed:
    """Land one manual link. event: what it says beside the two.

    Raises: LinkRefused, before anything lands, where one of them cannot be linked.
    """
    told = keys_told(lake, [[one], [other]], config).collect()
    found = {(row.identifiers[0].type, row.identifiers[0].value): row for row in told}
    keys = []
    for identifier in (one, other):
        judged = found[identifier["type"], identifier["value"]]
        _refuse_unusable(identifier, judged)
        keys += judged.identifier_keys
    if keys[0] == keys[1]:
        raise LinkRefused(
            f"{written(one)} and {written(other)} are one identifier; name another one beside it."
        )
    full = with_id({**event, "identifiers": [one, other]}, "link")
    brought = bring(lake, config, PROFILES.name, [[full]], mark=full["event_id"])
    if brought.refused:
        raise StepFailed(
            "The lake took it in as a row that it refuses; after the next run quarantine says why."
        )
    return Landed(
        full["event_id"],
        _unseen(lake, dict(zip(keys, (one, other), strict=True))),
        event["type"] == WITHDRAWN and not _is_spoken_of(lake, keys),
    )


def _unseen(lake: Lake, named: Mapping[str, Identifier]) -> list[Identifier]:
    """Those of the two of which there is no label, since no event has carried them."""
    labels = lake.store.read(LABELS).where(F.col("identifier_key").isin(*named))
    seen = {row.identifier_key for row in labels.select("identifier_key").distinct().collect()}
    return [identifier for key, identifier in named.items() if key not in seen]


def _is_spoken_of(lake: Lake, keys: Sequence[str]) -> bool:
    """Whether anything was said of the two by hand that a run has taken in."""
    both = [F.array_contains("identifier_keys", key) for key in keys]
    return not lake.store.read(LINKS).where(~is_seen() & both[0] & both[1]).isEmpty()


def written(identifier: Identifier) -> str:
    """An identifier as the command takes it."""
    return f"{identifier['type']}:{identifier['value']}"


def _refuse_unusable(identifier: Identifier, judged: Any) -> None:
    if judged.blocked_keys:
        raise LinkRefused(
            f"{written(identifier)} is blocked, so it stands for nobody (identity.blocked); name "
            "an identifier that is somebody's."
        )
    if judged.identifier_reasons:
        why = WHY_NOT[judged.identifier_reasons[0].rpartition(":")[2]]
        raise LinkRefused(f"{written(identifier)} {why}; correct it.")


def _event(row: Row, common: dict[str, str]) -> Event:
    beside = {name: value for name, value in row.items() if name in ALSO}
    named = [
        {"type": row.get(kind, ""), "value": _bare(row.get(kind, ""), row.get(value, ""))}
        for kind, value in TWO
    ]
    return with_id({**common, **beside, "identifiers": named}, "list")


def _bare(kind: str, value: str) -> str:
    return address_alone(value) if kind.lower().startswith(("email", "e-mail")) else value
