"""What has outlived its window: whose it was until then, and from when on it is nobody's."""

from __future__ import annotations

from tactful.transforms.identity.arrays import NOBODY
from tactful.transforms.identity.components import NEUTRAL
from tests.transforms.test_components import TYPES, graph, persons, solve


def test_a_link_that_ended_leaves_what_was_done_until_then():
    """From its end on, and not from when a second was seen with it who was the same person then."""
    types = {**TYPES, "k": {**TYPES["k"], "window": 5}}
    g = graph(["u1 k1", "m1 k1", "m1"], types)
    cookie, customer = g.names.index("k1"), g.names.index("u1")
    for now, since in ((4, NOBODY), (5, 5), (9, 5)):
        found = solve(g, now=now)
        assert found.neutral_from[cookie] == since
        assert found.person[cookie] == found.person[customer]
    assert persons(g, solve(g, now=4)) == {"k1 m1 u1"}
    assert persons(g, solve(g, now=9)) == {"m1", "u1"}


def test_whose_a_device_was_last_it_was_when_that_ended():
    types = {**TYPES, "k": {**TYPES["k"], "window": 5}}
    g = graph(["u1 k1", "u2 k1"], types)
    cookie = g.names.index("k1")
    for sharing, owner in (("newest", "u2"), ("first", "u1")):
        found = solve(g, now=9, sharing=sharing)
        assert found.state[cookie] == NEUTRAL
        assert g.names[found.person[cookie]] == owner


def test_what_one_too_many_was_not_it_is_not_when_all_have_ended():
    types = {**TYPES, "k": {**TYPES["k"], "window": 9, "max_per_person": 2}}
    g = graph(["u1 k1", "u1 k2", "u1 k3"], types)
    assert persons(g, solve(g, now=8, sharing="newest")) == {"k1", "k2 k3 u1"}
    found = solve(g, now=20, sharing="newest")
    assert persons(g, found) == {"k1", "u1"}
    assert g.nodes(found.state == NEUTRAL) == {"k2", "k3"}
