"""Persons from links: integer arrays in, labels out. Runs on the driver, with numpy and scipy.

Nodes are identifiers, numbered in key order, so that "the smaller key" is the smaller number.
A link is a set of identifiers seen together; `link` and `node` list its members, sorted by link
and within a link by (priority, key).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

LINKED, HUB, NEUTRAL = 0, 1, 2
NOBODY = -1


@dataclass(frozen=True)
class Kinds:
    """The rules of each identifier type, by type number."""

    priority: Ints
    is_unique: Bools
    is_device: Bools
    max_links: Ints
    max_devices: Ints


@dataclass(frozen=True)
class Links:
    """Members of every link, and the rank of each link's first event among all events."""

    link: Ints
    node: Ints
    rank: Ints
    first_at: Ints


@dataclass(frozen=True)
class Partition:
    """What came out, by node: state, component before cuts, person, and when it became neutral."""

    state: Ints
    component: Ints
    person: Ints
    neutral_from: Ints


def partition(
    links: Links, kind: Ints, kinds: Kinds, *, inside: Bools, max_identifiers: int
) -> Partition:
    """Work out who is who: hubs, links, components, and what keeps unique identifiers apart.

    inside: nodes whose links are all here; the others are hubs that were found before, and are
    left out. Returns -1 for a person or a time that there is none of.
    """
    hub = hubs(links, kind, kinds) | ~inside
    edges = star_edges(links, kind, kinds, hub)
    component = _components(edges, len(kind))
    hub_like = hub | _oversized(edges, component, kind, kinds, hub, max_identifiers)
    cut = _conflicting(edges[~hub_like[edges].any(axis=1)], kind, kinds, hub_like)
    state = np.full(len(kind), LINKED)
    state[hub_like] = HUB
    state[cut] = np.where(kinds.is_device[kind[cut]], NEUTRAL, HUB)
    kept = edges[(state[edges] == LINKED).all(axis=1)]
    person = np.where(state == LINKED, _components(kept, len(kind)), NOBODY)
    owner, since = _neutral_owners(links, state, person)
    touching = _touching(links, kind, kinds, hub, component)
    return Partition(state, touching, np.where(state == NEUTRAL, owner, person), since)


def hubs(links: Links, kind: Ints, kinds: Kinds) -> Bools:
    """Identifiers seen with too many others: counted before any link is made."""
    count = len(kind)
    links = _of_busy(links, kind, kinds)
    sizes = np.bincount(links.link)
    starts = np.concatenate(([0], np.cumsum(sizes)[:-1]))
    repeat = sizes[links.link]
    total = int(repeat.sum())
    left = np.repeat(np.arange(len(links.node)), repeat)
    offset = np.arange(total) - np.repeat(np.cumsum(repeat) - repeat, repeat)
    right = starts[links.link[left]] + offset
    pairs, _ = _distinct(links.node[left] * count + links.node[right])
    one, other = pairs // count, pairs % count
    level, other_level = kinds.priority[kind[one]], kinds.priority[kind[other]]
    apart = level != other_level
    one, other = one[apart], other[apart]
    groups, seen = _distinct(one * len(kinds.priority) + kind[other])
    node, other_kind = groups // len(kinds.priority), groups % len(kinds.priority)
    is_higher = kinds.priority[other_kind] < kinds.priority[kind[node]]
    bound = np.where(is_higher, kinds.max_links[kind[node]], kinds.max_devices[kind[node]])
    found = np.zeros(count, dtype=bool)
    found[node[seen > bound]] = True
    return found


def _of_busy(links: Links, kind: Ints, kinds: Kinds) -> Links:
    """The links that hold an identifier seen with so many others that it may be a hub.

    Nearly nobody is, and pairs of everything with everything would be most of the work.
    """
    sizes = np.bincount(links.link)
    met = np.zeros(len(kind), dtype=np.int64)
    np.add.at(met, links.node, sizes[links.link] - 1)
    least = np.minimum(kinds.max_links, kinds.max_devices)
    holds = np.zeros(len(sizes), dtype=bool)
    holds[links.link[(met > least[kind])[links.node]]] = True
    kept = holds[links.link]
    number = np.cumsum(holds) - 1
    return Links(number[links.link[kept]], links.node[kept], links.rank, links.first_at)


