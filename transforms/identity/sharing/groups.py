"""Groups: identifiers joined one link after another, as long as what comes out may be a person."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from tactful.transforms.identity.arrays import Ints
from tactful.transforms.identity.sharing.graph import FOREVER, Graph


class Groups:
    """Components that grow while they hold no more of a type than one person may have.

    Only what is in dispute passes through here: one link at a time, since each depends on those
    before it.
    """

    def __init__(self, graph: Graph, nodes: Ints) -> None:
        """nodes: those that may be joined."""
        bound = graph.kinds.most.tolist()
        kinds = graph.kind[nodes].tolist()
        self._bound = bound
        self._parent = dict(zip(nodes.tolist(), nodes.tolist(), strict=True))
        self._held = {
            node: Counter({kind: 1}) if bound[kind] < FOREVER else Counter()
            for node, kind in zip(nodes.tolist(), kinds, strict=True)
        }
        self._against: dict[int, set[int]] = defaultdict(set)
        self._apart: dict[int, set[int]] = defaultdict(set)
        for one, other in graph.never.tolist():
            for mine, theirs in ((one, other), (other, one)):
                self._against[mine].add(theirs)
                self._apart[mine].add(mine)

    def join(self, nodes: Sequence[int]) -> bool:
        """Make these one group, unless it could be no person; whether it is one."""
        roots = {self._root(node) for node in nodes}
        if len(roots) == 1:
            return True
        held = sum((self._held[root] for root in roots), Counter())
        if any(number > self._bound[kind] for kind, number in held.items()):
            return False
        apart = _all(self._apart, roots)
        if apart and apart & _all(self._against, roots):
            return False
        first = min(roots)
        against = _all(self._against, roots)
        for root in roots:
            self._parent[root] = first
        self._held[first] = held
        if apart:
            self._apart[first], self._against[first] = apart, against
        return True

    def _root(self, node: int) -> int:
        parent = self._parent
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node


def _all(sets: dict[int, set[int]], roots: Iterable[int]) -> set[int]:
    return set().union(*(sets[root] for root in roots if root in sets))
