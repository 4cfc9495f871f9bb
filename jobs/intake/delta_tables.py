"""Delta tables: the rows that each version of a table has added, by exact ranges of versions.

The first time the table is read as it stands, then what came since. Where the table keeps a change
feed, its inserts and the new state of what was updated are read, and what was deleted is counted.
Elsewhere the files that a version has added are read; a version that also took files away, as an
update or an overwrite does, brings rows again that were read before, which are repeats by their
event_id. What was deleted there stays an event that happened.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from tactful.jobs.intake.landing_files import JAVA_ERRORS, java_cause
from tactful.jobs.intake.parquet_files import as_json
from tactful.jobs.intake.spans import Feed, Found, Reading, Span
from tactful.jobs.lake.files import files_at

# How a span is read: the table as it stands at its end, the change feed, the files that were
# added; or nothing, where its versions added none.
WHOLE, FEED, ADDED, NOTHING = "whole", "feed", "added", "nothing"
COMMIT = re.compile(r"^(\d{20})\.json$")
IS_ON = "delta.enableChangeDataFeed"
ACTIONS = (
    "add struct<path:string,dataChange:boolean>, remove struct<path:string,dataChange:boolean>, "
    "metaData struct<id:string>, commitInfo struct<operationMetrics:map<string,string>>"
)
OF_FEED = ("_change_type", "_commit_version", "_commit_timestamp")
DELETED = ("numDeletedRows", "numTargetRowsDeleted")
# What Spark says of a name that leads to no table.
NOT_KNOWN = ("TABLE_OR_VIEW_NOT_FOUND", "SCHEMA_NOT_FOUND", "CATALOG_NOT_FOUND")
# Each span is a part of one plan.
MOST_SPANS = 50
MOST_VERSIONS = 1000


@dataclass(frozen=True)
class Commit:
    """What one version did: whether it added rows, took files away or moved rows, or changed what
    the table is."""

    version: int
    has_added: bool
    has_moved: bool
    has_changed: bool


def look(reading: Reading, known: Mapping[str, int]) -> Found:
    """The versions of the table that were not read yet."""
    name = _called(reading)
    try:
        path = _path(reading)
        there = _versions(reading, path)
        if not there:
            return Found(troubles={name: "it is no Delta table"})
        told = reading.spark.sql(f"DESCRIBE DETAIL {_quoted(path)}").first()
        part, latest = told.id, max(there)
        start = known.get(part)
        if start is None:
            return Found([[Span(part, 0, latest + 1, WHOLE)]])
        if start > latest:
            return Found()
        if missing := [v for v in range(start, latest + 1) if v not in there]:
            return _lost(reading, Span(part, start, latest + 1, WHOLE), missing)
        versions = range(start, min(latest + 1, start + MOST_VERSIONS))
        has_feed = told.properties.get(IS_ON, "").lower() == "true"
        spans = list(_spans(part, _commits(reading, path, versions, latest), has_feed=has_feed))
        spans = [span for span in spans if span.start < versions.stop]
    except (OSError, *JAVA_ERRORS) as error:
        is_unknown = any(word in str(error) for word in NOT_KNOWN)
        why = "no catalog of this Spark knows such a table" if is_unknown else java_cause(error)
        return Found(troubles={name: why})
    return Found([spans[at : at + MOST_SPANS] for at in range(0, len(spans), MOST_SPANS)])


def read(reading: Reading, spans: list[Span], begun_at: datetime) -> DataFrame | None:
    """Every row of these versions, as a JSON text of its columns."""
    path = _path(reading)
    parts = {WHOLE: _whole, FEED: _fed, ADDED: _added}
    frames = [parts[span.way](reading, path, span) for span in spans if span.way in parts]
    return reduce(DataFrame.unionByName, frames) if frames else None


def aside(reading: Reading, spans: list[Span]) -> dict[tuple[str, int], int]:
    """How many rows were deleted in each span, as far as the table tells."""
    path = _path(reading)
    counts = {}
    for span in spans:
        if span.way == FEED:
            gone = _feed(reading, path, span).where("_change_type = 'delete'").count()
        elif span.way == ADDED or span.way == NOTHING:
            told = [f"commitInfo.operationMetrics.{name}" for name in DELETED]
            actions = _actions(reading, path, range(span.start, span.until))
            number = F.coalesce(*(F.col(name).try_cast("bigint") for name in told), F.lit(0))
            gone = actions.agg(F.sum(number)).first()[0] or 0
        else:
            continue
        if gone:
            counts[span.part, span.start] = gone
    return counts


def left(reading: Reading, spans: list[Span]) -> list[Span]:
    """The table as it stands now: of what was lost that is there which was not deleted since."""
    path = _path(reading)
    latest = max(_versions(reading, path))
    return [Span(spans[0].part, spans[0].start, latest + 1, WHOLE)]


def place(reading: Reading, span: Span) -> str:
    """True of the rows of these versions."""
    prefix = _position(reading.config.source_path(reading.name))
    prefix = prefix.replace("\\", "\\\\").replace("'", "\\'")
    number = "TRY_CAST(substring_index(file, '@', -1) AS bigint)"
    is_inside = f"{number} >= {span.start} AND {number} < {span.until}"
    return f"startswith(file, '{prefix}') AND {is_inside}"


def _called(reading: Reading) -> str:
    """The table as the configuration calls it."""
    return str(reading.source.table or reading.config.source_path(reading.name))


def _path(reading: Reading) -> str:
    """The folder of the table, as its catalog says where it is known by a name."""
    told = reading.config.source_path(reading.name)
    if reading.source.table is not None:
        name = ".".join(f"`{part}`" for part in reading.source.table.split("."))
        told = reading.spark.sql(f"DESCRIBE DETAIL {name}").first().location
        if not told:
            raise OSError(f"its catalog says no folder of {reading.source.table}")
    return files_at(told.rstrip("/"), reading.spark).location


def _lost(reading: Reading, whole: Span, missing: Sequence[int]) -> Found:
    if reading.source.lost == "skip":
        return Found([[whole]])
    why = (
        f"versions {missing[0]} to {missing[-1]} of its log were gone before they were read; "
        'let the table keep its log for longer, and read it as it stands with lost = "skip"'
    )
    return Found(troubles={_called(reading): why})


def _versions(reading: Reading, path: str) -> set[int]:
    """The versions that the table's log still has."""
    names = files_at(path, reading.spark).names(f"{path}/_delta_log")
    return {int(found.group(1)) for name in names if (found := COMMIT.match(name))}


