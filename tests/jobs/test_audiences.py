"""Whether an audience is too small to be used is a matter of its size, not of one request's."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from deltalake import DeltaTable

from tactful.jobs import audiences
from tactful.jobs.commands.status import render, status
from tactful.jobs.runs.batches import Batch
from tests.jobs.runs.test_pipeline import DAY, MONDAY, configured, order, put, rows, run
from tests.product import DECIDING


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
        config = configured(root, destinations=[meta])
        run(config, as_of=MONDAY + day * DAY, steps=DECIDING)

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


def test_anna_leaves_the_jeans_and_stays_in_the_belts(spark, tmp_path: Path) -> None:
    """Each audience leaves out whom its own goods are nothing for, until they are given back."""
    root, lake = tmp_path, tmp_path / "lake"
    put(root, "products", "1",
        {"sku": "S1", "category": "jeans"}, {"sku": "S2", "category": "belts"})  # fmt: skip
    put(root, "campaigns", "1", {"campaign_id": "autumn", "categories": ["jeans", "belts"]})
    about = {"jeans": "category", "belts": "category", "S3": "sku", "autumn": "campaign"}
    parts = [
        {"name": f"about_{of.lower()}", "kind": "file", "policy": "bought_it",
         "identifiers": ["customer_id"], "audience_by": by, "audience_of": of}
        for of, by in about.items()
    ]  # fmt: skip
    tables = {
        name: {"format": "json", "path": str(root / "landing" / name)}
        for name in ("products", "campaigns")
    }

    def run_on(day: int, *steps: str) -> dict[str, list[tuple[str, str]]]:
        config = configured(root, destinations=parts, reference=tables)
        run(config, as_of=MONDAY + day * DAY, steps=steps)
        told: dict[str, list[tuple[str, str]]] = {}
        for row in sorted(rows(lake, "records"), key=lambda row: row["batch_id"]):
            held = json.loads(row["payload"])["customer_id"]
            told.setdefault(row["destination"], []).append((row["operation"], *held))
        return told

    def buys(event_id: str, who: str, sku: str, day: int, **more: Any) -> dict[str, Any]:
        return {
            "event_id": event_id, "type": "order_placed", "order_id": event_id,
            "occurred_at": (MONDAY + day * DAY).isoformat(),
            "lines": [{"sku": sku, "quantity": 1}],
            "identifiers": [{"type": "customer_id", "value": who}], **more,
        }  # fmt: skip

    put(root, "shop", "1", buys("o1", "anna", "S1", 0), buys("o2", "bea", "S9", 0))
    anna = [("add", "anna")]
    assert run_on(1) == {"about_jeans": anna, "about_autumn": anna}, "of S9 no audience is"
    facts = status(lake, None, configured(root, destinations=parts, reference=tables))
    assert "1 suppression of bought_it: no audience of it is about sku S9, so that" in (
        "\n".join(map(str, render(facts)))
    )
    back = {"type": "order_returned", "order_id": "o1"}
    put(root, "shop", "2", buys("o3", "anna", "S2", 2), buys("r1", "anna", "S1", 3, **back))
    assert run_on(4, *DECIDING) == {
        "about_jeans": [*anna, ("remove", "anna")], "about_autumn": anna, "about_belts": anna,
    }  # fmt: skip
