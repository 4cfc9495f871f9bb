"""The stitcher on the identity cases that products document, and on any world in any batches."""

from __future__ import annotations

import hashlib
import hmac
import random
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from tactful.jobs.identity.manual import beyond, standing
from tactful.jobs.identity.relabel import relabel
from tactful.jobs.identity.spellings import read_all
from tactful.jobs.settings.config import Identity
from tactful.schemas.identity import LABELS, SEEN
from tactful.schemas.words import MANUAL_LINK_TYPES
from tactful.transforms.identity.keys import hmac_pads, identifier_sets, key_identifiers, with_keys
from tactful.transforms.identity.owners import with_owner
from tests import oracle
from tests.links import BEFORE, EVENT_REF, LINKS
from tests.oracle import compute
from tests.oracle.cases import AS_OF, SECRET, START, Case, clusters, hubs, load_cases, named
from tests.oracle.compare import differences, plain
from tests.oracle.facts import Event as OracleEvent
from tests.oracle.identifiers import Identifier
from tests.oracle.identity import resolve

KEYS = "identifier_keys"
CASES = {case.id: case for case in load_cases()}


@dataclass(frozen=True)
class Seen:
    """One event as the stitcher sees it: its keys and their types, best first.

    kind: seen, or what somebody of the business says of the two.
    """

    event_id: str
    occurred_at: datetime
    keys: tuple[str, ...]
    types: tuple[str, ...]
    kind: str = SEEN

    @property
    def event_ref(self) -> tuple[datetime, str, str]:
        return self.occurred_at, "clicks" if self.kind == SEEN else "profiles", self.event_id


@dataclass
class Stitcher:
    """`stitch` without Spark: the same labels and links, batch after batch, in dictionaries."""

    rules: Identity
    labels: dict[str, dict[str, Any]] = field(default_factory=dict)
    links: dict[tuple[str, tuple[str, ...]], dict[str, Any]] = field(default_factory=dict)
    as_of: datetime = AS_OF

    def add(self, events: Iterable[Seen]) -> None:
        keys: set[str] = set()
        for event in events:
            self._link(event)
            keys |= set(event.keys)
        members, links = self._touched(keys)
        before = [label for key, label in self.labels.items() if key in members]
        seen, always, never = standing(links)
        relabelled = relabel(
            seen,
            pa.array(sorted(members), pa.string()),
            pa.Table.from_pylist(before, BEFORE),
            self.rules,
            as_of=self.as_of,
            always=always,
            never=never,
        )
        self.labels |= {row["identifier_key"]: row for row in relabelled.labels.to_pylist()}

    def _touched(self, keys: set[str]) -> tuple[set[str], pa.Table]:
        """The components of these identifiers, and of what is said to be theirs; their links."""
        components = {self.labels[key]["component_key"] for key in keys & self.labels.keys()}
        members = keys | {
            key for key, label in self.labels.items() if label["component_key"] in components
        }
        held = [link for (_, those), link in self.links.items() if members & set(those)]
        links = pa.Table.from_pylist(held, LINKS)
        _, always, _ = standing(links)
        more = beyond(always, pa.array(sorted(members), pa.string())).to_pylist()
        return self._touched(keys | {*more}) if more else (members, links)

    def _link(self, event: Seen) -> None:
        event_ref = dict(zip(EVENT_REF.names, event.event_ref, strict=True))
        new = {"first_seen": event_ref, "last_seen": event_ref}
        old = self.links.get((event.kind, event.keys), new)
        self.links[event.kind, event.keys] = {
            "kind": event.kind,
            "identifier_keys": list(event.keys),
            "identifier_types": list(event.types),
            "first_seen": min(old["first_seen"], event_ref, key=_order),
            "last_seen": max(old["last_seen"], event_ref, key=_order),
        }

    def identity(self) -> list[dict[str, Any]]:
        return [{**label, "household_id": None} for label in self.labels.values()]


