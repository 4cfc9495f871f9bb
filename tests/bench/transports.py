"""What a topic of Kafka costs, beside files of the same lines: both landed in a lake, in turn.

A real broker on this machine, of one node; what it needs of the processors is counted for nobody.
Prints seconds of landing alone, by the clock and of the processor, the medians of some repetitions.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from pathlib import Path
from statistics import median

import typer
from pyspark.sql import SparkSession

from tactful.jobs import land
from tactful.jobs.connectors import AVRO, KAFKA
from tactful.jobs.lake.lake import Lake
from tactful.jobs.session import open_session
from tactful.jobs.settings.config import load
from tests.bench.dialects import Spent, canonical, facts, processor_seconds
from tests.broker import Broker, running

CONF = """
[lake]
location = "{root}/lake"
[sources.{name}]
stream = "messages"
{how}
"""
# Files as large as what a broker hands over at once.
FILES = 4


def main(events: int = 100_000, repetitions: int = 3) -> None:
    """Land the same lines from files and from a topic, in turn."""
    spark = open_session(connectors=(AVRO, KAFKA))
    lines = [json.dumps(canonical(event)) for event in facts(events)]
    root = Path(tempfile.mkdtemp())
    try:
        with running(spark, root / "broker") as broker:
            ways = {"files": _as_files(root, lines), "kafka": _as_topic(broker, lines)}
            took: dict[str, list[Spent]] = {name: [] for name in ways}
            for number in range(repetitions + 1):
                for name, how in ways.items():
                    spent = _landed(spark, root / f"{name} {number}", name, how)
                    if number:  # The first time is the compiler's.
                        took[name].append(spent)
    finally:
        shutil.rmtree(root, ignore_errors=True)
    print("## A topic beside files\n")
    print("| way | seconds per 100,000 rows | to files | of processor | to files |")
    print("|---|---|---|---|---|")
    for name, each in took.items():
        cells = [name]
        for kind in range(len(Spent._fields)):
            mine, base = (median(s[kind] for s in those) for those in (each, took["files"]))
            cells += [f"{mine * 100_000 / events:.2f}", f"{mine / base:.2f}"]
        print(f"| {' | '.join(cells)} |")


def _as_files(root: Path, lines: list[str]) -> str:
    folder = root / "landing"
    folder.mkdir()
    for number in range(FILES):
        text = "".join(f"{line}\n" for line in lines[number::FILES])
        (folder / f"{number}.json").write_text(text, encoding="utf-8")
    return f'path = "{folder}"'


def _as_topic(broker: Broker, lines: list[str]) -> str:
    broker.make("lines", FILES)
    for number in range(FILES):
        broker.send("lines", [line.encode() for line in lines[number::FILES]], partition=number)
    return f'format = "kafka"\nservers = "{broker.servers}"\nsubscribe = ["lines"]'


def _landed(spark: SparkSession, root: Path, name: str, how: str) -> Spent:
    root.mkdir()
    conf = root / "my.toml"
    conf.write_text(CONF.format(root=root, name=name, how=how))
    config = load(conf, environ={})
    lake = Lake(spark, config.location)
    lake.create(config)
    started, worked = time.monotonic(), processor_seconds(spark)
    if failed := land.land(lake, config):
        raise AssertionError(failed)
    return Spent(time.monotonic() - started, processor_seconds(spark) - worked)


if __name__ == "__main__":
    typer.run(main)
