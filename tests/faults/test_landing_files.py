"""Files as people leave them: in folders, behind links, with odd names, half there, or not at all.

Two runs over one folder of everything carry every claim for JSON, and so for Parquet.
"""

from __future__ import annotations

import gzip
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tactful.jobs.commands.status import status
from tactful.jobs.lake import listing
from tactful.jobs.runs import pipeline
from tactful.jobs.settings.config import load
from tests.faults.faulty import SCHEME, faulty_disk
from tests.oracle.compare import read_tables

AT = datetime(2026, 3, 2, 10, tzinfo=UTC)
READ = (
    "a.json", "2026/11/b.json", "day=2026-11-01/c.json", "day=2026-11-01/hour=3/d.json",
    "day=2026-11-02/e.json", "we:ird.json", "[x].json", "{a,b}*?.json", "with space.json",
    "ünï.json", "100%.json", "a+b #1.json", "t 10:15/f.json", "t 10:15/[y]: z.json",
    "day=a%3Ab+c/g.json", "deep/" * 20 + "h.json", "old.json", "cut.json.copy", "rows.json.gz",
)  # fmt: skip
NOT_READ = (
    ".hidden.json", "_made.json", "_temporary/0/x.json", ".git/x.json", "sub/.a.json.crc",
    "half.json._COPYING_",
)  # fmt: skip
LINKED = ("link/x.json", "linked file.json")
PARTS = ("json", "parquet")


@dataclass(frozen=True)
class Zoo:
    """A lake over one folder of odd files, and one plain source beside it."""

    folder: Path
    form: str
    first: pipeline.RunSummary
    second: pipeline.RunSummary
    told: dict[str, Any]

    @property
    def landing(self) -> Path:
        return self.folder / "odd"

    def rows(self, table: str) -> list[dict[str, Any]]:
        return read_tables(self.folder / "lake", [table])[table]

    def ids(self) -> list[str]:
        return sorted(row["event_id"] for row in self.rows("clicks"))


def view(event_id: str, **told: Any) -> dict[str, Any]:
    known = {"event_id": event_id, "type": "page_view", "occurred_at": AT.isoformat()}
    return {**known, "identifiers": [{"type": "customer_id", "value": "c1"}], **told}


def put_json(path: Path, *rows: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(f"{json.dumps(row)}\n" for row in rows).encode()
    path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)


def put_parquet(path: Path, *rows: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(list(rows)), path)


PUT: dict[str, Callable[..., None]] = {"json": put_json, "parquet": put_parquet}


def fill(folder: Path, put: Callable[..., None]) -> None:
    """Everything that may lie in a landing folder."""
    landing = folder / "odd"
    for name in (*READ, *NOT_READ):
        put(landing / name, view(name))
    put(folder / "elsewhere" / "x.json", view(LINKED[0]))
    put(folder / "away" / "target.json", view(LINKED[1]))
    (landing / "link").symlink_to(folder / "elsewhere")
    (landing / "linked file.json").symlink_to(folder / "away" / "target.json")
    (landing / "2026" / "round").symlink_to(landing)
    (landing / "again.json").symlink_to(landing / "a.json")
    (landing / "nowhere.json").symlink_to(folder / "not there")
    (landing / "myself").symlink_to(landing / "myself")
    (landing / "empty.json").write_bytes(b"")
    put(folder / "plain" / "1.json", view("plain"))
    for name in ("good.json", "more.json", "t 10:15/[x] ü.json", "_not/this.json"):
        put(folder / "far" / name, view(f"far {name}"))


