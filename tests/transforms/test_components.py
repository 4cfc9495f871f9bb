"""Persons from links: by hand, against a search through the graph, and against the oracle."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tactful.transforms.identity.arrays import NOBODY
from tactful.transforms.identity.components import (
    HUB,
    LINKED,
    NEUTRAL,
    ByHand,
    Links,
    Partition,
    hubs,
    partition,
    survivors,
)
from tactful.transforms.identity.sharing import SHARINGS
from tactful.transforms.identity.sharing.graph import FOREVER, Kinds
from tests.oracle.config import load
from tests.oracle.facts import Event
from tests.oracle.identifiers import Identifier
from tests.oracle.identity import resolve

START = datetime(2026, 3, 1, tzinfo=UTC)
STATES = {LINKED: "linked", HUB: "hub", NEUTRAL: "neutral"}
# u a customer number, m an email, l a loyalty card, d a device, k a cookie.
TYPES = {
    "u": {"priority": 1, "unique": True},
    "m": {"priority": 2},
    "l": {"priority": 4, "unique": True},
    "p": {"priority": 4},
    "d": {"priority": 8, "device": True},
    "k": {"priority": 9, "device": True},
}
PLAIN = {name: {**kind, "unique": False} for name, kind in TYPES.items()}
WIDE = 1000


def _level(letter: str) -> int:
    return TYPES[letter]["priority"]


@dataclass(frozen=True)
class Graph:
    """Sets of identifiers seen together, written as 'u1 m1', as arrays of numbers."""

    names: list[str]
    kind: np.ndarray
    kinds: Kinds
    links: Links

    def nodes(self, mask: np.ndarray) -> set[str]:
        return {name for name, on in zip(self.names, mask, strict=True) if on}


def graph(
    seen: Sequence[str],
    types: dict = TYPES,
    *,
    max_links: int = WIDE,
    max_devices: int = WIDE,
    order: Sequence[int] | None = None,
) -> Graph:
    """One link a sighting, a second apart; `order` numbers the links otherwise."""
    level = {name: types[name[0]]["priority"] for text in seen for name in text.split()}
    names, letters = sorted(level), sorted(types)
    number = {name: place for place, name in enumerate(names)}
    places = list(range(len(seen)) if order is None else order)
    link, node = [], []
    for position, place in enumerate(places):
        members = sorted(set(seen[place].split()), key=lambda name: (level[name], name))
        link += [position] * len(members)
        node += [number[name] for name in members]
    kinds = Kinds(
        priority=np.array([types[t]["priority"] for t in letters]),
        is_unique=np.array([types[t].get("unique", False) for t in letters]),
        is_device=np.array([types[t].get("device", False) for t in letters]),
        max_links=np.array([types[t].get("max_links", max_links) for t in letters]),
        max_devices=np.array([types[t].get("max_devices", max_devices) for t in letters]),
        most=np.array([_most(types[t]) for t in letters]),
        window=np.array([types[t].get("window", FOREVER) for t in letters]),
    )
    at = np.array(places, dtype=np.int64)
    links = Links(np.array(link, dtype=np.int64), np.array(node, dtype=np.int64), at, at, at, at)
    kind = np.array([letters.index(name[0]) for name in names], dtype=np.int64)
    return Graph(names, kind, kinds, links)


def _most(kind: dict) -> int:
    return 1 if kind.get("unique") else kind.get("max_per_person", FOREVER)


def solve(
    g: Graph,
    max_identifiers: int = WIDE,
    *,
    inside: np.ndarray | None = None,
    sharing: str = "neutral",
    now: int = WIDE,
    always: Sequence[str] = (),
    never: Sequence[str] = (),
) -> Partition:
    """always, never: pairs that somebody joined or keeps apart by hand, written as 'm1 m2'."""
    return partition(
        g.links,
        g.kind,
        g.kinds,
        inside=np.ones(len(g.names), dtype=bool) if inside is None else inside,
        max_identifiers=max_identifiers,
        sharing=SHARINGS[sharing],
        now=now,
        by_hand=ByHand(_pairs(g, always), _pairs(g, never)),
    )


def _pairs(g: Graph, pairs: Sequence[str]) -> np.ndarray:
    numbers = [[g.names.index(name) for name in pair.split()] for pair in pairs]
    return np.array(numbers, dtype=np.int64).reshape(-1, 2)


def persons(g: Graph, found: Partition) -> set[str]:
    groups = defaultdict(list)
    for name, person, state in zip(g.names, found.person, found.state, strict=True):
        if state == LINKED:
            groups[person].append(name)
    return {" ".join(group) for group in groups.values()}


# --- by hand ---------------------------------------------------------------------------------


def test_one_higher_identifier_too_many_makes_a_hub():
    seen = ["u1 m1", "u2 m1", "u3 m1", "u3 m2", "u4 m2"]
    g = graph(seen, max_links=2)
    assert g.nodes(hubs(g.links, g.kind, g.kinds)) == {"m1"}
    assert not hubs(*_of(graph(seen, max_links=3))).any()


def test_each_type_counts_apart_and_equals_do_not_count():
    seen = ["u1 m1 d1", "m1 d2 k1", "m1 k2", "l1 p1", "l1 p2", "l1 p3"]
    g = graph(seen, max_links=1, max_devices=2)
    assert g.nodes(hubs(g.links, g.kind, g.kinds)) == set()
    g = graph([*seen, "m1 d3"], max_links=1, max_devices=2)
    assert g.nodes(hubs(g.links, g.kind, g.kinds)) == {"m1"}


def test_hubs_count_among_those_that_make_hubs():
    g = graph(["u1 m1", "u2 m1", "m1 d1", "m2 d1"], max_links=1)
    assert g.nodes(hubs(g.links, g.kind, g.kinds)) == {"m1", "d1"}


@pytest.mark.parametrize("sharing", SHARINGS)
@pytest.mark.parametrize(
    ("constant", "others"), [(a, b) for a in TYPES for b in TYPES if _level(a) != _level(b)]
)
def test_a_constant_is_caught_whatever_it_is_seen_with(constant, others, sharing):
    """An app that gives everybody the same id, of whatever type: no list has to name it.

    Within a second or in years: how many others it was ever seen with counts, and those alone.
    """
    seen = [f"{constant}1 {others}{n:03}" for n in range(101)]
    g = graph(seen, max_links=5, max_devices=100)
    found = solve(g, sharing=sharing)
    assert g.nodes(found.state == HUB) == {f"{constant}1"}
    assert persons(g, found) == {name for name in g.names if name != f"{constant}1"}


def test_what_somebody_says_beats_the_bounds_of_what_is_seen():
    """A word is no sighting: it makes no hub, and a person that is too large loses nothing of it.

    What is said of two that have customers of their own makes them one, and so two customers': it
    has to be said of the customer's number.
    """
    g = graph(["u1 d1", "u2 m2", "k1"], max_links=1, max_devices=1)
    hers = solve(g, 1, always=["u2 d1", "u1 k1", "u2 m2"])
    assert persons(g, hers) == {"d1 m2 u2", "k1 u1"}, "whoever logged in on it"
    assert persons(g, solve(g, always=["d1 m2"])) == {"u1", "u2", "k1"}


def test_what_somebody_says_of_a_hub_gives_it_to_nobody():
    """Whoever it is said to be, all the others were seen with it, too."""
    g = graph(["u1 m1", "u2 m1", "d1"], max_links=1)
    found = solve(g, always=["u1 m1", "m1 d1"])
    assert g.nodes(found.state == HUB) == {"m1"}
    assert persons(g, found) == {"d1", "u1", "u2"}, "nor is anybody one with others by way of it"


def test_what_is_said_of_a_hub_joins_no_two_strangers():
    g = graph(["u1 d1", "u2 d1", "u3 d1", "u1 m1", "u2 m2"], max_links=2)
    assert persons(g, solve(g, always=["u1 d1", "u2 d1"])) == {"m1 u1", "m2 u2", "u3"}


def test_one_event_joins_no_two_customers():
    g = graph(["u1 u2 l1 l2 m1 d1", "m2 d2 k2"])
    assert persons(g, solve(g)) == {"d1 l1 m1 u1", "l2", "u2", "d2 k2 m2"}
    without = np.array([name not in {"u1", "m2"} for name in g.names])
    assert persons(g, solve(g, inside=without)) == {"d1 l1 m1 u2", "l2", "d2 k2"}


def test_a_device_of_two_is_its_first_persons_until_the_second_comes():
    g = graph(["u1 d1", "d1", "u2 d1", "u1 d1"])
    found = solve(g)
    device, first = g.names.index("d1"), g.names.index("u1")
    assert found.state[device] == NEUTRAL
    assert found.person[device] == found.person[first]
    assert found.neutral_from[device] == 2
    assert found.component[device] == found.component[first]  # as they were before the cut


def test_a_person_that_is_too_large_loses_its_lowest_layer_first():
    g = graph(["u1 m1 d1 k1", "u1 k2", "u2 k3"])
    found = solve(g, max_identifiers=3)
    assert g.nodes(found.state == HUB) == {"k1", "k2"}
    assert persons(g, found) == {"d1 m1 u1", "k3 u2"}


def test_nothing_seen_is_nobody():
    found = solve(graph([]))
    assert [len(a) for a in (found.state, found.component, found.person)] == [0, 0, 0]
    alone = graph(["k1"])
    assert persons(alone, solve(alone)) == {"k1"}


def test_what_is_not_all_here_joins_nothing():
    g = graph(["u1 d1", "u2 d1"])
    inside = np.array([name != "d1" for name in g.names])
    assert persons(g, solve(g, inside=inside)) == {"u1", "u2"}


def test_an_id_once_given_is_kept_where_it_can_be():
    person = np.array([0, 0, 0, 3, 3, NOBODY, 6, 6])
    minted = np.array([0, 1, 1, 1, 0, 1, 0, 0], dtype=bool)
    active_since = np.array([-1, 50, 40, -1, -1, 10, -1, -1])
    first_seen = np.array([1, 2, 3, 4, 5, 6, 9, 8])
    named = survivors(person, minted=minted, active_since=active_since, first_seen=first_seen)
    assert {person: node for person, node in enumerate(named) if node != NOBODY} == {
        0: 2,  # of two living persons the one that was seen earlier
        3: 3,  # no living one, so an absorbed id comes back
        6: 7,  # a new person is named after what was seen first
    }


def test_of_equals_the_smaller_key_gives_the_name():
    same = {"minted": np.zeros(2, dtype=bool), "first_seen": np.array([5, 5])}
    nobody = np.array([NOBODY, NOBODY])
    both = np.array([0, 0])
    assert survivors(both, active_since=nobody, **same).tolist() == [0, NOBODY]
    assert survivors(both, active_since=np.array([7, 7]), **same).tolist() == [0, NOBODY]


def _of(g: Graph) -> tuple:
    return g.links, g.kind, g.kinds


# --- any small world -------------------------------------------------------------------------

NAMES = [f"{letter}{n}" for letter in TYPES for n in range(1, 5)]
SEEN = st.lists(st.lists(st.sampled_from(NAMES), min_size=1, max_size=4).map(" ".join), max_size=14)
LIMITS = st.sampled_from([1, 2, 3, WIDE])


def reached(seen: Sequence[str]) -> set[str]:
    """Who hangs together at all: a plain search, each set of identifiers joining all it holds."""
    groups: list[set[str]] = []
    for text in seen:
        joined = set(text.split())
        apart = [group for group in groups if not group & joined]
        joined = joined.union(*(group for group in groups if group & joined))
        groups = [*apart, joined]
    return {" ".join(sorted(group)) for group in groups}


@given(SEEN)
@settings(max_examples=150, deadline=None)
def test_without_limits_a_person_is_all_that_hangs_together(seen):
    g = graph(seen, PLAIN)
    found = solve(g)
    assert (found.state == LINKED).all()
    assert persons(g, found) == reached(seen)


def told(seen: Sequence[str]) -> list[Event]:
    """The same sightings as the oracle's events; a name is its own key."""
    events = []
    for second, text in enumerate(seen):
        names = sorted({(TYPES[name[0]]["priority"], name) for name in text.split()})
        ids = tuple(Identifier(level, name, name[0], name) for level, name in names)
        fields = {"event_id": f"{second:03d}", "occurred_at": START + timedelta(seconds=second)}
        events.append(Event("clicks", fields, ids, ()))
    return events


