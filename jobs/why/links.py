"""Links: which events make identifiers one person, and what keeps the others apart."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tactful.jobs.report.lake_view import LakeView
from tactful.jobs.settings.config import Config
from tactful.jobs.why.texts import as_utc, moment, visible
from tactful.jobs.why.who import called, described
from tactful.schemas.words import ALWAYS, NEVER

READS = ("_log/links", "manual_links", "hubs")
# More sets than this are no customer; what is found among them is told, and that there are more.
MOST_SETS = 5_000
MOST_STEPS = 8

SETS = """
    SELECT link_id, any_value(identifier_keys) AS keys, any_value(identifier_types) AS types,
           any_value(blocked_keys) AS blocked, coalesce(any_value(kind), 'seen') AS kind,
           min(first_seen) AS first_seen, max(last_seen) AS last_seen
    FROM log_links
    WHERE (list_has_any(identifier_keys, $keys) OR list_has_any(blocked_keys, $keys))
      AND first_seen.occurred_at <= $at
    GROUP BY link_id ORDER BY first_seen, link_id LIMIT $most
"""
STANDING = """
    SELECT kind, identifier_key, other_key, author, reason, said_at FROM manual_links
    WHERE is_standing AND said_at <= $at
      AND (identifier_key IN (SELECT unnest($keys)) OR other_key IN (SELECT unnest($keys)))
    ORDER BY said_at, event_id
"""
HUBS = """
    SELECT identifier_key, seen_with_count FROM hubs
    WHERE identifier_key IN (SELECT unnest($keys))
"""


@dataclass(frozen=True)
class Together:
    """Identifiers that some events name together, the best first, or that somebody linked by hand.

    first, last: stream, event_id and occurred_at of the first and of the last of these events.
    """

    keys: tuple[str, ...]
    types: tuple[str, ...]
    blocked: tuple[str, ...]
    kind: str
    first: Mapping[str, Any]
    last: Mapping[str, Any]

    @property
    def event(self) -> str:
        """The event that showed it first, as stream:event_id."""
        return f"{self.first['stream']}:{self.first['event_id']}"


@dataclass(frozen=True)
class Hop:
    """One step of a path: two identifiers, and what names them together."""

    one: str
    other: str
    by: Together


@dataclass(frozen=True)
class Rules:
    """What may hold identifiers together: windows of types, and what somebody said by hand."""

    windows: Mapping[str, timedelta]
    never: frozenset[frozenset[str]]
    always: frozenset[frozenset[str]]
    at: datetime

    def ends(self, together: Together, key: str) -> datetime | None:
        """When an identifier's link by these events ends, or ended; None: never."""
        window = self.windows.get(together.types[together.keys.index(key)])
        return None if window is None else as_utc(together.last["occurred_at"]) + window

    def starred(self, together: Together, usable: Collection[str]) -> list[str]:
        """Those of the identifiers that these events make one person of, the best of them first.

        An event links each of its usable identifiers to the best of them, and to nothing else.
        """
        members = [key for key in together.keys if key in usable]
        if together.kind == ALWAYS:
            return members if frozenset(members) in self.always else []
        if together.kind != "seen" or not members:
            return []
        best = members[0]
        return [best, *(key for key in members[1:] if self._holds(together, best, key))]

    def _holds(self, together: Together, best: str, key: str) -> bool:
        ends = self.ends(together, key)
        return frozenset((best, key)) not in self.never and (ends is None or ends > self.at)


def sets_of(lake: LakeView, keys: Iterable[str], *, at: datetime) -> list[Together]:
    """What names any of these identifiers, by when it was first seen."""
    rows = lake.rows(SETS, keys=sorted(set(keys)), at=at, most=MOST_SETS)
    return [
        Together(
            tuple(row["keys"] or ()), tuple(row["types"] or ()), tuple(row["blocked"] or ()),
            row["kind"], row["first_seen"], row["last_seen"],
        )
        for row in rows
    ]  # fmt: skip


def rules_of(lake: LakeView, config: Config, keys: Iterable[str], *, at: datetime) -> Rules:
    """What may hold these identifiers together, as of a moment."""
    standing = lake.rows(STANDING, keys=sorted(set(keys)), at=at)
    pairs: dict[str, set[frozenset[str]]] = {ALWAYS: set(), NEVER: set()}
    for row in standing:
        pairs.setdefault(row["kind"], set()).add(
            frozenset((row["identifier_key"], row["other_key"]))
        )
    windows = {name: kind.window for name, kind in config.identity.types.items() if kind.window}
    return Rules(windows, frozenset(pairs[NEVER]), frozenset(pairs[ALWAYS]), at)


def paths_from(
    root: str, sets: Sequence[Together], usable: Collection[str], rules: Rules
) -> dict[str, list[Hop]]:
    """The shortest path of events from one identifier to each that it is one person with."""
    neighbours: dict[str, list[Hop]] = {}
    for together in sets:
        members = rules.starred(together, usable)
        for one in members:
            neighbours.setdefault(one, []).extend(
                Hop(one, other, together) for other in members if other != one
            )
    paths: dict[str, list[Hop]] = {root: []}
    waiting = deque([root])
    while waiting:
        one = waiting.popleft()
        for hop in neighbours.get(one, ()):
            if hop.other not in paths:
                paths[hop.other] = [*paths[one], hop]
                waiting.append(hop.other)
    return paths


