"""What every test may ask for."""

from __future__ import annotations

import os
from typing import Any

import pytest
from pyspark.sql import SparkSession
from pyspark.sql.conversion import LocalDataToArrowConversion
from pyspark.sql.types import StructType

from tactful.jobs.connectors import CONNECTORS
from tactful.jobs.session import open_session

SECRET = "a secret that only tests know"
# A quarter of a small run is the making of code for a few rows; see `as_users_run_it`.
INTERPRETED = {
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
}
# Tests run hundreds of tiny plans: what pays on large data (adaptive planning, generated code)
# costs more than it saves here. The second compiler saves a fifth of every run but the first.
SMALL = {
    # One process takes hundreds of runs: with 4g its last hour would be spent collecting garbage.
    "spark.driver.memory": "6g",
    # A heap that grows collects all of it each time, and so does what classes take.
    "spark.driver.extraJavaOptions": "-XX:+UseSerialGC -Xms6g -XX:MetaspaceSize=512m "
    "-XX:ReservedCodeCacheSize=512m -XX:Tier4InvocationThreshold=20000 "
    "-XX:Tier4MinInvocationThreshold=2400 -XX:Tier4CompileThreshold=60000 "
    "-XX:Tier4BackEdgeThreshold=160000",
    # Else every sort, sum and broadcast of a few rows takes 64 MB and writes zeros into it.
    "spark.buffer.pageSize": "1m",
    "spark.sql.adaptive.enabled": "false",
    # A seventh of a small run: what must be true of each column, and looking at plans again.
    "spark.sql.constraintPropagation.enabled": "false",
    "spark.sql.lightweightPlanChangeValidation": "false",
    **INTERPRETED,
    "spark.sql.shuffle.partitions": "1",
    "spark.default.parallelism": "1",
    "spark.databricks.delta.snapshotPartitions": "1",
    # A lake that is not on the local file system: see tests/faults/faulty.py.
    "spark.delta.logStore.faulty.impl": "io.delta.storage.LocalLogStore",
}

# Each takes minutes, so none is begun last, while the other process has nothing left to do.
LONGEST = (
    "test_convergence.py", "test_plan.py", "test_publish.py", "test_closings.py",
    "test_followed.py", "test_consent.py", "test_pipeline.py", "test_extremes.py", "test_runs.py",
    "test_hostile.py", "test_traps.py", "test_gather_in_shards.py",
)  # fmt: skip


def pytest_collection_modifyitems(items):
    places = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path.name, len(places)))


@pytest.fixture(scope="session")
def spark():
    """One Spark session for the whole run: starting one costs seconds."""
    os.environ["TACTFUL_SECRET"] = SECRET
    session = open_session("tactful-tests", connectors=CONNECTORS, **SMALL)
    make = session.createDataFrame

    def by_arrow(data: Any, schema: Any = None, **more: Any) -> Any:
        """Rows go as Arrow, as the product's own do: else each frame asks a Python process."""
        if isinstance(data, list) and data and isinstance(schema, str):
            struct = StructType.fromDDL(schema)
            data, schema = LocalDataToArrowConversion.convert(data, struct, False), struct
        return make(data, schema, **more)

    session.createDataFrame = by_arrow
    return session


@pytest.fixture(scope="session")
def s3(spark):
    """A bucket that the session reaches as it would one of Amazon's."""
    from tests.s3 import s3_for

    with s3_for(spark) as bucket:
        yield bucket


@pytest.fixture
def as_users_run_it(spark):
    """Generated code for everything, which is what Spark does wherever nobody forbids it."""
    spark.conf.set("spark.sql.codegen.wholeStage", "true")
    spark.conf.set("spark.sql.codegen.factoryMode", "FALLBACK")
    yield spark
    for name, value in INTERPRETED.items():
        spark.conf.set(name, value)


@pytest.fixture(scope="module", autouse=True)
def _forgotten_lakes():
    """Delta keeps the snapshot of every table it saw; no other module opens these lakes again."""
    yield
    session = SparkSession.getActiveSession()
    if session is not None:
        session._jvm.org.apache.spark.sql.delta.DeltaLog.clearCache()
