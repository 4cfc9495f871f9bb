"""The Spark session: what its user has set, what the tables' correctness needs, and what is left.

What spark-submit, `--conf`, a properties file, `PYSPARK_SUBMIT_ARGS`, `spark-defaults.conf` or a
session that already runs has set wins. Only what the meaning of the tables depends on is set over
it, on a session of our own, and said; where it cannot be set any more, nothing is begun.
`conf/spark-defaults.conf` tells which is which, and why.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, TextIO

from py4j.protocol import Py4JJavaError
from pyspark import SparkConf, SparkContext
from pyspark.errors import ParseException
from pyspark.find_spark_home import _find_spark_home
from pyspark.sql import SparkSession
from pyspark.sql.utils import is_remote

from tactful.jobs import java, prepared, relay
from tactful.jobs.connectors import Connector
from tactful.jobs.errors import SessionUnfit, SparkNotStarted, TactfulError
from tactful.jobs.lake import spills

# What a JVM must know when it starts, where nobody has said where jobs run.
LAUNCH = {
    "spark.master": "local[2]",
    "spark.driver.memory": "4g",
    # Without memory a thread that hands out tasks may end while the others wait for it for ever.
    # What a batch and a publication compile does not fit into the usual 240 MB.
    "spark.driver.extraJavaOptions": (
        "-XX:+UseParallelGC -XX:+ExitOnOutOfMemoryError -Dlog4j2.level=ERROR "
        "-XX:ReservedCodeCacheSize=512m"
    ),
}
# Environment variables that spark-submit asks after every properties file.
IN_ENVIRONMENT = {"spark.master": "MASTER", "spark.driver.memory": "SPARK_DRIVER_MEMORY"}
# Small machines only: on a cluster the operator decides these.
LAPTOP = {
    "spark.sql.shuffle.partitions": "2",
    "spark.default.parallelism": "2",
    "spark.databricks.delta.snapshotPartitions": "2",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    # Nobody looks at past jobs and plans, and a stream that runs for weeks makes millions.
    "spark.ui.retainedJobs": "20",
    "spark.ui.retainedStages": "20",
    "spark.ui.retainedTasks": "100",
    "spark.sql.ui.retainedExecutions": "5",
    "spark.log.level": "ERROR",
    "spark.sql.autoBroadcastJoinThreshold": "64m",
    # Rows take several times the room that their files do, and what is small goes to everyone.
    "spark.sql.sources.fileCompressionFactor": "4",
    # Nobody looks at plans here, and a drawing of each is made all the same: the least there is.
    "spark.sql.ui.explainMode": "simple",
    "spark.sql.debug.maxToStringFields": "100",
    "spark.sql.maxPlanStringLength": "4096",
    "spark.sql.streaming.pollingDelay": "5ms",
    "spark.sql.parquet.compression.codec": "zstd",
    # Hadoop's other way to rename starts two processes a file; one machine has no need of it.
    "spark.delta.logStore.file.impl": "io.delta.storage.LocalLogStore",
    "spark.sql.streaming.checkpointFileManagerClass": (
        "org.apache.spark.sql.execution.streaming.checkpointing."
        "FileSystemBasedCheckpointFileManager"
    ),
}
# What the tables' meaning depends on; the values stand in conf/spark-defaults.conf.
NEEDED = (
    "spark.sql.session.timeZone",
    "spark.sql.ansi.enabled",
    "spark.sql.caseSensitive",
    "spark.sql.legacy.timeParserPolicy",
    "spark.sql.jsonGenerator.ignoreNullFields",
    "spark.sql.files.ignoreCorruptFiles",
    "spark.sql.files.ignoreMissingFiles",
    "spark.sql.parquet.outputTimestampType",
    "spark.sql.streaming.stateStore.providerClass",
    "spark.sql.catalog.spark_catalog",
)
EXTENSIONS = "spark.sql.extensions"
CLASSES = "spark.sql.codegen.cache.maxEntries"
# Below this, all that a batch has compiled is compiled again in the next.
FEWEST_CLASSES = 1000
BACKSLASH = "\\"
# What the JVM of this process prints, in the process's own folder.
JVM_LOG = "jvm.log"
MOST_LOG_BYTES = 8 * 2**20

Say = Callable[[str], None]


def shipped_defaults() -> dict[str, str]:
    """The settings in `conf/spark-defaults.conf`, the same file a cluster is given."""
    text = (files("tactful.conf") / "spark-defaults.conf").read_text(encoding="utf-8")
    lines = (line.strip() for line in text.splitlines())
    pairs = (line.split(None, 1) for line in lines if line and not line.startswith("#"))
    return {key: value.strip() for key, value in pairs}


def open_session(
    app_name: str = "tactful",
    *,
    connectors: Sequence[Connector] = (),
    on_progress: Say = lambda _: None,
    **extra: str,
) -> SparkSession:
    """Return a session that is fit for our tables: the one that runs, one beside it, or a new one.

    A session that already runs (Databricks, a notebook) is used where it has all that is needed;
    else a session of our own stands beside it, on the same context and with the same settings but
    those, so that its owner's is not changed. connectors: what it has to know beside Delta. extra:
    settings for a session that is started here.

    Raises: SessionUnfit where it lacks what can no longer be set; nothing has been written by then.
    """
    if is_remote() or "SPARK_REMOTE" in os.environ or os.environ.get("SPARK_API_MODE") == "connect":
        raise SessionUnfit(
            "Spark Connect reaches none of what Tactful needs of Spark's driver; start Tactful "
            "where that runs, without SPARK_REMOTE and SPARK_API_MODE, on Databricks on a cluster "
            "with access mode Dedicated."
        )
    if SparkContext._active_spark_context is not None:
        active = SparkSession.getActiveSession() or SparkSession.builder.getOrCreate()
        _refuse_without(active._jvm, connectors)
        return _fit(active, on_progress)
    ours = {**shipped_defaults(), "spark.app.name": app_name}
    packages = [ours[prepared.PACKAGES], *(connector.package for connector in connectors)]
    ours[prepared.PACKAGES] = ",".join(packages)
    said: list[str] = []
    java.refuse_unfit()
    with _quiet_launch(), _handler_kept():
        _start_jvm({**LAUNCH, **ours, **extra})
        chosen = SparkConf()
        if chosen.get("spark.master", "").startswith("local"):
            ours |= LAPTOP | spills.settings()
            # Else some other `python3` of the path would work beside us, without our packages.
            os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
        for key, value in settings(dict(chosen.getAll()), ours | extra, said.append).items():
            chosen.set(key, value)
        if not _has_class(SparkContext._jvm, shipped_defaults()["spark.sql.catalog.spark_catalog"]):
            raise SessionUnfit(
                "Delta is not on Spark's class path: add "
                f"{shipped_defaults()['spark.jars.packages']} to spark.jars.packages (--packages), "
                "or start with --properties-file conf/spark-defaults.conf."
            )
        _refuse_without(SparkContext._jvm, connectors)
        session = SparkSession.builder.config(conf=chosen).getOrCreate()
    if "PYSPARK_GATEWAY_PORT" in os.environ:
        relay.relay(SparkContext._gateway)
    for line in said:
        on_progress(line)
    return session


def settings(
    chosen: Mapping[str, str], ours: Mapping[str, str], say: Say = lambda _: None
) -> dict[str, str]:
    """What has to be set on a session that is about to start, beside what its user has chosen."""
    missing = {key: value for key, value in ours.items() if key not in chosen}
    over = _over(chosen, ours)
    named = [name.strip() for name in chosen.get(EXTENSIONS, "").split(",") if name.strip()]
    if named and ours[EXTENSIONS] not in named:
        missing[EXTENSIONS] = ",".join([*named, ours[EXTENSIONS]])
    if int(chosen.get(CLASSES, ours[CLASSES])) < FEWEST_CLASSES:
        over[CLASSES] = ours[CLASSES]
    for key, value in over.items():
        say(f"{key} is {value} here, not {chosen[key]}: Tactful's tables need it.")
    return {**missing, **over}


def _over(chosen: Mapping[str, str], ours: Mapping[str, str]) -> dict[str, str]:
    """What is needed and was chosen otherwise; a class may be somebody's own build of the same."""
    return {
        key: ours[key] for key in NEEDED if key in chosen and _word(chosen[key]) != _word(ours[key])
    }


