"""First: a shared device stays whose it was first seen with (Segment's rule, by event time)."""

from __future__ import annotations

import numpy as np

from tactful.transforms.identity.arrays import is_first
from tactful.transforms.identity.sharing.graph import Graph, Kept, Sharing
from tactful.transforms.identity.sharing.groups import Groups


def settle(graph: Graph) -> Kept:
    """Take the sets that were seen together in the order of their first events.

    All of a set become one person, unless that could be none: then the identifier of the lowest
    priority (of equals the one of the larger key) is left out of it, and it is tried again. A set
    that comes again can't do better, since persons only grow. By the time of events, not of their
    arrival, which is where it differs from its model: https://www.twilio.com/docs/segment/unify
    (identity resolution settings), read 2026-11-21.
    """
    inside = graph.in_dispute()
    holds = ~inside[graph.edges[:, 0]]
    open_edges = np.flatnonzero(~holds)
    pairs = map(tuple, graph.edges[open_edges].tolist())
    place = dict(zip(pairs, open_edges.tolist(), strict=True))
    groups = Groups(graph, np.flatnonzero(inside))
    mine = inside[graph.node]
    link, node = graph.link[mine], graph.node[mine]
    begins = np.flatnonzero(is_first(link))
    ends = np.append(begins[1:], len(link))
    order = np.argsort(graph.first[link[begins]], kind="stable")
    members = node.tolist()
    for start, end in zip(begins[order].tolist(), ends[order].tolist(), strict=True):
        joined = members[start:end]
        while len(joined) > 1 and not groups.join(joined):
            joined = joined[:-1]
        for other in joined[1:]:
            if (joined[0], other) in place:
                holds[place[joined[0], other]] = True
    return Kept(holds, np.zeros(len(graph.kind), dtype=bool))


SHARING = Sharing(
    name="first",
    doc="whose it was seen with first, whoever uses it later. Can't promise that who bought a used "
    "device, or logs in at a friend's, is not taken for its first owner while not logged in.",
    settle=settle,
    reads_first=True,
    counts_most=True,
)
