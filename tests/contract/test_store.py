"""The promises of every store: on this machine, by Spark, and on a disk that fails."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from threading import Barrier
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import DataFrame
from pyspark.sql.pandas.types import to_arrow_schema

from tactful.jobs.errors import StepFailed
from tactful.jobs.lake.frames import small_frame
from tactful.jobs.lake.lake import Lake
from tactful.jobs.lake.local_store import LocalStore
from tactful.jobs.lake.spark_store import SparkStore
from tactful.jobs.lake.store import Part, Store
from tactful.schemas.identity import IDENTIFIERS
from tactful.schemas.intake import FILES
from tactful.schemas.table import Table
from tactful.schemas.timeline import TIMELINE
from tests.faults.faulty import EACH_PLACE, SCHEME, faulty_disk

MOST_TRIES = 60


@pytest.fixture
def faulty(spark, tmp_path: Path) -> tuple[Store, Any]:
    disk = faulty_disk(spark, shorten=EACH_PLACE)
    yield SparkStore(spark, f"{SCHEME}://{tmp_path}/lake"), disk
    disk.forget()


def rows_of(table: Table, *keys: str) -> pa.Table:
    told = [{name: key for name in table.key} for key in keys]
    return pa.Table.from_pylist(told, to_arrow_schema(table.struct()))


def everything(store: Store, folder: str) -> list[str]:
    """All names in a folder, hidden ones too."""
    place = store.spark._jvm.org.apache.hadoop.fs.Path(folder)
    system = place.getFileSystem(store.spark._jsc.hadoopConfiguration())
    return [status.getPath().getName() for status in system.listStatus(place)]


def keys_in(store: Store, table: Table, version: int | None = None) -> list[str]:
    return sorted(row[0] for row in store.read(table, version).select(table.key[0]).collect())


# Small files


def test_a_small_file_comes_whole_and_is_kept_on_request(store: Store) -> None:
    folder = f"{store.location}/pins"
    place = f"{folder}/1.json"
    assert (store.read_text(place), store.names(folder)) == (None, [])
    assert store.write_text(place, "one ä")
    assert store.write_text(place, "two ä")
    assert not store.write_text(place, "three", keep=True)
    assert store.write_text(f"{folder}/2.json", "new", keep=True, is_private=True)
    assert store.read_text(place) == "two ä"
    assert store.names(folder) == ["1.json", "2.json"]
    assert store.exists(place)
    assert not [name for name in everything(store, folder) if name.endswith((".part", ".new"))]
    for _ in range(2):  # that it is gone already is no error
        store.remove(place)
        store.remove(folder)
        assert not store.exists(folder)


def test_a_file_comes_to_a_place_where_there_is_none_yet(store: Store) -> None:
    source, target = f"{store.location}/made/1", f"{store.location}/outbox/list/1"
    for text, is_first in (("one ä", True), ("two", False)):
        store.write_text(source, text)
        assert store.move(source, target, is_private=True) is is_first
        assert store.read_text(target) == "one ä"
        assert not store.exists(source)


@pytest.mark.parametrize("keep", [True, False])
def test_a_rename_that_is_refused_is_an_error(faulty: tuple[Store, Any], keep: bool) -> None:
    """Never silence; and whatever was refused, a reader finds the old text or the new one."""
    store, disk = faulty
    place = f"{store.location}/outbox/file"
    before = None if keep else "old"
    if not keep:
        store.write_text(place, "old")
    disk.arm("refuse")
    refused = 0
    while True:
        try:
            assert store.write_text(place, "new", keep=keep)
            break
        except StepFailed as error:
            assert "did not rename" in str(error)
            refused += 1
            assert store.read_text(place) in (before, "new")
    assert refused
    assert store.read_text(place) == "new"
    assert store.names(f"{store.location}/outbox") == ["file"]


def test_whoever_is_second_keeps_the_first_ones_file(
    faulty: tuple[Store, Any], monkeypatch
) -> None:
    """The first one comes between the look and the rename."""
    store, disk = faulty
    place = f"{store.location}/outbox/file"
    store.write_text(place, "first")
    disk.arm("refuse")
    hadoop, seen = store._hadoop, iter([False])

    class Late:
        def __init__(self, system: Any) -> None:
            self.system = system

        def exists(self, path: Any) -> bool:
            return next(seen, None) is None and self.system.exists(path)

        def __getattr__(self, name: str) -> Any:
            return getattr(self.system, name)

    def late(path: str) -> tuple[Any, Any]:
        system, found = hadoop(path)
        return Late(system), found

    with monkeypatch.context() as patched:
        patched.setattr(store, "_hadoop", late)
        assert not store.write_text(place, "second", keep=True)
    assert store.read_text(place) == "first"


def test_a_removal_that_is_refused_is_an_error(faulty: tuple[Store, Any]) -> None:
    store, disk = faulty
    place = f"{store.location}/outbox/file"
    store.write_text(place, "one")
    disk.arm("refuse")
    with pytest.raises(StepFailed, match="did not remove"):
        store.remove(place)
    assert store.read_text(place) == "one"
    store.remove(place)
    assert not store.exists(place)


def test_a_removal_that_fails_here_is_an_error(spark, tmp_path: Path, monkeypatch) -> None:
    store = LocalStore(spark, str(tmp_path))
    store.write_text(f"{store.location}/outbox/file", "one")

    def refused(path: str, *_, **__) -> None:
        raise PermissionError(13, "Permission denied", path)

    with monkeypatch.context() as patched:
        patched.setattr("tactful.jobs.lake.local_files.shutil.rmtree", refused)
        with pytest.raises(StepFailed, match=r"outbox cannot be removed \(permission denied\)"):
            store.remove(f"{store.location}/outbox")
    assert store.names(f"{store.location}/outbox") == ["file"]


# Tables


def test_a_table_is_appended_to_once_and_keeps_its_versions(store: Store) -> None:
    store.create(IDENTIFIERS, properties={})
    first = store.version(IDENTIFIERS)
    store.append(IDENTIFIERS)
    store.append(IDENTIFIERS, Part(rows_of(IDENTIFIERS), "app", 0))
    assert store.version(IDENTIFIERS) == first, "without rows there is no version"
    small = store.collected(
        small_frame(store.spark, rows_of(IDENTIFIERS, "b").to_pylist(), IDENTIFIERS.struct()),
        few=True,
    )
    both = [
        Part(rows_of(IDENTIFIERS, "a"), "one", 3),
        Part(rows_of(IDENTIFIERS, "c"), "two", 0),
    ]
    store.append(IDENTIFIERS, *both)
    if isinstance(small, pa.Table):
        store.append(IDENTIFIERS, Part(small, "one", 4))
    else:
        store.append_by_spark(IDENTIFIERS, small, "one", 4)
    # What this process wrote, Spark knows, and the other way round.
    again = small_frame(store.spark, rows_of(IDENTIFIERS, "a").to_pylist(), IDENTIFIERS.struct())
    store.append_by_spark(IDENTIFIERS, again, "one", 4)
    store.append(IDENTIFIERS, *both)
    assert keys_in(store, IDENTIFIERS) == ["a", "b", "c"]
    full = store.version(IDENTIFIERS)
    assert store.size(IDENTIFIERS, full) > 0
    store.create(IDENTIFIERS, properties={})
    assert store.version(IDENTIFIERS) == full, "what is there stays"

    store.compact(IDENTIFIERS, up_to=2**20)
    assert len(store.read(IDENTIFIERS).inputFiles()) == 1
    assert keys_in(store, IDENTIFIERS) == ["a", "b", "c"]
    store.overwrite(IDENTIFIERS, IDENTIFIERS.conform(again))
    assert keys_in(store, IDENTIFIERS) == ["a"]
    assert keys_in(store, IDENTIFIERS, full) == ["a", "b", "c"]

    for _ in range(2):  # that it is gone already is no error
        store.remove_table(IDENTIFIERS)
    store.create(IDENTIFIERS, properties={})
    assert keys_in(store, IDENTIFIERS) == []


@pytest.mark.parametrize("mode", ["deaf", "refuse"])
def test_an_append_on_a_failing_disk_is_repeated_until_it_is_there_once(
    faulty: tuple[Store, Any], mode: str
) -> None:
    """A change that is never confirmed, and one that is refused by an answer alone."""
    store, disk = faulty
    store.create(IDENTIFIERS, properties={})
    failed: list[str] = []
    while len(failed) < MOST_TRIES:
        disk.arm(mode)
        try:
            store.append(IDENTIFIERS, Part(rows_of(IDENTIFIERS, "a"), "app", 0))
        except Exception:
            assert disk.diedAt() is not None
        if disk.diedAt() is None:
            break
        failed.append(disk.diedAt())
    disk.disarm()
    assert any("_delta_log" in place for place in failed), failed
    assert keys_in(store, IDENTIFIERS) == ["a"]


def test_pieces_are_appended_once_and_read_as_files_here(store: Store, tmp_path: Path) -> None:
    store.create(IDENTIFIERS, properties={})
    none, folder = rows_of(IDENTIFIERS), tmp_path / "files"
    store.append_pieces(IDENTIFIERS, [none, none], "empty", 0)
    assert store.version(IDENTIFIERS) == 0
    for _ in range(2):
        pieces = (rows_of(IDENTIFIERS, *keys) for keys in ("ab", "", "c"))
        store.append_pieces(IDENTIFIERS, pieces, "app", 0)
        assert keys_in(store, IDENTIFIERS) == ["a", "b", "c"]
    before = store.version(IDENTIFIERS)
    store.append(IDENTIFIERS, Part(rows_of(IDENTIFIERS, "later"), "app", 1))
    folder.mkdir()
    names = ["identifier_type", "identifier_key"]
    files = store.files_of(IDENTIFIERS, before, names, str(folder))
    found = [row for file in files for row in pq.read_table(file, columns=names).to_pylist()]
    assert sorted(row["identifier_key"] for row in found) == ["a", "b", "c"]


@pytest.mark.parametrize("few", [0, 9], ids=["many keys", "few keys"])
@pytest.mark.parametrize("days", [(), ("event_date",)], ids=["two columns", "with days"])
def test_rows_with_some_keys_are_replaced_in_one_version(
    store: Store, monkeypatch, few: int, days: tuple[str, ...]
) -> None:
    """Those of a key without rows go; those of other keys stay, whatever their columns hold."""
    for module in ("spark_store", "local_store"):
        monkeypatch.setattr(f"tactful.jobs.lake.{module}.FEW_KEYS", few)
    at, names = datetime(2026, 1, 2, tzinfo=UTC), ("stream", "event_id")

    def rows(amount: str, *keys: tuple[str, str]) -> pa.Table:
        told = {"amount": Decimal(amount), "occurred_at": at, "person_id": "p_ann"}
        told["event_date"] = at.date()
        rows = [{**dict(zip(names, key, strict=True)), **told} for key in keys]
        return pa.Table.from_pylist(rows, to_arrow_schema(TIMELINE.struct()))

    def frame(told: pa.Table) -> DataFrame:
        return store.spark.createDataFrame(told)

    store.create(TIMELINE, properties={})
    kept, stays = ("clicks", "1"), ("messages", "2")
    store.append_by_spark(TIMELINE, frame(rows("1", kept, stays, ("clicks", "2"), ("clicks", "3"))))
    before = store.version(TIMELINE)
    keys = pa.table({"stream": ["clicks", "clicks"], "event_id": ["2", "it's \\3"]})
    keys = pa.concat_tables([keys, pa.table({"stream": ["clicks"], "event_id": ["3"]})])
    for name in days:
        keys = keys.add_column(0, name, pa.array([at.date()] * keys.num_rows))
    new = rows("2.5", ("clicks", "2"), ("clicks", "it's \\3"))
    store.replace(TIMELINE, frame(new), keys)
    assert store.version(TIMELINE) == before + 1
    found = store.read(TIMELINE).orderBy("stream", "event_id").toArrow()
    told = pa.concat_tables([rows("1", kept), new, rows("1", stays)])
    assert found.cast(told.schema).equals(told)


def test_two_at_once_write_once(store: Store) -> None:
    """Where no lock keeps the second one out, the table's own log does."""
    store.create(IDENTIFIERS, properties={})
    start = Barrier(2)

    def write(_: int) -> Exception | None:
        start.wait()
        try:
            store.append(IDENTIFIERS, Part(rows_of(IDENTIFIERS, "a"), "app", 0))
        except Exception as error:
            return error
        return None

    with ThreadPoolExecutor(2) as pool:
        errors = [error for error in pool.map(write, range(2)) if error]
    assert len(errors) < 2, errors
    assert keys_in(store, IDENTIFIERS) == ["a"]


