"""Gathered at once or stitched in batches: the same persons, and the same names for them."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tactful.jobs.errors import LakeDamaged
from tactful.jobs.gather import label_all
from tactful.jobs.identity import numbering
from tactful.jobs.identity.hex_keys import Halves, numbered_keys
from tactful.jobs.identity.known import COLUMNS, Known
from tactful.jobs.identity.labelling import kinds_of, rows_of
from tactful.jobs.settings.config import Identity
from tactful.transforms.identity.sharing import SHARINGS
from tests.links import LINKS
from tests.oracle.cases import START
from tests.transforms.test_identity_cases import BATCHES, TYPES, WORLD, Seen, Stitcher

# Events are of the first eight seconds.
AS_OF = START + timedelta(seconds=8)
BLOCKED = pa.list_(pa.string())
FILES = pa.schema([*LINKS, ("blocked_keys", BLOCKED), ("blocked_types", BLOCKED)])
INSTANT = pa.timestamp("us", "UTC")
LABELS = pa.schema(
    [(n, pa.string()) for n in ("identifier_key", "component_key", "person_id", "state")]
    + [("neutral_from_at", INSTANT), ("is_minted", pa.bool_())]
    + [("first_seen_at", INSTANT), ("last_seen_at", INSTANT), ("batch_id", pa.int64())]
)


def hexed(name: str, *, alike: bool) -> str:
    """The name as a key; alike: all keys begin with the same sixteen digits."""
    digits = name.encode().hex()
    return digits.rjust(32, "0") if alike else digits.ljust(32, "0")


@given(
    BATCHES,
    st.integers(0, 5),
    st.sampled_from([1, 2, 1000]),
    st.sampled_from([3, 1000]),
    st.randoms(),
    st.booleans(),
    st.sampled_from(sorted(SHARINGS)),
    st.booleans(),
)
@settings(max_examples=200, deadline=None)
def test_gathered_at_once_is_as_in_one_batch(
    batches, gathered_from, max_links, max_identifiers, dice, alike, sharing, has_window
) -> None:
    """After some batches all that is left, of which several events are of one moment."""
    types = {name: dict(kind) for name, kind in TYPES.items()}
    if has_window:
        types["k"]["window"] = timedelta(seconds=4)
    rules = rules_of(
        types, max_links=max_links, max_identifiers=max_identifiers, shared_devices=sharing
    )
    names = iter(dice.sample(range(10, 10 + WORLD), WORLD))
    events = [
        [event(ids, dice.randrange(4), str(next(names)), alike) for ids in batch]
        for batch in batches
    ]
    stitcher, said = Stitcher(rules, as_of=AS_OF), []
    for number, batch in enumerate(events[:gathered_from]):
        before = dict(stitcher.labels)
        stitcher.add(batch)
        changed = [row for key, row in stitcher.labels.items() if before.get(key) != row]
        said += [{**row, "batch_id": number} for row in changed]
    before = dict(stitcher.labels)
    # What a batch does with all that is left is the measure, and it has its own oracle.
    stitcher.add([e for batch in events[gathered_from:] for e in batch])
    # Names stand where nothing was seen; else a label that nobody touched is no row of a batch.
    found = gathered(list(stitcher.links.values()), said, rules)
    after = {row["identifier_key"]: row for row in found}
    assert {**before, **after} == stitcher.labels
    assert after == {k: row for k, row in stitcher.labels.items() if before.get(k) != row}


@pytest.mark.parametrize("names", [("a", "b", "c"), ("c", "b", "a"), ("b", "c", "a")])
def test_of_sets_of_one_moment_the_names_of_the_events_decide(names) -> None:
    """A cookie of three persons was first that one's whose event has the smallest name."""
    stitcher = Stitcher(rules_of(max_links=1000, max_identifiers=1000))
    users = dict(zip(names, ("u1", "u2", "u3"), strict=True))
    stitcher.add(event([user, "k1"], 0, name, False) for name, user in users.items())
    found = gathered(list(stitcher.links.values()), [], stitcher.rules)
    assert {row["identifier_key"]: row for row in found} == stitcher.labels
    (cookie,) = (row for row in found if row["identifier_type"] == "k")
    assert cookie["state"] == "neutral"
    assert cookie["person_id"] == "p_" + hexed(users["a"], alike=False)


