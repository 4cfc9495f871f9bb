"""Relabel: what is known of some identifiers and their links, as columns; who they are, too.

Spark fetches what a batch touches; from there on it is numbers in arrays, on the driver.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tactful.jobs.config import Identity
from tactful.schemas.identity import LABELS
from tactful.transforms.components import (
    HUB,
    LINKED,
    NEUTRAL,
    NOBODY,
    Kinds,
    Links,
    partition,
    survivors,
)

STATE_NAMES = pa.array(["linked", "hub", "neutral"])
COMPARED = (
    "component_key", "person_id", "state", "neutral_from_at", "neutral_person_id", "is_minted",
    "first_seen_at", "last_seen_at",
)  # fmt: skip
# What says whose an event is, and what goes out for whom.
OWNING = ("person_id", "state", "neutral_from_at", "neutral_person_id")


def members_of(seen: pa.Array, before: pa.Table) -> pa.Array:
    """The identifiers just seen and all that was ever linked to them.

    A component is worked out whole or not at all. Blocked identifiers have labels too, but link
    nothing.
    """
    linking = before.filter(pc.not_equal(before["state"], "blocked"))
    known = linking.filter(pc.is_in(linking["identifier_key"], seen))
    theirs = linking.filter(pc.is_in(linking["component_key"], _whole(known["component_key"])))
    return pc.unique(pa.concat_arrays([_whole(theirs["identifier_key"]), seen]))


def as_before(fresh: pa.Table, before: pa.Table) -> pa.Table:
    """The earlier label of each identifier, row by row; nulls where there was none."""
    places = pc.index_in(fresh["identifier_key"], _whole(before["identifier_key"]))
    return before.take(places)


def blocked_labels(seen: pa.Table, before: pa.Table) -> pa.Table:
    """The labels of blocked identifiers, so that one can look up why they link nobody.

    seen: identifier_key, identifier_type, first_seen_at and last_seen_at of those just seen.
    """
    known = as_before(seen, before)
    first, then = seen["first_seen_at"], known["first_seen_at"]
    last, until = seen["last_seen_at"], known["last_seen_at"]
    told = {
        "identifier_key": seen["identifier_key"],
        "identifier_type": seen["identifier_type"],
        "component_key": seen["identifier_key"],
        "state": pa.repeat("blocked", len(seen)),
        "is_minted": pa.repeat(False, len(seen)),
        "first_seen_at": pc.if_else(pc.fill_null(pc.less(then, first), False), then, first),
        "last_seen_at": pc.if_else(pc.fill_null(pc.greater(until, last), False), until, last),
    }
    columns = {name: told.get(name, pa.nulls(len(seen))) for name in before.column_names}
    return pa.table(columns).cast(before.schema)


def differing(fresh: pa.Table, known: pa.Table) -> pa.Table:
    """The labels that say something else now, or nothing before. known: see `as_before`."""
    is_new = pc.is_null(known["identifier_key"])
    return fresh.filter(pc.or_(is_new, _differ(fresh, known, COMPARED)))


def persons_changed(fresh: pa.Table, known: pa.Table, before: pa.Table) -> pa.Table:
    """The persons who own something else now: person_id. known: see `as_before`.

    A new identifier matters to a person who was there before. Of one who was not, there is nothing
    yet but the events that brought it.
    """
    is_new = pc.is_null(known["identifier_key"])
    changed = pc.and_(pc.invert(is_new), _differ(fresh, known, OWNING))
    joined = fresh["person_id"].filter(is_new)
    parts = (
        fresh["person_id"].filter(changed),
        known["person_id"].filter(changed),
        joined.filter(pc.is_in(joined, _whole(before["person_id"]))),
    )
    persons = pc.unique(pa.concat_arrays([_whole(part) for part in parts]))
    return pa.table({"person_id": pc.drop_null(persons)})


def moves(fresh: pa.Table, known: pa.Table) -> pa.Table:
    """Identifiers whose person is another one now: identifier_key, from_person_id, to_person_id.

    known: see `as_before`.
    """
    pairs = pa.table(
        {
            "identifier_key": fresh["identifier_key"],
            "from_person_id": known["person_id"],
            "to_person_id": fresh["person_id"],
        }
    )
    had_one = pc.is_valid(known["person_id"])
    return pairs.filter(pc.and_(had_one, _differ(fresh, known, ("person_id",))))


def others(before: pa.Table, fresh: pa.Table) -> pa.Table:
    """The labels that were not worked out anew."""
    anew = pc.is_in(before["identifier_key"], _whole(fresh["identifier_key"]))
    return before.filter(pc.invert(anew))


def _differ(fresh: pa.Table, known: pa.Table, names: tuple[str, ...]) -> pa.ChunkedArray:
    """Whether any of these columns says something else, row by row."""
    differs = pa.chunked_array([pa.repeat(False, len(fresh))])
    for name in names:
        now, then = fresh[name], known[name]
        same = pc.coalesce(pc.equal(now, then), pc.and_(pc.is_null(now), pc.is_null(then)))
        differs = pc.or_(differs, pc.invert(same))
    return differs


def _whole(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def kinds_of(rules: Identity) -> tuple[list[str], Kinds]:
    """The configured types as arrays, in a fixed order."""
    names = sorted(rules.types)
    types = [rules.types[name] for name in names]
    return names, Kinds(
        priority=np.array([kind.priority for kind in types]),
        is_unique=np.array([kind.unique for kind in types]),
        is_device=np.array([kind.device for kind in types]),
        max_links=np.array([rules.max_links_of(name) for name in names]),
        max_devices=np.array([rules.max_devices_of(name) for name in names]),
    )


def relabel(links: pa.Table, members: pa.Array, before: pa.Table, rules: Identity) -> pa.Table:
    """Number the identifiers, let `components` decide, and give the numbers their names back."""
    names, kinds = kinds_of(rules)
    held = links["identifier_keys"].combine_chunks()
    encoded = pc.dictionary_encode(held.flatten())
    order = pc.sort_indices(encoded.dictionary).to_numpy()
    keys = encoded.dictionary.take(order)
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    node = rank[encoded.indices.to_numpy()]
    link = np.repeat(np.arange(len(held)), pc.list_value_length(held).to_numpy())
    types = pc.index_in(links["identifier_types"].combine_chunks().flatten(), pa.array(names))
    kind = np.zeros(len(keys), dtype=np.int64)
    kind[node] = types.to_numpy()
    first, last = _micros(links, "first_seen"), _micros(links, "last_seen")
    inside = pc.is_in(keys, members).to_numpy(zero_copy_only=False)
    found = partition(
        Links(link, node, _event_rank(links), first),
        kind,
        kinds,
        inside=inside,
        max_identifiers=rules.max_identifiers,
    )
    seen_first = np.full(len(keys), np.iinfo(np.int64).max)
    seen_last = np.full(len(keys), np.iinfo(np.int64).min)
    np.minimum.at(seen_first, node, first[link])
    np.maximum.at(seen_last, node, last[link])
    minted, active_since = _minted_before(before, keys)
    linked = np.where(found.state == LINKED, found.person, NOBODY)
    named = survivors(linked, minted=minted, active_since=active_since, first_seen=seen_first)
    minted[named[named != NOBODY]] = True
    owner = np.where((found.person != NOBODY) & (found.state != HUB), named[found.person], NOBODY)
    neutral = found.state == NEUTRAL
    table = pa.table(
        {
            "identifier_key": keys,
            "identifier_type": pa.array(names, pa.string()).take(pa.array(kind)),
            "component_key": keys.take(pa.array(found.component)),
            "person_id": _called("p_", keys, owner, owner == NOBODY),
            "state": STATE_NAMES.take(pa.array(found.state)),
            "neutral_from_at": _instants(found.neutral_from, found.neutral_from == NOBODY),
            "neutral_person_id": _called("n_", keys, np.arange(len(keys)), ~neutral),
            "is_minted": pa.array(minted),
            "first_seen_at": _instants(seen_first),
            "last_seen_at": _instants(seen_last),
        }
    )
    return table.filter(pa.array(inside)).select(LABELS.names[:-1])


def _minted_before(before: pa.Table, keys: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """Which identifiers gave a person id, and since when the living ones among these are seen."""
    minted = np.zeros(len(keys), dtype=bool)
    since = np.full(len(keys), NOBODY, dtype=np.int64)
    gave = before.filter(pc.fill_null(before["is_minted"], False))["identifier_key"]
    minted[pc.drop_null(pc.index_in(gave.combine_chunks(), keys)).to_numpy()] = True
    living = before.filter(pc.equal(before["state"], "linked"))
    persons = pa.table(
        {
            "key": pc.utf8_slice_codeunits(living["person_id"], 2),
            "at": living["first_seen_at"].cast(pa.timestamp("us", "UTC")).cast(pa.int64()),
        }
    )
    earliest = persons.group_by("key").aggregate([("at", "min")])
    place = pc.index_in(earliest["key"].combine_chunks(), keys)
    real = pc.is_valid(place).to_numpy(zero_copy_only=False)
    since[pc.drop_null(place).to_numpy()] = earliest["at_min"].to_numpy()[real]
    return minted, since


def _micros(links: pa.Table, sight: str) -> np.ndarray:
    at = pc.struct_field(links[sight].combine_chunks(), "occurred_at")
    return at.cast(pa.timestamp("us", "UTC")).cast(pa.int64()).to_numpy()


def _event_rank(links: pa.Table) -> np.ndarray:
    first = links["first_seen"].combine_chunks()
    events = pa.table(
        {name: pc.struct_field(first, name) for name in ("occurred_at", "stream", "event_id")}
    )
    order = pc.sort_indices(events, sort_keys=[(name, "ascending") for name in events.column_names])
    rank = np.empty(len(links), dtype=np.int64)
    rank[order.to_numpy()] = np.arange(len(links))
    return rank


def _called(prefix: str, keys: pa.Array, named: np.ndarray, nobody: np.ndarray) -> pa.Array:
    """The names of persons, each made of an identifier's key."""
    return pc.binary_join_element_wise(prefix, keys.take(pa.array(named, mask=nobody)), "")


def _instants(micros: np.ndarray, missing: np.ndarray | None = None) -> pa.Array:
    return pa.array(micros, pa.int64(), mask=missing).cast(pa.timestamp("us", "UTC"))
