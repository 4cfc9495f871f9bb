"""A hub of very many costs a batch what any identifier costs, and comes out as if all were seen."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from tactful.jobs import stitch
from tactful.jobs.identity.relabel import settled_hubs
from tactful.jobs.lake.local_logs import LocalLogs
from tactful.schemas.identity import IDENTITY_CHANGES, LABELS, LINKS
from tests.jobs.test_gather import CONFIG, Stitching
from tests.jobs.test_gather_in_shards import IDENTITY, event, world

MANY = 400


@pytest.fixture
def looked_at(monkeypatch) -> list[int]:
    """How many sets each look-up brought."""
    found: list[int] = []
    touching = LocalLogs.touching

    def counted(self: LocalLogs, members: pa.Array, links: pa.Table) -> pa.Table:
        rows = touching(self, members, links)
        found.append(rows.num_rows)
        return rows

    monkeypatch.setattr(LocalLogs, "touching", counted)
    return found


def test_what_a_hub_was_seen_with_is_not_looked_at_again(spark, tmp_path, looked_at) -> None:
    lake = Stitching(spark, tmp_path / "lake")
    ids = [{f"1-{n:03}", "2-hub"} for n in range(MANY)]
    lake.stitch(lake.accept([event(f"a{n}", "login", ids[n], 60, junk=False) for n in range(MANY)]))
    del looked_at[:]
    later = [{"2-hub"}, {"1-new", "2-hub"}, {"1-007", "2-other"}]
    lake.stitch(
        lake.accept([event(f"b{n}", "login", ids, 5, junk=False) for n, ids in enumerate(later)])
    )
    assert sum(looked_at) < 10, "its own sets, and those of the one customer"
    labels = lake.newest(LABELS, "identifier_key")
    states = [label["state"] for label in labels.values()]
    assert (states.count("hub"), states.count("linked")) == (1, MANY + 2)
    (hub,) = (label for label in labels.values() if label["state"] == "hub")
    assert (hub["last_seen_at"] - hub["first_seen_at"]).total_seconds() == 55 * 60


@pytest.mark.parametrize(
    "seed",
    [1, *(pytest.param(seed, marks=pytest.mark.faults) for seed in (2, 3, 4, 5, 9, 10, 12))],
)
def test_as_if_all_were_looked_at(spark, tmp_path, monkeypatch, seed: int) -> None:
    """In worlds of hubs, words about hubs, what is shared; every row, and all that is told."""
    config = {**CONFIG, "identity": {**CONFIG["identity"], **IDENTITY}}
    spared: list[int] = []

    def counted(members: pa.Array, before: pa.Table) -> pa.Array:
        found = settled_hubs(members, before)
        spared.append(len(found))
        return found

    def none(members: pa.Array, before: pa.Table) -> pa.Array:
        return members.slice(0, 0)

    told: dict[str, Any] = {}
    for name, way in (("few", counted), ("all", none)):
        monkeypatch.setattr(stitch, "settled_hubs", way)
        lake = Stitching(spark, tmp_path / name, config)
        told[name] = [lake.stitch(lake.accept(world(seed, number, 40))) for number in range(4)] + [
            sorted(map(str, lake.rows(table))) for table in (LINKS, LABELS, IDENTITY_CHANGES)
        ]
    for few, whole in zip(told["few"], told["all"], strict=True):
        if isinstance(few, dict):
            # Of a hub's own no word of the batch asks; who is asked for words are asked for all.
            few, whole = (
                {k: v for k, v in d.items() if k != "sets_in_doubt"} for d in (few, whole)
            )
        assert few == whole
    assert any(spared)


def test_a_hub_is_settled_where_nothing_is_tied_to_it() -> None:
    rows = [
        {"identifier_key": key, "component_key": tied, "state": state}
        for key, tied, state in (
            ("a", "a", "hub"), ("b", "b", "hub"), ("c", "b", "linked"), ("d", "c", "hub"),
            ("e", "e", "linked"), ("f", "f", "hub"),
        )
    ]  # fmt: skip
    before = pa.Table.from_pylist(rows)
    found = settled_hubs(pa.array(["a", "b", "c", "d", "e", "new"]), before)
    assert found.to_pylist() == ["a"]
