"""Batches of sources that are no folders: what lies ahead of each, and the rows of their spans."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import to_arrow_schema

from tactful.jobs.intake.feeds import FEEDS
from tactful.jobs.intake.landing_files import JAVA_ERRORS, java_cause
from tactful.jobs.intake.spans import Feed, Found, Gone, Reading, Span
from tactful.jobs.intake.work import Met, Work, save_work
from tactful.jobs.lake.lake import Lake
from tactful.jobs.runs.batches import forget_pins
from tactful.jobs.settings.config import Config
from tactful.schemas.intake import LANDED_RANGES, RECEIVED

# Sources wait for their brokers and disks more than for a processor.
SOURCE_THREADS = 8


def look_ahead(
    lake: Lake, config: Config, met: Met, *, apart: Collection[str]
) -> tuple[dict[str, list[list[Span]]], dict[str, dict[str, str]]]:
    """What the sources have beyond what was read that are no folders, in batches; and what there
    can never be read, and why.

    apart: those that have a batch to repeat first.
    """
    names = [name for name, s in sorted(config.sources.items()) if not s.is_files]
    names = [name for name in names if name not in apart]
    for name in {*names} - met.until.keys():
        met.until[name] = _read_until(lake, name)

    def look(name: str) -> Found:
        try:
            feed = FEEDS[config.sources[name].format]
            return feed.look(Reading(lake.spark, config, name), met.until[name])
        except (OSError, ValueError) as error:
            return Found(troubles={name: str(error)})
        except JAVA_ERRORS as error:
            return Found(troubles={name: java_cause(error)})

    with ThreadPoolExecutor(SOURCE_THREADS) as pool:
        found = dict(zip(names, pool.map(look, names), strict=True))
    return (
        {name: those.batches for name, those in found.items() if those.batches},
        {name: those.troubles for name, those in found.items()},
    )


def _read_until(lake: Lake, name: str) -> dict[str, int]:
    """How far each part of a source was read."""
    mine = lake.store.read(LANDED_RANGES).where(F.col("source_name") == name)
    rows = mine.groupBy("part").agg(F.max("until_position").alias("until")).collect()
    return {row.part: row.until for row in rows}


def put_spans(
    lake: Lake, config: Config, work: Work, reading: Reading, put: Callable[[DataFrame], None]
) -> None:
    """Read the positions of a batch, and give their rows to `put`.

    What has gone since the batch was begun matters only where its rows have not landed yet. Then
    the batch waits until its source is told to go on without them.
    """
    feed = FEEDS[reading.source.format]
    try:
        rows = feed.read(reading, work.spans, work.begun_at or datetime.now(UTC))
        if rows is not None:
            put(rows)
        work.aside = feed.aside(reading, work.spans)
    except (Gone, *JAVA_ERRORS):
        if not work.is_repeat:
            raise
        if _has_received(lake, work, reading, feed):
            return
        if reading.source.lost == "stop":
            raise
        work.spans = feed.left(reading, work.spans)
        forget_pins(lake, work.query, work.batch_id)
        save_work(lake, config, work)
        rows = feed.read(reading, work.spans, work.begun_at or datetime.now(UTC))
        if rows is not None:
            put(rows)


def _has_received(lake: Lake, work: Work, reading: Reading, feed: Feed) -> bool:
    """Whether the rows of a batch had landed when it was killed; they land in one piece."""
    file = F.col("source_position.file").alias("file")
    mine = lake.store.read(RECEIVED).where(F.col("source_name") == work.name).select(file)
    inside = " OR ".join(f"({feed.place(reading, span)})" for span in work.spans)
    return not mine.where(inside).isEmpty()


def ranges_of(work: Work) -> pa.Table:
    """How far a batch has read each part of its source."""
    now = datetime.now(UTC)
    rows = [
        {
            "source_name": work.name,
            "part": span.part,
            "from_position": span.start,
            "until_position": span.until,
            "state": "lost" if span.is_lost else "landed",
            "left_aside_count": work.aside.get((span.part, span.start)),
            "batch_id": work.batch_id,
            "landed_at": now,
        }
        for span in work.spans
    ]
    return pa.Table.from_pylist(rows, to_arrow_schema(LANDED_RANGES.struct()))


def not_read(name: str, why: Mapping[str, str]) -> str:
    """What of a source could not be read that is no folder, and why, in one sentence."""
    (part, first), *others = sorted(why.items())
    more = f" (nor could {len(others):,} more)" if others else ""
    return f"Source {name} could not read {part}: {first}{more}; the next run tries again."
