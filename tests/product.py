"""Run the product over a small world, and ask the oracle about the same files."""

from __future__ import annotations

import os
from collections.abc import Collection
from datetime import datetime
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from tactful.jobs.lake.lake import Lake
from tactful.jobs.runs.pipeline import RunSummary, run
from tactful.jobs.settings.config import Config, load
from tests import oracle
from tests.conftest import SECRET
from tests.landing import World, land, split, write_conf
from tests.oracle.compare import (
    assert_same,
    assert_same_audiences,
    assert_same_quarantine,
    read_tables,
)

# Up to the outbox; tables wait.
DECIDING = ("land", "accept", "fused")
IS_PUBLISHED_EACH_TIME = "TACTFUL_PUBLISH_EACH_TIME" in os.environ


class Shop:
    """A world in a folder: land some of it, run, look, land more."""

    def __init__(self, world: World, folder: Path) -> None:
        self.world = world
        self.folder = folder
        self.conf = write_conf(world.config, folder, **world.reference)
        for source in world.config["sources"].values():
            Path(source["path"]).mkdir(parents=True, exist_ok=True)
        self.landed = 0
        # What had landed when all was last decided, at which moment and by which configuration.
        self.decided: tuple[int, datetime, str] | None = None

    @property
    def lake(self) -> Path:
        return self.folder / "lake"

    def config(self, **overrides: Any) -> Config:
        return load(self.conf, overrides=overrides or None)

    def empty_lake(self, spark: SparkSession) -> Lake:
        """The shop's lake with all its tables and nothing in them."""
        lake = Lake(spark, str(self.lake))
        lake.create(self.config())
        return lake

    def land(self, batch: Any) -> None:
        land(batch, self.folder, number=self.landed, landed_at=self.world.landed_at)
        self.landed += 1

    def land_all(self, k: int, *, seed: int = 0) -> None:
        for batch in split(self.world, k, seed=seed):
            self.land(batch)

    def run(self, as_of: datetime | None = None, **options: Any) -> RunSummary:
        return run(self.config(), as_of=as_of or self.world.as_of, **options)

    def decide(self, as_of: datetime | None = None) -> None:
        """Run up to the outbox, and hold what destinations know to the oracle's.

        A story of many batches publishes once, at its end; `make faults` publishes after each.
        """
        if IS_PUBLISHED_EACH_TIME:
            self.publish(as_of)
            return
        self.run(as_of, steps=DECIDING)
        self.decided = self._now(as_of)
        assert_same_audiences(self.held(), self.answer(as_of).audiences)

    def publish(self, as_of: datetime | None = None) -> None:
        """Run what is left to do, and hold every table to the oracle's."""
        self.run(as_of, steps=("publish",) if self.decided == self._now(as_of) else ())
        self.assert_converged(as_of)

    def _now(self, as_of: datetime | None) -> tuple[int, datetime, str]:
        return self.landed, as_of or self.world.as_of, self.conf.read_text(encoding="utf-8")

    def answer(self, as_of: datetime | None = None) -> Any:
        """What the oracle makes of everything that has landed so far."""
        config = oracle.load(self.conf)
        return oracle.compute(
            oracle.landing_of(config, self.folder),
            config,
            SECRET.encode(),
            as_of or self.world.as_of,
            products=oracle.products_of(config, self.folder),
            rates=oracle.rates_of(config, self.folder),
            contents=oracle.contents_of(config, self.folder),
            campaigns=oracle.campaigns_of(config, self.folder),
            context=oracle.context_of(config, self.folder),
        )

    def held(self) -> set[tuple[str, str]]:
        """What each destination holds now, as (destination, identifier_key).

        Not what is one value there with what somebody refuses. Of the audiences it is configured
        for: under another rule it fills another audience, and the members of the former one stay
        as they are.
        """
        filled = {(d.name, d.policy) for d in self.config().destinations}
        newest: dict[tuple[str, ...], tuple[int, bool, bool]] = {}
        for row in read_tables(self.lake, ["_log/memberships"])["_log/memberships"]:
            if (row["destination"], row["audience"]) not in filled:
                continue
            key = (row["destination"], row["identifier_key"], row["member_key"])
            told = (row["batch_id"], row["is_member"], row["is_withheld"])
            newest[key] = max(newest.get(key, (-1, False, False)), told)
        refused = {(at, value) for (at, _, value), (_, _, no) in newest.items() if no}
        return {
            (at, identifier)
            for (at, identifier, value), (_, is_member, _) in newest.items()
            if is_member and (at, value) not in refused
        }

    def assert_converged(
        self, as_of: datetime | None = None, *, waiting: Collection[str] = ()
    ) -> None:
        """Every published table, and the quarantine, as the oracle says they must be.

        waiting: the tables that are made anew on the next day.
        """
        answer = self.answer(as_of)
        asked = {name: rows for name, rows in answer.tables.items() if name not in waiting}
        assert_same(read_tables(self.lake), asked)
        assert_same_audiences(self.held(), answer.audiences)
        refused = read_tables(self.lake, ["quarantine"])["quarantine"]
        assert_same_quarantine(refused, answer.quarantined)
