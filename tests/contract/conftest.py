"""The stores of which every promise is asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tactful.jobs.lake.local_store import LocalStore
from tactful.jobs.lake.spark_store import SparkStore
from tactful.jobs.lake.store import Store
from tests.faults.faulty import EACH_PLACE, SCHEME, faulty_disk
from tests.s3 import a_place

KINDS = ("local", "spark", "faulty", "s3")


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
    return a_store(request.param, spark, tmp_path / "lake")
