"""Apart: what keeps identifiers apart that events name beside each other, in words that are true.

A value may be blocked; a hub belongs to too many, to several customers, or to one who would have
too many; a device is several customers', or its only customer was last seen with it long ago.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tactful.jobs.report.lake_view import LakeView
from tactful.jobs.settings.config import Config
from tactful.jobs.why.links import STANDING, Rules, Together, name_in
from tactful.jobs.why.texts import moment, visible
from tactful.jobs.why.who import called, described
from tactful.schemas.words import ALWAYS, NEVER
from tactful.transforms.identity.keys import ZEROS
from tactful.transforms.identity.sharing import SHARINGS

# A hub seen with more than so many is one of too many whatever else is true of it.
LOOKED_INTO = 5_000
BEFORE = timedelta(days=-1)
READS = ("hubs", "_log/links", "_log/labels", "identity", "manual_links")
CROWDS = """
    SELECT identifier_key, seen_with_count FROM hubs
    WHERE identifier_key IN (SELECT unnest($keys))
"""
# Whose a thing was that was seen beside each, and whether its being nobody's began when a link of
# it ended: that is when it was last seen in a set, and as long after as the window of a type says.
BESIDE = """
    WITH sets AS (
        SELECT link_id, any_value(identifier_keys) AS keys,
               max(last_seen.occurred_at) AS last_at
        FROM log_links
        WHERE list_has_any(identifier_keys, $keys) AND coalesce(kind, 'seen') = 'seen'
        GROUP BY link_id
    ),
    held AS (
        SELECT unnest(list_intersect(keys, $keys)) AS identifier_key, keys, last_at FROM sets
    ),
    ends AS (
        SELECT identifier_key, bool_or(list_contains(
                   list_transform($windows, lambda lasts: last_at + lasts), neutral_from_at)
               ) AS is_over
        FROM held JOIN identity USING (identifier_key) GROUP BY identifier_key
    ),
    others AS (SELECT DISTINCT identifier_key, unnest(keys) AS other_key FROM held),
    persons AS (
        SELECT others.identifier_key, count(DISTINCT person_id) AS persons_count
        FROM others JOIN identity ON identity.identifier_key = other_key
        WHERE state = 'linked' AND other_key <> others.identifier_key
        GROUP BY others.identifier_key
    )
    SELECT identifier_key, coalesce(is_over, false) AS is_over,
           coalesce(persons_count, 0) AS persons_count
    FROM ends LEFT JOIN persons USING (identifier_key)
"""
# How many hang together with each before anything was cut; one of too many hangs alone.
TOGETHER = """
    WITH newest AS (
        SELECT identifier_key, arg_max(component_key, batch_id) AS component_key,
               arg_max(state, batch_id) AS state
        FROM log_labels WHERE identifier_key IN (
            SELECT identifier_key FROM log_labels WHERE component_key IN (
                SELECT component_key FROM log_labels
                WHERE identifier_key IN (SELECT unnest($keys))))
        GROUP BY identifier_key
    )
    SELECT mine.identifier_key, count(*) AS together_count
    FROM newest AS mine JOIN newest AS other USING (component_key)
    WHERE mine.identifier_key IN (SELECT unnest($keys)) AND other.state <> 'blocked'
    GROUP BY mine.identifier_key
"""
OF_TYPE = """
    SELECT count(*) AS held FROM identity
    WHERE state = 'linked' AND identifier_type = $type AND person_id = (
        SELECT any_value(person_id) FROM identity WHERE identifier_key = $key)
