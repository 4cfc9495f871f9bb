"""Relabel: what is known of some identifiers and their links, as columns; who they are, too.

Spark fetches what a batch touches; from there on it is numbers in arrays, on the driver.
"""

from __future__ import annotations

from collections.abc import Callable
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

MICROSECOND = timedelta(microseconds=1)
STATE_NAMES = pa.array(["linked", "hub", "neutral"])
# Keys by their numbers; where the second array says so, none.
Called = Callable[..., pa.Array]


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
    return labels_of_blocked(blocked_in(links), before)


def labels_of_blocked(seen: pa.Table, before: pa.Table) -> pa.Table:
    """The same. seen: see `blocked_in`."""
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


def blocked_in(links: pa.Table) -> pa.Table:
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
    return blocked_once(held)


def blocked_once(held: pa.Table) -> pa.Table:
    """One row each of blocked identifiers that several sets hold. held: as `blocked_in` gives."""
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


@dataclass(frozen=True)
class Relabelled:
    """Labels of some identifiers, and for those that have a link with an end when it ends.

    expiries: identifier_key, expires_at, of the first of an identifier's links to end.
    """

    labels: pa.Table
    expiries: pa.Table


NO_EXPIRIES = pa.table(
    {
        "identifier_key": pa.array([], pa.string()),
        "expires_at": pa.array([], pa.timestamp("us", "UTC")),
    }
)


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
    names, _ = kinds_of(rules)
    keys, numbered = _numbered(links, rules, always, never)
    inside = pc.is_in(keys, members).to_numpy(zero_copy_only=False)
    minted, active_since = _minted_before(before, keys)
    found = label(
        numbered, rules, as_of=as_of, inside=inside, minted=minted, active_since=active_since
    )

    def called(nodes: Ints, missing: Bools | None = None) -> pa.Array:
        return keys.take(pa.array(nodes, mask=missing))

    nodes = np.flatnonzero(inside)
    return Relabelled(rows_of(found, nodes, called, names), expiries_of(found, nodes, called))


def _numbered(
    links: pa.Table, rules: Identity, always: pa.Table, never: pa.Table
) -> tuple[pa.Array, Numbered]:
    """The keys in order, and all that is said of them under their numbers."""
    names, _ = kinds_of(rules)
    encoded = pc.dictionary_encode(flatten_lists(links["identifier_keys"]))
    order = pc.sort_indices(encoded.dictionary).to_numpy()
    keys = encoded.dictionary.take(order)
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    node = rank[encoded.indices.to_numpy()]
    types = pc.index_in(flatten_lists(links["identifier_types"]), pa.array(names))
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
    rules: Identity,
    *,
    as_of: datetime,
    inside: Bools,
    minted: Bools,
    active_since: Ints,
) -> Labelled:
    """Who is who among numbered identifiers. inside: see `partition`; the others: `survivors`."""
    links, kind = numbered.links, numbered.kind
    _, kinds = kinds_of(rules)
    found = partition(
        links,
        kind,
        kinds,
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


def rows_of(found: Labelled, nodes: Ints, called: Called, names: list[str]) -> pa.Table:
    """The labels of these identifiers. called: gives keys by their numbers. names: `kinds_of`."""
    owner, since = found.owner[nodes], found.neutral_from[nodes]
    table = {
        "identifier_key": called(nodes),
        "identifier_type": pa.array(names, pa.string()).take(pa.array(found.kind[nodes])),
        "component_key": called(found.component[nodes]),
        "person_id": _named("p_", called(owner, owner == NOBODY)),
        "state": STATE_NAMES.take(pa.array(found.state[nodes])),
        "neutral_from_at": _instants(since, since == NOBODY),
        "neutral_person_id": _named("n_", called(nodes, found.state[nodes] != NEUTRAL)),
        "is_minted": pa.array(found.minted[nodes]),
        "first_seen_at": _instants(found.first_at[nodes]),
        "last_seen_at": _instants(found.last_at[nodes]),
    }
    return pa.table(table).select(LABELS.names[:-1])


def expiries_of(found: Labelled, nodes: Ints, called: Called) -> pa.Table:
    """When the first link of each of these identifiers ends, of those that have one that does."""
    ending = nodes[found.expires_at[nodes] != NOBODY]
    ends = _instants(found.expires_at[ending])
    return pa.table({"identifier_key": called(ending), "expires_at": ends})


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


def _named(prefix: str, keys: pa.Array) -> pa.Array:
    """The names of persons, each made of an identifier's key."""
    return pc.binary_join_element_wise(prefix, keys, "")


def _micros_at(moment: datetime) -> int:
    return int(pa.scalar(moment, pa.timestamp("us", "UTC")).cast(pa.int64()).as_py())


def _instants(micros: np.ndarray, missing: np.ndarray | None = None) -> pa.Array:
    return pa.array(micros, pa.int64(), mask=missing).cast(pa.timestamp("us", "UTC"))
