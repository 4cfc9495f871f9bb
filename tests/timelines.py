"""Small timelines as Spark frames: what happened to a person, told in as few words as possible."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from tactful.schemas.reference import PRODUCTS
from tactful.schemas.table import Table
from tactful.schemas.timeline import TIMELINE_LOG
from tests.oracle.fields import EVENT_TYPES

START = datetime(2026, 6, 1, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
MICROSECOND = timedelta(microseconds=1)
STREAM_OF = {type_: stream for stream, types in EVENT_TYPES.items() for type_ in types}

# What `message_facts` adds.
OF_MESSAGES = (
    "own_person_id string, own_channel string, sent_keys array<string>, sent_persons array<string>"
)

Told = dict[str, Any]


def event(person: str | None, type_: str, at: datetime | timedelta, **told: Any) -> Told:
    """One row of a timeline; `at` is a time or how long after the start it is."""
    return {
        "person_id": person,
        "stream": STREAM_OF[type_],
        "type": type_,
        "occurred_at": at if isinstance(at, datetime) else START + at,
        "line_number": 0,
        **told,
    }


def timeline(spark: SparkSession, rows: Iterable[Told]) -> DataFrame:
    """The rows as the steps see them; events without an id are numbered in the order they stand."""
    shape = f"person_id string, {TIMELINE_LOG.ddl()}, {OF_MESSAGES}"
    names = ["person_id", *TIMELINE_LOG.names, "own_person_id", "own_channel", "sent_keys",
             "sent_persons"]  # fmt: skip
    numbered = [{"event_id": f"e{number:03d}", **row} for number, row in enumerate(rows)]
    unknown = {name for row in numbered for name in row} - set(names)
    assert not unknown, unknown
    return spark.createDataFrame([[row.get(name) for name in names] for row in numbered], shape)


def products(spark: SparkSession, rows: Iterable[Mapping[str, Any]]) -> DataFrame:
    return spark.createDataFrame(
        [[row.get(name) for name in PRODUCTS.names] for row in rows], PRODUCTS.ddl()
    )


def offers(spark: SparkSession, table: Table, rows: Iterable[Mapping[str, Any]] = ()) -> DataFrame:
    """Rows of `contents` or `campaigns`."""
    return spark.createDataFrame(
        [[row.get(name) for name in table.names] for row in rows], table.ddl()
    )


def utc(moment: datetime | None) -> datetime | None:
    """Spark hands instants over in the machine's own zone, without saying so."""
    return None if moment is None else moment.astimezone(UTC)


def about(row: Any) -> str | None:
    """The one product, category, brand or purpose that a row is about."""
    (part,) = row.scope
    return part["values"][0] if part["values"] else None
