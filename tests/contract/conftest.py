"""The stores of which every promise is asked."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest

from tactful.jobs.lake.local_store import LocalStore
from tactful.jobs.lake.named_store import NamedStore
from tactful.jobs.lake.spark_store import SparkStore
from tactful.jobs.lake.store import Store
from tests.faults.faulty import EACH_PLACE, SCHEME, faulty_disk
from tests.s3 import a_place

KINDS = ("local", "spark", "faulty", "s3", "named")


def a_store(kind: str, spark: Any, folder: Path) -> Store:
    if kind == "local":
        return LocalStore(spark, str(folder))
    if kind == "spark":
        return SparkStore(spark, f"file:{folder}")
    faulty_disk(spark, shorten=EACH_PLACE)
    return SparkStore(spark, f"{SCHEME}://{folder}")


@pytest.fixture(params=KINDS)
def store(request, spark, tmp_path: Path) -> Store:
    if request.param == "s3":
        return SparkStore(spark, f"{a_place(request.getfixturevalue('s3'))}/lake")
    if request.param == "named":
        schema = f"spark_catalog.contract_{uuid.uuid4().hex[:8]}"
        made = NamedStore(spark, f"file:{tmp_path}/lake", schema, is_new=True)
        request.addfinalizer(lambda: spark.sql(f"DROP SCHEMA IF EXISTS {schema} CASCADE"))
        return made
    return a_store(request.param, spark, tmp_path / "lake")