def _spans(part: str, commits: Sequence[Commit], *, has_feed: bool) -> Iterator[Span]:
    """Versions in ranges that can be read at their end: nothing that a range added is taken away,
    moved, or of other columns within it. With a change feed only the columns matter.

    has_feed: whether the table keeps one now; it has since the table was last changed, at least.
    """
    changed_at = max((commit.version for commit in commits if commit.has_changed), default=-1)
    start, adds = commits[0].version, False
    for commit in commits:
        is_fed = has_feed and commit.version > changed_at
        is_alone = commit.has_changed or (commit.has_moved and not is_fed)
        begins_feed = has_feed and commit.version == changed_at + 1
        if (is_alone or begins_feed) and start < commit.version:
            yield Span(part, start, commit.version, ADDED if adds else NOTHING)
            start, adds = commit.version, False
        adds = adds or commit.has_added
        if is_alone:
            yield Span(part, start, commit.version + 1, ADDED if adds else NOTHING)
            start, adds = commit.version + 1, False
    end = commits[-1].version + 1
    if start < end:
        is_fed = has_feed and start > changed_at
        yield Span(part, start, end, FEED if is_fed else ADDED if adds else NOTHING)


def _commits(reading: Reading, path: str, versions: range, latest: int) -> list[Commit]:
    """What these versions did; whether the table was changed is looked for up to its latest."""
    every = _actions(reading, path, range(versions.start, latest + 1))
    found = every.groupBy("version").agg(
        F.max(F.coalesce(F.col("add.dataChange"), F.lit(False))).alias("has_added"),
        F.max(
            F.col("remove").isNotNull()
            | (F.col("add").isNotNull() & ~F.coalesce(F.col("add.dataChange"), F.lit(True)))
        ).alias("has_moved"),
        F.max(F.col("metaData").isNotNull()).alias("has_changed"),
    )
    return [
        Commit(row.version, row.has_added, row.has_moved, row.has_changed)
        for row in found.orderBy("version").collect()
    ]


def _actions(reading: Reading, path: str, versions: range) -> DataFrame:
    """What the log says of these versions, an action a row. Adds: version."""
    files = [f"{path}/_delta_log/{version:020d}.json" for version in versions]
    number = "CAST(substring(_metadata.file_name, 1, 20) AS bigint) AS version"
    return reading.spark.read.schema(ACTIONS).json(files).selectExpr("*", number)


def _whole(reading: Reading, path: str, span: Span) -> DataFrame:
    table = _at(reading, path, span)
    return _rows(reading, table, F.lit(span.until - 1), "_metadata.file_modification_time")


def _added(reading: Reading, path: str, span: Span) -> DataFrame:
    """The rows of the files that these versions added, as they stand at the last of them."""
    actions = _actions(reading, path, range(span.start, span.until)).where("add.dataChange")
    name = F.substring_index(F.col("add.path"), "/", -1)
    added = actions.groupBy(name.alias("_name")).agg(F.max("version").alias("_version"))
    table = _at(reading, path, span)
    names = F.substring_index(F.col("_metadata.file_path"), "/", -1)
    rows = table.select("*", "_metadata", names.alias("_name"))
    joined = rows.join(F.broadcast(added), "_name")
    return _rows(
        reading, joined, F.col("_version"), "_metadata.file_modification_time", table.columns
    )


def _at(reading: Reading, path: str, span: Span) -> DataFrame:
    """The table as it was behind the last version of a span."""
    version = str(span.until - 1)
    return reading.spark.read.format("delta").option("versionAsOf", version).load(path)


def _feed(reading: Reading, path: str, span: Span) -> DataFrame:
    """All changes of these versions."""
    return (
        reading.spark.read.format("delta")
        .option("readChangeFeed", "true")
        .option("startingVersion", str(span.start))
        .option("endingVersion", str(span.until - 1))
        .load(path)
    )


def _fed(reading: Reading, path: str, span: Span) -> DataFrame:
    changes = _feed(reading, path, span)
    new = changes.where("_change_type IN ('insert', 'update_postimage')")
    columns = [name for name in changes.columns if name not in OF_FEED]
    return _rows(reading, new, F.col("_commit_version"), "_commit_timestamp", columns)


def _rows(
    reading: Reading,
    table: DataFrame,
    version: Any,
    modified_at: str,
    columns: Sequence[str] | None = None,
) -> DataFrame:
    fields = [table.schema[name] for name in columns or table.columns]
    return table.select(
        as_json(fields).alias("value"),
        F.concat(F.lit(_position(reading)), version.cast("string")).alias("file"),
        F.col(modified_at).alias("modified_at"),
        F.lit(0).cast("bigint").alias("block"),
    )


def _position(reading: Reading) -> str:
    return f"delta:{_called(reading)}@"


def _quoted(path: str) -> str:
    return "delta.`" + path.replace("`", "``") + "`"


DELTA = Feed(look=look, read=read, left=left, place=place, aside=aside)
