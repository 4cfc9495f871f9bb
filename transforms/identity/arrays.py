"""Arrays: what the rules of who is who ask of whole numbers, over and over."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

# No person, no time, no such node.
NOBODY = -1


def components(edges: Ints, count: int) -> Ints:
    """The smallest node of each node's component."""
    if not len(edges):
        return np.arange(count)
    # Here, since every command reads the configuration, which names the rules, and few stitch.
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    graph = coo_matrix((np.ones(len(edges), dtype=np.int8), edges.T), shape=(count, count))
    _, label = connected_components(graph, directed=False)
    smallest = np.full(label.max() + 1, count, dtype=np.int64)
    np.minimum.at(smallest, label, np.arange(count))
    return smallest[label]


def of_same_part(nodes: Bools, part: Ints) -> Bools:
    """All nodes of the parts that these nodes are of."""
    named = np.zeros(len(part), dtype=bool)
    named[part[nodes]] = True
    return named[part]


def distinct(values: Ints) -> tuple[Ints, Ints]:
    """Every value once, in order, and how often it was there; `np.unique` hashes, which is slow."""
    ordered = np.sort(values)
    begins = np.flatnonzero(is_first(ordered))
    return ordered[begins], np.diff(np.append(begins, len(ordered)))


def is_first(*columns: Ints) -> Bools:
    """Whether a row is the first of its kind, the rows being sorted by these columns."""
    first = np.ones(len(columns[0]), dtype=bool)
    first[1:] = np.any([column[1:] != column[:-1] for column in columns], axis=0)
    return first
