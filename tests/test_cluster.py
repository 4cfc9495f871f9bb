"""spark-submit to a cluster: the master sees the application, and the user's settings hold."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from tactful.jobs.shipping import build
from tests.cluster import HOME, SURROUNDINGS, Cluster, standalone
from tests.conftest import INTERPRETED
from tests.landing import to_toml
from tests.oracle.compare import read_tables

ROOT = Path(__file__).resolve().parents[1]
DEFAULTS = ROOT / "conf/spark-defaults.conf"
# One row: making code for it takes longer than the row; see tests/conftest.py.
SMALL = [
    word
    for name, value in {**INTERPRETED, "spark.sql.adaptive.enabled": "false"}.items()
    for word in ("--conf", f"{name}={value}")
] + ["--driver-java-options", "-XX:TieredStopAtLevel=1"]
SHOP = {
    "sources": {"till": {"stream": "purchases", "path": "landing"}},
    "suppress": [{"name": "bought_it", "when": "purchased", "match": "sku", "lasts": "30d"}],
}
ORDER = {
    "event_id": "o1", "type": "order_placed", "occurred_at": "2026-01-02T23:30:00Z",
    "order_id": "o1", "identifiers": [{"type": "email", "value": "ann@mail.example"}],
    "lines": [{"sku": "mat", "quantity": 1, "unit_price": 5}],
}  # fmt: skip


@pytest.fixture
def cluster(tmp_path) -> Iterator[Cluster]:
    with standalone(tmp_path) as running:
        yield running


def test_the_application_runs_where_spark_submit_says(cluster, tmp_path):
    """Each `--conf` of the user's holds, but the zone, which the tables' meaning depends on."""
    (tmp_path / "events").mkdir()
    done = submit(
        tmp_path,
        "--master", cluster.url, "--properties-file", DEFAULTS,
        "--conf", "spark.sql.shuffle.partitions=3",
        "--conf", "spark.sql.session.timeZone=Europe/Berlin",
        "--conf", "spark.databricks.delta.snapshotPartitions=1",
        "--conf", "spark.eventLog.enabled=true", "--conf", "spark.eventLog.compress=false",
        "--conf", f"spark.eventLog.dir={tmp_path / 'events'}",
        *SMALL,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["accepted_rows"] == 1
    # Python's two outputs are one below spark-submit.
    assert "spark.sql.session.timeZone is UTC here, not Europe/Berlin" in done.stdout

    [application] = cluster.applications()
    assert (application["name"], application["cores"]) == ("tactful", 1)
    assert f"Asked to launch executor {application['id']}/0" in cluster.worker_logs[0].read_text()

    events = [json.loads(line) for line in event_log(tmp_path / "events")]
    [told] = [e for e in events if e["Event"] == "SparkListenerEnvironmentUpdate"]
    known = told["Spark Properties"]
    assert known["spark.master"] == cluster.url
    assert known["spark.sql.shuffle.partitions"] == "3"
    assert known["spark.sql.session.timeZone"] == "UTC"
    ended = [e["Task Info"] for e in events if e["Event"] == "SparkListenerTaskEnd"]
    assert ended and {task["Executor ID"] for task in ended} == {"0"}

    [order] = read_tables(tmp_path / "lake", ["purchases"])["purchases"]
    assert order["occurred_at"] == datetime.fromisoformat(ORDER["occurred_at"])


NOTEBOOK = """
from pyspark.sql import SparkSession
SparkSession.builder.getOrCreate()
from tactful.jobs.cli import main
main()
"""


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (None, "Delta is not on Spark's class path: add io.delta:delta-spark"),
        (NOTEBOOK, "The Spark session that runs does not know Delta: start it anew with "),
    ],
)
def test_without_delta_nothing_is_begun(tmp_path, script, said):
    """Packages are resolved when Spark starts: what it was not told of cannot be had later."""
    program = ROOT / "jobs/cli.py"
    if script:
        program = tmp_path / "notebook.py"
        program.write_text(script)
    done = submit(tmp_path, "--master", "local[1]", program=program)
    assert done.returncode == 2, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["error"].startswith(said)
    assert not (tmp_path / "lake").exists()


def submit(
    folder: Path, *options: str | Path, program: Path = ROOT / "jobs/cli.py"
) -> subprocess.CompletedProcess[str]:
    """`spark-submit … jobs/cli.py run` with the zip, in a folder where one order has landed."""
    (folder / "landing").mkdir()
    (folder / "landing/1.json").write_text(json.dumps(ORDER) + "\n")
    (folder / "my.toml").write_text(to_toml(SHOP))
    # Two streams and Spark's own state; the other steps take a minute more and ask for no more.
    run = [
        "run",
        "land",
        "accept",
        "--conf",
        "my.toml",
        "--as-of",
        "2026-01-10T00:00:00Z",
        "--json",
    ]
    archive = build(target=folder / "tactful.zip")
    return subprocess.run(
        [HOME / "bin/spark-submit", *options, "--py-files", archive, program, *run],
        cwd=folder, env=SURROUNDINGS, capture_output=True, text=True, timeout=600,
    )  # fmt: skip


def event_log(folder: Path) -> Iterator[str]:
    """The lines of what one application told of itself, in however many files."""
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        if not file.name.startswith((".", "appstatus")):
            # In a plan there may be signs that Python takes for line ends, too.
            yield from filter(None, file.read_text(encoding="utf-8").split("\n"))
