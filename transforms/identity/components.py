"""Persons from links: integer arrays in, labels out. Runs on the driver, with numpy and scipy.

Nodes are identifiers, numbered in key order, so that "the smaller key" is the smaller number.
A link is a set of identifiers seen together; `link` and `node` list its members, sorted by link
and within a link by (priority, key).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from tactful.transforms.identity.arrays import (
    NOBODY,
    Bools,
    Ints,
    components,
    distinct,
    is_first,
)
from tactful.transforms.identity.sharing.graph import FOREVER, Graph, Kept, Kinds, Sharing

LINKED, HUB, NEUTRAL = 0, 1, 2
NO_PAIRS = np.empty((0, 2), dtype=np.int64)


@dataclass(frozen=True)
class Links:
    """Members of every link; when its first and newest events were, and their ranks among all."""

    link: Ints
    node: Ints
    first_rank: Ints
    first_at: Ints
    last_rank: Ints
    last_at: Ints


@dataclass(frozen=True)
class ByHand:
    """Pairs of nodes of which somebody says that they are one person, or never are."""

    always: Ints = field(default_factory=lambda: NO_PAIRS)
    never: Ints = field(default_factory=lambda: NO_PAIRS)


@dataclass(frozen=True)
class Partition:
    """What came out, by node.

    State, component before cuts, person, when it became neutral, and when the next of its links
    will have outlived its window; NOBODY where there is none.
    """

    state: Ints
    component: Ints
    person: Ints
    neutral_from: Ints
    expires_at: Ints


@dataclass(frozen=True)
class Stars:
    """The members of each link that are no hubs, by link, and the best of them in each."""

    link: Ints
    node: Ints
    centre: Ints


@dataclass(frozen=True)
class Edges:
    """Each pair of centre and member once; its newest event's rank, and until when it lives."""

    ends: Ints
    last_rank: Ints
    lives_until: Ints


def partition(
    links: Links,
    kind: Ints,
    kinds: Kinds,
    *,
    inside: Bools,
    max_identifiers: int,
    sharing: Sharing,
    now: int,
    by_hand: ByHand,
) -> Partition:
    """Work out who is who: hubs, links, components, and what keeps unique identifiers apart.

    inside: nodes whose links are all here; the others are hubs that were found before, and are
    left out. sharing: whose a device of several is. now: what has outlived its window by then
    links nobody. by_hand: beats all that was seen, but for what is a hub.
    """
    level = kinds.priority[kind]
    hub = hubs(links, kind, kinds) | ~inside
    # Nobody is anybody's by way of what is a hub.
    same = _same(by_hand.always[~hub[by_hand.always].any(axis=1)], level)
    never = same[by_hand.never]
    never = never[never[:, 0] != never[:, 1]]
    stars = _stars(links, hub, same, level)
    joined = _joined(stars, kind, kinds)
    edges = _edges(joined, links, kind, kinds, never=never, with_last=sharing.reads_last)
    alive = edges.lives_until > now

    def settle(judged: Bools) -> Kept:
        return sharing.settle(_graph(edges, judged, joined, links, kind, kinds, never))

    judged = np.ones_like(alive) if sharing.judges_expired else alive
    kept = settle(judged)
    holds = np.ones_like(alive)
    holds[judged] = kept.edges
    if not judged.all():
        # What has ended was somebody's where it holds beside all else that was ever seen.
        holds[~judged] = settle(np.ones_like(alive)).edges[~judged]
    state = np.full(len(kind), LINKED)
    state[kept.cut] = np.where(kinds.is_device[kind[kept.cut]], NEUTRAL, HUB)
    ended, theirs = _ended(edges, holds, alive, len(kind), for_any=sharing.judges_expired)
    has_ended = (ended != NOBODY) & (state == LINKED)
    state[has_ended] = NEUTRAL
    holds &= alive & (state[edges.ends] == LINKED).all(axis=1)
    state[_oversized(edges.ends[holds], level, max_identifiers)] = HUB
    holds &= (state[edges.ends] == LINKED).all(axis=1)
    part = components(edges.ends[holds], len(kind))
    last = np.where(has_ended & (state[theirs] == LINKED), part[theirs], NOBODY)[same]
    has_ended, state = has_ended[same], state[same]
    state[hub] = HUB
    person = np.where(state == LINKED, part[same], NOBODY)
    owner, since = _neutral_owners(links, state, person)
    if not sharing.judges_expired:
        owner = np.where(last == NOBODY, owner, last)
    return Partition(
        state,
        _touching(stars, same),
        np.where(state == NEUTRAL, owner, person),
        np.where(has_ended & (state == NEUTRAL), ended[same], since),
        _next_expiry(edges, alive, len(kind)),
    )


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
    pairs, _ = distinct(links.node[left] * count + links.node[right])
    one, other = pairs // count, pairs % count
    level, other_level = kinds.priority[kind[one]], kinds.priority[kind[other]]
    apart = level != other_level
    one, other = one[apart], other[apart]
    groups, seen = distinct(one * len(kinds.priority) + kind[other])
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
    return replace(links, link=number[links.link[kept]], node=links.node[kept])