def _word(value: str) -> str:
    return value.rsplit(".", 1)[-1].lower()


def _fit(active: SparkSession, say: Say) -> SparkSession:
    """A session that runs, if it has all that is needed; else one of our own beside it."""
    ours = shipped_defaults()
    if not _knows_delta(active):
        raise SessionUnfit(
            "The Spark session that runs does not know Delta: start it anew with "
            f"{EXTENSIONS}={ours[EXTENSIONS]}, spark.sql.catalog.spark_catalog="
            f"{ours['spark.sql.catalog.spark_catalog']} and {ours['spark.jars.packages']} in "
            "spark.jars.packages."
        )
    entries = int(active.conf.get(CLASSES))
    if entries < FEWEST_CLASSES:
        raise SessionUnfit(
            f"The Spark session that runs has {CLASSES}={entries}, and every batch would compile "
            f"all its code anew: start it with {ours[CLASSES]}, which no session can change later."
        )
    chosen = {key: active.conf.get(key, "") for key in NEEDED}
    lacking = _over(chosen, ours)
    if not _has_class(active._jvm, ours["spark.sql.catalog.spark_catalog"]):
        lacking.pop("spark.sql.catalog.spark_catalog", None)  # another build, with its own catalog
    if not lacking:
        return active
    own = active.newSession()
    # A new session knows what the context was started with, but not what was set since.
    for key, value in active.conf.getAll.items():
        if own.conf.isModifiable(key) and own.conf.get(key) != value:
            own.conf.set(key, value)
    for key, value in lacking.items():
        own.conf.set(key, value)
        say(f"{key} is {value} on a session of Tactful's own, not {chosen[key] or 'unset'}.")
    return own