def _order(event_ref: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(event_ref.values())


# --- the cases ---------------------------------------------------------------------------------


# Types of these cases share priorities, which the checks of a user's file do not allow.
RULES = {name: Identity(**oracle.load(case.config)["identity"]) for name, case in CASES.items()}


@pytest.fixture(scope="module")
def keyed(spark) -> dict[str, list[Any]]:
    """The events of all cases with their keys, in one Spark action."""
    by_case = defaultdict(list)
    for row in _keyed(spark).collect():
        by_case[row.case].append(row)
    return by_case


def _keyed(spark) -> DataFrame:
    rows, raw = [], set()
    for case in CASES.values():
        every = (*case.events, *case.words)
        for event in {event["event_id"]: event for event in every}.values():
            ids = [(i["type"], i["value"]) for i in event["identifiers"]]
            at = datetime.fromisoformat(event["occurred_at"])
            rows.append((case.id, event["event_id"], event["type"], at, ids))
            raw |= {(kind, value) for kind, value in ids if kind == "phone" and value}
    shape = "case string, event_id string, type string, occurred_at timestamp"
    ids = "identifiers array<struct<type:string,value:string>>"
    events = spark.createDataFrame(rows, f"{shape}, {ids}")
    spelled = [(*pair, form) for pair, form in read_all(raw, region="US").items()]
    inner, outer = (bytearray(pad) for pad in hmac_pads(SECRET))
    # Priorities and blocked values are the same in every case; limits and uniqueness are not.
    some = RULES["CC01"]
    keys = key_identifiers(
        identifier_sets(events),
        spark.createDataFrame(spelled, "type string, value string, normal string"),
        spark.createDataFrame([(inner, outer)], "inner binary, outer binary"),
        priorities={name: kind.priority for name, kind in some.types.items()},
        blocked=some.blocked,
    )
    return with_keys(events, keys, count=len(rows))


def events_of(rows: Sequence[Any]) -> list[Seen]:
    return [
        Seen(
            row.event_id,
            plain(row.occurred_at),
            tuple(row[KEYS]),
            tuple(row["identifier_types"]),
            row.type if is_word(row) else SEEN,
        )
        for row in rows
        if row[KEYS]
    ]


def is_word(row: Any) -> bool:
    return row.type in MANUAL_LINK_TYPES


def names_of(case: Case) -> dict[str, str]:
    """The key of every value that a case names, worked out with Python's own HMAC."""
    said = set().union(*(case.clusters or ()), case.hubs)
    said |= {f"{i['type']}:{i['value']}" for e in case.events for i in e["identifiers"]}
    names = {}
    for name in said:
        kind, _, value = name.partition(":")
        keyed = {"hem": "email_sha256"}.get(kind, kind)
        if keyed == "email":
            digest = hashlib.sha256(value.strip().lower().encode()).hexdigest()
            keyed, value, name = "email_sha256", digest, f"hem:{digest}"
        elif keyed == "email_sha256":
            name = f"hem:{value}"
        key = hmac.new(SECRET, f"{keyed}:{value}".encode(), hashlib.sha256).hexdigest()[:32]
        names[key] = name
    return names


@pytest.mark.parametrize("name", named())
def test_who_is_one_person(name, keyed):
    stitcher = Stitcher(RULES[name])
    stitcher.add(events_of(keyed[name]))
    assert clusters(stitcher.identity(), names_of(CASES[name])) == CASES[name].clusters
    assert hubs(stitcher.identity(), names_of(CASES[name])) == CASES[name].hubs


@pytest.mark.parametrize("name", named())
def test_no_order_and_no_batching_makes_other_persons(name, keyed):
    events, dice = events_of(keyed[name]), random.Random(name)
    for _ in range(20):
        stitcher, left = Stitcher(RULES[name]), dice.sample(events, len(events))
        while left:
            size = dice.randint(1, len(left))
            stitcher.add(left[:size])
            left = left[size:]
        assert clusters(stitcher.identity(), names_of(CASES[name])) == CASES[name].clusters


def test_identities_and_owners_are_the_oracles(spark, keyed, tmp_path):
    """Every column of `identity`, and whose every event is; one Spark action for all cases."""
    labels, ours, answers = [], {}, {}
    for name, case in CASES.items():
        stitcher = Stitcher(RULES[name])
        stitcher.add(events_of(keyed[name]))
        blocked = {key for row in keyed[name] for key in row.blocked_keys}
        answer = compute(case.land(tmp_path / name), case.config, SECRET, AS_OF)
        answers[name] = answer
        theirs = [row for row in answer.tables["identity"] if row["state"] != "blocked"]
        assert differences({"identity": stitcher.identity()}, {"identity": theirs}) == [], name
        junk = {r["identifier_key"] for r in answer.tables["identity"] if r["state"] == "blocked"}
        assert blocked == junk, name
        ours[name] = stitcher.labels
        labels += [{**at, "identifier_key": f"{name} {key}"} for key, at in stitcher.labels.items()]
    shape = ", ".join(f"{c.name} {c.type}" for c in LABELS.columns if c.name in labels[0])
    events = [
        (name, row.event_id, row.occurred_at, [f"{name} {key}" for key in row.identifier_keys])
        for name in CASES
        for row in keyed[name]
        if not is_word(row)
    ]
    table = spark.createDataFrame(
        events,
        "case string, event_id string, occurred_at timestamp, identifier_keys array<string>",
    ).withColumn("anchor_key", F.try_element_at("identifier_keys", F.lit(1)))
    owned = with_owner(table, spark.createDataFrame(labels, shape)).collect()
    assert len(owned) == len(events)
    for row in owned:
        theirs = answers[row.case].owners["clicks", row.event_id]
        assert _same_person(row.person_id, theirs, ours[row.case], answers[row.case]), row


def _same_person(mine: str | None, theirs: str | None, labels: dict, answer: Any) -> bool:
    """One person under two names: the same identifiers have it on both sides."""
    if mine is None or mine.startswith("n_"):
        return mine == theirs
    held = {key for key, label in labels.items() if label["person_id"] == mine}
    known = answer.tables["identity"]
    return held == {row["identifier_key"] for row in known if row["person_id"] == theirs}


def test_the_first_id_survives_every_merge(keyed):
    """ST01, an event a batch: the id stays that of the identifier seen first."""
    events = sorted(events_of(keyed["ST01"]), key=lambda event: event.event_ref)
    names = names_of(CASES["ST01"])
    stitcher, known = Stitcher(RULES["ST01"]), []
    for batch in (events[:1], events[1:2], events[2:]):
        stitcher.add(batch)
        known.append({row["person_id"] for row in stitcher.identity()})
    (first,) = known[0]
    assert names[first[2:]] == "anon:a"
    assert all(first in ids for ids in known)
    assert known[-1] == {first}


def test_a_hub_found_late_splits_what_it_had_joined(keyed):
    """CC13: before the identifier is a hub it joins; then it lets go of everybody."""
    events = sorted(events_of(keyed["CC13"]), key=lambda event: event.event_ref)
    names = names_of(CASES["CC13"])
    (hub,) = CASES["CC13"].hubs
    stitcher = Stitcher(RULES["CC13"])
    together = []
    for event in events:
        stitcher.add([event])
        held = [c for c in clusters(stitcher.identity(), names) if hub in c]
        together.append(max(len(c) for c in held) if held else 0)
    assert max(together) > 1
    assert together[-1] == 1
    assert clusters(stitcher.identity(), names) == CASES["CC13"].clusters


@pytest.mark.parametrize("name", named())
def test_an_event_a_batch_gives_the_same_persons_forwards_and_backwards(name, keyed):
    for events in (events_of(keyed[name]), events_of(keyed[name])[::-1]):
        stitcher = Stitcher(RULES[name])
        for event in events:
            stitcher.add([event])
        assert clusters(stitcher.identity(), names_of(CASES[name])) == CASES[name].clusters


# --- any small world in any batches --------------------------------------------------------------

TYPES = {
    "u": {"priority": 1, "unique": True},
    "m": {"priority": 2},
    "l": {"priority": 4, "unique": True},
    "d": {"priority": 8, "device": True},
    "k": {"priority": 9, "device": True},
}
NAMES = [f"{letter}{n}" for letter in TYPES for n in range(1, 5)]
SETS = st.lists(st.sampled_from(NAMES), min_size=1, max_size=4, unique=True)
BATCHES = st.lists(st.lists(SETS, max_size=5), min_size=1, max_size=5)


@given(BATCHES, st.sampled_from([1, 2, 1000]), st.sampled_from([3, 1000]), st.randoms())
@settings(max_examples=200, deadline=None)
def test_whatever_the_batches_identity_is_the_oracles(batches, max_links, max_identifiers, dice):
    bounds = {"max_links": max_links, "max_devices": 1000, "max_identifiers": max_identifiers}
    stitcher = Stitcher(
        Identity(shared_devices="neutral", phone_region="US", blocked=(), types=TYPES, **bounds)
    )
    order = dice.sample(range(WORLD), WORLD)
    events = []
    for batch in batches:
        fresh = [_event(ids, order[len(events) + n]) for n, ids in enumerate(batch)]
        events += fresh
        stitcher.add(fresh)
    told = {"shared_devices": "neutral", "types": TYPES, **bounds}
    labels = resolve([_told(event) for event in events], {"identity": told})
    theirs = [label.row() for label in labels.values()]
    assert differences({"identity": stitcher.identity()}, {"identity": theirs}) == []


@given(BATCHES, st.sampled_from([1, 2, 1000]), st.sampled_from([3, 1000]), st.randoms())
@settings(max_examples=200, deadline=None)
def test_any_id_ever_issued_resolves(batches, max_links, max_identifiers, dice):
    """To who is called so, or to whose the identifier now is that it was made for.

    Nobody's is only what was made for what is nobody's itself: a hub, a shared device.
    """
    bounds = {"max_links": max_links, "max_devices": 1000, "max_identifiers": max_identifiers}
    stitcher = Stitcher(
        Identity(shared_devices="neutral", phone_region="US", blocked=(), types=TYPES, **bounds)
    )
    order, issued, number = dice.sample(range(WORLD), WORLD), set(), 0
    for batch in batches:
        stitcher.add([_event(ids, order[number + n]) for n, ids in enumerate(batch)])
        number += len(batch)
        linked = {k: at for k, at in stitcher.labels.items() if at["state"] == "linked"}
        living = {at["person_id"] for at in linked.values()}
        issued |= living
        for person in issued - living:
            made_for = stitcher.labels[person[2:]]
            assert made_for["person_id"] in living or made_for["state"] in ("hub", "neutral")


@given(BATCHES)
@settings(max_examples=200, deadline=None)
def test_in_the_order_of_time_a_rebuild_gives_the_same_ids(batches):
    """Where persons only grew. One that came apart keeps the ids it gave meanwhile."""
    plain = {name: {**kind, "unique": False} for name, kind in TYPES.items()}
    rules = Identity(
        shared_devices="neutral", phone_region="US", blocked=(), types=plain,
        max_links=1000, max_devices=1000, max_identifiers=1000,
    )  # fmt: skip
    stitcher, rebuilt, events = Stitcher(rules), Stitcher(rules), []
    for batch in batches:
        fresh = [_event(ids, len(events) + n) for n, ids in enumerate(batch)]
        events += fresh
        stitcher.add(fresh)
    rebuilt.add(events)
    assert _ids(stitcher) == _ids(rebuilt)


def test_an_id_that_was_given_stays_though_a_rebuild_would_give_another():
    """The smallest world of that: who goes by an id is not renamed after what comes over later.

    The other address is theirs from when the device it was seen with is two customers'; it is older
    than the one they are named after, and a rebuild knows of no time before.
    """
    rules = Identity(
        shared_devices="neutral", phone_region="US", blocked=(), types=TYPES,
        max_links=1000, max_devices=1000, max_identifiers=1000,
    )  # fmt: skip
    told = [["u1", "d1"], ["m2", "d1"], ["u2", "m1"], ["m1", "m2"]]
    stitcher, rebuilt = Stitcher(rules), Stitcher(rules)
    events = [_event(ids, second) for second, ids in enumerate(told)]
    for event in events:
        stitcher.add([event])
    rebuilt.add(events)
    assert _ids(stitcher)["u2"] == "p_m1"
    assert _ids(rebuilt)["u2"] == "p_m2"
    for one in (stitcher, rebuilt):
        assert clusters(one.identity(), {name: name for name in NAMES}) == {
            frozenset({"u1", "d1"}), frozenset({"u2", "m1", "m2"}),
        }  # fmt: skip


def _ids(stitcher: Stitcher) -> dict[str, str | None]:
    return {key: at["person_id"] for key, at in stitcher.labels.items()}


WORLD = 25


def _event(ids: Sequence[str], second: int) -> Seen:
    keys = tuple(sorted(ids, key=lambda name: (TYPES[name[0]]["priority"], name)))
    at = START + timedelta(seconds=second)
    return Seen(f"{second:02d}", at, keys, tuple(key[0] for key in keys))


def _told(event: Seen) -> OracleEvent:
    ids = tuple(Identifier(TYPES[key[0]]["priority"], key, key[0], key) for key in event.keys)
    fields = {"event_id": event.event_id, "occurred_at": event.occurred_at}
    return OracleEvent("clicks", fields, ids, ())