"""


@dataclass(frozen=True)
class Crowd:
    """What is known of why an identifier is a hub, or a device nobody's.

    seen_with: how many others it was seen with, of a hub. persons: how many customers have what it
    was seen with. together: how many identifiers hang together with it; None where no label says.
    is_over: whether its link to its customer ended by the window of a type.
    """

    seen_with: int | None = None
    persons: int = 0
    together: int | None = None
    is_over: bool = False


def crowds(
    lake: LakeView, config: Config, known: Mapping[str, Mapping[str, Any]]
) -> dict[str, Crowd]:
    """Why each of these identifiers that is a hub or neutral is. known: see `who.described`."""
    hubs = sorted(key for key, one in known.items() if one["state"] == "hub")
    asked = sorted(key for key, one in known.items() if one["state"] in ("hub", "neutral"))
    if not asked:
        return {}
    seen = {row["identifier_key"]: row["seen_with_count"] for row in lake.rows(CROWDS, keys=hubs)}
    # What was seen with very many is told from the table; its sets alone would be half of a log.
    looked_into = [key for key in asked if (seen.get(key) or 0) <= LOOKED_INTO]
    # An empty list has no type for DuckDB; nothing is nobody's before it was last seen.
    windows = [k.window for k in config.identity.types.values() if k.window] or [BEFORE]
    rows = lake.rows(BESIDE, keys=looked_into, windows=windows)
    beside = {row["identifier_key"]: row for row in rows}
    together = {
        row["identifier_key"]: row["together_count"] for row in lake.rows(TOGETHER, keys=hubs)
    }
    return {
        key: Crowd(
            seen.get(key),
            beside[key]["persons_count"] if key in beside else seen.get(key) or 0,
            together.get(key),
            key in beside and beside[key]["is_over"],
        )
        for key in asked
    }


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
    found = crowds(lake, config, known)
    return [
        {
            "identifier_key": key,
            "identifier": called(known[key]) if key in known else f"with the key {key}",
            "identifier_type": known[key]["identifier_type"] if key in known else None,
            "state": known[key]["state"] if key in known else None,
            "why": why_apart(lake, known.get(key, {}), met[key], rules, config, found.get(key)),
            "event": met[key][1].event,
        }
        for key in sorted(met)
    ]


def why_apart(
    lake: LakeView,
    one: Mapping[str, Any],
    met: tuple[str, Together],
    rules: Rules,
    config: Config,
    crowd: Crowd | None,
) -> str:
    """Why an identifier is not one person with another that an event names beside it."""
    beside, together = met
    key = one.get("identifier_key", "")
    if one.get("state") == "blocked" or key in together.blocked:
        return blocked_words(one, config)
    if one.get("state") == "hub":
        return f"it {hub_words(one, crowd or Crowd(), config)}, so it links nobody (a hub)"
    if one.get("state") == "neutral":
        return neutral_words(one, crowd or Crowd(), config)
    if frozenset((beside, key)) in rules.never:
        return "somebody of the business said that they are never one customer"
    ended = rules.ends(together, key) if key in together.keys else None
    if ended is not None and ended <= rules.at:
        return f"it was last seen so long ago that the link ended on {moment(ended)}"
    return _too_many_words(lake, one, beside, config)


def _too_many_words(lake: LakeView, one: Mapping[str, Any], beside: str, config: Config) -> str:
    """That one person would have more of a type than one person has."""
    kind = one.get("identifier_type") or ""
    bound = config.identity.types[kind].max_per_person if kind in config.identity.types else None
    if bound:
        held = lake.row(OF_TYPE, type=kind, key=beside)["held"]
        if held >= bound:
            return (
                f"its customer has {held:,} of {kind} that were seen later or first, and nobody "
                f"has more than {bound:,} (max_per_person)"
            )
    unique = ", ".join(config.identity.unique_types)
    return (
        f"together they would be one person of two customers (unique: {unique}), or of more "
        "identifiers than one person has"
    )


def blocked_words(one: Mapping[str, Any], config: Config) -> str:
    """That a value stands for nobody, and by which list."""
    value = one.get("value")
    lowered = (value or "").lower()
    if value and re.fullmatch(ZEROS.removesuffix(r"\z").removeprefix("^"), lowered):
        by = "one of nothing but zeros is nobody's in any lake"
    elif value and lowered in config.identity.blocked:
        by = f'"{visible(lowered)}" is in the list identity.blocked'
    else:
        by = "by the list identity.blocked of when it came"
    return f"its value stands for nobody and links nobody: {by}"


def neutral_words(one: Mapping[str, Any], crowd: Crowd, config: Config) -> str:
    """Why a device is nobody's: several share it, or its customer is not seen with it any more."""
    since = moment(one["neutral_from_at"])
    if is_over(crowd, config):
        return (
            f"it was last seen with its customer so long ago that the link ended on {since} "
            "(window); since then it is nobody's"
        )
    if crowd.persons > 1:
        return f"several customers share it, so since {since} it is nobody's"
    return f"several customers share it, or what it was seen with, so since {since} it is nobody's"


