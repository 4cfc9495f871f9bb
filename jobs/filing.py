"""Filing: a batch's records as files of the outbox, each of them one request.

Records come from Spark in the order of their files, and no more than one file's are held at once.
"""

from __future__ import annotations

from collections import Counter
from itertools import islice
from typing import Any

from pyspark.sql import DataFrame, Row, Window
from pyspark.sql import functions as F

from tactful.jobs.audiences import name_of, sizes_after
from tactful.jobs.runs.batches import Batch
from tactful.jobs.settings.config import Config, Destination
from tactful.schemas.records import RECORDS
from tactful.transforms.plans.copies import TEST
from tactful.transforms.plans.speaking import CANCEL, SEND
from tactful.transforms.sinks import Request, cut_into_requests

# What of a batch is told first, and what makes a list longer.
FIRST = ("remove", "suppress", CANCEL)
GROWING = ("add", "suppress")
# What is told of what is said to somebody; it changes no audience.
SPOKEN = (SEND, CANCEL, TEST)
FILE = ("destination", "audience", "operation")


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
    destinations = {destination.name: destination for destination in config.destinations}
    totals, steps = _counted(records)
    sizes = sizes_after(batch, steps)
    if totals:
        batch.lake.close_outbox()
    columns = (*FILE, "payload", "record_id")
    ordered = records.orderBy(*FILE, "position").select(*columns).toLocalIterator()
    written = []
    for (name, audience, operation), total in sorted(totals.items()):
        destination = destinations[name]
        size = sizes.get(name_of(name, audience), 0)
        limit = min(destination.batch_size, destination.sink.limit(operation))
        for request in cut_into_requests(total, limit):
            part = list(islice(ordered, request.size))
            text = _text(batch, destination, audience, operation, part, request, total)
            written.append(_put(batch, destination, audience, operation, request, text, size))
    return written


def _counted(records: DataFrame) -> tuple[dict[tuple[str, str, str], int], Counter[str]]:
    """How many records there are of each kind of file, and how much longer each list becomes."""
    values = F.sum(F.size("identifier_keys")).alias("values")
    found = records.groupBy(*FILE).agg(F.count("*").alias("records"), values).collect()
    steps: Counter[str] = Counter()
    for row in found:
        if row.operation not in SPOKEN:
            more = row["values"] if row.operation in GROWING else -row["values"]
            steps[name_of(row.destination, row.audience)] += more
    return {(row.destination, row.audience, row.operation): row.records for row in found}, steps


def _text(
    batch: Batch,
    destination: Destination,
    audience: str,
    operation: str,
    part: list[Row],
    request: Request,
    total: int,
) -> str:
    """One file: a part of one audience's additions or removals, or of what is said.

    total: how many records all of its files hold.
    """
    sink, options = destination.sink, destination.options
    payloads = [row.payload for row in part]
    record_ids = [row.record_id for row in part]
    if operation in SPOKEN:
        assert sink.speech is not None
        # Who sends it need not know that somebody only looks at it.
        asked = SEND if operation == TEST else operation
        return sink.speech(
            payloads, record_ids=record_ids, policy=audience, operation=asked, **options
        )
    name = destination.name
    return sink.body(
        payloads,
        operation=operation,
        audience=audience,
        seq=request.seq,
        last=request.last,
        total=total,
        record_ids=record_ids,
        session=f"{batch.generation}/{name}/{audience}/{operation}/{batch.number}",
        schema=sink.schema([*destination.identifiers]),
        **options,
    )


def _put(
    batch: Batch,
    destination: Destination,
    audience: str,
    operation: str,
    request: Request,
    text: str,
    size: int,
) -> dict[str, Any]:
    """Put a file where it belongs. size: how many values the audience holds behind the batch."""
    order = 0 if operation in FIRST else 2 if operation in SPOKEN else 1
    name = (
        f"{batch.query}-{batch.number:09d}-{order}{request.seq:04d}-{operation}"
        f".{destination.sink.extension}"
    )
    batch.lake.store.write_text(
        f"{batch.lake.outbox(destination.name)}/{name}",
        text,
        keep=True,
        is_private=RECORDS.is_protected,
    )
    is_small = operation not in SPOKEN and 0 < size < destination.minimum_audience
    return {
        "destination": destination.name,
        "name": name,
        "audience": audience,
        "operation": operation,
        "records": request.size,
        "state": "written",
        "warnings": ["below_minimum"] if is_small else [],
        "response": None,
        "at": batch.as_of,
        "batch_id": batch.number,
    }
