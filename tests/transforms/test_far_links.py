"""Why what hangs together is looked at whole: what is at one end of it decides at the other.

Customers, addresses and devices in a chain: u1 d1 m1 d2 m2 … d9 u2. Without the first link the
other customer has all of it; with it there are two customers in it, and something has to give way,
which may be at the far end. So no rule that looks at what is near alone gives the same persons.
"""

from __future__ import annotations

import pytest

from tactful.transforms.identity.sharing import SHARINGS
from tests.transforms.test_components import graph, persons, solve

NEAR = "u1 d1"


def chain(length: int, sharing: str) -> list[str]:
    """The links, in the order in which they were seen: the near one first of all or last.

    What was seen first yields to `newest`, what was seen last to `first`: here the far end.
    """
    between = [f"m{n} d{n + at}" for n in range(1, length) for at in (0, 1)]
    links = [NEAR, *between, f"u2 d{length}"]
    return links[::-1] if sharing == "newest" else links


def far_end(links: list[str], sharing: str) -> set[str]:
    """Who is one person with the customer at the far end."""
    found = graph(links)
    persons_of = persons(found, solve(found, sharing=sharing))
    (whose,) = [set(names.split()) for names in persons_of if "u2" in names.split()]
    return whose


@pytest.mark.parametrize("sharing", SHARINGS)
@pytest.mark.parametrize("length", [1, 2, 3, 40])
def test_a_link_at_one_end_decides_at_the_other(sharing: str, length: int) -> None:
    """Whichever link of the chain is left out, the far end is told otherwise: each has a say."""
    links = chain(length, sharing)
    assert far_end(links, sharing) == {"u2"}
    for unseen in links:
        if "u2" not in unseen:
            less = [link for link in links if link != unseen]
            assert f"d{length}" in far_end(less, sharing), unseen


def test_what_two_customers_share_ties_nobody_where_it_may_not() -> None:
    """With `max_links = 1` of a device's type it is a hub; then nothing hangs together by it."""
    types = {"u": {"priority": 1, "unique": True}, "m": {"priority": 2},
             "d": {"priority": 8, "device": True, "max_links": 1}}  # fmt: skip
    links = [f"u{n} d{n + at}" for n in range(1, 50) for at in (0, 1)]
    found = graph(links, types)
    tied = solve(found).component
    assert len(set(tied.tolist())) == len(found.names) - 2, "but for the two ends"
    crowd = graph(links, {**types, "d": {**types["d"], "max_links": 2}})
    assert len(set(solve(crowd).component.tolist())) == 1
