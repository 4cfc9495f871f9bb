"""The rival of the benchmark: the oracle's own SQL, run by DuckDB over the same landing files.

    python tests/bench/rival.py --conf FILE --out DIR [--threads 2] [--memory 4GB] [--as-of TIME]

It works everything out from nothing, as a batch script does. Each published table becomes one
Parquet file in DIR, its times in UTC; one line of JSON tells seconds a step, rows and memory.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import duckdb
import typer
from duckdb import DuckDBPyConnection

sys.path.insert(0, str(Path(__file__).parents[2]))  # it is run as a file, too

from tests.bench.rival_graph import settle
from tests.bench.rival_intake import read_identifiers, read_sources
from tests.oracle import campaigns_of, contents_of, load, products_of, rates_of
from tests.oracle.engine import DECIDED, KNOWN, LINKED, PUBLISHED, make, partition, query
from tests.oracle.inputs import put_network_values, put_reference, put_rules, put_types
from tests.oracle.reference import campaigns, contents, products, rates

READ_LATER = {"outcomes", "customers", "regrets"}  # published, and read by another rule


@dataclass
class Watch:
    """How long each step took, in the order of steps."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        started = time.monotonic()
        yield
        self.seconds[name] = round(time.monotonic() - started, 3)


def rival(conf: Path, out: Path, *, threads: int, memory: str, as_of: datetime) -> dict[str, Any]:
    """Work out every published table of a configuration, and say what it took."""
    config, watch = load(conf), Watch()
    started = time.monotonic()
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out) as spilled, duckdb.connect() as db:
        db.execute(
            f"SET threads = {threads}; SET memory_limit = '{memory}';"
            f"SET temp_directory = '{spilled}'; SET preserve_insertion_order = false"
        )
        db.execute(query("macros"))
        with watch.step("read"):
            put_types(db, config, as_of)
            most = config["intake"]["max_row_bytes"]
            sold, _ = products(products_of(config, conf.parent), max_row_bytes=most)
            worth, _ = rates(rates_of(config, conf.parent), max_row_bytes=most)
            offered, _ = contents(contents_of(config, conf.parent), max_row_bytes=most)
            run, _ = campaigns(campaigns_of(config, conf.parent), max_row_bytes=most)
            put_reference(db, products=sold, rates=worth, contents=offered, campaigns=run)
            put_rules(db, config, as_of)
            # What audiences hold is none of its tables.
            put_network_values(db, config, ())
            read_sources(db, config, conf.parent, as_of)
        with watch.step("identifiers"):
            read_identifiers(db, config, _secret(config, conf.parent), threads)
        rows = _work_out(db, out, watch)
    return {
        "seconds": {**watch.seconds, "total": round(time.monotonic() - started, 3)},
        "rows": rows,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "threads": threads,
    }


def _work_out(db: DuckDBPyConnection, out: Path, watch: Watch) -> dict[str, int]:
    for name in LINKED:
        with watch.step(name):
            make(db, name)
    with watch.step("parts"):
        partition(db, settle=settle)
    rows = {}
    for name in (*KNOWN, *DECIDED):
        with watch.step(name):
            if name not in PUBLISHED or name in READ_LATER:
                make(db, name)
            if name in PUBLISHED:
                rows[name] = _publish(db, name, out)
    return rows


def _publish(db: DuckDBPyConnection, name: str, out: Path) -> int:
    """Write a table as one file; straight from its query where nothing else reads it."""
    source = f"FROM {name}" if name in READ_LATER else query(name)
    written = f"COPY ({source}\n) TO '{out / name}.parquet' (FORMAT parquet)"
    return db.execute(written).fetchone()[0]


def _secret(config: Mapping[str, Any], base: Path) -> bytes:
    """The secret that the configuration names; without one, keys are of this run only."""
    named = config["lake"]["secret"]
    return os.environ[named[4:]].encode() if named.startswith("env:") else os.urandom(32)


def main(
    conf: Annotated[Path, typer.Option()],
    out: Annotated[Path, typer.Option()],
    threads: int = 2,
    memory: str = "4GB",
    as_of: str = "",
) -> None:
    """Work out every published table of a configuration and print what it took."""
    now = datetime.fromisoformat(as_of) if as_of else datetime.now(UTC)
    told = rival(conf, out, threads=threads, memory=memory, as_of=now.astimezone(UTC))
    print(json.dumps(told))


if __name__ == "__main__":
    typer.run(main)