def _same(always: Ints, level: Ints) -> Ints:
    """For each node the one that stands for all that somebody joins it with: the best of them."""
    if not len(always):
        return np.arange(len(level))
    part = components(always, len(level))
    best = np.full(len(level), len(level) * (level.max() + 1), dtype=np.int64)
    np.minimum.at(best, part, level * len(level) + np.arange(len(level)))
    return best[part] % len(level)


def _stars(links: Links, hub: Bools, same: Ints, level: Ints) -> Stars:
    """The members that are no hubs, by link; those that are one by hand stand there once."""
    usable = ~hub[links.node]
    link, node = links.link[usable], same[links.node[usable]]
    if (same != np.arange(len(same))).any():
        order = np.lexsort((node, level[node], link))
        order = order[is_first(link[order], node[order])]
        link, node = link[order], node[order]
    first = is_first(link)
    return Stars(link, node, node[first][np.cumsum(first) - 1])


def _second_values(stars: Stars, kind: Ints, kinds: Kinds) -> Bools:
    """Members that come behind another value of the same unique type in their link."""
    unique = np.flatnonzero(kinds.is_unique[kind[stars.node]])
    held = stars.link[unique] * len(kinds.priority) + kind[stars.node[unique]]
    second = np.zeros(len(stars.node), dtype=bool)
    second[np.delete(unique, np.unique(held, return_index=True)[1])] = True
    return second


def _joined(stars: Stars, kind: Ints, kinds: Kinds) -> Stars:
    """Of a unique type only the first value of a link joins the others."""
    joins = ~_second_values(stars, kind, kinds)
    return Stars(stars.link[joins], stars.node[joins], stars.centre[joins])