@st.composite
def rules(draw) -> tuple[dict[str, Any], dict[str, Any]]:
    """The `identity` of a configuration, and the types in it with their bounds."""
    sharing = draw(st.sampled_from(sorted(SHARINGS)))
    types = {name: dict(kind) for name, kind in TYPES.items()}
    for name in "mpdk":
        if draw(st.booleans()):
            types[name]["window"] = draw(st.integers(1, 8))
        if SHARINGS[sharing].counts_most and draw(st.booleans()):
            types[name]["max_per_person"] = draw(st.integers(1, 2))
    bounds = {"max_links": draw(LIMITS), "max_devices": draw(LIMITS)}
    told = {"shared_devices": sharing, "max_identifiers": draw(st.sampled_from([2, 3, 5, WIDE]))}
    return {**told, **bounds}, types


PAIRS = st.lists(st.lists(st.sampled_from(NAMES), min_size=2, max_size=2, unique=True), max_size=2)


@given(SEEN, rules(), PAIRS, PAIRS, st.randoms(use_true_random=False))
@settings(max_examples=300, deadline=None)
def test_the_oracle_finds_the_same_persons_whatever_the_order(
    seen, told_rules, always, never, dice
):
    identity, types = told_rules
    known = {name for text in seen for name in text.split()}
    both = {frozenset(pair) for pair in always}
    by_hand = {
        "always": [" ".join(pair) for pair in always if known.issuperset(pair)],
        "never": [
            " ".join(pair)
            for pair in never
            if known.issuperset(pair) and frozenset(pair) not in both
        ],
    }
    order = dice.sample(range(len(seen)), len(seen))
    bounds = {name: identity[name] for name in ("max_links", "max_devices")}
    g = graph(seen, types, **bounds, order=order)
    found = solve(
        g,
        identity["max_identifiers"],
        sharing=identity["shared_devices"],
        now=len(seen),
        **by_hand,
    )
    spoken = {
        name: {**kind, "window": f"{kind['window']}s"} if "window" in kind else kind
        for name, kind in types.items()
    }
    config = load({"identity": {"types": spoken, **identity}})
    labels = resolve(told(seen), config, as_of=START + timedelta(seconds=len(seen)), **by_hand)
    assert {n: STATES[s] for n, s in zip(g.names, found.state, strict=True)} == {
        name: label.state for name, label in labels.items()
    }
    assert _owners(g, found) == {
        name: (label.person_id, _second(label.neutral_from_at)) for name, label in labels.items()
    }


def _owners(g: Graph, found: Partition) -> dict[str, tuple[str | None, int]]:
    """Whose each identifier is, the person named as the oracle names it, and from when nobody's."""
    seen_first = np.full(len(g.names), WIDE, dtype=np.int64)
    np.minimum.at(seen_first, g.links.node, g.links.first_at[g.links.link])
    nobody = np.full(len(g.names), NOBODY)
    named = survivors(
        np.where(found.state == LINKED, found.person, NOBODY),
        minted=np.zeros(len(g.names), dtype=bool),
        active_since=nobody,
        first_seen=seen_first,
    )
    return {
        name: (f"p_{g.names[named[person]]}" if person != NOBODY else None, int(since))
        for name, person, since in zip(g.names, found.person, found.neutral_from, strict=True)
    }


def _second(at: datetime | None) -> int:
    return NOBODY if at is None else int((at - START).total_seconds())
