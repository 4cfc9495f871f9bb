"""G2: a replay killed behind any of its steps refuses runs, and repeated leaves no trace of it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from deltalake import DeltaTable

from tactful.jobs.commands.status import render, status
from tactful.jobs.errors import (
    ConfigurationChanged,
    ReplayHalfDone,
    SecretRefused,
    StepFailed,
    TactfulError,
)
from tactful.jobs.runs.replay import replay
from tactful.schemas.catalog import TABLES
from tests.conftest import SECRET
from tests.faults.killed import kill_for_real
from tests.faults.partner import (
    assert_every_record_is_in_one_file,
    shop_with_a_partner,
)
from tests.faults.test_kills import Killed
from tests.product import Shop

SEED = 17
# Drawn at random, or made of the lake's place: see tests/jobs/runs/test_runs.py.
DRAWN = {"generation", "tick_id", "configuration_hash"}
Step = tuple[str, str]
SOME: set[Step] = {
    ("replay", "noted"), ("replay", "checkpoint of accept"), ("replay", "purchases"),
    ("replay", "_log/ticks"), ("replay", "ticked"), ("replay", "removed"), ("accept", "purchases"),
    ("fused", "records"), ("replay", "published"),
}  # fmt: skip


def kill_once_at(steps: set[Step] | None, met: set[Step]) -> Callable[[str, int, str], None]:
    """Ends a replay behind the first of these steps that none was ended behind before."""

    def hook(name: str, k: int, what: str) -> None:
        if (name, what) not in met and (steps is None or (name, what) in steps):
            met.add((name, what))
            raise Killed(f"behind {what} of {name}")

    return hook


@pytest.fixture(scope="module")
def first(spark, tmp_path_factory) -> Shop:
    """A lake that is up to date under a rule that is no longer the configured one."""
    shop = shop_with_a_partner(SEED, tmp_path_factory.mktemp("replay") / "first")
    shop.land_all(2, seed=SEED)
    shop.run()
    change(shop, "max_links = ", "max_links = 1 #")
    change(shop, 'policy = "bought_much"', 'policy = "bought_it"')
    return shop


def change(shop: Shop, old: str, new: str) -> None:
    text = shop.conf.read_text(encoding="utf-8")
    assert old in text
    shop.conf.write_text(text.replace(old, new), encoding="utf-8")


def twin_of(shop: Shop, folder: Path) -> Shop:
    """The same lake in another place, where all its landing files would be new ones."""
    shutil.copytree(shop.folder, folder)
    twin = Shop(shop.world, folder)
    text = shop.conf.read_text(encoding="utf-8")
    twin.conf.write_text(text.replace(str(shop.folder), str(folder)), encoding="utf-8")
    return twin


def contents(lake: Path) -> dict[str, list[str]]:
    """Every row of every table, and every file that a destination gets."""
    found = {}
    for table in TABLES.values():
        kept = [name for name in table.comparable() if name not in DRAWN]
        rows = DeltaTable(str(lake / table.path)).to_pyarrow_table(columns=kept).to_pylist()
        found[table.id] = sorted(json.dumps(row, default=str, sort_keys=True) for row in rows)
    outbox = (path for path in (lake / "outbox").rglob("*") if path.is_file())
    found["outbox"] = sorted(f"{path.name}: {path.read_text()}" for path in outbox)
    return found


def assert_same_lake(shop: Shop, twin: Shop) -> None:
    ours, theirs = contents(shop.lake), contents(twin.lake)
    assert {name for name in ours if ours[name] != theirs[name]} == set()


def assert_refused(shop: Shop) -> None:
    """No run begins, nothing is written, and `status` says why."""
    before = sorted(str(path) for path in shop.lake.rglob("*"))
    with pytest.raises(ReplayHalfDone, match=r"run it again: tactful replay --from received\."):
        shop.run()
    assert sorted(str(path) for path in shop.lake.rglob("*")) == before
    facts = status(shop.lake)
    assert facts["failures"]["replay"]["from"] == "received"
    assert any("has not come to its end" in line for line in render(facts) if type(line) is str)


def replay_until_it_ends(shop: Shop, steps: set[Step] | None) -> set[Step]:
    """Replay again and again, each time a step further; where the tries ended."""
    met: set[Step] = set()
    while True:
        tries = len(met)
        try:
            replay(
                shop.config(),
                from_table="received",
                as_of=shop.world.as_of,
                hook=kill_once_at(steps, met),
            )
        except (Killed, StepFailed) as error:
            assert "behind" in str(error)
            assert len(met) == tries + 1
            if tries < 4:
                assert_refused(shop)
            continue
        return met


def assert_killed_everywhere_is_undisturbed(
    first: Shop, folder: Path, steps: set[Step] | None
) -> None:
    shop, twin = twin_of(first, folder / "shop"), twin_of(first, folder / "twin")
    told = len(contents(twin.lake)["outbox"])
    replay(twin.config(), from_table="received", as_of=twin.world.as_of)
    assert len(contents(twin.lake)["outbox"]) > told, "a rule that moves nobody proves nothing"
    met = replay_until_it_ends(shop, steps)
    assert steps is None or met == steps
    assert_same_lake(shop, twin)
    shop.run(steps=("accept", "fused", "publish"))
    shop.assert_converged()
    assert_every_record_is_in_one_file(shop.lake)
    assert status(shop.lake)["failures"]["replay"] is None


@pytest.mark.faults
def test_killed_behind_some_steps_and_repeated(first: Shop, tmp_path: Path) -> None:
    """Behind the removal of the checkpoint the next run read every event twice."""
    assert_killed_everywhere_is_undisturbed(first, tmp_path, SOME)


@pytest.mark.faults
def test_killed_behind_every_step_and_repeated(first: Shop, tmp_path: Path) -> None:
    assert_killed_everywhere_is_undisturbed(first, tmp_path, None)


@pytest.mark.faults
def test_killed_for_real_then_run(first: Shop, tmp_path: Path) -> None:
    """`kill -9` behind the removal of the checkpoint; a run by somebody else is exit 2."""
    shop = twin_of(first, tmp_path / "shop")
    kill_for_real(
        shop,
        call="replay(config, from_table='received', as_of=now, hook=hook)",
        condition="what == 'checkpoint of accept'",
    )
    assert not (shop.lake / "_checkpoints" / "accept").exists()
    assert_refused(shop)
    # From a narrower table, by mistake: what the dead one had begun to take away is made again.
    replay(shop.config(), from_table="clicks", as_of=shop.world.as_of)
    shop.assert_converged()
    assert_every_record_is_in_one_file(shop.lake)


@pytest.mark.faults
def test_another_replay_than_the_half_done_one(first: Shop, tmp_path: Path) -> None:
    """Half done from `clicks` as it began to tell the partner: told to its end, then from above."""
    shop = twin_of(first, tmp_path / "shop")
    change(shop, "max_links = 1 #", "max_links = ")  # from clicks, identities stay as they are
    for step in (("replay", "_log/links"), ("fused", "deliveries")):
        with pytest.raises((Killed, StepFailed)):
            replay(shop.config(), from_table="clicks", hook=kill_once_at({step}, set()))
    generation = json.loads((shop.lake / "_lake.json").read_text())["generations"]["accept"]
    change(shop, "max_links = ", "max_links = 1 #")
    with pytest.raises(ConfigurationChanged, match="begun under another configuration"):
        replay(shop.config(), from_table="received")
    change(shop, "max_links = 1 #", "max_links = ")
    replay(shop.config(), from_table="received", as_of=shop.world.as_of)
    state = json.loads((shop.lake / "_lake.json").read_text())
    assert state["generations"]["accept"] != generation
    assert state["batches_before"]["fused"] == 2, "one of the run, one of the first replay"
    shop.assert_converged()
    assert_every_record_is_in_one_file(shop.lake)

    # A checkpoint that somebody removed: the numbers of its batches are not used again.
    shutil.rmtree(shop.lake / "_checkpoints" / "fused")
    change(shop, "max_links = ", "max_links = 1 #")
    replay(shop.config(), from_table="received")
    shop.assert_converged()
    assert_every_record_is_in_one_file(shop.lake)

    # What cannot be removed is an error, and so is another secret, before anything is.
    os.environ["TACTFUL_SECRET"] = "a secret that is mistyped"
    try:
        with pytest.raises(SecretRefused, match="is not the one that the lake"):
            replay(shop.config(), from_table="received")
    finally:
        os.environ["TACTFUL_SECRET"] = SECRET
    assert status(shop.lake)["failures"]["replay"] is None


def test_what_cannot_be_removed_is_an_error(first: Shop, tmp_path: Path, monkeypatch) -> None:
    shop = twin_of(first, tmp_path / "shop")

    def refused(path: str, *_, **__) -> None:
        raise PermissionError(13, "Permission denied", path)

    with monkeypatch.context() as patched:
        patched.setattr("tactful.jobs.lake.local_files.shutil.rmtree", refused)
        with pytest.raises(TactfulError, match="cannot be removed") as caught:
            replay(shop.config(), from_table="received")
    assert caught.value.exit_code == 1
    assert_refused(shop)
