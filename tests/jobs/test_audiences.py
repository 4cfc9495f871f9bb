"""Whether an audience is too small to be used is a matter of its size, not of one request's."""

from __future__ import annotations

import shutil
from pathlib import Path

from deltalake import DeltaTable

from tactful.jobs import audiences
from tactful.jobs.runs.batches import Batch
from tests.jobs.runs.test_pipeline import DAY, MONDAY, configured, order, put, rows, run


def test_a_small_audience_is_told(spark, tmp_path: Path, monkeypatch) -> None:
    """Two members are too few for a network that wants three; two more are no small audience."""
    root, lake = tmp_path, tmp_path / "lake"
    meta = {"name": "meta", "kind": "meta_custom_audience", "policy": "bought_it",
            "audience_id": "1", "minimum_audience": 3}  # fmt: skip
    counted: list[audiences.Sizes] = []
    count = audiences._counted

    def counting(batch: Batch) -> audiences.Sizes:
        counted.append(count(batch))
        return dict(counted[-1])

    monkeypatch.setattr(audiences, "_counted", counting)

    def run_on(day: int) -> None:
        run(configured(root, destinations=[meta]), as_of=MONDAY + day * DAY)

    put(root, "shop", "1", *(order(f"a{n}", MONDAY, f"a{n}@example.com") for n in (1, 2)))
    run_on(1)
    late = MONDAY + 2 * DAY
    put(root, "shop", "2", *(order(f"b{n}", late, f"b{n}@example.com") for n in (1, 2)))
    run_on(3)
    assert counted == [{}], "members are counted once a checkpoint"
    # As after a replay, or in a lake from before sizes were kept.
    shutil.rmtree(lake / "_checkpoints" / "fused" / "audiences")
    run_on(10)
    assert counted == [{}, {"meta/bought_it": 4}]
    run_on(20)
    told = sorted(
        (row["batch_id"], row["operation"], row["records"], row["warnings"])
        for row in rows(lake, "deliveries")
    )
    assert told == [
        (0, "add", 2, ["below_minimum"]),
        (1, "add", 2, []),
        (2, "remove", 2, ["below_minimum"]),
        (3, "remove", 2, []),
    ], "an audience that is empty is wanted by nobody"  # fmt: skip
    held = DeltaTable(str(lake / "_log" / "memberships")).to_pandas()
    assert len(held) == 8
