"""What a batch changed of who is who, and which event did it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pyarrow as pa

from tactful.jobs.identity.changes import Nearby, changes_of
from tests.links import EVENT_REF

NOW = datetime(2026, 3, 2, tzinfo=UTC)


def links(*sets: tuple[list[str], int, str] | tuple[list[str], int, str, str]) -> pa.Table:
    """Sets of identifiers, the minute and id of the last event with each, and what was said."""
    seen = [
        {"occurred_at": NOW + timedelta(minutes=at), "stream": "clicks", "event_id": name}
        for _, at, name, *_ in sets
    ]
    keys = pa.array([keys for keys, *_ in sets], pa.list_(pa.string()))
    kinds = pa.array([(kind or [None])[0] for _, _, _, *kind in sets], pa.string())
    refs = pa.array(seen, EVENT_REF)
    return pa.table({"identifier_keys": keys, "last_seen": refs, "kind": kinds})


def moved(*rows: tuple[str, str, str | None]) -> pa.Table:
    names = ("identifier_key", "from_person_id", "to_person_id")
    columns = zip(*rows, strict=True) if rows else ((), (), ())
    return pa.table({n: pa.array(c, pa.string()) for n, c in zip(names, columns, strict=True)})


def told(table: pa.Table) -> list[tuple[str, str, str | None, str | None, str]]:
    names = ("kind", "from_person_id", "to_person_id", "cause_event_id", "rule")
    return sorted((tuple(row[n] for n in names) for row in table.to_pylist()), key=str)


def test_the_newest_event_of_what_moved_is_the_cause() -> None:
    seen = links((["b", "k"], 1, "e1"), (["c", "k"], 5, "e2"), (["x"], 9, "e3"))
    found = changes_of(moved(("b", "p_b", "p_a"), ("k", "p_b", "p_a")), seen, as_of=NOW)
    assert told(found) == [("merge", "p_b", "p_a", "clicks:e2", "linked")]
    assert found["changed_at"].to_pylist() == [NOW]


def test_whoever_keeps_their_own_identifier_came_apart() -> None:
    seen = links((["k"], 1, "e1"))
    found = changes_of(moved(("k", "p_a", None), ("z", "p_a", "p_z")), seen, as_of=NOW)
    assert told(found) == [
        ("split", "p_a", "p_z", None, "kept_apart"),
        ("split", "p_a", None, "clicks:e1", "kept_apart"),
    ]


def test_a_word_of_the_business_is_the_cause_whatever_came_later() -> None:
    """Where it says just what happened; its withdrawal may do either."""
    later, word = (["b", "k"], 9, "late", "seen"), ["b", "x"]
    merged = moved(("b", "p_b", "p_a"), ("k", "p_b", "p_a"))
    parted = moved(("k", "p_a", "p_b"), ("b", "p_a", "p_b"))
    cases = {
        "always_link": [("merge", "w", "always_link"), ("split", "late", "kept_apart")],
        "never_link": [("merge", "late", "linked"), ("split", "w", "never_link")],
        "link_withdrawn": [("merge", "w", "link_withdrawn"), ("split", "w", "link_withdrawn")],
    }
    for kind, expected in cases.items():
        seen = links((word, 1, "w", kind), later)
        rows = [
            *told(changes_of(merged, seen, as_of=NOW)),
            *told(changes_of(parted, seen, as_of=NOW)),
        ]
        assert [(r[0], r[3], r[4]) for r in rows] == [
            (change, f"clicks:{event}", rule) for change, event, rule in expected
        ]


def test_a_word_that_cannot_have_done_it_is_no_cause() -> None:
    said = links((["b", "x"], 1, "w", "never_link"))
    found = changes_of(moved(("b", "p_b", "p_a")), said, as_of=NOW)
    assert told(found) == [("merge", "p_b", "p_a", None, "linked")]


def test_nothing_moved_is_nothing_changed() -> None:
    assert changes_of(moved(), links((["k"], 1, "e1")), as_of=NOW).num_rows == 0


def near(links: pa.Table, components: dict[str, str], *, new: str = "", ending: str = "") -> Nearby:
    """What hangs together with what; new: sets never seen before, by place. ending: identifiers."""
    tied = pa.table({"identifier_key": [*components], "component_key": [*components.values()]})
    is_new = pa.array([str(at) in new for at in range(len(links))], pa.bool_())
    return Nearby(tied, is_new, pa.array([*ending], pa.string()))


def test_what_moved_others_is_the_newest_that_tied_anything_new_to_them() -> None:
    """An event of f and l took f away from k, and with it the device; k and g went with nobody."""
    seen = links((["f", "l"], 3, "did"), (["f", "z"], 9, "again"), (["x", "y"], 12, "elsewhere"))
    parted = moved(("k", "p_d", "p_k"), ("g", "p_d", "p_k"))
    tied = dict.fromkeys("fldkgz", "d") | {"x": "x", "y": "x"}
    found = changes_of(parted, seen, as_of=NOW, near=near(seen, tied, new="02"))
    assert told(found) == [("split", "p_d", "p_k", "clicks:did", "kept_apart")]
    # Nothing new: by the newest that was seen again.
    found = changes_of(parted, seen, as_of=NOW, near=near(seen, tied, new="2"))
    assert told(found) == [("split", "p_d", "p_k", "clicks:again", "kept_apart")]


def test_where_a_link_ended_nothing_did_it_but_the_clock() -> None:
    seen = links((["f", "z"], 9, "again"), (["x", "y"], 12, "elsewhere"))
    parted, tied = moved(("k", "p_d", "p_k")), dict.fromkeys("fzkc", "d") | {"x": "x", "y": "x"}
    found = changes_of(parted, seen, as_of=NOW, near=near(seen, tied, new="1", ending="c"))
    assert told(found) == [("split", "p_d", "p_k", None, "kept_apart")]
    found = changes_of(parted, links(), as_of=NOW, near=near(links(), tied))
    assert told(found) == [("split", "p_d", "p_k", None, "kept_apart")]


def test_an_event_of_its_own_comes_before_what_happened_nearby() -> None:
    seen = links((["k", "e"], 1, "own"), (["f", "l"], 9, "near"))
    tied = dict.fromkeys("keflz", "d")
    found = changes_of(
        moved(("k", "p_d", "p_k"), ("z", "p_d", "p_k")), seen, as_of=NOW,
        near=near(seen, tied, new="01"),
    )  # fmt: skip
    assert told(found) == [("split", "p_d", "p_k", "clicks:own", "kept_apart")]
