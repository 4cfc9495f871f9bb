"""What the business says of two identifiers: of each pair the newest word holds."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from tactful.jobs.identity import manual
from tests.links import EVENT_REF

NOW = datetime(2026, 3, 2, tzinfo=UTC)
Word = tuple[str | None, list[str], int]


def links(*rows: Word) -> pa.Table:
    """Kind, identifiers and the minute of the last event of each row."""
    refs = [
        {"occurred_at": NOW + timedelta(minutes=at), "stream": "profiles", "event_id": f"{number}"}
        for number, (_, _, at) in enumerate(rows)
    ]
    return pa.table(
        {
            "link_id": pa.array([f"{kind} {keys}" for kind, keys, _ in rows], pa.string()),
            "kind": pa.array([kind for kind, _, _ in rows], pa.string()),
            "identifier_keys": pa.array([keys for _, keys, _ in rows], pa.list_(pa.string())),
            "last_seen": pa.array(refs, EVENT_REF),
        }
    )


def holding(table: pa.Table) -> tuple[list[list[str]], set[tuple], set[tuple]]:
    seen, always, never = manual.standing(table)
    told = [{tuple(row.values()) for row in found.to_pylist()} for found in (always, never)]
    assert always.column_names == never.column_names == manual.PAIR
    return seen["identifier_keys"].to_pylist(), *told


def test_of_a_pair_the_newest_word_holds() -> None:
    table = links(
        ("seen", ["a", "b", "c"], 9), (None, ["a"], 1),
        ("always_link", ["a", "b"], 1), ("never_link", ["a", "b"], 2),
        ("always_link", ["a", "c"], 1),
        ("never_link", ["b", "c"], 5), ("link_withdrawn", ["b", "c"], 6),
        ("link_withdrawn", ["c", "d"], 1), ("always_link", ["c", "d"], 2),
    )  # fmt: skip
    assert holding(table) == ([["a", "b", "c"], ["a"]], {("a", "c"), ("c", "d")}, {("a", "b")})
    assert holding(table.slice(0, 2)) == ([["a", "b", "c"], ["a"]], set(), set())
    assert holding(table.slice(0, 0)) == ([], set(), set())


def test_at_one_moment_the_event_of_the_greater_id_is_the_newer() -> None:
    table = links(("never_link", ["a", "b"], 1), ("always_link", ["a", "b"], 1))
    assert holding(table) == ([], {("a", "b")}, set())


def test_a_word_that_is_left_with_one_identifier_is_about_nobody() -> None:
    table = links(("always_link", ["a"], 1), ("never_link", [], 2))
    assert holding(table) == ([], set(), set())
    assert manual.named(table).to_pylist() == []


def test_what_is_said_to_be_a_members_is_looked_at_too() -> None:
    table = links(
        ("always_link", ["a", "b"], 1), ("always_link", ["a", "c"], 1),
        ("link_withdrawn", ["a", "c"], 2), ("never_link", ["a", "d"], 1), ("seen", ["a", "e"], 1),
    )  # fmt: skip
    _, always, _ = manual.standing(table)
    assert manual.beyond(always, pa.array(["a"])).to_pylist() == ["b"]
    assert manual.beyond(always, pa.array(["a", "b"])).to_pylist() == []


def test_a_word_that_was_overtaken_causes_nothing() -> None:
    known = links(
        ("seen", ["a", "b"], 1), ("always_link", ["a", "b"], 1), ("never_link", ["a", "b"], 7)
    )
    batch = known.slice(0, 2)
    assert manual.causes(batch, batch)["kind"].to_pylist() == ["seen", "always_link"]
    assert manual.causes(batch, known)["kind"].to_pylist() == ["seen"]


KINDS = st.sampled_from(["seen", "always_link", "never_link", "link_withdrawn"])
KEYS = st.lists(st.sampled_from("abc"), min_size=2, max_size=2, unique=True).map(sorted)


@given(st.lists(st.tuples(KINDS, KEYS, st.integers(0, 5)), max_size=12), st.randoms())
def test_no_order_of_rows_makes_a_difference(rows: Sequence[Word], dice: random.Random) -> None:
    table = links(*rows)
    order = dice.sample(range(len(rows)), len(rows))
    _, always, never = holding(table.take(pa.array(order, pa.int64())))
    by_hand = {}
    for number, (kind, keys, at) in enumerate(rows):
        if kind != "seen":
            by_hand[tuple(keys)] = max(by_hand.get(tuple(keys), (-1,)), (at, str(number), kind))
    newest = {pair: word[-1] for pair, word in by_hand.items()}
    assert always == {pair for pair, kind in newest.items() if kind == "always_link"}
    assert never == {pair for pair, kind in newest.items() if kind == "never_link"}
