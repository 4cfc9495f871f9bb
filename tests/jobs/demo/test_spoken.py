"""What is said next in the demo: what its customers are planted for is what the report tells."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

import pytest
from pyspark.sql import functions as F

from tactful.jobs.demo import clothing, spoken
from tactful.jobs.demo.command import demo_config, say
from tactful.jobs.demo.journey import write_rows
from tactful.jobs.demo.noise import JSON_OPTIONS
from tactful.jobs.demo.world import STREAMS, UNTIL
from tactful.jobs.report.lake_view import open_lake
from tactful.jobs.report.spoken import spoken as told_of
from tactful.jobs.runs import pipeline


def write_spoken(spark, folder: Path) -> None:
    """Those customers alone, without a household, as the demo lands them."""
    landing = folder / "landing"
    for feed in STREAMS:
        (landing / feed).mkdir(parents=True)
    for feed, events in spoken.events(spark).items():
        told = events.select(F.to_json(F.struct("*"), JSON_OPTIONS).alias("line")).collect()
        lines = "".join(f"{row.line}\n" for row in told)
        (landing / feed / "part-0.json").write_text(lines)
    sold = [*clothing.product_rows(), *spoken.product_rows()]
    write_rows(sold, landing / "products/products.json")
    write_rows(spoken.content_rows(), landing / "contents/contents.json")
    write_rows([{"campaign_id": "none"}], landing / "campaigns/campaigns.json")


@pytest.mark.faults
def test_what_is_planted_is_what_the_report_tells(spark, tmp_path: Path) -> None:
    """Run as the demo does, and held to the truth."""
    write_spoken(spark, tmp_path)
    config = demo_config(tmp_path, seed=1)
    pipeline.run(config, as_of=UNTIL)
    say(config)
    with closing(open_lake(tmp_path)) as lake:
        told = told_of(lake, planted=asdict(spoken.planted()))
    assert told["agrees"], told["counted"]
    files = [*(tmp_path / "outbox/muffins_to_mail").glob("*-send.jsonl")]
    handed = [json.loads(line) for file in files for line in file.open()]
    assert {one["send_at"] for one in handed} == {"2018-01-03T13:10:00Z"}
    assert len(handed) == spoken.planted().muffins
