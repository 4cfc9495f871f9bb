"""Files of the outbox: each is a request that its destination takes, and no record is cut."""

from __future__ import annotations

import hashlib
import json
import stat
from datetime import UTC, datetime
from functools import reduce
from itertools import islice
from types import SimpleNamespace

import pytest
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, Row
from pyspark.sql import functions as F

from tactful.jobs.errors import StepFailed
from tactful.jobs.filing import _group, _told_of_python, in_order, write_files
from tactful.jobs.lake.lake import Lake
from tactful.jobs.request_texts import Group
from tactful.jobs.runs.batches import FUSED, Batch
from tactful.jobs.settings.config import load
from tactful.jobs.settings.destinations import Destination
from tactful.schemas.records import MEMBERSHIPS
from tactful.transforms.sinks import SINKS, Request


def group(kind: str, operation: str, total: int, **more) -> Group:
    told = Destination(**{"name": "d", "kind": kind, "policy": "bought_it", **more})
    batch = SimpleNamespace(generation="g", number=1)
    return _group(batch, told, "bought_it", operation, total=total)


def made(group: Group, rows) -> list[tuple[int, str]]:
    """Its texts, each with its number of records, as the driver makes them."""
    rows = iter(rows)
    return [
        text
        for request in group.requests
        for part in [list(islice(rows, request.size))]
        for text in group.texts(
            [row.payload for row in part], [row.record_id for row in part], request
        )
    ]


def rows(total: int, *, length: int = 20):
    for number in range(total):
        payload = json.dumps({"external_id": f"{number:0{length}}"})
        yield Row(payload=payload, record_id=f"{number:032}")


