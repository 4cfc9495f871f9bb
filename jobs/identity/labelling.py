"""Labelling: who is who among numbered identifiers, from arrays to rows of labels.

The driver calls it, and executors do, each with whole components: it needs nothing of the
configuration's own library.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tactful.jobs.identity.columns import (
    combine_chunks,
    event_rank,
    flatten_lists,
    micros,
    parent_row,
)
from tactful.jobs.identity.manual import PAIR
from tactful.schemas.identity import LABELS
from tactful.transforms.identity.arrays import NOBODY, Bools, Ints
from tactful.transforms.identity.components import (
    HUB,
    LINKED,
    NEUTRAL,
    ByHand,
    Links,
    partition,
    survivors,
)
from tactful.transforms.identity.sharing import SHARINGS
from tactful.transforms.identity.sharing.graph import FOREVER, Kinds

if TYPE_CHECKING:
    from tactful.jobs.settings.config import Identity

MICROSECOND = timedelta(microseconds=1)
STATE_NAMES = pa.array(["linked", "hub", "neutral"])
# Keys by their numbers; where the second array says so, none.
Called = Callable[..., pa.Array]


@dataclass(frozen=True)
class Rules:
    """What decides who is who, in plain values. names: the types, in the order of `kinds`."""

    names: list[str]
    kinds: Kinds
    max_identifiers: int
    shared_devices: str


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


def plain_rules(rules: Identity) -> Rules:
    """What decides who is who, without the library that reads the configuration."""
    names, kinds = kinds_of(rules)
    return Rules(names, kinds, rules.max_identifiers, rules.shared_devices)


def _micros_of(window: timedelta | None) -> int:
    return FOREVER if window is None else window // MICROSECOND


@dataclass(frozen=True)
class Numbered:
    """Identifiers, and the sets they were seen in, by numbers: an identifier's is its place by key.

    kind: the type of each identifier, by its place in `kinds_of`. by_hand: the pairs that the
    business joined or keeps apart.
    """

    links: Links
    kind: Ints
    by_hand: ByHand


@dataclass(frozen=True)
class Labelled:
    """What was found out of each identifier, by its number; -1 where there is none.

    owner: the identifier that its person is named after. expires_at: when the first of its links
    ends by itself.
    """

    kind: Ints
    component: Ints
    owner: Ints
    state: Ints
    neutral_from: Ints
    minted: Bools
    first_at: Ints
    last_at: Ints
    expires_at: Ints


def number_table(
    links: pa.Table, rules: Rules, always: pa.Table, never: pa.Table
) -> tuple[pa.Array, Numbered]:
    """The keys in order, and all that is said of them under their numbers.

    links: what was seen. always, never: pairs that the business joined or keeps apart.
    """
    encoded = pc.dictionary_encode(flatten_lists(links["identifier_keys"]))
    order = pc.sort_indices(encoded.dictionary).to_numpy()
    keys = encoded.dictionary.take(order)
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    node = rank[encoded.indices.to_numpy()]
    types = pc.index_in(flatten_lists(links["identifier_types"]), pa.array(rules.names))
    kind = np.zeros(len(keys), dtype=np.int64)
    kind[node] = types.to_numpy()
    first_rank = event_rank(links, "first_seen")
    # The order of last events takes as long as all else here, and one rule asks for it.
    reads_last = SHARINGS[rules.shared_devices].reads_last
    last_rank = event_rank(links, "last_seen") if reads_last else np.zeros_like(first_rank)
    seen = Links(
        parent_row(links["identifier_keys"]),
        node,
        first_rank,
        micros(links, "first_seen"),
        last_rank,
        micros(links, "last_seen"),
    )

    def place(column: pa.ChunkedArray) -> pa.Array:
        return pc.index_in(combine_chunks(column), keys)

    return keys, Numbered(seen, kind, ByHand(pairs_of(always, place), pairs_of(never, place)))


def pairs_of(pairs: pa.Table, place: Callable[[pa.ChunkedArray], pa.Array]) -> Ints:
    """The pairs by number; one of which a half was never seen has nothing to say yet.

    place: the number of each of these keys, null where it has none.
    """
    numbers = [place(pairs[name]).cast(pa.int64()).fill_null(NOBODY) for name in PAIR]
    told = np.stack([number.to_numpy() for number in numbers], axis=1)
    return told[(told != NOBODY).all(axis=1)]


def label(
    numbered: Numbered,
    rules: Rules,
    *,
    as_of: datetime,
    inside: Bools,
    minted: Bools,
    active_since: Ints,
) -> Labelled:
    """Who is who among numbered identifiers. inside: see `partition`; the others: `survivors`."""
    links, kind = numbered.links, numbered.kind
    found = partition(
        links,
        kind,
        rules.kinds,
        inside=inside,
        max_identifiers=rules.max_identifiers,
        sharing=SHARINGS[rules.shared_devices],
        now=_micros_at(as_of),
        by_hand=numbered.by_hand,
    )
    seen_first = np.full(len(kind), np.iinfo(np.int64).max)
    seen_last = np.full(len(kind), np.iinfo(np.int64).min)
    np.minimum.at(seen_first, links.node, links.first_at[links.link])
    np.maximum.at(seen_last, links.node, links.last_at[links.link])
    linked = np.where(found.state == LINKED, found.person, NOBODY)
    named = survivors(linked, minted=minted, active_since=active_since, first_seen=seen_first)
    minted = minted.copy()
    minted[named[named != NOBODY]] = True
    owner = np.where((found.person != NOBODY) & (found.state != HUB), named[found.person], NOBODY)
    return Labelled(
        kind,
        found.component,
        owner,
        found.state,
        found.neutral_from,
        minted,
        seen_first,
        seen_last,
        found.expires_at,
    )


def called_by(keys: pa.Array) -> Called:
    """Gives keys by their places among these."""

    def called(nodes: Ints, missing: Bools | None = None) -> pa.Array:
        return keys.take(pa.array(nodes, mask=missing))

    return called


def rows_of(found: Labelled, nodes: Ints, called: Called, names: list[str]) -> pa.Table:
    """The labels of these identifiers. called: gives keys by their numbers. names: `kinds_of`."""
    owner, since = found.owner[nodes], found.neutral_from[nodes]
    table = {
        "identifier_key": called(nodes),
        "identifier_type": pa.array(names, pa.string()).take(pa.array(found.kind[nodes])),
        "component_key": called(found.component[nodes]),
        "person_id": _named("p_", called(owner, owner == NOBODY)),
        "state": STATE_NAMES.take(pa.array(found.state[nodes])),
        "neutral_from_at": when(since, since == NOBODY),
        "neutral_person_id": _named("n_", called(nodes, found.state[nodes] != NEUTRAL)),
        "is_minted": pa.array(found.minted[nodes]),
        "first_seen_at": when(found.first_at[nodes]),
        "last_seen_at": when(found.last_at[nodes]),
    }
    return pa.table(table).select(LABELS.names[:-1])


def expiries_of(found: Labelled, nodes: Ints, called: Called) -> pa.Table:
    """When the first link of each of these identifiers ends, of those that have one that does."""
    ending = nodes[found.expires_at[nodes] != NOBODY]
    ends = when(found.expires_at[ending])
    return pa.table({"identifier_key": called(ending), "expires_at": ends})


def _named(prefix: str, keys: pa.Array) -> pa.Array:
    """The names of persons, each made of an identifier's key."""
    return pc.binary_join_element_wise(prefix, keys, "")


def _micros_at(moment: datetime) -> int:
    return int(pa.scalar(moment, pa.timestamp("us", "UTC")).cast(pa.int64()).as_py())


def when(micros: Ints, missing: Bools | None = None) -> pa.Array:
    """Microseconds as instants; none where `missing` says so."""
    return pa.array(micros, pa.int64(), mask=missing).cast(pa.timestamp("us", "UTC"))
