"""A file system that fails where a test wants it to, and a shop whose lake lies on it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from tactful.jobs.lake.lake import Lake
from tests.product import Shop
from tests.worlds import World

SCHEME = "faulty"
SOURCE = Path(__file__).with_name("FaultyFileSystem.java")
CLASS = "tactful.tests.FaultyFileSystem"
UUID = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32}"
# What differs from run to run says nothing about where a run died.
EACH_PLACE = [
    (UUID, "U"),
    (r"part-[^/]*\.(\w+)$", "part.$1"),
    (r"\d+", "N"),
]
# One table stands for all, one query for all.
EACH_KIND = [
    *EACH_PLACE,
    (r"/_log/", "/"),
    (r"/lake/(?!_checkpoints|outbox)\w+/", "/lake/TABLE/"),
    (r"/_checkpoints/\w+/", "/_checkpoints/QUERY/"),
    (r"/outbox/.*", "/outbox/FILE"),
    (r"/lake/\.?_(lake|published)\.json", "/lake/STATE"),
    (r"/event_class=[^/]*", ""),
]


def faulty_disk(spark: SparkSession, *, shorten: list[tuple[str, str]]) -> Any:
    """The one instance that every `faulty:` path of this session goes through, as good as new."""
    jvm, conf = spark._jvm, spark.sparkContext._jsc.hadoopConfiguration()
    if conf.get(f"fs.{SCHEME}.impl") is None:
        compiler = jvm.org.codehaus.janino.SimpleCompiler()
        compiler.setParentClassLoader(conf.getClassLoader())
        compiler.cook(SOURCE.read_text(encoding="utf-8"))
        conf.setClassLoader(compiler.getClassLoader())
        conf.set(f"fs.{SCHEME}.impl", CLASS)
    # Hadoop keeps this instance for the scheme, so tasks without that class loader find it too.
    disk = jvm.org.apache.hadoop.fs.FileSystem.get(jvm.java.net.URI.create(f"{SCHEME}:///"), conf)
    disk.forget()
    for pattern, replacement in shorten:
        disk.shorten(pattern, replacement)
    return disk


class FaultyShop(Shop):
    """A shop whose lake is, for Tactful, on another file system than the local one."""

    def __init__(self, world: World, folder: Path) -> None:
        super().__init__(world, folder)
        text = self.conf.read_text(encoding="utf-8")
        place = f'"{self.lake}"'
        assert place in text
        self.conf.write_text(text.replace(place, f'"{SCHEME}://{self.lake}"'), encoding="utf-8")

    def empty_lake(self, spark: SparkSession) -> Lake:
        faulty_disk(spark, shorten=[])
        lake = Lake(spark, f"{SCHEME}://{self.lake}")
        lake.create(self.config())
        return lake
