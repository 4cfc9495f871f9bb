"""G1 at size: a million events in no order, in forty batches, make the tables that one query makes.

The demo's world is dealt out to batches regardless of time; each is a run of its own. Then DuckDB
reads everything at once, and every published table is compared with its own, row by row, up to the
names of persons. Prints what differs and what a batch cost from first to last.
"""

from __future__ import annotations

import os
import random
import re
import statistics
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from zlib import crc32

import duckdb
import typer
from deltalake import DeltaTable

from tactful.jobs.demo.command import demo_config
from tactful.jobs.demo.world import STREAMS, generate
from tactful.jobs.runs import pipeline
from tactful.jobs.session import open_session
from tactful.schemas.catalog import PUBLISHED
from tests.bench.growth import bring_back
from tests.bench.main_job import AS_OF, rival
from tests.bench.shop import DECIDED
from tests.oracle.compare import IGNORED

SEED = 2017
RENAMED = """
CREATE TABLE names AS
SELECT DISTINCT theirs.person_id AS their_id, ours.person_id AS our_id
FROM theirs_identity AS theirs JOIN ours_identity AS ours USING (identifier_key)
WHERE theirs.person_id IS NOT NULL OR ours.person_id IS NOT NULL
"""


def main(households: int = 5_700, batches: int = 40) -> None:
    """Run all batches, then compare."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "demo-lake"
        made = generate(open_session(), folder=folder, seed=SEED, households=households)
        deal(folder, batches)
        config, costs = demo_config(folder, seed=SEED), []
        for number in range(batches):
            bring_back(folder, number)
            run = pipeline.run(config, as_of=AS_OF, steps=DECIDED)
            costs.append(sum(run.seconds[step] for step in ("accept", "fused")))
            print(f"batch {number}: {run.seconds}", file=sys.stderr, flush=True)
        pipeline.run(config, as_of=AS_OF)
        drop_oversized(folder / "landing", config.intake.max_row_bytes)
        everything = rival(folder, Path(place) / "rival")
        found = compare(folder, Path(place) / "rival")
    print(f"## {made.total:,} events in no order, in {batches} batches")
    print()
    print("| table | rows | only ours | only DuckDB's |")
    print("|---|---|---|---|")
    for name, (rows, ours, theirs) in found.items():
        print(f"| {name} | {rows:,} | {ours:,} | {theirs:,} |")
    print()
    fifth = max(1, batches // 5)
    print(
        f"Accept and fused of a batch: {statistics.median(costs[1 : fifth + 1]):.1f} s in the "
        f"first fifth, {statistics.median(costs[-fifth:]):.1f} s in the last. DuckDB, everything "
        f"anew: {everything['seconds']['total']:.1f} s."
    )
    if any(ours or theirs for _, ours, theirs in found.values()):
        raise SystemExit(1)


def deal(folder: Path, batches: int) -> None:
    """Deal every row out to a batch by chance, and put a batch's rows into an order of chance.

    Rows of one id that say different things stay together: of such the first to land is accepted,
    and which that is would be the dealer's choice.
    """
    dice = random.Random(SEED)
    for number in range(batches):
        (folder / "held" / str(number)).mkdir(parents=True)
    for feed in STREAMS:
        rows = []
        for file in sorted((folder / "landing" / feed).glob("*.json")):
            rows += [row.rstrip(b"\n") + b"\n" for row in file.read_bytes().splitlines(True)]
            file.unlink()
        dice.shuffle(rows)
        dealt: list[list[bytes]] = [[] for _ in range(batches)]
        said: dict[bytes, set[bytes]] = defaultdict(set)
        names = [_id(row) for row in rows]
        for name, row in zip(names, rows, strict=True):
            said[name].add(row)
        for number, (name, row) in enumerate(zip(names, rows, strict=True)):
            together = len(said[name]) > 1 and name
            dealt[(crc32(name) if together else number) % batches].append(row)
        for number, mine in enumerate(dealt):
            (folder / "held" / str(number) / f"{feed}.json").write_bytes(b"".join(mine))


def _id(row: bytes) -> bytes:
    found = re.search(rb'"event_id": ?"([^"]*)"', row)
    return found.group(1) if found else b""


def drop_oversized(landing: Path, most: int) -> None:
    """Take away rows of too many bytes: the product has refused them, the rival does not count."""
    for file in landing.glob("*/*.json"):
        rows = file.read_bytes().splitlines(True)
        fit = [row for row in rows if len(row.rstrip(b"\n")) <= most]
        if len(fit) < len(rows):
            file.write_bytes(b"".join(fit))


def compare(lake: Path, rival_out: Path) -> dict[str, tuple[int, int, int]]:
    """Of each table: its rows, those only in ours, those only in theirs."""
    found = {}
    with duckdb.connect() as db:
        db.execute("SET TimeZone = 'UTC'")
        for table in PUBLISHED:
            ours = DeltaTable(os.fspath(lake / table.name)).to_pyarrow_dataset()
            db.register(f"ours_{table.name}", ours)
            theirs = rival_out / f"{table.name}.parquet"
            db.execute(f"CREATE VIEW theirs_{table.name} AS FROM read_parquet('{theirs}')")
        db.execute(RENAMED)
        twice = db.execute(
            "SELECT count(*) - count(DISTINCT their_id), count(*) - count(DISTINCT our_id) "
            "FROM names"
        ).fetchall()[0]
        for table in PUBLISHED:
            kinds = {row[0]: row[1] for row in db.execute(f"DESCRIBE ours_{table.name}").fetchall()}
            names = [c.name for c in table.columns if not c.clock and c.name not in IGNORED]
            mine = ", ".join(f"{n}::{_kind(kinds[n])} AS {n}" for n in names)
            other = mine.replace(
                "person_id::VARCHAR AS person_id",
                "coalesce((SELECT our_id FROM names WHERE their_id = person_id), person_id) "
                "AS person_id",
            )
            a, b = (
                f"SELECT {mine} FROM ours_{table.name}",
                f"SELECT {other} FROM theirs_{table.name}",
            )
            counts = [
                db.execute(f"SELECT count(*) FROM ({one} EXCEPT ALL {another})").fetchall()[0][0]
                for one, another in ((a, b), (b, a))
            ]
            rows = db.execute(f"SELECT count(*) FROM ours_{table.name}").fetchall()[0][0]
            found[table.name] = (rows, counts[0], counts[1])
            if any(counts):
                print(db.sql(f"{a} EXCEPT ALL {b} LIMIT 3"), file=sys.stderr)
                print(db.sql(f"{b} EXCEPT ALL {a} LIMIT 3"), file=sys.stderr)
    found["persons"] = (0, *twice)
    return found


def _kind(kind: str) -> str:
    return kind.replace("TIMESTAMP WITH TIME ZONE", "TIMESTAMP")


if __name__ == "__main__":
    typer.run(main)
