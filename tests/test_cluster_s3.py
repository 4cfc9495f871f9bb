"""From landing file to outbox on a cluster whose executors have no Python, the lake in a bucket."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable

from tactful.jobs.connectors import S3
from tactful.jobs.session import shipped_defaults
from tactful.jobs.shipping import build
from tests.cluster import HOME, SURROUNDINGS, standalone
from tests.conftest import SECRET
from tests.landing import to_toml
from tests.s3 import BUCKET, SETTINGS, a_server
from tests.test_cluster import DEFAULTS, ORDER, ROOT, SHOP, SMALL

TARGET = {"destinations": [{"name": "list", "kind": "file", "policy": "bought_it"}]}
NO_PYTHON = "/no/such/python"
HADOOP = "spark.hadoop."
SECONDS = 900


@pytest.fixture
def bucket():
    with a_server() as address:
        yield address


def submission(
    folder: Path, master: str, address: str, *command: str, conf: Path | str = "my.toml"
) -> dict[str, Any]:
    """`spark-submit` as README has it, of whatever command: how a process of it is started."""
    told = shipped_defaults()
    packages = [told["spark.jars.packages"], *S3.packages]
    left_out = [told["spark.jars.excludes"], *S3.left_out]
    reach = {**SETTINGS, "fs.s3a.endpoint": address}
    options = [
        "--master", master, "--properties-file", DEFAULTS, "--packages", ",".join(packages),
        "--exclude-packages", ",".join(left_out), *SMALL, "--conf", "spark.log.level=ERROR",
        *[word for key, value in reach.items() for word in ("--conf", f"{HADOOP}{key}={value}")],
        "--py-files", build(target=folder / "tactful.zip"),
    ]  # fmt: skip
    surroundings = {
        **SURROUNDINGS, "PYSPARK_PYTHON": NO_PYTHON, "PYSPARK_DRIVER_PYTHON": sys.executable,
        "TACTFUL_SECRET": SECRET,
    }  # fmt: skip
    words = [HOME / "bin/spark-submit", *options, ROOT / "jobs/cli.py", *command, "--conf", conf]
    return {"args": words, "cwd": folder, "env": surroundings, "text": True}


def submitted(
    folder: Path, master: str, address: str, *command: str
) -> subprocess.CompletedProcess[str]:
    """The same to its end."""
    started = submission(folder, master, address, *command)
    return subprocess.run(**started, capture_output=True, timeout=SECONDS)


@pytest.mark.faults
def test_from_landing_to_outbox_in_a_bucket(bucket, tmp_path) -> None:
    (tmp_path / "landing").mkdir()
    (tmp_path / "landing/1.json").write_text(json.dumps(ORDER) + "\n")
    lake = f"s3a://{BUCKET}/lake"
    (tmp_path / "my.toml").write_text(
        to_toml({**SHOP, **TARGET, "lake": {"location": lake, "secret": "env:TACTFUL_SECRET"}})
    )
    with standalone(tmp_path, workers=2) as cluster:
        began = time.monotonic()
        done = submitted(
            tmp_path, cluster.url, bucket, "run", "--as-of", "2026-01-10T00:00:00Z", "--json"
        )
        seconds = time.monotonic() - began
        assert done.returncode == 0, (done.stdout, done.stderr)
        facts = json.loads(done.stdout.splitlines()[-1])
        assert (facts["lake"], facts["accepted_rows"]) == (lake, 1)
        print(f"{seconds:.0f} s, of which {facts['seconds']}")
        [application] = cluster.applications()
        assert application["cores"] == 2
    at = {
        "AWS_ENDPOINT_URL": bucket, "AWS_ALLOW_HTTP": "true", "AWS_ACCESS_KEY_ID": "tests",
        "AWS_SECRET_ACCESS_KEY": "tests", "AWS_REGION": "us-east-1",
    }  # fmt: skip
    table = DeltaTable(f"s3://{BUCKET}/lake/suppressions", storage_options=at)
    [row] = table.to_pyarrow_table().to_pylist()
    assert (row["policy"], row["evidence"]) == ("bought_it", ["purchases:o1"])
    records = DeltaTable(f"s3://{BUCKET}/lake/records", storage_options=at)
    assert records.to_pyarrow_table().num_rows
