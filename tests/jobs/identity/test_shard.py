"""What an executor is given: code that needs no more than it has, and a shard of any content."""

from __future__ import annotations

import pickle
import subprocess
import sys
from datetime import timedelta

import pyarrow as pa

from tactful.jobs.identity.labelling import plain_rules
from tactful.jobs.identity.shard import FOUND, SCHEMA, label_shard
from tests.jobs.identity.test_gathering import AS_OF, rules_of
from tests.links import LINKS
from tests.oracle.cases import START

BEFORE = pa.schema([*list(SCHEMA)[:10], ("active_since", pa.timestamp("us", "UTC"))])
SETS = pa.schema([*LINKS, ("is_hub", pa.bool_())])
RULES = plain_rules(rules_of(max_links=5, max_identifiers=1000))
NONE = pa.Table.from_pylist([], BEFORE)


def a_set(*names: str, second: int = 0, kind: str = "seen", is_hub: bool = False) -> dict:
    ref = {"occurred_at": START + timedelta(seconds=second), "stream": "clicks", "event_id": "e"}
    return {
        "identifier_keys": list(names), "identifier_types": [name[0] for name in names],
        "first_seen": ref, "last_seen": ref, "kind": kind, "is_hub": is_hub,
    }  # fmt: skip


def labelled(*sets: dict, before: pa.Table = NONE) -> dict[str, dict]:
    found = label_shard(pa.Table.from_pylist(list(sets), SETS), before, RULES, as_of=AS_OF)
    assert found.schema == SCHEMA
    return {row["identifier_key"]: row for row in found.to_pylist()}


def test_an_executor_needs_no_library_of_the_drivers() -> None:
    """Not even for the rules, which are plain values."""
    code = (
        "import pickle, sys; import tactful.jobs.identity.shard; "
        "pickle.loads(sys.stdin.buffer.read()); "
        "print([m for m in ('pydantic', 'deltalake', 'duckdb', 'typer') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], input=pickle.dumps(RULES), capture_output=True, check=True
    )
    assert done.stdout.decode().strip() == "[]"


def test_words_about_what_was_never_seen_make_no_label() -> None:
    assert labelled(a_set("u1", "u2", kind="always_link")) == {}
    assert list(FOUND) == SCHEMA.names


def test_a_hub_is_labelled_and_joins_nobody_whatever_is_said_of_it() -> None:
    found = labelled(
        a_set("u1"), a_set("m1", is_hub=True), a_set("u1", "m1", kind="always_link"), a_set("u2")
    )
    assert {key: row["state"] for key, row in found.items()} == {
        "u1": "linked", "m1": "hub", "u2": "linked",
    }  # fmt: skip
    assert {key: row["component_key"] for key, row in found.items()} == {
        "u1": "u1", "m1": "m1", "u2": "u2",
    }  # fmt: skip
    assert found["m1"]["person_id"] is None


def test_a_person_who_lives_on_in_another_shard_is_as_old_as_there() -> None:
    """Of two who become one the older survives, however late its own identifier was seen."""
    before = [
        {"identifier_key": key, "person_id": f"p_{key}", "state": "linked", "is_minted": True,
         "component_key": key, "first_seen_at": START, "last_seen_at": START,
         "active_since": START + timedelta(seconds=since)}
        for key, since in (("k1", 2), ("k2", 1))
    ]  # fmt: skip
    found = labelled(a_set("k1", "k2"), before=pa.Table.from_pylist(before, BEFORE))
    assert {row["person_id"] for row in found.values()} == {"p_k2"}
    assert [found[key]["is_moved"] for key in ("k1", "k2")] == [True, False]
    assert found["k1"]["from_person_id"] == "p_k1"
