"""What a sharing rule is given and what it answers: links of identifiers that are no hubs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tactful.transforms.identity.arrays import Bools, Ints, components, distinct

# A window, or a number of identifiers, that nothing is beyond.
FOREVER = np.iinfo(np.int64).max


@dataclass(frozen=True)
class Kinds:
    """The rules of each identifier type, by type number.

    `most` is how many of it one person may have, `window` how many microseconds a link of it lives
    after it was last seen; both are FOREVER where nothing is configured.
    """

    priority: Ints
    is_unique: Bools
    is_device: Bools
    max_links: Ints
    max_devices: Ints
    most: Ints
    window: Ints


@dataclass(frozen=True)
class Graph:
    """Identifiers and the links between them, before anything is kept apart.

    kind: the type of each node. edges: pairs of nodes, the centre of an event first. last: the rank
    of each edge's newest event. link, node, first: the members of each set that was seen together,
    the best first, and the rank of its first event. never: pairs that somebody keeps apart by hand.
    """

    kind: Ints
    kinds: Kinds
    edges: Ints
    last: Ints
    link: Ints
    node: Ints
    first: Ints
    never: Ints

    @property
    def level(self) -> Ints:
        """The priority of each node; 1 says most about who somebody is."""
        return self.kinds.priority[self.kind]

    def disputed(self, part: Ints, gone: Bools) -> Bools:
        """The nodes of every part that holds more of a type than one person may have.

        So are those of a part that holds two whom somebody keeps apart.
        """
        kinds, size = self.kinds, len(self.kinds.priority)
        bounded = np.flatnonzero((kinds.most[self.kind] < FOREVER) & ~gone)
        held, number = distinct(part[bounded] * size + self.kind[bounded])
        found = np.zeros(len(self.kind), dtype=bool)
        found[held[number > kinds.most[held % size]] // size] = True
        if len(self.never):
            one, other = self.never.T
            both = (part[one] == part[other]) & ~gone[one] & ~gone[other]
            found[part[one[both]]] = True
        return found[part]

    def in_dispute(self) -> Bools:
        """The nodes of the parts that cannot stay as they are."""
        nothing = np.zeros(len(self.kind), dtype=bool)
        return self.disputed(components(self.edges, len(self.kind)), nothing)


@dataclass(frozen=True)
class Kept:
    """What a rule leaves: which edges hold, and which nodes it has cut out."""

    edges: Bools
    cut: Bools


@dataclass(frozen=True)
class Sharing:
    """One answer to the question whose a shared device is.

    `doc`             a sentence for the page of options.
    `settle`          what it keeps of a graph: a function of the graph alone, so that no order of
                      arrival matters.
    `judges_expired`  whether it looks at links that have outlived their window, too.
    `reads_first`     whether it asks of any set, not only of a device's, which was seen before.
    `reads_last`      whether it asks when a link was last seen.
    `makes_nobodys`   whether a device that several share is nobody's by it; by any other rule it is
                      so only when its link has ended.
    `counts_most`     whether it bounds how many of a type a person has; else only unique types are.
    """

    name: str
    doc: str
    settle: Callable[[Graph], Kept]
    judges_expired: bool = False
    reads_first: bool = False
    reads_last: bool = False
    makes_nobodys: bool = False
    counts_most: bool = False
