"""Which identifiers hold together, and what gives way where they must not (DESIGN 6, rule 4).

Components of all identifiers are found at once by scipy over whole numbers; the few that hold two
values of a unique type, or are too large, are then taken apart one by one, as the rule reads.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import networkx as nx
import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

ALONE = -1
NO_PAIRS = np.empty((0, 2), dtype=np.int64)


@dataclass(frozen=True)
class Nodes:
    """All identifiers by number, the best first; `may_link` is false for hubs and blocked ones.

    most: how many of its type one person may have; 0 where any number will do.
    """

    priority: np.ndarray
    kind: np.ndarray
    most: np.ndarray
    may_link: np.ndarray

    def __len__(self) -> int:
        return len(self.priority)


@dataclass(frozen=True)
class Links:
    """Pairs of nodes, each once: the rank of the newest event that says so, and if it still lives.

    until: when each ends, in microseconds, where it has an end. sets: of every set that was seen
    together its nodes, the best first, in the order of the sets' first events. never: pairs that
    somebody keeps apart by hand.
    """

    pairs: np.ndarray
    newest: np.ndarray
    lives: np.ndarray
    until: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    sets: Sequence[Sequence[int]] = ()
    never: np.ndarray = field(default_factory=lambda: NO_PAIRS)


@dataclass(frozen=True)
class Parts:
    """The component of each node (ALONE where it is cut or may not link), and why it was cut.

    ended_at: from when on it is nobody's, since a link of it ended, in microseconds; ALONE where
    none did. ended_with: to whom that link was.
    """

    part: np.ndarray
    oversized: np.ndarray
    kept_apart: np.ndarray
    ended_at: np.ndarray
    ended_with: np.ndarray


def settle(nodes: Nodes, links: Links, *, max_identifiers: int, sharing: str) -> Parts:
    """Components of the links, after all that must give way has been cut or left out."""
    oversized = np.zeros(len(nodes), dtype=bool)
    never = {pair for one, other in links.never.tolist() for pair in ((one, other), (other, one))}
    may_hold = np.array([tuple(pair) not in never for pair in links.pairs.tolist()], dtype=bool)
    # Of what lives the newest or first one is judged by what lives; what has ended by all.
    kept, apart = _kept(nodes, links, may_hold, sharing)
    if sharing != "neutral":
        living, _ = _kept(nodes, links, may_hold & links.lives, sharing)
        kept = np.where(links.lives, living, kept)
    nodes = replace(nodes, may_link=nodes.may_link & ~apart)
    ended_at, ended_with = end_of_links(nodes, links, kept, sharing)
    nodes = replace(nodes, may_link=nodes.may_link & (ended_at == ALONE))
    living = links.pairs[kept & links.lives]
    for graph in _oversized(nodes, living, max_identifiers):
        oversized[list(cut_oversized(graph, max_identifiers))] = True
    part = components(living, nodes.may_link & ~oversized)
    return Parts(part, oversized, apart, ended_at, ended_with)


def _kept(
    nodes: Nodes, links: Links, judged: np.ndarray, sharing: str
) -> tuple[np.ndarray, np.ndarray]:
    """Which of these links are kept, and which nodes are cut."""
    apart, kept = np.zeros(len(nodes), dtype=bool), judged.copy()
    number = {pair: n for n, pair in enumerate(map(tuple, links.pairs.tolist()))}
    for graph in _disputed(nodes, links, judged):
        mine = [number[pair] for pair in _pairs_of(graph, number)]
        if sharing == "neutral":
            cut, alone = keep_apart(graph)
            apart[list(cut)] = True
            gone = cut | alone
            dropped = [n for n in mine if not gone.isdisjoint(links.pairs[n].tolist())]
        elif sharing == "newest":
            joined = newest_first(graph, links, mine)
            dropped = [n for n in mine if n not in joined]
        else:
            told = first_come(graph, links)
            dropped = [n for n in mine if tuple(links.pairs[n].tolist()) not in told]
        kept[dropped] = False
    return kept, apart


def end_of_links(
    nodes: Nodes, links: Links, kept: np.ndarray, sharing: str
) -> tuple[np.ndarray, np.ndarray]:
    """Until when each node was linked to somebody whom it is not one person with any more.

    Where the newest or first one has a device, one that is linked to anybody else has not ended,
    and its last link tells; else the first that ended does.
    """
    part = components(links.pairs[kept & links.lives], nodes.may_link)
    living = links.pairs[kept & links.lives]
    lives = set(living[nodes.may_link[living].all(axis=1)][:, 1].tolist())
    ends: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for n in np.flatnonzero(kept & ~links.lives).tolist():
        centre, node = links.pairs[n].tolist()
        is_over = nodes.may_link[[centre, node]].all() and part[centre] != part[node]
        if is_over and (sharing == "neutral" or node not in lives):
            ends[node].append((int(links.until[n]), centre))
    ended_at = np.full(len(nodes), ALONE, dtype=np.int64)
    ended_with = np.arange(len(nodes))
    for node, told in ends.items():
        at = min(told)[0] if sharing == "neutral" else max(told)[0]
        ended_at[node] = at
        ended_with[node] = min(centre for until, centre in told if until == at)
    return ended_at, ended_with


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


def keep_apart(graph: nx.Graph) -> tuple[set[int], set[int]]:
    """What is cut so that no two values of a unique type are one person, and what leaves alone.

    All that a layer must give up is cut at once, and then it is looked at again. Where two that
    somebody keeps apart stay together for all that, the lesser of them leaves and stands alone.
    """
    cut: set[int] = set()
    alone: set[int] = set()
    waiting = [set(part) for part in nx.connected_components(graph)]
    while waiting:
        part = waiting.pop()
        if is_person(graph, part):
            continue
        gives_way = _give_way(graph.subgraph(part).copy())
        cut |= gives_way
        if not gives_way:
            gives_way = {max(pair) for pair in graph.graph["never"] if part.issuperset(pair)}
            alone |= gives_way
        if gives_way:
            waiting += nx.connected_components(graph.subgraph(part - gives_way))
    return cut, alone


def newest_first(graph: nx.Graph, links: Links, mine: Iterable[int]) -> set[int]:
    """Adobe's rule: link after link, better layers and then newer ones first, while it is a person.

    The numbers of the links that are kept.
    """

    def rank(n: int) -> tuple[int, ...]:
        one, other = links.pairs[n].tolist()
        layer = max(graph.nodes[one]["priority"], graph.nodes[other]["priority"])
        return layer, -int(links.newest[n]), one, other

    group = {x: {x} for x in graph}
    kept = set()
    for n in sorted(mine, key=rank):
        if _join(graph, group, links.pairs[n].tolist()):
            kept.add(n)
    return kept


def first_come(graph: nx.Graph, links: Links) -> set[tuple[int, int]]:
    """Segment's rule: set after set; who would make an impossible person is left out of the set.

    The pairs, best identifier first, that some set has joined.
    """
    group = {x: {x} for x in graph}
    kept = set()
    for told in links.sets:
        if told and told[0] not in group:
            continue
        joined = [told[0], *(x for x in told[1:] if graph.has_edge(told[0], x))] if told else []
        while len(joined) > 1 and not _join(graph, group, joined):
            joined.pop()
        kept |= {(joined[0], x) for x in joined[1:]}
    return kept


def is_person(graph: nx.Graph, part: set[int]) -> bool:
    """Whether these may be one: not too many of a type, and no two that somebody keeps apart."""
    held = Counter(graph.nodes[x]["kind"] for x in part if graph.nodes[x]["most"])
    most = {graph.nodes[x]["kind"]: graph.nodes[x]["most"] for x in part}
    within = all(count <= most[kind] for kind, count in held.items())
    return within and not any(part.issuperset(pair) for pair in graph.graph["never"])


def _join(graph: nx.Graph, group: dict[int, set[int]], told: Sequence[int]) -> bool:
    """Make these one group, if they may be; whether they are one."""
    union = set().union(*(group[x] for x in told))
    if all(group[x] is group[told[0]] for x in told):
        return True
    if not is_person(graph, union):
        return False
    for x in union:
        group[x] = union
    return True


def _disputed(nodes: Nodes, links: Links, judged: np.ndarray) -> Iterator[nx.Graph]:
    """The components that can be no person as they are, each as a graph."""
    pairs = links.pairs[judged]
    part = components(pairs, nodes.may_link)
    present = np.flatnonzero(part != ALONE)
    bounded = present[nodes.most[present] > 0]
    held = Counter(zip(part[bounded].tolist(), nodes.kind[bounded].tolist(), strict=True))
    most = dict(zip(nodes.kind[bounded].tolist(), nodes.most[bounded].tolist(), strict=True))
    wanted = {at for (at, kind), count in held.items() if count > most[kind]}
    never = [tuple(sorted(pair)) for pair in links.never.tolist()]
    wanted |= {part[one] for one, other in never if part[one] == part[other] != ALONE}
    yield from _graphs(nodes, pairs, part, wanted, never)


def _oversized(nodes: Nodes, pairs: np.ndarray, limit: int) -> Iterator[nx.Graph]:
    """The persons who have too many identifiers, each as a graph."""
    part = components(pairs, nodes.may_link)
    sizes = Counter(part[part != ALONE].tolist())
    large = {at for at, size in sizes.items() if size > limit}
    yield from _graphs(nodes, pairs, part, large, [])


def _graphs(
    nodes: Nodes,
    pairs: np.ndarray,
    part: np.ndarray,
    wanted: set[int],
    never: Sequence[tuple[int, int]],
) -> Iterator[nx.Graph]:
    graphs: dict[int, nx.Graph] = defaultdict(nx.Graph)
    is_wanted = np.isin(part, list(wanted))
    for x in np.flatnonzero(is_wanted).tolist():
        graphs[part[x]].add_node(
            x, priority=nodes.priority[x], kind=nodes.kind[x], most=nodes.most[x]
        )
    linked = pairs[nodes.may_link[pairs].all(axis=1)]
    for a, b in linked[is_wanted[linked[:, 0]]].tolist():
        graphs[part[a]].add_edge(a, b)
    for graph in graphs.values():
        graph.graph["never"] = [pair for pair in never if pair[0] in graph and pair[1] in graph]
        yield graph


def _pairs_of(graph: nx.Graph, number: dict[tuple[int, int], int]) -> Iterator[tuple[int, int]]:
    for one, other in graph.edges:
        yield (one, other) if (one, other) in number else (other, one)


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
