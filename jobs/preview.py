"""Preview: what the next run would tell each destination, worked out without telling anybody."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.streaming import StreamingQuery

from tactful.jobs.begin import begin_preview
from tactful.jobs.fused import QUERY, inputs, is_data, steps
from tactful.jobs.lake.frames import small_frame
from tactful.jobs.lake.lake import Lake
from tactful.jobs.lake.scratch import FOLDER
from tactful.jobs.runs.batches import Pace, copied_checkpoint, last_done
from tactful.jobs.settings.config import Config

Finish = Callable[[StreamingQuery], Any]


class _Seen(Exception):
    """Ends a batch before it tells anybody anything."""


def preview(
    lake: Lake, config: Config, as_of: datetime, finish: Finish
) -> list[dict[str, str | int]]:
    """Decide all that has been accepted, and a changed rule for everybody, and count the records.

    All in one batch, so that each destination hears of the difference only. Nothing is written but
    a copy of the query's own place, which is taken away again: the next run finds all as it was.
    finish: waits for a query. Returns: destination, audience, operation and records, in this order.
    """
    place = f"{lake.location}/{FOLDER}/preview"
    found: list[dict[str, str | int]] | None = None
    generation = lake.generation(QUERY)

    def look(records: DataFrame) -> None:
        names = ("destination", "audience", "operation")
        counts = records.groupBy(*names).agg(F.count("*").alias("records")).orderBy(*names)
        nonlocal found
        found = [row.asDict() for row in counts.collect()]
        raise _Seen

    def process(frame: DataFrame, batch_id: int) -> None:
        batch, anew = begin_preview(lake, config, generation, batch_id, as_of)
        try:
            steps(batch, frame.where(is_data()), anew, config, before_telling=look)
        except _Seen:
            pass
        finally:
            batch.release()

    arrived = inputs(lake, at_once=True)
    copied_checkpoint(lake, QUERY, place)
    writer = arrived.writeStream.foreachBatch(process).option("checkpointLocation", place)
    try:
        finish(Pace().of(writer).start())
        if found is None:
            # Nothing came: what is left to decide is what a changed rule or the clock brings.
            process(small_frame(lake.spark, [], arrived.schema), last_done(lake, QUERY) + 1)
    finally:
        lake.store.remove(place)
    return found or []
