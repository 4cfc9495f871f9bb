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
from tactful.jobs.why.who import called
from tactful.schemas.events import STREAMS
from tactful.schemas.words import ALWAYS, MANUAL_LINK_TYPES, NEVER

READS = ("_log/links", "manual_links")
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
# Of sets that were seen again after a moment, when they were last seen until then.
LAST_UNTIL = " UNION ALL ".join(
    f"""
    SELECT identifier_keys AS keys, coalesce(blocked_keys, []) AS blocked,
           arg_max({{'occurred_at': occurred_at, 'stream': '{name}', 'event_id': event_id}},
                   (occurred_at, event_id)) AS last_seen
    FROM {name} WHERE occurred_at <= $at AND type NOT IN {MANUAL_LINK_TYPES}
      AND (list_has_any(identifier_keys, $keys) OR list_has_any(blocked_keys, $keys))
    GROUP BY ALL
    """
    for name in STREAMS
)


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


NOTHING = Together((), (), (), "seen", {}, {})


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
    """What names any of these identifiers, by when it was first seen; nothing after the moment."""
    wanted = sorted(set(keys))
    rows = lake.rows(SETS, keys=wanted, at=at, most=MOST_SETS)
    later = {key for row in rows if as_utc(row["last_seen"]["occurred_at"]) > at
             for key in (*(row["keys"] or ()), *(row["blocked"] or ()))}  # fmt: skip
    last = _last_until(lake, later, at)
    return [
        Together(
            tuple(row["keys"] or ()), tuple(row["types"] or ()), tuple(row["blocked"] or ()),
            row["kind"], row["first_seen"], _last_of(row, last, at),
        )
        for row in rows
    ]  # fmt: skip


Sets = Mapping[tuple[tuple[str, ...], tuple[str, ...]], Mapping[str, Any]]


def _last_until(lake: LakeView, keys: Collection[str], at: datetime) -> Sets:
    """The last event until a moment of each set of these: a log of sets knows the newest alone."""
    if not keys:
        return {}
    found: dict[Any, Mapping[str, Any]] = {}
    for stream in STREAMS:
        lake.opens(stream)
    for row in lake.rows(LAST_UNTIL, keys=sorted(keys), at=at):
        named = (tuple(row["keys"] or ()), tuple(row["blocked"] or ()))
        known = found.get(named)
        if known is None or _order(known) < _order(row["last_seen"]):
            found[named] = row["last_seen"]
    return found


def _last_of(row: Mapping[str, Any], last: Sets, at: datetime) -> Mapping[str, Any]:
    seen: Mapping[str, Any] = row["last_seen"]
    if as_utc(seen["occurred_at"]) <= at:
        return seen
    if row["kind"] != "seen":
        return row["first_seen"]
    return last.get((tuple(row["keys"] or ()), tuple(row["blocked"] or ())), row["first_seen"])


def _order(event: Mapping[str, Any]) -> tuple[Any, ...]:
    return event["occurred_at"], event["stream"], event["event_id"]


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