@pytest.mark.parametrize(("kind", "most"), [("klaviyo", 5_000_000), ("braze", 4_000_000)])
def test_what_is_too_long_for_a_request_is_split_and_never_cut(kind, most):
    total = 12_000 if kind == "klaviyo" else 150
    length = 900 if kind == "klaviyo" else 60_000
    found = made(group(kind, "add", total), rows(total, length=length))
    assert max(len(text.encode()) for _, text in found) <= most
    assert sum(size for size, _ in found) == total
    held = "".join(text for _, text in found)
    assert all(f"{number:0{length}}" in held for number in (0, total // 2, total - 1))
    # Without that limit it would be fewer.
    assert len(found) > -(-total // Destination(name="d", kind=kind, policy="p").batch_size)


def test_files_are_full_where_nothing_is_long():
    assert [size for size, _ in made(group("braze", "add", 180), rows(180))] == [75, 75, 30]


def test_one_record_that_is_too_long_goes_alone():
    found = made(group("webhook", "add", 2), [
        Row(payload=json.dumps({"email": ["a" * 1_100_000]}), record_id="0" * 32),
        Row(payload=json.dumps({"email": ["b"]}), record_id="1" * 32),
    ])  # fmt: skip
    assert [size for size, _ in found] == [1, 1]


@pytest.mark.parametrize("kind", [kind for kind, sink in SINKS.items() if sink.max_bytes])
def test_a_text_that_may_be_split_says_nothing_of_its_number(kind):
    """Its files are numbered when all texts are there, and not before."""
    told = {"sendgrid": {"field_id": "f"}}.get(kind, {})
    one = group(kind, "add", 100_000, **told)
    payload = json.dumps({"email": "ann@mail.example"})
    texts = {
        text
        for request in (Request(1, 0, 1, False), Request(7, 0, 1, True))
        for _, text in one.texts([payload], ["0" * 32], request)
    }
    assert len(texts) == 1


KINDS = {
    "meta": "kind = 'meta_custom_audience'\naudience_id = 12\nidentifiers = ['email']\n"
    "batch_size = 40",
    "hook": "kind = 'webhook'\nbatch_size = 70",
    "calls": "kind = 'call_list'\nidentifiers = ['customer_id']",
}


def records(spark):
    """Two hundred of each, some of them removed; one is too long for a request with others."""
    number = F.col("id")
    long = F.when(number == 77, F.repeat(F.lit("x"), 1_000_100)).otherwise("x\n\u00e4")
    payload = {
        "meta": F.to_json(F.array(F.sha2(number.cast("string"), 256))),
        "hook": F.to_json(F.struct(F.array(F.concat(number.cast("string"), long)).alias("email"))),
        "calls": F.to_json(F.struct(F.concat(F.lit("a\nb "), number).alias("customer_id"))),
    }
    frames = [
        spark.range(200).select(
            F.lit(name).alias("destination"),
            F.lit("bought_it").alias("audience"),
            F.when(number % 5 == 0, "remove").otherwise("add").alias("operation"),
            F.md5(F.concat(F.lit(name), number)).alias("record_id"),
            F.array(F.md5(number.cast("string"))).alias("identifier_keys"),
            value.alias("payload"),
        )
        for name, value in payload.items()
    ]
    return reduce(DataFrame.unionByName, frames)


def written(spark, folder, *, driver_records: int) -> tuple[list[dict], dict[str, bytes]]:
    """What `deliveries` is told, and the files."""
    folder.mkdir()
    (folder / "my.toml").write_text(
        f"[lake]\nlocation = '{folder}/lake'\ndriver_records = {driver_records}\n"
        "[[suppress]]\nname = 'bought_it'\nwhen = 'purchased'\nmatch = 'sku'\nlasts = '30d'\n"
        + "".join(
            f"[[destinations]]\nname = '{name}'\npolicy = 'bought_it'\n{told}\n"
            for name, told in KINDS.items()
        )
    )
    config = load(folder / "my.toml")
    lake = Lake(spark, config.location)
    lake.create(config)
    pins = {MEMBERSHIPS.id: lake.store.version(MEMBERSHIPS)}
    generation = "g"
    batch = Batch(lake, FUSED, generation, 0, pins, as_of=datetime(2026, 3, 1, tzinfo=UTC))
    try:
        told = batch.keep(in_order(records(spark), batch))
        rows = write_files(batch, told, config)
        assert write_files(batch, told, config) == rows, "a batch that is repeated keeps its files"
    finally:
        batch.release()
    outbox = folder / "lake/outbox"
    files = {str(path.relative_to(outbox)): path for path in outbox.rglob("*") if path.is_file()}
    assert {stat.S_IMODE(path.stat().st_mode) for path in files.values()} == {0o600}
    assert not (folder / "lake/_scratch").exists()
    return rows, {name: path.read_bytes() for name, path in files.items()}


def test_executors_write_the_files_that_the_driver_writes(spark, tmp_path):
    here = written(spark, tmp_path / "here", driver_records=600)
    apart = written(spark, tmp_path / "apart", driver_records=599)
    assert here == apart
    rows, files = here
    assert {f"{row['destination']}/{row['name']}" for row in rows} == set(files)
    assert {row["text_sha256"] for row in rows} == {
        hashlib.sha256(text).hexdigest() for text in files.values()
    }
    of_hook = [row["records"] for row in rows if row["destination"] == "hook"]
    assert sum(of_hook) == 200 and len(of_hook) > 4, "the long one is split off"
    assert [row["records"] for row in rows if row["destination"] == "meta"] == [40] * 5


@pytest.mark.parametrize("said", [
    "java.io.IOException: Cannot run program \"/no/such/python\": error=2",
    "ModuleNotFoundError: No module named 'pyarrow'",
])  # fmt: skip
def test_executors_without_python_are_told_of_in_a_sentence(said):
    told = r"Executors have no [pP]y.*set lake.driver_records"
    with pytest.raises(StepFailed, match=told), _told_of_python():
        raise PySparkException(said)
    with pytest.raises(PySparkException, match="another"), _told_of_python():
        raise PySparkException("another")
