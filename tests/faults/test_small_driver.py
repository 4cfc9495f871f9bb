"""A driver is a driver: what grows with a batch stays where the rows are."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from deltalake import DeltaTable

from tactful.jobs.shipping import build
from tests.bench.shop import CONFIG, MILLION, WEEK, write_events
from tests.cluster import HOME, SURROUNDINGS, standalone
from tests.landing import to_toml
from tests.test_cluster import DEFAULTS, ROOT
from tests.test_cluster_s3 import NO_PYTHON

EVENTS, PERSONS = 2 * MILLION, 200_000
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
SECONDS = 3_000


@pytest.mark.faults
def test_two_million_rows_pass_by_a_driver_of_one_gigabyte(tmp_path: Path) -> None:
    """Its executor has four; every record of who bought is in the outbox."""
    write_events(tmp_path, first=0, count=EVENTS, persons=PERSONS, start=BEGIN, span=WEEK)
    secret = {"lake": {"secret": "env:TACTFUL_SECRET"}}
    (tmp_path / "my.toml").write_text(to_toml({**CONFIG, **secret}))
    as_of = (BEGIN + WEEK + timedelta(hours=1)).isoformat()
    with standalone(tmp_path, workers=1, memory="5g") as cluster:
        done = subprocess.run(
            [
                HOME / "bin/spark-submit", "--master", cluster.url, "--properties-file", DEFAULTS,
                "--driver-memory", "1g", "--executor-memory", "4g",
                "--py-files", build(target=tmp_path / "tactful.zip"),
                ROOT / "jobs/cli.py", "run", "--conf", "my.toml", "--as-of", as_of, "--json",
            ],
            cwd=tmp_path,
            env={
                **SURROUNDINGS, "PYSPARK_PYTHON": NO_PYTHON,
                "PYSPARK_DRIVER_PYTHON": sys.executable, "TACTFUL_SECRET": "a secret for a test",
            },
            capture_output=True, text=True, timeout=SECONDS,
        )  # fmt: skip
    assert done.returncode == 0, (done.stdout[-3000:], done.stderr[-3000:])
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["accepted_rows"] == EVENTS
    decided = [row for row in rows_of(tmp_path, "batches") if row["query"] == "fused"]
    assert max(row["read_rows"] for row in decided) >= EVENTS, decided
    buyers = {row["person_id"] for row in rows_of(tmp_path, "suppressions")}
    filed = [
        json.loads(line)
        for path in (tmp_path / "lake/outbox").rglob("*.jsonl")
        for line in path.read_text().splitlines()
    ]
    assert len(filed) == len({row["record_id"] for row in filed}) == len(buyers)


def rows_of(folder: Path, table: str) -> list[dict[str, object]]:
    return DeltaTable(folder / "lake" / table).to_pyarrow_table().to_pylist()