def _edges(
    stars: Stars, links: Links, kind: Ints, kinds: Kinds, *, never: Ints, with_last: bool
) -> Edges:
    """Each star as pairs of its best and another member, but for those kept apart by hand."""
    count, real = len(kind), np.flatnonzero(stars.centre != stars.node)
    values = stars.centre[real] * count + stars.node[real]
    has_window = (kinds.window < FOREVER).any()
    last_rank = last_at = None
    if with_last or has_window:
        order = np.argsort(values, kind="stable")
        begins = np.flatnonzero(is_first(values[order]))
        values, link = values[order][begins], stars.link[real][order]
        if len(begins):
            last_rank = np.maximum.reduceat(links.last_rank[link], begins)
            last_at = np.maximum.reduceat(links.last_at[link], begins)
    else:
        values, _ = distinct(values)
    if last_at is None:
        last_rank = last_at = np.zeros(len(values), dtype=np.int64)
    apart = np.concatenate([never, never[:, ::-1]])
    stays = ~np.isin(values, apart[:, 0] * count + apart[:, 1])
    ends = np.stack([values // count, values % count], axis=1)[stays]
    window = kinds.window[kind[ends]].min(axis=1, initial=FOREVER)
    until = np.where(window == FOREVER, FOREVER, last_at[stays] + (window % FOREVER))
    return Edges(ends, last_rank[stays], until)


def _graph(
    edges: Edges, judged: Bools, stars: Stars, links: Links, kind: Ints, kinds: Kinds, never: Ints
) -> Graph:
    """What a sharing rule looks at: the edges that count, and the sets that they are of."""
    link, node, centre = stars.link, stars.node, stars.centre
    if len(never) or not judged.all():
        count = len(kind)
        known = edges.ends[judged, 0] * count + edges.ends[judged, 1]
        lives = (centre == node) | np.isin(centre * count + node, known)
        link, node = link[lives], node[lives]
    return Graph(
        kind,
        kinds,
        edges.ends[judged],
        edges.last_rank[judged],
        link,
        node,
        links.first_rank,
        never,
    )


def _ended(
    edges: Edges, kept: Bools, alive: Bools, count: int, *, for_any: bool
) -> tuple[Ints, Ints]:
    """Until when each node was linked to somebody by a link that has ended, and to whom.

    Such a node is nobody's from then on: what it did before stays theirs, and so does what was said
    by it. Not where the two are one person by another way. for_any: from the first such end on,
    whatever else it is linked to; else from the last on, where no other link of it lives.
    NOBODY for the other nodes; to whom says itself there.
    """
    part = components(edges.ends[kept & alive], count)
    over, until = edges.ends[kept & ~alive], edges.lives_until[kept & ~alive]
    apart = part[over[:, 0]] != part[over[:, 1]]
    if not for_any:
        lives = np.zeros(count, dtype=bool)
        lives[edges.ends[kept & alive, 1]] = True
        apart &= ~lives[over[:, 1]]
    (whose, node), until = over[apart].T, until[apart]
    order = np.lexsort((whose, until if for_any else -until, node))
    order = order[is_first(node[order])]
    ended, theirs = np.full(count, NOBODY, dtype=np.int64), np.arange(count)
    ended[node[order]], theirs[node[order]] = until[order], whose[order]
    return ended, theirs


def _oversized(edges: Ints, level: Ints, limit: int) -> Bools:
    """Cut the lowest layer of a person who is too large, until they fit."""
    cut = np.zeros(len(level), dtype=bool)
    while True:
        part = components(edges[~cut[edges].any(axis=1)], len(level))
        sizes = np.bincount(part[~cut], minlength=len(level))
        large = ~cut & (sizes[part] > limit)
        if not large.any():
            return cut
        lowest = np.full(len(level), -1, dtype=np.int64)
        np.maximum.at(lowest, part[large], level[large])
        cut |= large & (level == lowest[part])


def _touching(stars: Stars, same: Ints) -> Ints:
    """What must be looked at together: whatever may join when something else is cut, or expires."""
    nodes = np.arange(len(same))
    pairs = [(stars.centre, stars.node), (same, nodes)]
    edges = [np.stack(pair, axis=1)[pair[0] != pair[1]] for pair in pairs]
    return components(np.concatenate(edges), len(same))


def _next_expiry(edges: Edges, alive: Bools, count: int) -> Ints:
    """When the first of each node's links will have outlived its window."""
    bounded = alive & (edges.lives_until < FOREVER)
    expires = np.full(count, FOREVER, dtype=np.int64)
    np.minimum.at(expires, edges.ends[bounded, 1], edges.lives_until[bounded])
    return np.where(expires == FOREVER, NOBODY, expires)


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
    first = chosen[is_first(person[chosen])]
    named = np.full(len(person), NOBODY, dtype=np.int64)
    named[person[first]] = first
    return named


def _neutral_owners(links: Links, state: Ints, person: Ints) -> tuple[Ints, Ints]:
    """Whose a shared device was before it was shared, and from when it is nobody's."""
    owner = np.full(len(state), NOBODY, dtype=np.int64)
    since = np.full(len(state), NOBODY, dtype=np.int64)
    linked = np.flatnonzero(state[links.node] == LINKED)
    first = linked[is_first(links.link[linked])]
    person_of = np.full(len(links.first_rank), NOBODY, dtype=np.int64)
    person_of[links.link[first]] = person[links.node[first]]
    shared = np.flatnonzero((state[links.node] == NEUTRAL) & (person_of[links.link] != NOBODY))
    device, who = links.node[shared], person_of[links.link[shared]]
    seen = (links.first_at[links.link[shared]], links.first_rank[links.link[shared]])
    order = np.lexsort((*seen, who, device))
    order = order[is_first(device[order], who[order])]
    order = order[np.lexsort((who[order], *(at[order] for at in seen), device[order]))]
    device, at = device[order], seen[0][order]
    begins = np.flatnonzero(is_first(device))
    owner[device[begins]] = who[order[begins]]
    seconds = begins[np.append(np.diff(begins), len(device) - begins[-1:]) > 1] + 1
    since[device[seconds]] = at[seconds]
    return owner, since
