"""The session: whose setting wins, what its start prints, and frames of what this process holds."""

from __future__ import annotations

import inspect
import os
import shlex
from pathlib import Path

import pyarrow as pa
import pytest
from pyspark import SparkContext
from pyspark.errors.utils import is_debugging_enabled

from tactful.jobs import session
from tactful.jobs.errors import LakeError, SessionUnfit, SparkNotStarted
from tactful.jobs.lake import frames, spills
from tactful.jobs.lake.frames import frame_of
from tactful.jobs.session import open_session, settings, shipped_defaults

SMALL = "spark.sql.execution.arrow.localRelationThreshold"
ZONE = "spark.sql.session.timeZone"
PARTITIONS = "spark.sql.shuffle.partitions"
OTHERS = "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions"


def chosen_over(**chosen: str) -> tuple[dict[str, str], list[str]]:
    """What is set beside and over what a user chose, and what is said of it."""
    said: list[str] = []
    return settings(chosen, shipped_defaults() | session.LAPTOP, said.append), said


def test_what_nobody_has_set_is_ours() -> None:
    assert chosen_over() == (shipped_defaults() | session.LAPTOP, [])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (PARTITIONS, "64"),
        ("spark.sql.streaming.stateStore.minDeltasForSnapshot", "10"),
        (session.CLASSES, "5000"),
        (session.EXTENSIONS, f"{OTHERS}, {shipped_defaults()[session.EXTENSIONS]}"),
        ("spark.sql.ansi.enabled", "TRUE"),
        (
            "spark.sql.streaming.stateStore.providerClass",
            "com.databricks.sql.streaming.state.RocksDBStateStoreProvider",
        ),
    ],
)
def test_what_the_user_has_set_stays(name: str, value: str) -> None:
    set_here, said = chosen_over(**{name: value})
    assert name not in set_here
    assert said == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (ZONE, "Europe/Berlin"),
        ("spark.sql.ansi.enabled", "false"),
        ("spark.sql.files.ignoreCorruptFiles", "true"),
        (
            "spark.sql.streaming.stateStore.providerClass",
            "org.apache.spark.sql.execution.streaming.state.HDFSBackedStateStoreProvider",
        ),
        (session.CLASSES, "100"),
    ],
)
def test_what_the_tables_need_holds_and_is_said(name: str, value: str) -> None:
    set_here, said = chosen_over(**{name: value})
    needed = shipped_defaults()[name]
    assert set_here[name] == needed
    assert said == [f"{name} is {needed} here, not {value}: Tactful's tables need it."]


def test_every_needed_setting_has_its_value_in_the_shipped_file() -> None:
    assert {*session.NEEDED, session.EXTENSIONS, session.CLASSES} <= set(shipped_defaults())


def test_python_tells_nobody_where_expressions_are_made(spark) -> None:
    """It would be twice as many calls into the JVM. A later Spark may ask for another setting."""
    name = "spark.python.sql.dataFrameDebugging.enabled"
    assert name in inspect.getsource(is_debugging_enabled)
    assert spark.conf.get(name) == "false"


def test_extensions_of_others_stay_with_ours_behind_them() -> None:
    set_here, said = chosen_over(**{session.EXTENSIONS: OTHERS})
    assert set_here[session.EXTENSIONS] == f"{OTHERS},{shipped_defaults()[session.EXTENSIONS]}"
    assert said == []


@pytest.fixture
def launched(monkeypatch, tmp_path):
    """How spark-submit would be called: its arguments, and its properties in order."""
    calls: list[tuple[list[str], str]] = []

    def ensure_initialized() -> None:
        option, file, *rest = shlex.split(os.environ["PYSPARK_SUBMIT_ARGS"])
        assert option == "--properties-file"
        calls.append((rest, Path(file).read_text(encoding="utf-8")))

    monkeypatch.setattr(SparkContext, "_gateway", None)
    monkeypatch.setattr(SparkContext, "_ensure_initialized", ensure_initialized)
    for name in ("PYSPARK_GATEWAY_PORT", "PYSPARK_SUBMIT_ARGS", "MASTER", "SPARK_DRIVER_MEMORY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SPARK_CONF_DIR", str(tmp_path))

    def launch() -> tuple[list[str], dict[str, str]]:
        before = os.environ.get("PYSPARK_SUBMIT_ARGS")
        session._start_jvm({"spark.master": "local[2]", "spark.driver.memory": "4g"})
        assert os.environ.get("PYSPARK_SUBMIT_ARGS") == before
        rest, text = calls.pop()
        return rest, dict(line.split(None, 1) for line in text.splitlines() if line)

    return launch


def test_a_start_of_ours_stands_below_spark_defaults(launched, tmp_path) -> None:
    (tmp_path / "spark-defaults.conf").write_text("spark.master spark://far:7077\n")
    rest, properties = launched()
    assert rest == ["pyspark-shell"]
    assert properties["spark.master"] == "spark://far:7077"
    assert properties["spark.driver.memory"] == "4g"


@pytest.mark.parametrize("also_defaults", [False, True])
def test_a_start_of_ours_stands_below_submit_arguments(
    launched, tmp_path, monkeypatch, also_defaults: bool
) -> None:
    (tmp_path / "spark-defaults.conf").write_text("spark.master a\nspark.executor.cores 3\n")
    (tmp_path / "mine.conf").write_text("spark.master b\n")
    more = ["--load-spark-defaults"] if also_defaults else []
    mine = ["--properties-file", str(tmp_path / "mine.conf")]
    kept = ["--conf", "spark.x=a b", *more, "pyspark-shell"]
    monkeypatch.setenv("PYSPARK_SUBMIT_ARGS", shlex.join([*mine, *kept]))
    rest, properties = launched()
    assert rest == kept
    assert properties["spark.master"] == "b"
    assert properties.get("spark.executor.cores") == ("3" if also_defaults else None)


