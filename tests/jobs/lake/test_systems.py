"""Which file system a path lies on, where Spark's own is another than this machine's disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from tactful.jobs.commands.status import status
from tactful.jobs.errors import PathRefused
from tactful.jobs.lake import systems
from tactful.jobs.lake.files import files_at
from tactful.jobs.lake.hadoop_files import HadoopFiles
from tactful.jobs.lake.lake import Lake
from tactful.jobs.lake.local_files import LocalFiles
from tactful.jobs.lake.local_store import LocalStore
from tactful.jobs.lake.spark_store import SparkStore
from tactful.jobs.runs import may_run, pipeline
from tactful.jobs.settings.config import load
from tests.faults.faulty import SCHEME, faulty_disk


@pytest.fixture
def other_default(spark):
    """Spark's own file system is not the disk of this machine."""
    faulty_disk(spark, shorten=[])
    conf = spark._jsc.hadoopConfiguration()
    before = conf.get("fs.defaultFS")
    conf.set("fs.defaultFS", f"{SCHEME}:///")
    yield spark
    conf.set("fs.defaultFS", before)


def config(folder: Path, lake: str, landing: str):
    (folder / "in").mkdir(exist_ok=True)
    values = {"stream": "clicks", "path": landing}
    return load(overrides={"lake": {"location": lake}, "sources": {"web": values}})


def test_a_bare_path_is_refused_where_spark_means_another_disk(other_default, tmp_path) -> None:
    bare = config(tmp_path, f"{tmp_path}/lake", f"file:{tmp_path}/in")
    with pytest.raises(PathRefused) as refused:
        pipeline.run(bare)
    assert str(refused.value) == (
        f"lake.location is {tmp_path}/lake, which names no file system, and that of this Spark is "
        f"{SCHEME}:: write file:{tmp_path}/lake for a disk of this machine, or "
        f"{SCHEME}:{tmp_path}/lake."
    )
    assert not (tmp_path / "lake").exists()
    with pytest.raises(PathRefused, match=r"sources\.web\.path is "):
        pipeline.run(config(tmp_path, f"file:{tmp_path}/lake", f"{tmp_path}/in"))


def test_a_local_uri_is_the_local_disk_for_spark_and_for_us(other_default, tmp_path) -> None:
    """Else half of the lake would lie on each of two disks."""
    lake = Lake(other_default, f"file:{tmp_path}/lake")
    assert type(lake.store) is SparkStore
    lake.create(config(tmp_path, f"file:{tmp_path}/lake", f"file:{tmp_path}/in"))
    assert (tmp_path / "lake/_lake.json").is_file()
    assert (tmp_path / "lake/_log/ticks/_delta_log").is_dir()
    assert type(files_at(f"file:{tmp_path}/in", other_default)) is HadoopFiles
    assert type(files_at(f"file:{tmp_path}/in", None)) is LocalFiles


def test_what_this_spark_does_not_know_is_refused_in_one_sentence(spark, tmp_path) -> None:
    told = {
        "s3://b/x": "is called s3a: by this Spark, so write it with that",
        "dbfs:/x": "lies on a file system that only Databricks has: run it there",
        "abfss://c@a.dfs.core.windows.net/x": "needs org.apache.hadoop:hadoop-azure on Spark's "
        "class path: add it where Spark is started (--packages)",
        "nope://x/y": "needs the connector of nope: on Spark's class path: add it where Spark is "
        "started (--packages)",
        "file:/x": None,
        "/x": None,
    }
    assert {path: systems.fault(path, spark) for path in told} == told
    with pytest.raises(PathRefused, match=r"^The lake's location is nope://x/y, which needs"):
        status("nope://x/y")
    with pytest.raises(PathRefused, match=r"^lake\.location is dbfs:/x, which lies on a file"):
        may_run.refuse_paths(spark, config(tmp_path, "dbfs:/x", f"{tmp_path}/in"))


def test_a_disk_of_this_machine_is_refused_where_executors_are_elsewhere(
    spark, tmp_path, monkeypatch
) -> None:
    here = config(tmp_path, f"{tmp_path}/lake", f"{tmp_path}/in")
    may_run.refuse_paths(spark, here)
    assert systems.stray_executors(spark) == []
    monkeypatch.setattr(systems, "stray_executors", lambda _: ["10.0.0.7"])
    with pytest.raises(PathRefused, match=r"executors on 10\.0\.0\.7 do not reach; put the lake"):
        may_run.refuse_paths(spark, here)
    monkeypatch.setattr(systems, "is_shared", lambda _: True)
    may_run.refuse_paths(spark, here)


def test_what_other_machines_have_too_is_no_local_disk(spark, tmp_path, monkeypatch) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(
        f"disk / ext4 rw 0 0\nfar:/x {tmp_path}/with\\040blank nfs4 rw 0 0\n"
        f"s3fs {tmp_path}/with\\040blank/s3 fuse.s3fs rw 0 0\ntmp {tmp_path}/own tmpfs rw 0 0\n"
    )
    monkeypatch.setattr(systems, "MOUNTS", str(mounts))
    found = ["own/lake", "with blank/lake", "with blank/s3/lake", "with", "with blank"]
    assert [systems.is_shared(f"{tmp_path}/{name}") for name in found] == [
        False, True, True, False, True,
    ]  # fmt: skip
    assert type(Lake(spark, f"{tmp_path}/own/lake").store) is LocalStore
    store = Lake(spark, f"{tmp_path}/with blank/lake").store
    assert (type(store), store.location) == (SparkStore, f"file:{tmp_path}/with blank/lake")