def rules_of(
    types: dict[str, Any] = TYPES,
    *,
    max_links: int,
    max_identifiers: int,
    shared_devices: str = "neutral",
) -> Identity:
    return Identity(
        shared_devices=shared_devices, phone_region="US", blocked=(), types=types,
        max_links=max_links, max_devices=1000, max_identifiers=max_identifiers,
    )  # fmt: skip


def event(ids: Sequence[str], second: int, name: str, alike: bool) -> Seen:
    ordered = sorted(ids, key=lambda name: (TYPES[name[0]]["priority"], name))
    keys = tuple(hexed(name, alike=alike) for name in ordered)
    return Seen(name, START + timedelta(seconds=second), keys, tuple(n[0] for n in ordered))


def gathered(
    links: list[dict[str, Any]], said: list[dict[str, Any]], rules: Identity
) -> list[dict[str, Any]]:
    """The labels that say something else than `said`, by way of files of two rows each."""
    rows = [{**link, "blocked_keys": [], "blocked_types": []} for link in links]
    with tempfile.TemporaryDirectory() as folder:
        files = written(pa.Table.from_pylist(rows, FILES), Path(folder))
        everything = numbering.number(files, pa.Table.from_pylist([], LINKS), rules)
    labels = pa.Table.from_pylist(said, LABELS).select(COLUMNS)
    # In pieces in which the newest row may come before an older one.
    halves = [labels.slice(len(labels) // 2), labels.slice(0, len(labels) // 2)]
    known = Known(everything.keys, halves)
    found = label_all(everything, known, rules, as_of=AS_OF)
    nodes = known.differing(found)
    return rows_of(found, nodes, everything.keys.called, kinds_of(rules)[0]).to_pylist()


def written(rows: pa.Table, folder: Path) -> list[str]:
    files = []
    for begin in range(0, len(rows), 2):
        files.append(f"{folder}/{begin}.parquet")
        pq.write_table(rows.slice(begin, 2), files[-1])
    return files


def test_blocked_identifiers_are_counted_over_all_files(tmp_path: Path) -> None:
    ref = {"stream": "clicks", "event_id": "e"}
    rows = [
        {
            "identifier_keys": [], "identifier_types": [],
            "blocked_keys": ["b"], "blocked_types": ["m"],
            "first_seen": {"occurred_at": START + timedelta(seconds=n), **ref},
            "last_seen": {"occurred_at": START + timedelta(seconds=9 * n), **ref},
        }
        for n in (3, 1, 2, 4)
    ]  # fmt: skip
    rules = rules_of(max_links=5, max_identifiers=1000)
    files = written(pa.Table.from_pylist(rows, FILES), tmp_path)
    found = numbering.number(files, pa.Table.from_pylist([], LINKS), rules)
    assert len(found.keys) == 0
    assert found.blocked.to_pylist() == [
        {
            "identifier_key": "b",
            "identifier_type": "m",
            "first_seen_at": START + timedelta(seconds=1),
            "last_seen_at": START + timedelta(seconds=36),
        }
    ]


def test_keys_are_found_by_their_halves() -> None:
    names = ["a" * 16 + "2" * 16, "a" * 16 + "1" * 16, "0" * 32, "f" * 32, "a" * 16 + "1" * 16]
    keys, number = numbered_keys(Halves.of(pa.array(names)))
    assert keys.called(np.arange(len(keys))).to_pylist() == sorted(set(names))
    assert keys.called(number).to_pylist() == names
    asked = ["a" * 16 + "2" * 16, "a" * 16 + "0" * 16, "a" * 32, "0" * 32]
    assert keys.numbers_of(Halves.of(pa.array(asked))).tolist() == [2, -1, -1, 0]
    missing = np.array([False, True])
    assert keys.called(np.array([0, -1]), missing).to_pylist() == ["0" * 32, None]


@pytest.mark.parametrize("key", ["g" * 32, "a" * 31, "A" * 32, None])
def test_what_is_no_key_is_told(key) -> None:
    with pytest.raises(LakeDamaged, match="32 hex digits"):
        Halves.of(pa.array(["0" * 32, key], pa.string()))
