"""Which identifiers hold together, and what gives way where they must not (DESIGN 6, rule 4).

Components of all identifiers are found at once by scipy over whole numbers; the few that are too
large, or hold two values of a unique type, are then taken apart one by one, as the rule reads.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import networkx as nx
import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

ALONE = -1


@dataclass(frozen=True)
class Nodes:
    """All identifiers by number; `may_link` is false for hubs and blocked ones."""

    priority: np.ndarray
    kind: np.ndarray
    is_unique: np.ndarray
    may_link: np.ndarray

    def __len__(self) -> int:
        return len(self.priority)


@dataclass(frozen=True)
class Parts:
    """The component of each node (ALONE where it is cut or may not link), and why it was cut."""

    part: np.ndarray
    oversized: np.ndarray
    kept_apart: np.ndarray


def settle(nodes: Nodes, links: np.ndarray, *, max_identifiers: int) -> Parts:
    """Components of the links (pairs of nodes), after all that must give way has been cut."""
    oversized, apart = np.zeros((2, len(nodes)), dtype=bool)
    first = components(links, nodes.may_link)
    for graph in _disputed(nodes, links, first, max_identifiers):
        large = cut_oversized(graph, max_identifiers)
        graph.remove_nodes_from(large)
        oversized[list(large)] = True
        apart[list(keep_apart(graph))] = True
    return Parts(components(links, nodes.may_link & ~oversized & ~apart), oversized, apart)


def components(links: np.ndarray, present: np.ndarray) -> np.ndarray:
    """The number of each present node's component, ALONE for the others."""
    pairs = links[present[links].all(axis=1)]
    size = len(present)
    matrix = coo_array((np.ones(len(pairs), dtype=np.int8), pairs.T), shape=(size, size))
    return np.where(present, connected_components(matrix, directed=False)[1], ALONE)


def cut_oversized(graph: nx.Graph, limit: int) -> set[int]:
    """A component beyond `max_identifiers` loses its lowest layer, until it fits."""
    cut: set[int] = set()
    waiting = [graph]
    while waiting:
        rest = waiting.pop()
        for part in nx.connected_components(rest):
            if len(part) > limit:
                lowest = max(graph.nodes[x]["priority"] for x in part)
                layer = {x for x in part if graph.nodes[x]["priority"] == lowest}
                cut |= layer
                waiting.append(graph.subgraph(part - layer))
    return cut


def keep_apart(graph: nx.Graph) -> set[int]:
    """What is cut so that no two values of a unique type are one person.

    All that a layer must give up is cut at once, and then it is looked at again.
    """
    cut: set[int] = set()
    waiting = [set(part) for part in nx.connected_components(graph)]
    while waiting:
        part = waiting.pop()
        if _holds_two(graph, part):
            gives_way = _give_way(graph.subgraph(part).copy())
            cut |= gives_way
            if gives_way:
                waiting += nx.connected_components(graph.subgraph(part - gives_way))
    return cut


def _disputed(
    nodes: Nodes, links: np.ndarray, part: np.ndarray, max_identifiers: int
) -> Iterator[nx.Graph]:
    """The components that are too large or hold two values of a unique type, each as a graph."""
    present = np.flatnonzero(part != ALONE)
    sizes = np.bincount(part[present], minlength=len(nodes))
    unique = present[nodes.is_unique[present]]
    pairs, counts = np.unique(
        np.stack([part[unique], nodes.kind[unique]]), axis=1, return_counts=True
    )
    is_disputed = sizes > max_identifiers
    is_disputed[pairs[0, counts >= 2]] = True
    graphs: dict[int, nx.Graph] = defaultdict(nx.Graph)
    for x in present[is_disputed[part[present]]].tolist():
        graphs[part[x]].add_node(
            x, priority=nodes.priority[x], unique=nodes.kind[x] if nodes.is_unique[x] else None
        )
    linked = links[nodes.may_link[links].all(axis=1)]
    for a, b in linked[is_disputed[part[linked[:, 0]]]].tolist():
        graphs[part[a]].add_edge(a, b)
    yield from graphs.values()


def _holds_two(graph: nx.Graph, part: set[int]) -> bool:
    values = Counter(graph.nodes[x]["unique"] for x in part)
    del values[None]
    return any(count >= 2 for count in values.values())


def _give_way(part: nx.Graph) -> set[int]:
    """Of the lowest layer that has any: all that touch two components of the higher layers.

    Where none does by its own links, those count that do by way of their own or lower layers.
    """
    layers = sorted(set(nx.get_node_attributes(part, "priority").values()), reverse=True)
    for by_way_of_others in (False, True):
        for layer in layers:
            cut = _bridges(part, layer, by_way_of_others)
            if cut:
                return cut
    return set()


def _bridges(part: nx.Graph, layer: int, by_way_of_others: bool) -> set[int]:
    priority = part.nodes(data="priority")
    higher = part.subgraph([x for x, at in priority if at < layer])
    lower = part.subgraph([x for x, at in priority if at >= layer])
    home = {x: n for n, group in enumerate(nx.connected_components(higher)) for x in group}

    def touched(x: int) -> set[int]:
        around = nx.node_connected_component(lower, x) if by_way_of_others else {x}
        return {home[y] for z in around for y in part[z] if y in home}

    return {x for x, at in priority if at == layer and len(touched(x)) >= 2}
