"""Filing: a batch's records as files of the outbox, each of them one request.

Few records come to the driver in the order of their files, and no more than one file's are held at
once. Of many, executors make and write the texts where the records are, and the driver gives each
its name.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from typing import Any, NamedTuple

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from tactful.jobs.audiences import name_of, sizes_after
from tactful.jobs.errors import StepFailed
from tactful.jobs.lake.scratch import in_memory, scratch_folder
from tactful.jobs.request_texts import (
    FILE,
    FIRST,
    GROWING,
    MADE,
    SPOKEN,
    Group,
    maker,
    sha256_of,
)
from tactful.jobs.runs.batches import Batch
from tactful.jobs.settings.config import Config, Destination
from tactful.schemas.records import RECORDS

# How many files are given their names at once; on an object store each takes a few calls.
AT_ONCE = 8
# How Spark says what executors lack.
LACKS = {"Cannot run program": "Python", "No module named 'pyarrow'": "pyarrow"}


class Text(NamedTuple):
    """One request of a group: how many records it is of, and what tells it from any other."""

    records: int
    text_sha256: str


def in_order(records: DataFrame, batch: Batch) -> DataFrame:
    """Give every record its place: within an audience removals come before additions.

    Of a list of opt-outs what closes comes before what opens.
    """
    place = Window.partitionBy("destination", "audience").orderBy(
        F.when(F.col("operation").isin(*FIRST), 0).otherwise(1), "record_id"
    )
    return records.withColumns(
        {
            "position": F.row_number().over(place).cast("bigint"),
            "emitted_at": F.lit(batch.as_of),
            "batch_id": F.lit(batch.number),
        }
    )


def write_files(batch: Batch, records: DataFrame, config: Config) -> list[dict[str, Any]]:
    """Write all files, and say what was written: the rows of `deliveries`.

    Files are named after the batch and an existing one is kept.
    """
    groups, steps = _counted(batch, records, config)
    sizes = sizes_after(batch, steps)
    if not groups:
        return []
    batch.lake.close_outbox()
    is_many = sum(group.total for group in groups) > config.lake.driver_records
    write = _written_apart if is_many else _written_here
    known = {destination.name: destination for destination in config.destinations}
    rows = []
    for group, texts in write(batch, records, groups):
        destination = known[group.destination]
        size = sizes.get(name_of(group.destination, group.audience), 0)
        for seq, text in enumerate(texts, start=1):
            rows.append(_row(batch, group, destination, seq, text, size=size))
    return rows


def _counted(batch: Batch, records: DataFrame, config: Config) -> tuple[list[Group], Counter[str]]:
    """The groups of all records, and how much longer each list becomes."""
    known = {destination.name: destination for destination in config.destinations}
    values = F.sum(F.size("identifier_keys")).alias("values")
    found = records.groupBy(*FILE).agg(F.count("*").alias("records"), values).collect()
    steps: Counter[str] = Counter()
    groups = []
    for row in found:
        if row.operation not in SPOKEN:
            more = row["values"] if row.operation in GROWING else -row["values"]
            steps[name_of(row.destination, row.audience)] += more
        told = (row.audience, row.operation)
        groups.append(_group(batch, known[row.destination], *told, total=row.records))
    return sorted(groups, key=lambda group: group.key), steps


def _group(
    batch: Batch, destination: Destination, audience: str, operation: str, *, total: int
) -> Group:
    sink, name = destination.sink, destination.name
    return Group(
        destination=name,
        kind=destination.kind,
        audience=audience,
        operation=operation,
        fields=sink.schema([*destination.identifiers]),
        options=destination.options,
        total=total,
        limit=min(destination.batch_size, sink.limit(operation)),
        session=f"{batch.generation}/{name}/{audience}/{operation}/{batch.number}",
    )


def _written_here(
    batch: Batch, records: DataFrame, groups: Iterable[Group]
) -> Iterator[tuple[Group, list[Text]]]:
    """Make the texts on the driver, one after another."""
    columns = (*FILE, "payload", "record_id")
    ordered = records.orderBy(*FILE, "position").select(*columns).toLocalIterator()
    for group in groups:
        texts: list[Text] = []
        for request in group.requests:
            part = list(islice(ordered, request.size))
            payloads, record_ids = [r.payload for r in part], [r.record_id for r in part]
            for size, text in group.texts(payloads, record_ids, request):
                texts.append(Text(size, sha256_of(text)))
                batch.lake.store.write_text(
                    _place(batch, group, len(texts)),
                    text,
                    keep=True,
                    is_private=RECORDS.is_protected,
                )
        yield group, texts


def _written_apart(
    batch: Batch, records: DataFrame, groups: list[Group]
) -> Iterator[tuple[Group, list[Text]]]:
    """Make and write the texts on the executors; of each the driver learns no more than its name.

    A request's number follows from its place among the group's records, wherever it is made, so a
    batch that is repeated on other executors, or here, makes the same files.
    """
    store = batch.lake.store
    columns = ", ".join(f"{name} {kind}" for name, kind in MADE.items())
    with in_memory(in_one_piece=False) as hold, scratch_folder(batch.lake) as folder:
        numbered = records.withColumn("request", _request_of(groups)).select(
            *FILE, "request", "position", "payload", "record_id"
        )
        with _told_of_python():
            made = hold(numbered.groupBy(*FILE, "request").applyInArrow(maker(groups), columns))
        # Spark ends each row with a line end, and so ends each text.
        texts = made.select("place", F.expr("left(text, length(text) - 1)").alias("text"))
        texts.write.partitionBy("place").text(f"{folder}/texts")
        told = made.drop("text").orderBy(*FILE, "request", "part").collect()
        of_group: dict[tuple[str, str, str], list[Any]] = {group.key: [] for group in groups}
        for row in told:
            of_group[row.destination, row.audience, row.operation].append(row)

        def put(place: str, target: str) -> None:
            (name,) = store.names(f"{folder}/texts/place={place}")
            store.move(
                f"{folder}/texts/place={place}/{name}", target, is_private=RECORDS.is_protected
            )

        with ThreadPoolExecutor(AT_ONCE) as pool:
            for group in groups:
                mine = of_group[group.key]
                targets = [_place(batch, group, seq) for seq in range(1, len(mine) + 1)]
                list(pool.map(put, [row.place for row in mine], targets))
                yield group, [Text(row.records, row.text_sha256) for row in mine]


@contextmanager
def _told_of_python() -> Iterator[None]:
    """Say what executors lack, where they cannot run what is asked of them."""
    try:
        yield
    except (Py4JJavaError, PySparkException) as error:
        lacks = next((what for sign, what in LACKS.items() if sign in str(error)), None)
        if lacks is None:
            raise
        raise StepFailed(
            f"Executors have no {lacks}, which makes requests of so many records; give it to them, "
            "or set lake.driver_records to more than a batch has, and the driver makes them."
        ) from None


def _request_of(groups: Iterable[Group]) -> Column:
    """To which request of its group a record belongs, by its place among the group's records."""
    rank = F.row_number().over(Window.partitionBy(*FILE).orderBy("position")) - 1
    limits = {}
    for group in groups:
        limits[group.destination, group.operation] = group.limit
    of_each = [
        F.when((F.col("destination") == name) & (F.col("operation") == operation), F.lit(limit))
        for (name, operation), limit in limits.items()
    ]
    return F.floor(rank / F.coalesce(*of_each)).cast("int")


def _name(batch: Batch, group: Group, seq: int) -> str:
    order = 0 if group.operation in FIRST else 2 if group.operation in SPOKEN else 1
    return f"{batch.query}-{batch.number:09d}-{order}{seq:04d}-{group.operation}.{group.extension}"


def _place(batch: Batch, group: Group, seq: int) -> str:
    return f"{batch.lake.outbox(group.destination)}/{_name(batch, group, seq)}"


def _row(
    batch: Batch, group: Group, destination: Destination, seq: int, text: Text, *, size: int
) -> dict[str, Any]:
    """A row of `deliveries`. size: how many values the audience then holds."""
    is_small = group.operation not in SPOKEN and 0 < size < destination.minimum_audience
    return {
        "destination": group.destination,
        "name": _name(batch, group, seq),
        "audience": group.audience,
        "operation": group.operation,
        "records": text.records,
        "state": "written",
        "warnings": ["below_minimum"] if is_small else [],
        "response": None,
        "at": batch.as_of,
        "batch_id": batch.number,
        "text_sha256": text.text_sha256,
    }
