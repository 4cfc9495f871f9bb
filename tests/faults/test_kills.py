"""G2: killed behind any of its commits and started again, a batch comes out the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from tactful.jobs.errors import StepFailed
from tactful.jobs.lake.lake import Lake
from tactful.schemas.catalog import TABLES
from tests import worlds
from tests.faults.killed import kill_for_real
from tests.faults.partner import (
    assert_every_record_is_in_one_file,
    assert_partner_knows_the_buyers,
    shop_with_a_partner,
)
from tests.product import Shop

SEED = 11


class Killed(Exception):
    """Stands for the end of the process."""


def kill_behind(query: str, commit: int):
    """A hook that ends the run as soon as the query's n-th commit of the batch is done."""

    def hook(name: str, k: int, table: str) -> None:
        if (name, k) == (query, commit):
            raise Killed(f"behind commit {k} ({table}) of {name}")

    return hook


@pytest.mark.faults
def test_killed_behind_each_commit(spark, tmp_path: Path) -> None:
    """One batch is tried again and again, each time a commit further, until it comes through."""
    shop = shop_with_a_partner(SEED, tmp_path)
    shop.land_all(1)
    kills = {"land": 0, "accept": 0, "fused": 0}
    for query in kills:
        while True:
            hook = kill_behind(query, kills[query] + 1)
            try:
                shop.run(steps=(query,), hook=hook)
            except StepFailed as error:
                assert "behind commit" in str(error)
                kills[query] += 1
                continue
            break
    assert kills["land"] == 2, "rows, and what became of their files"
    assert kills["accept"] >= 8, "five streams, identifiers, quarantine and batches"
    assert kills["fused"] >= 11, "logs, records and deliveries"
    shop.run()
    shop.assert_converged()
    assert_every_record_is_in_one_file(shop.lake)
    assert_partner_knows_the_buyers(shop)


@pytest.mark.faults
def test_killed_for_real(spark, tmp_path: Path) -> None:
    """`kill -9` of the whole process group between two commits, then a run by somebody else."""
    shop = shop_with_a_partner(SEED + 1, tmp_path)
    shop.land_all(1)
    # A new process is slow in all that it does first, so it has only the step that it dies in.
    shop.run(steps=("land", "accept"))
    kill_for_real(
        shop,
        call="run(config, as_of=now, hook=hook, steps=('fused',))",
        condition="(query, k) == ('fused', 5)",
    )
    summary = shop.run()
    assert (summary.read_rows, summary.accepted_rows) == (0, 0)
    assert summary.finished_batches == [{"query": "fused", "batch_id": 0}]
    shop.assert_converged()
    assert_every_record_is_in_one_file(shop.lake)
    assert_partner_knows_the_buyers(shop)
    assert_a_quiet_run_adds_only_its_tick(spark, shop)


def assert_a_quiet_run_adds_only_its_tick(spark, shop: Shop) -> None:
    """Nothing landed and nothing fell due: no log, table or file changes but clock and counts."""
    lake = Lake(spark, str(shop.lake))
    before = {table.id: lake.store.version(table) for table in TABLES.values()}
    assert shop.run().finished_batches == []
    changed = {t.id for t in TABLES.values() if lake.store.version(t) != before[t.id]}
    assert changed == {"_log/ticks", "batches"}


@pytest.mark.faults
def test_a_half_done_batch_refuses_another_configuration(spark, tmp_path: Path) -> None:
    shop = Shop(worlds.make(SEED + 2), tmp_path)
    shop.land_all(1)
    with pytest.raises(StepFailed):
        shop.run(hook=kill_behind("accept", 2))
    before = sorted(path.name for path in shop.lake.rglob("*.json"))
    from tactful.jobs.errors import ConfigurationChanged
    from tactful.jobs.runs.pipeline import run

    changed = shop.config(attribution={"window": "37d"})
    with pytest.raises(ConfigurationChanged, match="begun under another configuration"):
        run(changed, as_of=shop.world.as_of)
    assert sorted(path.name for path in shop.lake.rglob("*.json")) == before