def _knows_delta(spark: SparkSession) -> bool:
    """Whether the session reads a statement that only Delta's extension can read."""
    try:
        spark._jsparkSession.sessionState().sqlParser().parsePlan("OPTIMIZE delta.`x`")
    except (ParseException, Py4JJavaError):
        return False
    return True


def _refuse_without(jvm: Any, connectors: Sequence[Connector]) -> None:
    """Raises: SessionUnfit, where a connector that is needed is not there."""
    lacking = [c.package for c in connectors if not _has_class(jvm, c.class_name)]
    if lacking:
        raise SessionUnfit(
            f"A source needs {', '.join(lacking)}, and Spark does not have it on its class path: "
            "add it to spark.jars.packages (--packages) where Spark is started."
        )


def _has_class(jvm: Any, name: str) -> bool:
    return bool(jvm.org.apache.spark.util.Utils.classIsLoadable(name))


def _start_jvm(ours: Mapping[str, str]) -> None:
    """Start the JVM, unless spark-submit has, with our settings below all that its user has said.

    `--conf` would stand above the user's files, so ours are a properties file, with the user's
    lines behind them: a later line wins, and options win over files.
    """
    if SparkContext._gateway is not None or "PYSPARK_GATEWAY_PORT" in os.environ:
        SparkContext._ensure_initialized()
        return
    given = os.environ.get("PYSPARK_SUBMIT_ARGS")
    rest, theirs = _user_files(shlex.split(given or "pyspark-shell"))
    below = {k: v for k, v in ours.items() if not os.environ.get(IN_ENVIRONMENT.get(k, ""))}
    if given is None and not theirs:
        below = prepared.quickened(below)
    with (
        as_file(files("tactful.conf") / "ivysettings.xml") as ivy,
        tempfile.TemporaryDirectory(prefix="start-", dir=spills.folder()) as folder,
    ):
        below = {"spark.jars.ivySettings": str(Path(ivy).resolve()), **below}
        lines = [f"{key} {value.replace(BACKSLASH, 2 * BACKSLASH)}" for key, value in below.items()]
        merged = Path(folder, "spark.conf")
        merged.write_text("\n".join([*lines, *theirs, ""]), encoding="utf-8")
        os.environ["PYSPARK_SUBMIT_ARGS"] = shlex.join(["--properties-file", str(merged), *rest])
        try:
            SparkContext._ensure_initialized()
        finally:
            del os.environ["PYSPARK_SUBMIT_ARGS"]
            if given is not None:
                os.environ["PYSPARK_SUBMIT_ARGS"] = given


