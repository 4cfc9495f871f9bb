"""What folders are named after, as fields of the rows in them."""

from __future__ import annotations

import pytest
from pyspark.sql.types import StructType

from tactful.jobs.lake.frames import small_frame
from tactful.transforms.sources.partitions import with_partitions

ROOT = "file:/data/la%20nding"
CASES = [
    ("day=2026-11-01/a.json", '{"b": 1}', '{"day":"2026-11-01","b": 1}'),
    ("day=2026-11-01/store=7/a.json", "{}", '{"day":"2026-11-01","store":"7"}'),
    ("store=7/x/day=1/day=2/a.json", ' \t{ "b": 1}', '{"day":"2","store":"7", "b": 1}'),
    ("a.json", '{"b": 1}', '{"b": 1}'),
    ("day=/a.json", '{"b": 1}', '{"b": 1}'),
    ("day=__HIVE_DEFAULT_PARTITION__/a.json", '{"b": 1}', '{"b": 1}'),
    ("day=a%253Ab+c%20d/a.json", '{"b": 1}', '{"day":"a:b+c d","b": 1}'),
    ("day=100%25/a.json", '{"b": 1}', '{"day":"100%","b": 1}'),
    ('day=a"b/a.json', "{ }", '{"day":"a\\"b" }'),
    ("day=1/a.json", "This file was not read", "This file was not read"),
    ("day=1/a.json", "[1]", "[1]"),
    ("xday=1/a.json", '{"b": 1}', '{"b": 1}'),
    ("a day=1.json", '{"b": 1}', '{"b": 1}'),
]


@pytest.fixture(scope="module")
def told(spark) -> list[str]:
    rows = [{"value": value, "file": f"{ROOT}/{path}"} for path, value, _ in CASES]
    frame = small_frame(spark, rows, StructType.fromDDL("value string, file string"))
    partitioned = frame.transform(with_partitions, names=("day", "store"), root=ROOT)
    return [row.value for row in partitioned.collect()]


@pytest.mark.parametrize("at", range(len(CASES)), ids=[path for path, *_ in CASES])
def test_a_folder_name_stands_in_front(told: list[str], at: int) -> None:
    assert told[at] == CASES[at][2]