# Folders


def test_what_is_new_in_a_folder_is_what_no_row_knows(store: Store) -> None:
    """Each file under the name that this store lists it by; a file that is still empty waits."""
    place = f"{store.location.removesuffix('/lake')}/landing"

    def put(name: str, text: str = "{}\n") -> None:
        store.write_text(f"{place}/{name}", text)

    def new() -> list[str]:
        found = store.listed(place)
        fresh = store.unknown(FILES, [("web", file.path) for file in found.files])
        return sorted(path.partition("/landing/")[2] for _, path in fresh)

    for name in ("a b.json", "day=1/it's ä.json", ".hidden", "_x/y", "c._COPYING_"):
        put(name)
    put("empty.json", "")
    store.create(FILES, properties={})
    assert new() == ["a b.json", "day=1/it's ä.json"]
    listed = store.listed(place)
    assert [os.path.basename(path) for path in listed.empty] == ["empty.json"]
    assert {file.size_bytes for file in listed.files} == {3}
    told = [
        {"source_name": name, "path": file.path, "state": "landed"}
        for file in listed.files
        for name in ("web", "shop")
    ]
    store.append(FILES, Part(pa.Table.from_pylist(told, to_arrow_schema(FILES.struct()))))
    put("d.json")
    assert new() == ["d.json"]
    (gone, *_), (lying, *_) = [f"{place}/gone"], [file.path for file in listed.files]
    assert store.gone([lying], named=[gone]) == {gone}
    store.read_through(lying)
    assert store.may_read(lying)


# Chosen once


@pytest.mark.parametrize("kind", [LocalStore, SparkStore])
def test_a_store_has_what_the_seam_promises_and_nothing_else(kind: type) -> None:
    """What only one of them had would be asked for by an `if` somewhere."""

    def public(of: type) -> set[str]:
        return {name for name in dir(of) if not name.startswith("_")}

    assert public(kind) == public(Store)


@pytest.mark.parametrize(
    ("location", "kind"),
    [
        ("{}/lake", LocalStore),
        ("file:{}/lake", LocalStore),
        ("file://{}/lake/", LocalStore),
        (SCHEME + "://{}/lake", SparkStore),
    ],
)
def test_the_store_is_chosen_by_where_the_lake_lies(
    spark, tmp_path: Path, location: str, kind: Callable[..., Store]
) -> None:
    lake = Lake(spark, location.format(tmp_path))
    assert type(lake.store) is kind
    if kind is LocalStore:
        assert lake.location == f"{tmp_path}/lake"
