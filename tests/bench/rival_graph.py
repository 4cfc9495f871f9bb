"""The oracle's graph rule for millions of identifiers: all disputed components at once.

`tests/oracle/graph.py` says what must come out, one component after the other; here a step is
taken in every component that still needs it, on whole arrays.
"""

from __future__ import annotations

import numpy as np

from tests.oracle.graph import ALONE, Links, Nodes, Parts, components


def settle(nodes: Nodes, links: Links, *, max_identifiers: int, sharing: str) -> Parts:
    """Components of the links, after all that must give way has been cut: the rule `neutral`."""
    if sharing != "neutral" or len(links.never) or not links.lives.all():
        raise NotImplementedError("the bench knows neither other rules nor windows")
    pairs = links.pairs
    oversized, apart = np.zeros((2, len(nodes)), dtype=bool)
    part = components(pairs, nodes.may_link)
    inside = np.flatnonzero((part != ALONE) & _holds_two(nodes, part)[part])
    if len(inside):
        some, between = _only(nodes, pairs, inside)
        apart[inside] = _keep_apart(some, between, np.ones(len(inside), dtype=bool))
        part = components(pairs, nodes.may_link & ~apart)
    inside = np.flatnonzero((part != ALONE) & _too_large(part, max_identifiers)[part])
    if len(inside):
        some, between = _only(nodes, pairs, inside)
        oversized[inside] = _cut_oversized(some, between, max_identifiers)
        part = components(pairs, nodes.may_link & ~apart & ~oversized)
    return Parts(part, oversized, apart, np.full(len(nodes), ALONE), np.arange(len(nodes)))


def _only(nodes: Nodes, links: np.ndarray, inside: np.ndarray) -> tuple[Nodes, np.ndarray]:
    """The nodes of some components by new numbers, and the links between them."""
    number = np.full(len(nodes), ALONE)
    number[inside] = np.arange(len(inside))
    between = number[links]
    some = Nodes(
        nodes.priority[inside], nodes.kind[inside], nodes.most[inside], nodes.may_link[inside]
    )
    return some, between[(between != ALONE).all(axis=1)]


def _too_large(part: np.ndarray, limit: int) -> np.ndarray:
    """Which components have more nodes than a person may have."""
    return np.bincount(part[part != ALONE], minlength=len(part)) > limit


def _holds_two(nodes: Nodes, part: np.ndarray) -> np.ndarray:
    """Which components hold two values of a unique type."""
    unique = np.flatnonzero((nodes.most == 1) & (part != ALONE))
    kinds = int(nodes.kind.max(initial=0)) + 1
    held, times = np.unique(part[unique] * kinds + nodes.kind[unique], return_counts=True)
    found = np.zeros(len(part), dtype=bool)
    found[held[times > 1] // kinds] = True
    return found


def _cut_oversized(nodes: Nodes, links: np.ndarray, limit: int) -> np.ndarray:
    """Of each component that is too large the lowest layer, until it fits."""
    gone = np.zeros(len(nodes), dtype=bool)
    while True:
        part = components(links, ~gone)
        large = ~gone & _too_large(part, limit)[part]
        if not large.any():
            return gone
        lowest = np.zeros(len(nodes), dtype=nodes.priority.dtype)
        np.maximum.at(lowest, part[large], nodes.priority[large])
        gone |= large & (nodes.priority == lowest[part])


def _keep_apart(nodes: Nodes, links: np.ndarray, present: np.ndarray) -> np.ndarray:
    """All that gives way, layer by layer, until no component can be taken apart any further."""
    gone = ~present
    while True:
        part = components(links, ~gone)
        cut = _give_way(nodes, links, part, ~gone & _holds_two(nodes, part)[part])
        if not cut.any():
            return gone & present
        gone |= cut


def _give_way(
    nodes: Nodes, links: np.ndarray, part: np.ndarray, disputed: np.ndarray
) -> np.ndarray:
    """Of each component the lowest layer that has any: all that touch two higher components."""
    cut = np.zeros(len(nodes), dtype=bool)
    waiting = disputed.copy()
    both_ways = np.concatenate([links, links[:, ::-1]])
    for by_way_of_others in (False, True):
        for layer in np.unique(nodes.priority)[::-1]:
            higher = waiting & (nodes.priority < layer)
            lower = waiting & ~higher
            home = components(links, higher)
            group = components(links, lower) if by_way_of_others else np.arange(len(nodes))
            x, y = both_ways[lower[both_ways[:, 0]] & higher[both_ways[:, 1]]].T
            touched = np.unique(np.stack([group[x], home[y]]), axis=1)[0]
            bridges = np.bincount(touched, minlength=len(nodes)) >= 2
            found = lower & (nodes.priority == layer) & bridges[group]
            cut |= found
            waiting &= ~np.isin(part, part[found])
    return cut