def is_over(crowd: Crowd, config: Config) -> bool:
    """Whether a device is nobody's since its link ended; all others are shared."""
    return crowd.is_over or not SHARINGS[config.identity.shared_devices].makes_nobodys


def hub_words(one: Mapping[str, Any], crowd: Crowd, config: Config) -> str:
    """Why an identifier is a hub: too many others, two customers, or one who has too many."""
    rules, kind = config.identity, one.get("identifier_type") or ""
    bound = rules.max_links_of(kind) if kind in rules.types else rules.max_links
    seen, together = crowd.seen_with or 0, crowd.together
    if together == 1 or crowd.persons > bound or (together is None and seen > bound):
        return f"was seen with {seen:,} other identifiers" if seen else "belongs to too many"
    if together and together > rules.max_identifiers and crowd.persons <= 1:
        return (
            f"is one of {together:,} identifiers that would be one person's, and one person has at "
            f"most {rules.max_identifiers:,} (max_identifiers)"
        )
    unique = ", ".join(rules.unique_types)
    return f"is shared by several customers (unique: {unique}), of whom none is surely its owner"


def state_words(one: Mapping[str, Any], crowd: Crowd | None, config: Config) -> str:
    """What the state of an identifier means, where it is not simply somebody's."""
    crowd = crowd or Crowd()
    if one["state"] == "hub":
        return f"It is a hub and stands for nobody: it {hub_words(one, crowd, config)}."
    if one["state"] == "blocked":
        return f"It is blocked (identity.blocked): {blocked_words(one, config)}."
    if one["state"] == "neutral":
        nobodys = f"what happens on it is nobody's ({one['neutral_person_id']})."
        since = moment(one["neutral_from_at"])
        if is_over(crowd, config):
            return f"Its customer was last seen with it too long ago: since {since} {nobodys}"
        return f"Several customers share it: since {since} {nobodys}"
    return ""


def words_between(
    lake: LakeView, ones: Iterable[str], others: Iterable[str], *, at: datetime
) -> Iterator[str]:
    """What the business says of anything of the one and anything of the other, and what stops it.

    ones, others: all identifiers of the one's person, and of the other's.
    """
    first, second = set(ones), set(others)
    rows = [
        row
        for row in lake.rows(STANDING, keys=sorted(first | second), at=at)
        if (row["identifier_key"] in first and row["other_key"] in second)
        or (row["identifier_key"] in second and row["other_key"] in first)
    ]
    known = described(lake, {row[name] for row in rows for name in PAIR})
    for row in rows:
        yield f"{word_words(row, known)}."


PAIR = ("identifier_key", "other_key")
SAID = {ALWAYS: "are one customer", NEVER: "are never one customer"}


def word_words(row: Mapping[str, Any], known: Mapping[str, Mapping[str, Any]]) -> str:
    """Who of the business said what of two identifiers, when and why, and what stops it."""
    said = (
        f"{visible(row['author'] or 'Somebody')} said on {moment(row['said_at'])}: "
        f"{name_in(known, row['identifier_key'])} and {name_in(known, row['other_key'])} "
        f"{SAID.get(row['kind'], row['kind'])} ({visible(row['reason'] or 'no reason told')})"
    )
    stops = stopped(row, known)
    return f"{said}; this does nothing: {stops}" if stops else said


def stopped(row: Mapping[str, Any], known: Mapping[str, Mapping[str, Any]]) -> str | None:
    """Why a word that stands does nothing; None: it does. known: both, see `who.described`."""
    for key in (row[name] for name in PAIR):
        one = known.get(key)
        what = name_in(known, key)
        if one is None or one["state"] is None:
            return f"no event has carried {what} yet"
        if one["state"] == "blocked":
            return f"{what} is blocked"
        if one["state"] == "hub" and row["kind"] == ALWAYS:
            return f"{what} is a hub, which is nobody's whatever is said of it"
        if one["state"] == "neutral" and row["kind"] == ALWAYS:
            return f"{what} is a device that is nobody's; say it of a customer's number"
    one, other = (known[row[name]]["person_id"] for name in PAIR)
    if row["kind"] == NEVER and one is not None and one == other:
        return "other words of the business make them one customer"
    return None