def test_a_start_of_ours_stands_below_the_environment(launched, monkeypatch) -> None:
    """spark-submit asks these two after every properties file, so ours must not be in one."""
    monkeypatch.setenv("MASTER", "spark://far:7077")
    monkeypatch.setenv("SPARK_DRIVER_MEMORY", "9g")
    assert set(launched()[1]) == {"spark.jars.ivySettings"}


@pytest.fixture
def theirs(spark):
    """Somebody else's session that runs, as a notebook has one."""
    notebook = spark.newSession()
    notebook.createDataFrame([(1,)], "n int").createOrReplaceTempView("mine")  # makes it the active
    yield notebook
    spark.createDataFrame([(1,)], "n int")


def test_a_session_that_has_all_is_used(theirs) -> None:
    assert open_session()._jsparkSession.equals(theirs._jsparkSession)


def test_a_session_of_ours_stands_beside_one_that_lacks_something(theirs) -> None:
    theirs.conf.set(ZONE, "Europe/Berlin")
    theirs.conf.set(PARTITIONS, "64")
    said: list[str] = []
    own = open_session(on_progress=said.append)
    assert not own._jsparkSession.equals(theirs._jsparkSession)
    assert (own.conf.get(ZONE), own.conf.get(PARTITIONS)) == ("UTC", "64")
    assert (theirs.conf.get(ZONE), theirs.table("mine").count()) == ("Europe/Berlin", 1)
    moment = "SELECT CAST(TIMESTAMP '2026-07-01T00:00:00Z' AS STRING)"
    assert own.sql(moment).first()[0] == "2026-07-01 00:00:00"
    assert theirs.sql(moment).first()[0] == "2026-07-01 02:00:00"
    assert said == [f"{ZONE} is UTC on a session of Tactful's own, not Europe/Berlin."]


def test_a_session_that_cannot_be_given_what_it_lacks_is_refused(theirs, monkeypatch) -> None:
    monkeypatch.setattr(session, "FEWEST_CLASSES", 10**6)
    with pytest.raises(SessionUnfit, match=r"codegen\.cache\.maxEntries=3000") as caught:
        open_session()
    assert isinstance(caught.value, LakeError) and caught.value.exit_code == 2
    assert "\n" not in str(caught.value)


def test_spark_connect_is_refused(monkeypatch) -> None:
    monkeypatch.setenv("SPARK_REMOTE", "sc://far")
    with pytest.raises(SessionUnfit, match="Spark Connect"):
        open_session()


@pytest.mark.parametrize(
    ("one", "piece", "pieces"), [(2**20, 2**17, 1), (2**17, 2**30, None), (2**17, 2**17, 8)]
)
def test_a_large_frame_is_cut_into_pieces(
    spark, monkeypatch, one: int, piece: int, pieces: int | None
) -> None:
    """Less than 48 MB would be one piece anyway, so the test asks for none to be that little."""
    monkeypatch.setattr(frames, "ONE_PIECE_BYTES", one)
    monkeypatch.setattr(frames, "PIECE_BYTES", piece)
    spark.conf.set(SMALL, "0b")
    try:
        frame = frame_of(spark, pa.table({"number": pa.array(range(2**17), pa.int64())}))
        assert frame.rdd.getNumPartitions() == (pieces or spark.sparkContext.defaultParallelism)
        counted = frame.selectExpr("count(*)", "count(DISTINCT number)", "max(number)").first()
    finally:
        spark.conf.unset(SMALL)
    assert tuple(counted) == (2**17, 2**17, 2**17 - 1)


def test_what_a_starting_jvm_prints_is_not_ours(monkeypatch, capfd) -> None:
    """Ivy tells of its settings where `--json` prints its summary; a program would stumble."""
    monkeypatch.setattr(SparkContext, "_gateway", None)
    monkeypatch.delenv("PYSPARK_GATEWAY_PORT", raising=False)
    with session._quiet_launch():
        os.write(1, b":: loading settings ::\n")
        os.write(2, b"WARN\n")
    print("{}")
    assert capfd.readouterr() == ("{}\n", "")
    with pytest.raises(SparkNotStarted) as caught, session._quiet_launch():
        os.write(1, b":: resolving ::\n\tat java.base/x\n")
        os.write(
            2, b'Exception in thread "main" java.lang.RuntimeException: no such jar.\n\tat x\n'
        )
        raise ValueError
    assert capfd.readouterr() == ("", "")
    assert "Spark did not start (java.lang.RuntimeException: no such jar); " in str(caught.value)
    assert "Java 17 or 21" in str(caught.value) and "\n" not in str(caught.value)
    assert caught.value.printed.startswith(":: resolving ::")


def test_what_a_jvm_prints_for_ever_fills_no_disk(monkeypatch) -> None:
    """It goes on writing behind the cut, and the file begins anew."""
    monkeypatch.setattr(SparkContext, "_gateway", None)
    monkeypatch.delenv("PYSPARK_GATEWAY_PORT", raising=False)
    log = Path(spills.folder(), session.JVM_LOG)
    with session._quiet_launch():
        os.write(1, b"x" * 1000)
        session.cut_log(most=log.stat().st_size)
        assert log.stat().st_size >= 1000, "it is not large yet"
        session.cut_log(most=999)
        os.write(1, b"y")
        assert log.read_bytes() == b"y"