def _user_files(arguments: list[str]) -> tuple[list[str], list[str]]:
    """The arguments of spark-submit without its properties file, and the texts of the user's files.

    As spark-submit does: a properties file stands for `spark-defaults.conf`, or, on request, above.
    """
    rest: list[str] = []
    named: str | None = None
    words = iter(arguments)
    for word in words:
        option, sign, value = word.partition("=")
        if option == "--properties-file":
            named = value if sign else next(words, None)
        else:
            rest.append(word)
    folder = os.environ.get("SPARK_CONF_DIR") or Path(_find_spark_home(), "conf")
    usual = Path(folder, "spark-defaults.conf")
    also = usual.exists() and (named is None or "--load-spark-defaults" in rest)
    paths = [*([usual] if also else []), *([Path(named)] if named else [])]
    return rest, [path.read_text(encoding="utf-8") for path in paths]


@contextmanager
def _quiet_launch() -> Iterator[None]:
    """Keep a starting JVM's hundred lines about jars in a file; if it fails, one of them says why.

    The JVM keeps that file for all it prints, since our own output may be JSON for a program; what
    goes wrong later comes as an exception.
    """
    if "PYSPARK_GATEWAY_PORT" in os.environ or SparkContext._gateway is not None:
        yield
        return
    with open(Path(spills.folder(), JVM_LOG), "ab") as log:
        begins = log.tell()
        try:
            with _turned(sys.stdout, 1, log.fileno()), _turned(sys.stderr, 2, log.fileno()):
                yield
        except TactfulError:
            raise
        except Exception as error:
            printed = Path(log.name).read_bytes()[begins:].decode("utf-8", "replace")
            raise SparkNotStarted(
                f"Spark did not start ({_telling(printed) or error}); it needs {java.WANTED}, and "
                "its packages at hand or on the network; --debug shows all that it printed.",
                printed,
            ) from error


def cut_log(*, most: int = MOST_LOG_BYTES) -> None:
    """Empty the file of what the JVM prints once it is large, or a run for ever would fill a disk.

    What is in it is only of use where Spark does not start.
    """
    log = Path(spills.folder(), JVM_LOG)
    if log.exists() and log.stat().st_size > most:
        os.truncate(log, 0)


def _telling(printed: str) -> str | None:
    """The one line, out of all that a JVM printed before it ended, that says why."""
    lines = [line.strip() for line in printed.splitlines() if line.strip()]
    named = [
        line for line in lines if re.match(r"(Exception in thread|Error\b|[\w.$]+Error: )", line)
    ]
    line = next(iter(named), lines[-1] if lines else None)
    return line and re.sub(r'^Exception in thread "\w+" ', "", line)[:300].rstrip(".")


@contextmanager
def _handler_kept() -> Iterator[None]:
    """Keep what Ctrl-C does: a new context would have it cancel every job, each with a page."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGINT)
    try:
        yield
    finally:
        if before is not None:
            signal.signal(signal.SIGINT, before)


@contextmanager
def _turned(stream: TextIO, number: int, log: int) -> Iterator[None]:
    """Let all that is printed by this number, by whatever process, go to a log."""
    stream.flush()
    screen = os.dup(number)
    os.dup2(log, number)
    try:
        yield
    finally:
        os.dup2(screen, number)
        os.close(screen)
