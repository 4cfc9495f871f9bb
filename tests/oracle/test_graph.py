"""The identity rule against graphs worked out by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tests.oracle.config import load
from tests.oracle.facts import Event
from tests.oracle.identifiers import Normaliser
from tests.oracle.identity import resolve

START = datetime(2026, 3, 1, tzinfo=UTC)
TYPES = {
    "u": {"priority": 1, "unique": True},
    "m": {"priority": 2},
    "l": {"priority": 4, "unique": False},
    "d": {"priority": 8, "device": True},
    "k": {"priority": 9, "device": True},
}


def stitch(*events, types=TYPES, **bounds):
    """States and groups of identifiers written as 'u1 m1', one event a string, a second apart."""
    config = load({"identity": {"types": types, **bounds}})
    normaliser = Normaliser(config, b"key")
    told = []
    for second, ids in enumerate(events):
        at = START + timedelta(seconds=second)
        named = [{"type": word[0], "value": word} for word in ids.split()]
        fields = {"event_id": f"{second:02d}", "occurred_at": at}
        known = normaliser.read(named)
        told.append(Event("clicks", fields, known.valid, known.blocked))
    labels = {label.identifier.value: label for label in resolve(told, config).values()}
    groups = {}
    for value, label in labels.items():
        if label.state == "linked":
            groups.setdefault(label.person_id, set()).add(value)
    return labels, {" ".join(sorted(group)) for group in groups.values()}


def states(labels, state):
    return {value for value, label in labels.items() if label.state == state}


def test_one_link_too_many_makes_a_hub():
    plain = {**TYPES, "u": {"priority": 1}}
    events = ["u1 m1 d1", "u2 m1", "u3 m1"]
    _, groups = stitch(*events, types=plain, max_links=3)
    assert groups == {"d1 m1 u1 u2 u3"}
    labels, groups = stitch(*events, types=plain, max_links=2)
    assert states(labels, "hub") == {"m1"}
    assert groups == {"d1 u1", "u2", "u3"}
    assert labels["m1"].person_id is None


def test_too_many_devices_make_a_hub_and_each_type_counts_apart():
    events = ["u1 m1 d1 k1", "m1 d2", "m1 k2"]
    _, groups = stitch(*events, max_devices=2)
    assert groups == {"d1 d2 k1 k2 m1 u1"}
    labels, groups = stitch(*events, "m1 k3", max_devices=2)
    assert states(labels, "hub") == {"m1"}
    assert groups == {"d1 k1 u1", "d2", "k2", "k3"}


def test_too_many_identifiers_lose_their_lowest_layer():
    labels, groups = stitch("u1 m1 d1 k1", "u1 k2", "u2 k3", max_identifiers=3)
    assert states(labels, "hub") == {"k1", "k2"}
    assert groups == {"d1 m1 u1", "k3 u2"}


def test_the_lowest_layer_gives_way_first():
    labels, groups = stitch("u1 m1", "m1 d1", "u2 d1", "u2 m2")
    assert states(labels, "neutral") == {"d1"}
    assert groups == {"m1 u1", "m2 u2"}


def test_all_bridges_of_a_layer_are_cut_and_then_it_is_looked_at_again():
    labels, groups = stitch("u1 d1", "u2 d1", "u1 d2", "u2 d2", "u1 m1", "u2 m1", "u1 d3")
    assert states(labels, "neutral") == {"d1", "d2"}
    assert states(labels, "hub") == {"m1"}
    assert groups == {"d3 u1", "u2"}


def test_a_chain_of_devices_is_cut_where_it_touches_by_way_of_others():
    labels, groups = stitch("u1 d1", "u2 d2", "d1 d2")
    assert states(labels, "neutral") == {"d1", "d2"}
    assert groups == {"u1", "u2"}
    assert labels["d1"].neutral_from_at is None  # only one person was ever seen with it


def test_two_values_of_a_unique_type_are_not_linked_by_one_event():
    labels, groups = stitch("u1 u2 m1")
    assert states(labels, "linked") == {"u1", "u2", "m1"}
    assert len(groups) == 2
    assert {"m1 u1", "u2"} == groups or {"m1 u2", "u1"} == groups  # the smaller key is the centre


def test_a_person_is_named_after_the_identifier_seen_first():
    labels, _ = stitch("k1", "u1 m1", "u1 k1")
    assert {label.person_id for label in labels.values()} == {f"p_{labels['k1'].identifier.key}"}