def star_edges(links: Links, kind: Ints, kinds: Kinds, hub: Bools) -> Ints:
    """Each link's star around its best identifier; of a unique type only the first value joins."""
    link, node, centre = _stars(links, hub)
    joins = ~_second_values(link, node, kind, kinds)
    return _edges(centre[joins], node[joins])


def _stars(links: Links, hub: Bools) -> tuple[Ints, Ints, Ints]:
    """The members that are no hubs, by link: number of the link, member, best member."""
    usable = ~hub[links.node]
    link, node = links.link[usable], links.node[usable]
    first = _is_first(link)
    return link, node, node[first][np.cumsum(first) - 1]


def _second_values(link: Ints, node: Ints, kind: Ints, kinds: Kinds) -> Bools:
    """Members that come behind another value of the same unique type in their link."""
    unique = np.flatnonzero(kinds.is_unique[kind[node]])
    held = link[unique] * len(kinds.priority) + kind[node[unique]]
    second = np.zeros(len(node), dtype=bool)
    second[np.delete(unique, np.unique(held, return_index=True)[1])] = True
    return second


def _edges(centre: Ints, node: Ints) -> Ints:
    real = centre != node
    most = node.max(initial=0) + 1
    edges, _ = _distinct(centre[real] * most + node[real])
    return np.stack([edges // most, edges % most], axis=1)


def _touching(links: Links, kind: Ints, kinds: Kinds, hub: Bools, component: Ints) -> Ints:
    """What must be looked at together: a member that joins nobody yet may join when one is cut."""
    link, node, centre = _stars(links, hub)
    if not _second_values(link, node, kind, kinds).any():
        return component
    return _components(_edges(centre, node), len(kind))


def survivors(person: Ints, *, minted: Bools, active_since: Ints, first_seen: Ints) -> Ints:
    """Which identifier each person is named after: an id once given is kept where it can be.

    Of several, the person first seen earlier survives, then the smaller key; an absorbed id
    comes back only where no living one is left; where none was ever given, the identifier seen
    first gives it. active_since: first sight of the living person named after a node, -1 if none.
    Returns a node for every person, -1 where there is no person of that number.
    """
    members = np.flatnonzero(person != NOBODY)
    living = active_since[members] >= 0
    rank = np.where(living, 0, np.where(minted[members], 1, 2))
    since = np.where(living, active_since[members], first_seen[members])
    order = np.lexsort((members, since, rank, person[members]))
    chosen = members[order]
    first = chosen[_is_first(person[chosen])]
    named = np.full(len(person), NOBODY, dtype=np.int64)
    named[person[first]] = first
    return named


def _components(edges: Ints, count: int) -> Ints:
    """The smallest node of each node's component."""
    if not len(edges):
        return np.arange(count)
    graph = coo_matrix((np.ones(len(edges), dtype=np.int8), edges.T), shape=(count, count))
    _, label = connected_components(graph, directed=False)
    smallest = np.full(label.max() + 1, count, dtype=np.int64)
    np.minimum.at(smallest, label, np.arange(count))
    return smallest[label]


def _oversized(
    edges: Ints, component: Ints, kind: Ints, kinds: Kinds, hub: Bools, limit: int
) -> Bools:
    """Cut the lowest layer of a component that is too large, until it fits."""
    cut = np.zeros(len(kind), dtype=bool)
    while True:
        free = ~hub & ~cut
        sizes = np.bincount(component[free], minlength=len(kind))
        large = free & (sizes[component] > limit)
        if not large.any():
            return cut
        lowest = np.full(len(kind), -1, dtype=np.int64)
        level = kinds.priority[kind]
        np.maximum.at(lowest, component[large], level[large])
        cut |= large & (level == lowest[component])
        component = _components(edges[~cut[edges].any(axis=1)], len(kind))


def _conflicting(edges: Ints, kind: Ints, kinds: Kinds, gone: Bools) -> Bools:
    """Identifiers that give way so that no person holds two values of a unique type.

    Everything in dispute is looked at together: what gives way in one component has no bearing on
    another, and one at a time a million of them take minutes.
    """
    cut = np.zeros(len(kind), dtype=bool)
    level = kinds.priority[kind]
    stubborn = np.zeros(len(kind), dtype=bool)
    while True:
        edges = edges[~cut[edges].any(axis=1)]
        part = _components(edges, len(kind))
        open_part = _disputed(part, kind, kinds, gone | cut) & ~stubborn[part]
        if not open_part.any():
            return cut
        edges = edges[open_part[edges[:, 0]]]
        found = _giving_way(edges, part, open_part, level, direct=True)
        left = open_part & ~_of_same_part(found, part)
        found |= _giving_way(edges[left[edges[:, 0]]], part, left, level, direct=False)
        stubborn |= open_part & ~_of_same_part(found, part)
        cut |= found


def _disputed(part: Ints, kind: Ints, kinds: Kinds, gone: Bools) -> Bools:
    """The nodes of every part that holds two values of a unique type."""
    unique = np.flatnonzero(kinds.is_unique[kind] & ~gone)
    held, number = _distinct(part[unique] * len(kinds.priority) + kind[unique])
    disputed = np.zeros(len(kind), dtype=bool)
    disputed[held[number > 1] // len(kinds.priority)] = True
    return disputed[part]


def _of_same_part(nodes: Bools, part: Ints) -> Bools:
    """All nodes of the parts that these nodes are of."""
    named = np.zeros(len(part), dtype=bool)
    named[part[nodes]] = True
    return named[part]


def _giving_way(edges: Ints, part: Ints, inside: Bools, level: Ints, *, direct: bool) -> Bools:
    """In each part the lowest layer that joins what higher layers keep apart.

    direct: a node that touches two of them itself; else one that does so through nodes of its own
    or lower layers.
    """
    found = np.zeros(len(part), dtype=bool)
    waiting = inside
    for layer in np.unique(level[inside])[::-1]:
        if not waiting.any():
            break
        edges = edges[waiting[edges[:, 0]]]
        is_higher = level < layer
        home = _components(edges[is_higher[edges].all(axis=1)], len(part))
        group = np.arange(len(part))
        if not direct:
            group = _components(edges[~is_higher[edges].any(axis=1)], len(part))
        both = np.concatenate([edges, edges[:, ::-1]])
        across = both[~is_higher[both[:, 0]] & is_higher[both[:, 1]]]
        pairs, _ = _distinct(group[across[:, 0]] * len(part) + home[across[:, 1]])
        groups, homes = _distinct(pairs // len(part))
        joins = np.zeros(len(part), dtype=bool)
        joins[groups[homes > 1]] = True
        now = waiting & joins[group] & (level == layer)
        found |= now
        waiting = waiting & ~_of_same_part(now, part)
    return found


def _neutral_owners(links: Links, state: Ints, person: Ints) -> tuple[Ints, Ints]:
    """Whose a shared device was before it was shared, and from when it is nobody's."""
    owner = np.full(len(state), NOBODY, dtype=np.int64)
    since = np.full(len(state), NOBODY, dtype=np.int64)
    linked = np.flatnonzero(state[links.node] == LINKED)
    first = linked[_is_first(links.link[linked])]
    person_of = np.full(len(links.rank), NOBODY, dtype=np.int64)
    person_of[links.link[first]] = person[links.node[first]]
    shared = np.flatnonzero((state[links.node] == NEUTRAL) & (person_of[links.link] != NOBODY))
    device, who = links.node[shared], person_of[links.link[shared]]
    seen = (links.first_at[links.link[shared]], links.rank[links.link[shared]])
    order = np.lexsort((*seen, who, device))
    order = order[_is_first(device[order], who[order])]
    order = order[np.lexsort((who[order], *(at[order] for at in seen), device[order]))]
    device, at = device[order], seen[0][order]
    begins = np.flatnonzero(_is_first(device))
    owner[device[begins]] = who[order[begins]]
    seconds = begins[np.append(np.diff(begins), len(device) - begins[-1:]) > 1] + 1
    since[device[seconds]] = at[seconds]
    return owner, since


def _distinct(values: Ints) -> tuple[Ints, Ints]:
    """Every value once, in order, and how often it was there; `np.unique` hashes, which is slow."""
    ordered = np.sort(values)
    begins = np.flatnonzero(_is_first(ordered))
    return ordered[begins], np.diff(np.append(begins, len(ordered)))


def _is_first(*columns: Ints) -> Bools:
    """Whether a row is the first of its kind, the rows being sorted by these columns."""
    first = np.ones(len(columns[0]), dtype=bool)
    first[1:] = np.any([column[1:] != column[:-1] for column in columns], axis=0)
    return first