@pytest.fixture(scope="module", params=PARTS)
def zoo(request, spark, tmp_path_factory) -> Zoo:
    folder, form = tmp_path_factory.mktemp(f"zoo {request.param}"), request.param
    put = PUT[form]
    fill(folder, put)
    text = f'[lake]\nlocation = "{folder}/lake"\nsecret = "env:TACTFUL_SECRET"\n'
    for place in (f"{SCHEME}://{folder}/far", f"{folder}/odd", f"{folder}/plain"):
        name = place.rpartition("/")[2]
        text += f'[sources.{name}]\nstream = "clicks"\nformat = "{form}"\npath = "{place}"\n'
    conf = folder / "conf.toml"
    faulty_disk(spark, shorten=[])
    conf.write_text(text + 'partitions = ["day"]\n')

    def run() -> pipeline.RunSummary:
        return pipeline.run(load(conf), as_of=AT, steps=("land", "accept"))

    first = run()
    # Ten days older than what has landed, as a file that was copied from an archive.
    put(folder / "odd" / "older.json", view("older"))
    ago = time.time() - timedelta(days=10).total_seconds()
    os.utime(folder / "odd" / "older.json", (ago, ago))
    (folder / "odd" / "a.json").unlink()
    put(folder / "odd" / "old.json", view("old.json, written anew"), view("more"))
    put(folder / "plain" / "day=2026-11-03" / "2.json", view("plain, by day"))
    put(folder / "plain" / "day=2026-11-03" / "3.json", view("plain, of its own", day="4"))
    second = run()
    put(folder / "odd" / "later.json", view("later"))
    told = status(folder / "lake")["files"]
    return Zoo(folder, form, first, second, told)


def test_every_file_is_read_once_whatever_it_is_called(zoo: Zoo) -> None:
    """In sub-folders, behind links, with a link back to where it began, and of any age."""
    far = {f"far {name}" for name in ("good.json", "more.json", "t 10:15/[x] ü.json")}
    expected = {*READ, *LINKED, "older", "plain", "plain, by day", "plain, of its own", *far}
    assert zoo.ids() == sorted(expected)
    assert zoo.rows("quarantine") == []
    received = zoo.rows("_log/received")
    assert len(received) == len(expected), "a link to what is read anyhow is the same file"


def test_what_cannot_be_read_harms_its_source_alone_and_is_named(zoo: Zoo) -> None:
    assert list(zoo.first.failed_sources) == ["odd"]
    assert list(zoo.second.failed_sources) == ["odd"]
    said = zoo.first.failed_sources["odd"]
    assert said.startswith("Source odd could not read ")
    assert "(its link leads nowhere), nor could 1 more;" in said


def test_seen_is_landed_and_refused_and_waiting(zoo: Zoo) -> None:
    odd, plain, far = zoo.told["odd"], zoo.told["plain"], zoo.told["far"]
    assert (far["seen"], far["landed"], far["refused"], far["waiting"]) == (None, 3, 0, None)
    assert (plain["seen"], plain["landed"], plain["refused"], plain["waiting"]) == (3, 3, 0, 0)
    assert odd["seen"] == odd["landed"] + odd["refused"] + odd["waiting"]
    # Without a.json, which is gone, and its link, which leads nowhere now; with `older`.
    assert odd["landed"] == len(READ) + len(LINKED)
    waiting = {row["path"].removeprefix(f"{zoo.landing}/"): row["reason"] for row in odd["named"]}
    assert waiting == {
        "again.json": "its link leads nowhere",
        "empty.json": "it is empty",
        "later.json": "it has not been landed yet",
        "myself": "its link leads nowhere",
        "nowhere.json": "its link leads nowhere",
    }
    assert odd["changed"] == [str(zoo.landing / "old.json")]


def test_a_folder_name_is_a_field_on_request(zoo: Zoo) -> None:
    told = {row["event_id"]: dict(row["properties"] or []) for row in zoo.rows("clicks")}
    assert told["plain, by day"] == {"day": "2026-11-03"}
    assert told["plain, of its own"] == {"day": "4"}
    assert told["day=2026-11-01/c.json"] == {}


def test_the_log_of_files_tells_each_once(zoo: Zoo) -> None:
    rows = zoo.rows("_log/files")
    assert len({(row["source_name"], row["path"]) for row in rows}) == len(rows)
    assert {row["state"] for row in rows} == {"landed"}
    names = {row["path"].removeprefix(f"{zoo.landing}/") for row in rows}
    assert names >= {*READ, *LINKED}


def test_folders_here_and_elsewhere_list_alike(spark, tmp_path: Path) -> None:
    for name in (*READ, *NOT_READ):
        put_json(tmp_path / name, view(name))
    (tmp_path / "empty.json").write_bytes(b"")
    found = listing.Listing(sorted(listing.by_hadoop(spark, str(tmp_path))), [], {})
    here = listing.walked(str(tmp_path))
    shown = {f.path.removeprefix(f"file:{tmp_path}/"): f.size_bytes for f in found.files}
    assert shown == {
        **{f.path.removeprefix(f"{tmp_path}/"): f.size_bytes for f in here.files}, "empty.json": 0
    }  # fmt: skip
