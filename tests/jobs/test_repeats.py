"""G3: our own count of repeats is held against Spark's in every batch, however many there are."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest
from deltalake import DeltaTable

from tactful.jobs import accept
from tactful.jobs.errors import StepFailed
from tests import worlds
from tests.product import Shop

SEED = 23
COUNTS = {"read_rows": 9, "duplicate_rows": 2, "id_reused_rows": 1}


@dataclass
class Operator:
    customMetrics: dict[str, int]


@dataclass
class Report:
    batchId: int
    dropped: int = 3
    numInputRows: int = 9

    @property
    def stateOperators(self) -> list[Operator]:
        return [Operator({"numDroppedDuplicateRows": self.dropped})]


@dataclass
class Query:
    recentProgress: list[Report] = field(default_factory=list)

    @property
    def lastProgress(self) -> Report | None:
        return self.recentProgress[-1] if self.recentProgress else None


def test_each_batch_is_compared_once_spark_has_told_of_it() -> None:
    repeats, query = accept.Repeats(), Query()
    repeats.hold(None)
    for batch in (0, 1):
        repeats.count(batch, COUNTS)
        repeats.hold(query)
    with pytest.raises(StepFailed, match="no report of batch 0"):
        repeats.end(query)
    query.recentProgress = [Report(0), Report(1), Report(2, dropped=0, numInputRows=0)]
    repeats.end(query)
    repeats.count(2, COUNTS)
    query.recentProgress.append(Report(2, dropped=4))
    with pytest.raises(StepFailed, match=r"Batch 2 of accept counts 3 .* Spark dropped 4"):
        repeats.hold(query)


@pytest.mark.faults
def test_the_first_of_many_batches_counts_too(spark, tmp_path: Path, monkeypatch) -> None:
    """Spark keeps one report here, where it usually keeps ninety-nine: one less than it is told."""
    kept = "spark.sql.streaming.numRecentProgressUpdates"
    monkeypatch.setattr(accept, "BATCH_BYTES", "1")
    usual = spark.conf.get(kept)
    spark.conf.set(kept, "2")
    try:
        shop = Shop(worlds.make(SEED), tmp_path)
        for batch in worlds.split(shop.world, 3, seed=SEED):
            shop.land(batch)
            shop.run(steps=("land",))
        told = accept._dropped
        with monkeypatch.context() as patched:
            patched.setattr(accept, "_dropped", lambda r: told(r) + (1 if r.batchId == 0 else 0))
            with pytest.raises(StepFailed, match="Batch 0 of accept counts"):
                shop.run(steps=("accept",))
        shop.run()
        shop.assert_converged()
        batches = DeltaTable(str(shop.lake / "batches")).to_pandas()
        assert len(batches[batches["query"] == accept.QUERY]) >= 3
    finally:
        spark.conf.set(kept, usual)
