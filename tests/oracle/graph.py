"""Which identifiers hold together: hubs, star links, and what gives way between two customers."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tests.oracle.facts import Event
from tests.oracle.identifiers import Identifier

Nodes = Mapping[str, Identifier]
Links = Mapping[str, set[str]]


def find_hubs(events: Iterable[Event], types: Mapping[str, Any]) -> set[str]:
    """Identifiers seen with too many of one other type; counted before any link is made."""
    nodes: dict[str, Identifier] = {}
    together: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for event in events:
        for x in event.identifiers:
            nodes[x.key] = x
            for y in event.identifiers:
                together[x.key][y.type].add(y.key)

    def is_hub(x: Identifier) -> bool:
        for other, seen in together[x.key].items():
            priority = types[other]["priority"]
            if priority < x.priority and len(seen) > types[x.type]["max_links"]:
                return True
            if priority > x.priority and len(seen) > types[x.type]["max_devices"]:
                return True
        return False

    return {key for key, node in nodes.items() if is_hub(node)}


def star_links(events: Iterable[Event], hubs: set[str], types: Mapping[str, Any]) -> Links:
    """Each event links its identifiers to the first of them, but never two of one unique type."""
    links: dict[str, set[str]] = defaultdict(set)
    for event in events:
        star = [x for x in event.identifiers if x.key not in hubs]
        taken = set()
        for x in star:
            second = types[x.type]["unique"] and x.type in taken
            taken.add(x.type)
            if x is not star[0] and not second:
                links[star[0].key].add(x.key)
                links[x.key].add(star[0].key)
    return links


def components(keys: Iterable[str], links: Links) -> list[set[str]]:
    """The groups of keys that hang together by links among themselves."""
    left, found = set(keys), []
    while left:
        group = reach(left.pop(), links, left.__contains__)
        left -= group
        found.append(group)
    return found


def reach(start: str, links: Links, through: Callable[[str], bool]) -> set[str]:
    """Start and all that it reaches by way of keys that may be passed through."""
    group, edge = {start}, [start]
    while edge:
        for key in links.get(edge.pop(), ()):
            if key not in group and through(key):
                group.add(key)
                edge.append(key)
    return group


def cut_oversized(nodes: Nodes, links: Links, limit: int) -> set[str]:
    """A component beyond `max_identifiers` loses its lowest layer, until it fits."""
    gone: set[str] = set()
    while True:
        parts = components(nodes.keys() - gone, links)
        cut = {key for part in parts if len(part) > limit for key in _lowest_layer(part, nodes)}
        if not cut:
            return gone
        gone |= cut


def keep_apart(nodes: Nodes, links: Links, types: Mapping[str, Any]) -> set[str]:
    """The identifiers that are cut so that no two values of a unique type are one person."""
    gone: set[str] = set()
    while True:
        parts = components(nodes.keys() - gone, links)
        cut = {
            key
            for part in parts
            if _holds_two(part, nodes, types)
            for key in _give_way(part, nodes, links)
        }
        if not cut:
            return gone
        gone |= cut


def _lowest_layer(part: set[str], nodes: Nodes) -> set[str]:
    lowest = max(nodes[key].priority for key in part)
    return {key for key in part if nodes[key].priority == lowest}


def _holds_two(part: set[str], nodes: Nodes, types: Mapping[str, Any]) -> bool:
    values = Counter(nodes[key].type for key in part if types[nodes[key].type]["unique"])
    return any(count >= 2 for count in values.values())


def _give_way(part: set[str], nodes: Nodes, links: Links) -> set[str]:
    """Of the lowest layer that has any: all that touch two components of the higher layers."""
    layers = sorted({nodes[key].priority for key in part}, reverse=True)
    for by_way_of_others in (False, True):
        for layer in layers:
            cut = _bridges(part, layer, nodes, links, by_way_of_others)
            if cut:
                return cut
    return set()


def _bridges(
    part: set[str], layer: int, nodes: Nodes, links: Links, by_way_of_others: bool
) -> set[str]:
    higher = {key for key in part if nodes[key].priority < layer}
    home = {key: n for n, group in enumerate(components(higher, links)) for key in group}

    def touched(x: str) -> set[int]:
        own = {x}
        if by_way_of_others:  # through identifiers of its own or lower layers
            own = reach(x, links, lambda key: key in part and key not in higher)
        return {home[key] for node in own for key in links.get(node, ()) if key in home}

    return {x for x in part if nodes[x].priority == layer and len(touched(x)) >= 2}
