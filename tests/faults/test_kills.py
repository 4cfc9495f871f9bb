"""G2: killed behind any of its commits and started again, a batch comes out the same."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from deltalake import DeltaTable

from tactful.jobs.errors import StepFailed
from tests import worlds
from tests.conftest import SECRET
from tests.product import Shop

SEED = 11
PARTNER = {
    "name": "partner",
    "kind": "file",
    "policy": "bought_much",
    "identifiers": ["email", "phone", "customer_id"],
}


def shop_with_a_partner(seed: int, folder: Path) -> Shop:
    """A small world whose recent buyers are told to a partner as a file."""
    world = worlds.make(seed)
    return Shop(replace(world, config={**world.config, "destinations": [PARTNER]}), folder)


class Killed(Exception):
    """Stands for the end of the process."""


def kill_behind(query: str, commit: int):
    """A hook that ends the run as soon as the query's n-th commit of the batch is done."""

    def hook(name: str, k: int, table: str) -> None:
        if (name, k) == (query, commit):
            raise Killed(f"behind commit {k} ({table}) of {name}")

    return hook


def test_killed_behind_each_commit(spark, tmp_path: Path) -> None:
    """One batch is tried again and again, each time a commit further, until it comes through."""
    shop = shop_with_a_partner(SEED, tmp_path)
    shop.land_all(1)
    shop.run(steps=("land",))
    kills = {"accept": 0, "fused": 0}
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
    assert kills["accept"] >= 8, "five streams, identifiers, quarantine and batches"
    assert kills["fused"] >= 11, "logs, records and deliveries"
    shop.run()
    shop.assert_converged()
    assert_every_record_is_in_one_file(shop.lake)
    assert_partner_knows_the_buyers(shop)


def test_killed_for_real(spark, tmp_path: Path) -> None:
    """`kill -9` of the whole process group between two commits, then a run by somebody else."""
    shop = shop_with_a_partner(SEED + 1, tmp_path)
    shop.land_all(1)
    program = (
        "import os, signal, sys\n"
        "from datetime import datetime\n"
        "from tactful.jobs.config import load\n"
        "from tactful.jobs.pipeline import run\n"
        "def hook(query, k, table):\n"
        "    if (query, k) == ('fused', 5):\n"
        "        os.killpg(os.getpgid(0), signal.SIGKILL)\n"
        "run(load(sys.argv[1]), as_of=datetime.fromisoformat(sys.argv[2]), hook=hook)\n"
    )
    dead = subprocess.run(
        [sys.executable, "-c", program, str(shop.conf), shop.world.as_of.isoformat()],
        env={**os.environ, "TACTFUL_SECRET": SECRET},
        start_new_session=True,
        capture_output=True,
        timeout=600,
    )
    assert dead.returncode == -signal.SIGKILL, dead.stderr.decode()[-2000:]
    shop.run()
    shop.assert_converged()
    assert_every_record_is_in_one_file(shop.lake)
    assert_partner_knows_the_buyers(shop)


def test_a_half_done_batch_refuses_another_configuration(spark, tmp_path: Path) -> None:
    shop = Shop(worlds.make(SEED + 2), tmp_path)
    shop.land_all(1)
    with pytest.raises(StepFailed):
        shop.run(hook=kill_behind("accept", 2))
    before = sorted(path.name for path in shop.lake.rglob("*.json"))
    from tactful.jobs.errors import ConfigurationChanged
    from tactful.jobs.pipeline import run

    changed = shop.config(attribution={"window": "37d"})
    with pytest.raises(ConfigurationChanged, match="begun under another configuration"):
        run(changed, as_of=shop.world.as_of)
    assert sorted(path.name for path in shop.lake.rglob("*.json")) == before


def assert_every_record_is_in_one_file(lake: Path) -> None:
    """The outbox holds each delivery once, and each holds as many records as the table says."""
    deliveries = DeltaTable(str(lake / "deliveries")).to_pandas()
    records = DeltaTable(str(lake / "records")).to_pandas()
    files = sorted(p for p in (lake / "outbox").rglob("*") if p.is_file())
    named = {(row.destination, row.name) for row in deliveries.itertuples(index=False)}
    assert {(p.parent.name, p.name) for p in files} == named
    assert len(named) == len(deliveries)
    assert records["record_id"].is_unique
    assert deliveries["records"].sum() == len(records)


def assert_partner_knows_the_buyers(shop: Shop) -> None:
    """The partner holds the identifiers of everybody whom the oracle says the rule protects."""
    tables, now = shop.answer().tables, shop.world.as_of
    protected = {
        row["person_id"]
        for row in tables["suppressions"]
        if row["policy"] == PARTNER["policy"]
        and row["starts_at"] <= now
        and (row["ends_at"] is None or row["ends_at"] > now)
    }
    expected = {
        row["identifier_key"]
        for row in tables["identity"]
        if row["person_id"] in protected
        and row["state"] == "linked"
        and row["identifier_type"] in PARTNER["identifiers"]
    }
    held = DeltaTable(str(shop.lake / "_log" / "memberships")).to_pandas()
    newest = held.sort_values("batch_id").groupby(["identifier_key", "member_key"]).last()
    assert set(newest[newest.is_member].reset_index()["identifier_key"]) == expected
    assert expected, "a world without buyers proves nothing"
