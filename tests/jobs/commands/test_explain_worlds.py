"""explain, held against the oracle over small worlds: who, how linked, what is withheld, when."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

import pytest

from tactful.jobs.errors import WhoUnknown
from tactful.jobs.settings.config import Config
from tactful.jobs.why import answer as why
from tests import worlds
from tests.oracle.compare import read_tables
from tests.product import Shop

# What is dated later, and what only words of the business name.
UNPUBLISHED = "Nothing is published of the|Only a manual link names the"
STREAMS = ("clicks", "purchases", "messages", "profiles", "service")


@pytest.mark.faults
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_what_is_explained_is_what_the_oracle_says(spark, tmp_path, seed):
    shop = Shop(worlds.make(seed), tmp_path)
    shop.land_all(2, seed=seed)
    shop.run()
    hold(shop)


def hold(shop: Shop) -> None:
    """Explain everybody of a world, and hold it to what the oracle makes of the same files."""
    config, tables = shop.config(), shop.answer().tables
    labels = {row["identifier_key"]: row for row in tables["identity"]}
    values = {
        row["identifier_key"]: (row["identifier_type"], row["value"])
        for row in read_tables(shop.lake, ["identifiers"])["identifiers"]
    }
    explained = 0
    with looking(shop, config) as of:
        for key, (kind, value) in sorted(values.items()):
            if key in labels and not is_told(labels, key):
                continue
            if key not in labels:
                with pytest.raises(WhoUnknown, match=UNPUBLISHED):
                    why.explained(of, f"{kind}:{value}", message=None, page=1)
                continue
            facts = why.explained(of, f"{kind}:{value}", message=None, page=1)
            (one,) = facts["who"]["matched"]
            assert (one["identifier_key"], one["state"]) == (key, labels[key]["state"])
            assert (facts["who"]["person_id"] is None) == (labels[key]["person_id"] is None)
            if one["state"] == "linked":
                same_person(facts, labels, key)
                same_rows(facts, tables, labels[key]["person_id"])
                explained += 1
        same_paths(of, shop, labels, values)
    assert explained > 3
    assert sum(earlier(shop, config, labels, values, days) for days in (1, 5)) > 0


def is_told(labels: Mapping[str, Any], key: str) -> bool:
    """Of each person the first identifier is explained, and every one that is of nobody."""
    one = labels[key]
    if one["state"] != "linked":
        return True
    return key == min(
        k for k, row in labels.items()
        if row["person_id"] == one["person_id"] and row["state"] == "linked"
    )  # fmt: skip


def same_person(facts: Mapping[str, Any], labels: Mapping[str, Any], key: str) -> None:
    """The same identifiers, each reached over events that name both ends."""
    theirs = {k for k, row in labels.items() if row["person_id"] == labels[key]["person_id"]}
    identity = facts["identity"]
    assert {one["identifier_key"] for one in identity["identifiers"]} == theirs
    for one in identity["identifiers"]:
        assert not one["is_joined_later"]
        begins = [hop["from_key"] for hop in one["path"]]
        ends = [hop["to_key"] for hop in one["path"]]
        if one["state"] == "linked":
            assert [key, *ends] == [*begins, one["identifier_key"]]
    assert not {one["identifier_key"] for one in identity["apart"]} & theirs
    assert all(one["why"] for one in identity["apart"])


def same_rows(facts: Mapping[str, Any], tables: Mapping[str, Any], person: str) -> None:
    """The same suppressions, pressure, regrets and events as the oracle has of a person."""
    at = facts["at"]
    mine = {n: [r for r in tables[n] if r["person_id"] == person] for n in
            ("suppressions", "pressure", "regrets", "timeline")}  # fmt: skip
    told = facts["suppressions"]
    known = (row for row in mine["suppressions"] if row["starts_at"] <= at)
    assert {told_row(row) for row in told["rows"]} == {told_row(row) for row in known}
    assert told["active_count"] == sum(
        r["ends_at"] is None or r["ends_at"] > at for r in mine["suppressions"]
        if r["starts_at"] <= at
    )  # fmt: skip
    caps = ("cap", "counted", "cap_limit", "next_allowed_at")
    assert {tuple(row[n] for n in caps) for row in facts["pressure"]} == {
        tuple(row[n] for n in caps) for row in mine["pressure"]
    }
    assert {(r["message_id"], r["policy"]) for r in facts["regrets"]["rows"]} == {
        (r["message_id"], r["policy"]) for r in mine["regrets"]
    }
    events = {f"{r['stream']}:{r['event_id']}" for r in mine["timeline"]}
    assert {row["event"] for row in facts["timeline"]["events"]} == events
    assert facts["timeline"]["events_count"] == len(events)
    # G5: what withholds something names its cause.
    assert all(row["cause"]["occurred_at"] for row in told["rows"])


def told_row(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return (row["policy"], row["starts_at"], row["ends_at"], tuple(row["evidence"]))


def same_paths(
    of: why.Moment, shop: Shop, labels: Mapping[str, Any], values: Mapping[str, Any]
) -> None:
    """A path between two is there where they are one person, as short as any over their events."""
    events: list[list[str]] = []
    for rows in read_tables(shop.lake, STREAMS).values():
        events += [list(r["identifier_keys"] or ()) for r in rows if r["type"][-5:] != "_link"]
    linked = sorted(k for k, row in labels.items() if row["state"] == "linked")
    for one, other in zip(linked, linked[1:] + linked[:1], strict=True):
        same_path(of, labels, values, events, (one, other))
    by_person: dict[str, list[str]] = defaultdict(list)
    for key in linked:
        by_person[labels[key]["person_id"]].append(key)
    for keys in by_person.values():
        same_path(of, labels, values, events, (keys[0], keys[-1]))


def same_path(
    of: why.Moment,
    labels: Mapping[str, Any],
    values: Mapping[str, Any],
    events: Iterable[list[str]],
    pair: tuple[str, str],
) -> None:
    names = [f"{values[key][0]}:{values[key][1]}" for key in pair]
    facts = why.connection(of, *names)
    persons = {labels[key]["person_id"] for key in pair}
    assert facts["is_one_person"] is (len(persons) == 1)
    if len(persons) > 1:
        assert facts["path"] is None and facts["why_not"]
        return
    theirs = {k for k, row in labels.items()
              if row["person_id"] in persons and row["state"] == "linked"}  # fmt: skip
    least = steps(pair, [[k for k in keys if k in theirs] for keys in events])
    # A path that the business laid by hand is no event's.
    by_hand = any(hop["kind"] != "seen" for hop in facts["path"])
    assert by_hand or len(facts["path"]) >= least
    assert all({hop["from_key"], hop["to_key"]} <= theirs for hop in facts["path"])


def steps(pair: tuple[str, str], events: list[list[str]]) -> int:
    """Over how many events one gets from one identifier to another at least."""
    beside: dict[str, set[str]] = defaultdict(set)
    for keys in events:
        for key in keys:
            beside[key] |= set(keys)
    far, waiting = {pair[0]: 0}, deque([pair[0]])
    while waiting:
        key = waiting.popleft()
        for other in beside[key] - set(far):
            far[other] = far[key] + 1
            waiting.append(other)
    return far.get(pair[1], 0)


def earlier(
    shop: Shop,
    config: Config,
    labels: Mapping[str, Any],
    values: Mapping[str, Any],
    days: int,
) -> int:
    """Of an earlier moment, what the oracle says that knows no more than was known then.

    Of those who are the same person at both moments; how many that are.
    """
    at = shop.world.as_of - timedelta(days=days)
    then = shop.answer(at).tables
    former = {row["identifier_key"]: row for row in then["identity"]}
    told = 0
    with looking(shop, config, at=at) as of:
        for key, (kind, value) in sorted(values.items()):
            is_same = key in former and same_set(labels, former, key)
            if not is_same or not is_told(labels, key):
                continue
            facts = why.explained(of, f"{kind}:{value}", message=None, page=1)
            person = former[key]["person_id"]
            caps = ("cap", "counted", "cap_limit", "next_allowed_at")
            assert {tuple(row[n] for n in caps) for row in facts["pressure"]} == {
                tuple(r[n] for n in caps) for r in then["pressure"] if r["person_id"] == person
            }
            events = {f"{r['stream']}:{r['event_id']}" for r in then["timeline"]
                      if r["person_id"] == person}  # fmt: skip
            assert {row["event"] for row in facts["timeline"]["events"]} == events
            active = {(r["policy"], r["starts_at"]) for r in facts["suppressions"]["rows"]
                      if r["is_active"]}  # fmt: skip
            assert active == {
                (r["policy"], r["starts_at"]) for r in then["suppressions"]
                if r["person_id"] == person and r["starts_at"] <= at
                and (r["ends_at"] is None or r["ends_at"] > at)
            }  # fmt: skip
            told += 1
    return told


def same_set(labels: Mapping[str, Any], former: Mapping[str, Any], key: str) -> bool:
    """Whether an identifier's person is made of the same ones at both moments."""
    if {labels[key]["state"], former[key]["state"]} != {"linked"}:
        return False
    sets = [
        {(k, row["state"]) for k, row in of.items() if row["person_id"] == of[key]["person_id"]}
        for of in (labels, former)
    ]
    return sets[0] == sets[1]


def looking(shop: Shop, config: Config, **more: Any) -> Any:
    moment = {"at": None, **more}
    return why.looking(str(shop.lake), config, named=True, rows=1000, **moment)