def apart(
    lake: LakeView,
    sets: Sequence[Together],
    mine: Collection[str],
    told: Collection[str],
    rules: Rules,
    config: Config,
) -> list[dict[str, Any]]:
    """What was seen together with a person's identifiers and is not theirs, and why not.

    mine: the identifiers that are theirs. told: those of which it is said already.
    """
    met: dict[str, tuple[str, Together]] = {}
    for together in sets:
        ours = [key for key in together.keys if key in mine]
        for key in (*together.keys, *together.blocked):
            if key not in told and ours:
                met[key] = (ours[0], together)
    known = described(lake, met)
    crowds = {row["identifier_key"]: row["seen_with_count"] for row in hubs(lake, met)}
    return [
        {
            "identifier_key": key,
            "identifier": called(known[key]) if key in known else f"with the key {key}",
            "state": known[key]["state"] if key in known else None,
            "why": why_apart(known.get(key, {}), met[key], rules, config, crowds.get(key)),
            "event": met[key][1].event,
        }
        for key in sorted(met)
    ]


def hubs(lake: LakeView, keys: Iterable[str]) -> list[dict[str, Any]]:
    """With how many others each of these that is a hub was seen."""
    return lake.rows(HUBS, keys=sorted(set(keys)))


def why_apart(
    one: Mapping[str, Any],
    met: tuple[str, Together],
    rules: Rules,
    config: Config,
    crowd: int | None,
) -> str:
    """Why an identifier is not one person with another that an event names beside it."""
    beside, together = met
    state = one.get("state")
    if state == "blocked" or one.get("identifier_key") in together.blocked:
        return "its value stands for nobody (identity.blocked)"
    if state == "hub":
        return f"it {hub_words(one, crowd, config)}, so it links nobody (a hub)"
    if state == "neutral":
        since = moment(one["neutral_from_at"])
        return f"several customers share it, so since {since} it is nobody's"
    key = one.get("identifier_key", "")
    if frozenset((beside, key)) in rules.never:
        return "somebody of the business said that they are never one customer"
    ended = rules.ends(together, key) if key in together.keys else None
    if ended is not None and ended <= rules.at:
        return f"it was last seen so long ago that the link ended on {moment(ended)}"
    unique = ", ".join(config.identity.unique_types)
    return (
        f"together they would be one person of two customers (unique: {unique}), or of more "
        "identifiers than one person has"
    )


def hub_words(one: Mapping[str, Any], crowd: int | None, config: Config) -> str:
    """Why an identifier is a hub: too many others, or else two customers that have it."""
    if not crowd:
        return "belongs to too many"
    if crowd > config.identity.max_links_of(one.get("identifier_type") or ""):
        return f"was seen with {crowd:,} other identifiers"
    unique = ", ".join(config.identity.unique_types)
    return f"is shared by several customers (unique: {unique}), of whom none is surely its owner"


def chain(lake: LakeView, one: str, other: str, *, at: datetime) -> list[Hop] | None:
    """The shortest chain of events between two identifiers, whatever forbids it; None without any.

    Looked for from both ends in turn, from the smaller one first, over at most `MOST_STEPS` events.
    """
    reached: list[dict[str, Hop | None]] = [{one: None}, {other: None}]
    edges = [[one], [other]]
    for _ in range(MOST_STEPS):
        side = 0 if len(edges[0]) <= len(edges[1]) else 1
        if not edges[side]:
            return None
        edges[side] = list(_step(lake, edges[side], reached[side], at))
        for key in edges[side]:
            if key in reached[1 - side]:
                return _joined(reached, key)
    return None


def _step(
    lake: LakeView, edge: Sequence[str], reached: dict[str, Hop | None], at: datetime
) -> Iterator[str]:
    standing = set(edge)
    for together in sets_of(lake, edge, at=at):
        names = (*together.keys, *together.blocked)
        if together.kind == NEVER or together.kind not in ("seen", ALWAYS):
            continue
        for begin in (key for key in names if key in standing):
            for key in names:
                if key not in reached:
                    reached[key] = Hop(begin, key, together)
                    yield key


def _joined(reached: Sequence[Mapping[str, Hop | None]], middle: str) -> list[Hop]:
    first: list[Hop] = []
    key = middle
    while (hop := reached[0][key]) is not None:
        first.append(hop)
        key = hop.one
    last, key = [], middle
    while (hop := reached[1][key]) is not None:
        last.append(Hop(hop.other, hop.one, hop.by))
        key = hop.one
    return [*reversed(first), *last]


def hop_facts(hop: Hop, known: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """One step of a path for people and programs."""
    by = hop.by
    return {
        "from_key": hop.one,
        "to_key": hop.other,
        "from": name_in(known, hop.one),
        "to": name_in(known, hop.other),
        "kind": by.kind,
        "event": by.event,
        "occurred_at": by.first["occurred_at"],
        "last_event": f"{by.last['stream']}:{by.last['event_id']}",
        "last_at": by.last["occurred_at"],
    }


def name_in(known: Mapping[str, Mapping[str, Any]], key: str) -> str:
    """An identifier as people name it, by its key."""
    return called(known[key]) if key in known else f"an identifier with the key {key}"


def hop_words(hop: Mapping[str, Any]) -> str:
    """One step of a path in a sentence."""
    if hop["kind"] == ALWAYS:
        by = f"the business said so ({visible(hop['event'])})"
    else:
        by = f"both stand in {visible(hop['event'])} of {moment(hop['occurred_at'])}"
        if hop["last_event"] != hop["event"]:
            by += f", last in {visible(hop['last_event'])} of {moment(hop['last_at'])}"
    return f"{hop['from']} - {hop['to']}: {by}"
