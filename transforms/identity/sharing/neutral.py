"""Neutral: a device that two customers use is nobody's from then on (Snowplow's rule)."""

from __future__ import annotations

import numpy as np

from tactful.transforms.identity.arrays import Bools, Ints, components, distinct, of_same_part
from tactful.transforms.identity.sharing.graph import Graph, Kept, Sharing


def settle(graph: Graph) -> Kept:
    """Identifiers that give way so that nobody holds two values of a unique type.

    The lowest layer gives way first: of its identifiers those that touch two components of the
    higher layers, all at once; then it is looked at again. Where none does by its own links, those
    count that do by way of their own or lower layers.

    Everything in dispute is looked at together: what gives way in one component has no bearing on
    another, and one at a time a million of them take minutes.
    """
    count = len(graph.kind)
    cut = np.zeros(count, dtype=bool)
    alone = np.zeros(count, dtype=bool)
    stubborn = np.zeros(count, dtype=bool)
    holds = np.ones(len(graph.edges), dtype=bool)
    while True:
        holds &= ~(cut | alone)[graph.edges].any(axis=1)
        edges = graph.edges[holds]
        part = components(edges, count)
        open_part = graph.disputed(part, cut) & ~stubborn[part]
        if not open_part.any():
            return Kept(holds, cut)
        edges = edges[open_part[edges[:, 0]]]
        found = _giving_way(edges, part, open_part, graph.level, direct=True)
        left = open_part & ~of_same_part(found, part)
        found |= _giving_way(edges[left[edges[:, 0]]], part, left, graph.level, direct=False)
        cut |= found
        left = open_part & ~of_same_part(found, part)
        leaving = _leaving(graph, part, left)
        alone |= leaving
        stubborn |= left & ~of_same_part(leaving, part)


def _leaving(graph: Graph, part: Ints, inside: Bools) -> Bools:
    """Where nothing gives way between two that are kept apart by hand, the lesser one leaves.

    It stands alone from then on: the one of lower priority, or of the larger key.
    """
    leaving = np.zeros(len(part), dtype=bool)
    if len(graph.never):
        one, other = graph.never.T
        together = inside[one] & (part[one] == part[other])
        lower = graph.level[other] - graph.level[one]
        is_other = (lower > 0) | ((lower == 0) & (other > one))
        leaving[np.where(is_other, other, one)[together]] = True
    return leaving


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
        home = components(edges[is_higher[edges].all(axis=1)], len(part))
        group = np.arange(len(part))
        if not direct:
            group = components(edges[~is_higher[edges].any(axis=1)], len(part))
        both = np.concatenate([edges, edges[:, ::-1]])
        across = both[~is_higher[both[:, 0]] & is_higher[both[:, 1]]]
        pairs, _ = distinct(group[across[:, 0]] * len(part) + home[across[:, 1]])
        groups, homes = distinct(pairs // len(part))
        joins = np.zeros(len(part), dtype=bool)
        joins[groups[homes > 1]] = True
        now = waiting & joins[group] & (level == layer)
        found |= now
        waiting = waiting & ~of_same_part(now, part)
    return found


SHARING = Sharing(
    name="neutral",
    doc="nobody's from the time a second customer was seen with it; what came before stays with "
    "the first. Can't promise that an only user of a device that was once lent gets it back.",
    settle=settle,
    # Who passed a device on still looked at all it showed: an old link makes it no less shared.
    judges_expired=True,
    makes_nobodys=True,
)
