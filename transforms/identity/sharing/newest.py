"""Newest: a shared device is whoever's was last seen with it (Adobe's linking rules)."""

from __future__ import annotations

import numpy as np

from tactful.transforms.identity.sharing.graph import Graph, Kept, Sharing
from tactful.transforms.identity.sharing.groups import Groups


def settle(graph: Graph) -> Kept:
    """Add link after link, unless what it joins could be no person: what is left out is dropped.

    Links between the best identifiers come first, the newest of them before older ones, so that a
    lower layer gives way. https://experienceleague.adobe.com/docs/experience-platform/identity
    (identity optimization algorithm), read 2026-11-21.
    """
    inside = graph.in_dispute()
    holds = ~inside[graph.edges[:, 0]]
    ends = graph.edges.T
    layer = np.maximum(graph.level[ends[0]], graph.level[ends[1]])
    order = np.lexsort((ends[1], ends[0], -graph.last, layer))
    groups = Groups(graph, np.flatnonzero(inside))
    for place in order[~holds[order]].tolist():
        holds[place] = groups.join(graph.edges[place].tolist())
    return Kept(holds, np.zeros(len(graph.kind), dtype=bool))


SHARING = Sharing(
    name="newest",
    doc="whose it was seen with last, with all it did before. Can't promise that a customer is "
    "never shown what another one looked at on the same device.",
    settle=settle,
    reads_last=True,
    counts_most=True,
)
