"""What a batch changed of who is who, and which event did it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pyarrow as pa

from tactful.jobs.identity.changes import changes_of

NOW = datetime(2026, 3, 2, tzinfo=UTC)
EVENT_REF = pa.struct(
    [("occurred_at", pa.timestamp("us", "UTC")), ("stream", pa.string()), ("event_id", pa.string())]
)


def links(*sets: tuple[list[str], int, str]) -> pa.Table:
    """Sets of identifiers, and the minute and id of the last event with each."""
    seen = [
        {"occurred_at": NOW + timedelta(minutes=at), "stream": "clicks", "event_id": name}
        for _, at, name in sets
    ]
    keys = pa.array([keys for keys, _, _ in sets], pa.list_(pa.string()))
    return pa.table({"identifier_keys": keys, "last_seen": pa.array(seen, EVENT_REF)})


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


def test_nothing_moved_is_nothing_changed() -> None:
    assert changes_of(moved(), links((["k"], 1, "e1")), as_of=NOW).num_rows == 0
