"""Relabel: what is known of some identifiers and their links, as columns; who they are, too.

Spark fetches what a batch touches; from there on it is numbers in arrays, on the driver.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tactful.jobs.identity.columns import (
    combine_chunks,
    event_rank,
    flatten_lists,
    instants,
    micros,
    parent_row,
)
from tactful.jobs.identity.manual import PAIR
from tactful.jobs.settings.config import Identity
from tactful.schemas.identity import LABELS
from tactful.transforms.identity.arrays import NOBODY, Ints
from tactful.transforms.identity.components import (
    HUB,
    LINKED,
    NEUTRAL,
    ByHand,
    Links,
    Partition,
    partition,
    survivors,
)
from tactful.transforms.identity.sharing import SHARINGS, Sharing
from tactful.transforms.identity.sharing.graph import FOREVER, Kinds

MICROSECOND = timedelta(microseconds=1)
STATE_NAMES = pa.array(["linked", "hub", "neutral"])


def members_of(seen: pa.Array, before: pa.Table) -> pa.Array:
    """The identifiers just seen and all that was ever linked to them.

    A component is worked out whole or not at all. Blocked identifiers have labels too, but link
    nothing.
    """
    linking = before.filter(pc.not_equal(before["state"], "blocked"))
    known = linking.filter(pc.is_in(linking["identifier_key"], seen))
    theirs = linking.filter(
        pc.is_in(linking["component_key"], combine_chunks(known["component_key"]))
    )
    return pc.unique(pa.concat_arrays([combine_chunks(theirs["identifier_key"]), seen]))


def previous_labels(fresh: pa.Table, before: pa.Table) -> pa.Table:
    """The earlier label of each identifier, row by row; nulls where there was none."""
    places = pc.index_in(fresh["identifier_key"], combine_chunks(before["identifier_key"]))
    return before.take(places)


def blocked_labels(links: pa.Table, before: pa.Table) -> pa.Table:
    """The labels of the blocked identifiers in these links, to look up why they link nobody."""
    seen = _blocked(links)
    known = previous_labels(seen, before)
    first, then = seen["first_seen_at"], known["first_seen_at"]
    last, until = seen["last_seen_at"], known["last_seen_at"]
    labels = {
        "identifier_key": seen["identifier_key"],
        "identifier_type": seen["identifier_type"],
        "component_key": seen["identifier_key"],
        "state": pa.repeat("blocked", len(seen)),
        "is_minted": pa.repeat(False, len(seen)),
        "first_seen_at": pc.if_else(pc.fill_null(pc.less(then, first), False), then, first),
        "last_seen_at": pc.if_else(pc.fill_null(pc.greater(until, last), False), until, last),
    }
    columns = {name: labels.get(name, pa.nulls(len(seen))) for name in before.column_names}
    return pa.table(columns).cast(before.schema)


def _blocked(links: pa.Table) -> pa.Table:
    """The blocked identifiers, and when they were first and last seen."""
    row = parent_row(links["blocked_keys"])
    held = pa.table(
        {
            "identifier_key": flatten_lists(links["blocked_keys"]),
            "identifier_type": flatten_lists(links["blocked_types"]),
            "first_seen_at": instants(links, "first_seen").take(row),
            "last_seen_at": instants(links, "last_seen").take(row),
        }
    )
    found = held.group_by(["identifier_key", "identifier_type"]).aggregate(
        [("first_seen_at", "min"), ("last_seen_at", "max")]
    )
    return found.rename_columns(held.column_names)


def others(before: pa.Table, fresh: pa.Table) -> pa.Table:
    """The labels that were not worked out anew."""
    anew = pc.is_in(before["identifier_key"], combine_chunks(fresh["identifier_key"]))
    return before.filter(pc.invert(anew))


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
        most=np.array([kind.most or FOREVER for kind in types]),
        window=np.array([_micros_of(kind.window) for kind in types]),
    )


def _micros_of(window: timedelta | None) -> int:
    return FOREVER if window is None else window // MICROSECOND


@dataclass(frozen=True)
class Numbered:
    """Links as numbers: the keys in order, the type of each, and the members of every link."""

    keys: pa.Array
    kind: Ints
    links: Links


@dataclass(frozen=True)
class Relabelled:
    """Labels of some identifiers, and for those that have a link with an end when it ends.

    expiries: identifier_key, expires_at, of the first of an identifier's links to end.
    """

    labels: pa.Table
    expiries: pa.Table


def relabel(
    links: pa.Table,
    members: pa.Array,
    before: pa.Table,
    rules: Identity,
    *,
    as_of: datetime,
    always: pa.Table,
    never: pa.Table,
) -> Relabelled:
    """Number the identifiers, let `components` decide, and give the numbers their names back.

    always, never: pairs that the business joined or keeps apart (see `manual.standing`).
    """
    names, kinds = kinds_of(rules)
    sharing = SHARINGS[rules.shared_devices]
    numbered = _numbered(links, names, sharing)
    keys = numbered.keys
    inside = pc.is_in(keys, members).to_numpy(zero_copy_only=False)
    found = partition(
        numbered.links,
        numbered.kind,
        kinds,
        inside=inside,
        max_identifiers=rules.max_identifiers,
        sharing=sharing,
        now=_micros_at(as_of),
        by_hand=ByHand(_pairs(always, keys), _pairs(never, keys)),
    )
    expires = inside & (found.expires_at != NOBODY)
    expiries = pa.table({"identifier_key": keys, "expires_at": _instants(found.expires_at)})
    labels = _labels(numbered, names, found, before).filter(pa.array(inside))
    return Relabelled(labels.select(LABELS.names[:-1]), expiries.filter(pa.array(expires)))


def _pairs(pairs: pa.Table, keys: pa.Array) -> Ints:
    """The pairs by number; one of which a half was never seen has nothing to say yet."""
    numbers = [pc.index_in(combine_chunks(pairs[name]), keys) for name in PAIR]
    told = np.stack([n.fill_null(NOBODY).to_numpy().astype(np.int64) for n in numbers], axis=1)
    return told[(told != NOBODY).all(axis=1)]


def _numbered(links: pa.Table, names: list[str], sharing: Sharing) -> Numbered:
    """The identifiers of these links by number, in the order of their keys. names: of the types."""
    encoded = pc.dictionary_encode(flatten_lists(links["identifier_keys"]))
    order = pc.sort_indices(encoded.dictionary).to_numpy()
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    node = rank[encoded.indices.to_numpy()]
    types = pc.index_in(flatten_lists(links["identifier_types"]), pa.array(names))
    kind = np.zeros(len(order), dtype=np.int64)
    kind[node] = types.to_numpy()
    first_rank = event_rank(links, "first_seen")
    # The order of last events takes as long as all else here, and one rule asks for it.
    last_rank = event_rank(links, "last_seen") if sharing.reads_last else np.zeros_like(first_rank)
    first_at, last_at = micros(links, "first_seen"), micros(links, "last_seen")
    member_of = parent_row(links["identifier_keys"])
    return Numbered(
        encoded.dictionary.take(order),
        kind,
        Links(member_of, node, first_rank, first_at, last_rank, last_at),
    )


def _labels(numbered: Numbered, names: list[str], found: Partition, before: pa.Table) -> pa.Table:
    """What was found of each number, in the words of the log. names: of the types."""
    keys, links = numbered.keys, numbered.links
    seen_first = np.full(len(keys), np.iinfo(np.int64).max)
    seen_last = np.full(len(keys), np.iinfo(np.int64).min)
    np.minimum.at(seen_first, links.node, links.first_at[links.link])
    np.maximum.at(seen_last, links.node, links.last_at[links.link])
    minted, active_since = _minted_before(before, keys)
    linked = np.where(found.state == LINKED, found.person, NOBODY)
    named = survivors(linked, minted=minted, active_since=active_since, first_seen=seen_first)
    minted[named[named != NOBODY]] = True
    owner = np.where((found.person != NOBODY) & (found.state != HUB), named[found.person], NOBODY)
    neutral = found.state == NEUTRAL
    return pa.table(
        {
            "identifier_key": keys,
            "identifier_type": pa.array(names, pa.string()).take(pa.array(numbered.kind)),
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


def _called(prefix: str, keys: pa.Array, named: np.ndarray, nobody: np.ndarray) -> pa.Array:
    """The names of persons, each made of an identifier's key."""
    return pc.binary_join_element_wise(prefix, keys.take(pa.array(named, mask=nobody)), "")


def _micros_at(moment: datetime) -> int:
    return int(pa.scalar(moment, pa.timestamp("us", "UTC")).cast(pa.int64()).as_py())


def _instants(micros: np.ndarray, missing: np.ndarray | None = None) -> pa.Array:
    return pa.array(micros, pa.int64(), mask=missing).cast(pa.timestamp("us", "UTC"))
