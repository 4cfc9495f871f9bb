"""Counts: what a batch holds, counted once, and the row that says so."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from tactful.jobs.evidence import contacts, orders
from tactful.jobs.evidence.anew import Anew
from tactful.jobs.lake.frames import small_frame
from tactful.jobs.runs.batches import Batch
from tactful.schemas.intake import BATCHES
from tactful.transforms.message_facts import is_of_message


@dataclass(frozen=True)
class Counts:
    """What the batch holds, counted once: steps with nothing to do are not planned at all."""

    read_rows: int
    waiting_rows: int
    timeline_rows: int
    newest: datetime | None
    order_rows: int
    messages: int
    contact_rows: int


def count(events: DataFrame, waiting: DataFrame, fresh: DataFrame) -> Counts:
    """Count what goes on, what waits, and what of it is new in the timeline."""
    went_on = events.agg(F.count("*"), F.max("occurred_at")).first()
    waits = waiting.count()
    order_rows = F.count_if(orders.is_of_order())
    contact_rows = F.count_if(contacts.is_of_contact())
    joined = fresh.agg(F.count("*"), order_rows, F.count_if(is_of_message()), contact_rows).first()
    return Counts(went_on[0] + waits, waits, joined[0], went_on[1], *joined[1:])


def counted(batch: Batch, counts: Counts, anew: Anew, persons: int) -> DataFrame:
    """The batch's row in `batches`. persons: how many were decided."""
    batch.row = {
        "query": batch.query,
        "generation": batch.generation,
        "batch_id": batch.batch_id,
        "as_of": batch.as_of,
        "read_rows": counts.read_rows,
        "waiting_rows": counts.waiting_rows,
        "affected_persons": persons,
        "decided_anew": None if anew.part is None else str(anew),
        "slow_path_persons": 0,
        "watermark": counts.newest,
        "seconds": dict(batch.seconds),
    }
    return small_frame(batch.lake.spark, [batch.row], BATCHES.struct())
