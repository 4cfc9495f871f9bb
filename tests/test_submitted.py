"""A scheduler asks the process that it started to end: that of spark-submit, Python's parent."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tactful.jobs.shipping import build
from tests.cluster import HOME, SURROUNDINGS
from tests.landing import to_toml
from tests.test_cluster import DEFAULTS, ORDER, ROOT, SHOP, SMALL

# Of what went on there may be lines; of what broke off there would be hundreds of these.
STACK = re.compile(r"^\s+at [\w.$]+\(|^Caused by: |^Traceback ", re.M)
SECONDS = 400


@pytest.fixture
def submitted(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A run for ever that has decided once."""
    (tmp_path / "landing").mkdir()
    (tmp_path / "landing/1.json").write_text(json.dumps(ORDER) + "\n")
    (tmp_path / "my.toml").write_text(to_toml(SHOP))
    archive = build(target=tmp_path / "tactful.zip")
    options = ["--master", "local[2]", "--properties-file", DEFAULTS, *SMALL,
               "--conf", "spark.sql.shuffle.partitions=1",
               "--conf", "spark.databricks.delta.snapshotPartitions=1",
               "--conf", "spark.log.level=ERROR"]  # fmt: skip
    run = ["run", "--conf", "my.toml", "--continuous", "1s", "--json"]
    process = subprocess.Popen(
        [HOME / "bin/spark-submit", *options, "--py-files", archive, ROOT / "jobs/cli.py", *run],
        cwd=tmp_path, env=SURROUNDINGS, text=True, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    until = time.monotonic() + SECONDS
    while not (tmp_path / "lake/_checkpoints/fused/spark/commits/0").exists():
        assert process.poll() is None and time.monotonic() < until, process.communicate()
        time.sleep(0.1)
    yield process
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


@pytest.mark.parametrize(
    "whom", ["the process", pytest.param("its whole group", marks=pytest.mark.faults)]
)
def test_asked_once_it_finishes_its_round_and_publishes(submitted, tmp_path, whom) -> None:
    tell = os.kill if whom == "the process" else os.killpg
    tell(submitted.pid, signal.SIGTERM)
    out, err = submitted.communicate(timeout=SECONDS)
    assert submitted.returncode == 0, (out, err)
    told = [line for line in out.splitlines() if line.startswith("{")]
    facts = json.loads(told[-1])
    assert "suppressions" in facts["published"]
    assert "stopping after this round" in out + err
    assert not STACK.search(out + err), err


@pytest.mark.faults
def test_asked_twice_it_breaks_off(submitted, tmp_path) -> None:
    submitted.send_signal(signal.SIGTERM)
    time.sleep(1)
    submitted.send_signal(signal.SIGTERM)
    out, err = submitted.communicate(timeout=SECONDS)
    assert submitted.returncode == 143, (out, err)
    assert "Stopped; the next run takes up where this one left off." in out + err
    assert not STACK.search(out + err), err
