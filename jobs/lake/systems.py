"""Systems: which file system a path lies on, as the Spark that runs sees it.

A path that this machine's file functions take is one for Spark, too, only where Spark's own file
system is the local disk; and a lake there is a laptop's only where all of Spark runs here.
"""

from __future__ import annotations

import os
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from py4j.protocol import Py4JJavaError
from pyspark.sql import SparkSession

from tactful.jobs.lake.names import quoted
from tactful.jobs.lake.places import is_uri, local_path, scheme

FILE = "file"
# What must be on Spark's class path for a file system that it does not bring.
BRINGS = {
    "s3a": "org.apache.hadoop:hadoop-aws",
    "abfs": "org.apache.hadoop:hadoop-azure",
    "abfss": "org.apache.hadoop:hadoop-azure",
    "gs": "com.google.cloud.bigdataoss:gcs-connector",
}
# Executors come one after another; when none has for so long, those that are there are all.
SETTLED, MOST_SECONDS = 2.0, 20.0
MOUNTS = "/proc/self/mounts"
# Disks that other machines have, too, whether the system or a program (FUSE) brings them.
NETWORK = {
    "nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "ceph", "lustre", "glusterfs", "gpfs", "beegfs",
    "sshfs", "s3fs", "rclone", "gcsfuse", "blobfuse", "blobfuse2", "goofys", "juicefs", "mount-s3",
}  # fmt: skip
ALSO_CALLED = {"s3": "s3a", "s3n": "s3a"}
SESSION_CATALOG, KEEPS = "spark_catalog", "spark.sql.catalogImplementation"
ONLY_AT = {"dbfs": "Databricks"}


def reached(path: str, spark: SparkSession | None) -> str | None:
    """A path as this machine's file functions take it, where Spark takes it alike; else None."""
    here = local_path(path)
    return here if spark is None or _default(spark).startswith(f"{FILE}:") else None


def is_shared(path: str) -> bool:
    """Whether what looks like a folder of this machine lies on a disk that others have, too."""
    place = os.path.realpath(local_path(path) or path)
    kinds = {point: kind for point, kind in _mounts() if _is_below(place, point)}
    return bool(kinds) and kinds[max(kinds, key=len)].removeprefix("fuse.") in NETWORK


def is_all_here(spark: SparkSession | None) -> bool:
    """Whether all of Spark runs on this machine."""
    return spark is None or str(spark.conf.get("spark.master", "")).startswith("local")


def fault(path: str, spark: SparkSession) -> str | None:
    """Why this Spark cannot use a path, and what to write instead; None where it can."""
    default = _default(spark).rstrip("/")
    if not is_uri(path):
        if default.startswith(f"{FILE}:"):
            return None
        return (
            f"names no file system, and that of this Spark is {default}: write file:{path} for a "
            f"disk of this machine, or {default}{path}"
        )
    try:
        _system(path, spark)
    except Py4JJavaError as error:
        return _unknown(scheme(path), str(error.java_exception))
    return None


def catalog_fault(schema: str, spark: SparkSession) -> str | None:
    """Why this Spark keeps no tables by name in a schema, and what to do; None where it does."""
    catalog = schema.partition(".")[0]
    try:
        spark.sql(f"SHOW SCHEMAS IN {quoted(catalog)}").first()
    except Exception as error:  # what a catalog raises that cannot be reached, it says itself
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        return (
            f"a catalog that this Spark does not reach ({first}): configure it where Spark starts"
        )
    if catalog == SESSION_CATALOG and not is_kept(spark):
        return (
            "a catalog that this Spark keeps in memory and forgets when it ends: give it a "
            f"metastore ({KEEPS}=hive), or leave lake.catalog and lake.schema out"
        )
    return None


def is_kept(spark: SparkSession) -> bool:
    """Whether Spark's own catalog outlives the session."""
    return str(spark.conf.get(KEEPS, "in-memory")) != "in-memory"


def is_set(spark: SparkSession, key: str) -> bool:
    """Whether Spark was started with a setting."""
    return bool(spark._jsc.sc().conf().contains(key))


def cores(spark: SparkSession) -> int:
    """How many tasks run at once; on a cluster as soon as no further executor comes."""
    count = _cores(spark)
    if is_all_here(spark):
        return count
    spark.range(1).count()  # no executor is there before it has work
    seen_at = began = time.monotonic()
    while time.monotonic() - seen_at < SETTLED and time.monotonic() - began < MOST_SECONDS:
        time.sleep(0.25)
        if (now := _cores(spark)) != count:
            count, seen_at = now, time.monotonic()
    return count


def _cores(spark: SparkSession) -> int:
    return max(1, int(spark._jsc.sc().defaultParallelism()))


def stray_executors(spark: SparkSession) -> list[str]:
    """The other machines on which Spark's executors are, as far as they are known by now."""
    if is_all_here(spark):
        return []
    spark.range(1).count()  # no executor is there before it has work
    told = spark._jsc.sc().getExecutorMemoryStatus().keySet().mkString("\n").splitlines()
    hosts = {address.rpartition(":")[0] for address in told}
    return sorted(host for host in hosts if not _is_here(host, spark))


def _mounts() -> Iterator[tuple[str, str]]:
    """Where disks are mounted, and their kinds; a later one lies over an earlier one."""
    try:
        lines = Path(MOUNTS).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return
    for line in lines:
        _, point, kind, *_ = line.split(" ")
        yield re.sub(r"\\(\d{3})", lambda found: chr(int(found[1], 8)), point), kind


def _is_below(place: str, point: str) -> bool:
    return place == point or place.startswith(point.rstrip("/") + "/")


def _default(spark: SparkSession) -> str:
    return str(spark._jsc.hadoopConfiguration().get("fs.defaultFS"))


def _system(path: str, spark: SparkSession) -> Any:
    place = spark._jvm.org.apache.hadoop.fs.Path(path)
    return place.getFileSystem(spark._jsc.hadoopConfiguration())


def _unknown(kind: str, said: str) -> str:
    """What is to be done about a file system that does not open."""
    first = said.splitlines()[0]
    if "No FileSystem for scheme" in said and kind in ALSO_CALLED:
        return f"is called {ALSO_CALLED[kind]}: by this Spark, so write it with that"
    if "No FileSystem for scheme" in said and kind in ONLY_AT:
        return f"lies on a file system that only {ONLY_AT[kind]} has: run it there"
    if re.search(r"No FileSystem for scheme|ClassNotFoundException|NoClassDefFoundError", said):
        needs = BRINGS.get(kind, f"the connector of {kind}:")
        return f"needs {needs} on Spark's class path: add it where Spark is started (--packages)"
    return f"cannot be opened ({first.partition(': ')[2] or first})"


def _is_here(host: str, spark: SparkSession) -> bool:
    own = {"localhost", socket.gethostname(), socket.getfqdn(), spark.conf.get("spark.driver.host")}
    if host in own:
        return True
    try:
        return socket.gethostbyname(host).startswith("127.")
    except OSError:
        return False
