"""Filing: a batch's records as files of the outbox, each of them one request.

Records come from Spark in the order of their files, and no more than one file's are held at once.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from pyspark.sql import DataFrame, Row, Window
from pyspark.sql import functions as F

from tactful.jobs.audiences import name_of, sizes_after
from tactful.jobs.runs.batches import Batch
from tactful.jobs.settings.config import Config, Destination
from tactful.schemas.records import RECORDS, TEST
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
        files = Files(batch, destinations[name], audience, operation, total)
        size = sizes.get(name_of(name, audience), 0)
        for request, text in files.requests(ordered):
            written.append(files.put(request, text, size=size))
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


@dataclass(frozen=True)
class Files:
    """The files of one audience's additions or removals, or of what is said; total: its records."""

    batch: Batch
    destination: Destination
    audience: str
    operation: str
    total: int

    def requests(self, records: Iterator[Row]) -> Iterator[tuple[Request, str]]:
        """Cut the next records of these into requests that the destination takes."""
        sink, seq = self.destination.sink, 1
        limit = min(self.destination.batch_size, sink.limit(self.operation))
        for whole in cut_into_requests(self.total, limit):
            part = list(islice(records, whole.size))
            for request, text in self._cut(part, whole.start, seq):
                yield request, text
                seq = request.seq + 1

    def _cut(self, part: list[Row], start: int, seq: int) -> Iterator[tuple[Request, str]]:
        """A part as one request, or as two halves where its text would be too long."""
        request = Request(seq, start, len(part), start + len(part) >= self.total)
        text, most = self.text(part, request), self.destination.sink.max_bytes
        if most is None or len(part) == 1 or len(text.encode()) <= most:
            yield request, text
            return
        half = len(part) // 2
        for request, text in self._cut(part[:half], start, seq):
            yield request, text
        yield from self._cut(part[half:], start + half, request.seq + 1)

    def text(self, part: Sequence[Row], request: Request) -> str:
        """The text of one file."""
        sink, name = self.destination.sink, self.destination.name
        payloads = [row.payload for row in part]
        record_ids = [row.record_id for row in part]
        if self.operation in SPOKEN:
            assert sink.speech is not None
            return sink.speech(
                payloads,
                record_ids=record_ids,
                policy=self.audience,
                # Who sends it need not know that somebody only looks at it.
                operation=SEND if self.operation == TEST else self.operation,
                **self.destination.options,
            )
        batch = self.batch
        return sink.body(
            payloads,
            operation=self.operation,
            audience=self.audience,
            seq=request.seq,
            last=request.last,
            total=self.total,
            record_ids=record_ids,
            session=f"{batch.generation}/{name}/{self.audience}/{self.operation}/{batch.number}",
            schema=sink.schema([*self.destination.identifiers]),
            **self.destination.options,
        )

    def put(self, request: Request, text: str, *, size: int) -> dict[str, Any]:
        """Put a file where it belongs. size: how many values the audience then holds."""
        batch, operation, sink = self.batch, self.operation, self.destination.sink
        order = 0 if operation in FIRST else 2 if operation in SPOKEN else 1
        name = (
            f"{batch.query}-{batch.number:09d}-{order}{request.seq:04d}-{operation}"
            f".{sink.extension}"
        )
        batch.lake.store.write_text(
            f"{batch.lake.outbox(self.destination.name)}/{name}",
            text,
            keep=True,
            is_private=RECORDS.is_protected,
        )
        is_small = operation not in SPOKEN and 0 < size < self.destination.minimum_audience
        return {
            "destination": self.destination.name,
            "name": name,
            "audience": self.audience,
            "operation": operation,
            "records": request.size,
            "state": "written",
            "warnings": ["below_minimum"] if is_small else [],
            "response": None,
            "at": batch.as_of,
            "batch_id": batch.number,
            "text_sha256": hashlib.sha256(text.encode("utf-8")).hexdigest(),
        }
