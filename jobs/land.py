"""Land: what is new at the sources goes to `_log/received`, row by row, once."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pyarrow as pa
from pyspark import inheritable_thread_target
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import to_arrow_schema

from tactful.jobs.intake.landing_files import JAVA_ERRORS, java_cause, read_files, uri_of
from tactful.jobs.intake.manual_links import without_unclear_links
from tactful.jobs.intake.signals import with_signals_apart
from tactful.jobs.intake.span_batches import look_ahead, not_read, put_spans, ranges_of
from tactful.jobs.intake.spans import Reading
from tactful.jobs.intake.work import Met, Work, begin, begun, query_name
from tactful.jobs.lake import listing
from tactful.jobs.lake.files import files_at
from tactful.jobs.lake.lake import Lake
from tactful.jobs.lake.listing import NO_ACCESS, File
from tactful.jobs.lake.store import Part
from tactful.jobs.runs.batches import (
    Hook,
    save_done,
)
from tactful.jobs.runs.failures import failure
from tactful.jobs.settings.config import Config, Source
from tactful.schemas.events import PROFILES
from tactful.schemas.intake import FILES, LANDED_RANGES, RECEIVED
from tactful.transforms.sources import DIALECTS

STEP = "land"
# What a source may bring at once where its rows pass through this process.
SMALL_BYTES = 32_000_000
# Parquet and packed text unfold to several times as much.
PACKED_BYTES = SMALL_BYTES // 8
PACKED = (".gz", ".bz2", ".zst", ".deflate", ".snappy", ".lz4")
# A plan of so many files is still made in seconds.
MOST_FILES = 10_000
# Sources wait for their disks more than for a processor.
SOURCE_THREADS = 8
LANDED, REFUSED = "landed", "refused"


class OtherFormat(Exception):
    """Raised where a batch cannot be repeated, since its source is read otherwise now."""


class NotCommitted(Exception):
    """Raised where rows that were read could not be written to the lake."""


def land(
    lake: Lake, config: Config, met: Met | None = None, hook: Hook | None = None
) -> dict[str, str]:
    """Land all that the sources have now and that never landed before.

    A batch first writes down the names of its files, then its rows, then what became of the files:
    killed in between, it is repeated with the same files, and what was written is not written
    again. So a file lands once, under its name, whatever becomes of it later. Of topics and Delta
    tables it is offsets and versions instead of files.

    Returns the sources of which something could not be read, and what. They harm nobody else: all
    that can be read lands, and the rest waits for the next run.

    Raises: NotCommitted.
    """
    met = met or Met()
    works = [work for name in sorted(config.sources) if (work := begun(lake, name))]
    _land_all(lake, config, works, met, hook)
    found, troubles = _look(lake, config)
    broken = {work.name: work.error for work in works if work.error}
    ahead, untold = look_ahead(lake, config, met, apart=broken)
    while (new := _new(lake, _without(found, broken), met)) or ahead:
        works = []
        for name, those in new.items():
            source = files_at(config.source_path(name), lake.spark)
            denied = {file.path: NO_ACCESS for file in those if not source.may_read(file.path)}
            troubles[name] |= denied
            if left := [file for file in those if file.path not in denied]:
                works.append(begin(lake, config, name, files=left))
            handled = set(those)
            found[name] = [file for file in found[name] if file not in handled]
        works += [
            begin(lake, config, name, spans=batches.pop(0)) for name, batches in ahead.items()
        ]
        _land_all(lake, config, works, met, hook)
        for work in works:
            if work.files:
                troubles[work.name] |= work.outcome.unread
        broken |= {work.name: work.error for work in works if work.error}
        ahead = {name: left for name, left in ahead.items() if left and name not in broken}
    said = {name: _sentence(name, unread) for name, unread in sorted(troubles.items()) if unread}
    said |= {name: not_read(name, why) for name, why in sorted(untold.items()) if why}
    return said | {name: str(failure(query_name(name), error)) for name, error in broken.items()}


def _without(found: Mapping[str, list[File]], broken: Collection[str]) -> dict[str, list[File]]:
    """The files of those sources that have no batch to repeat first."""
    return {name: those for name, those in found.items() if name not in broken}


def _look(lake: Lake, config: Config) -> tuple[dict[str, list[File]], dict[str, dict[str, str]]]:
    """What lies below the folder of each source, and what there can never be read, and why."""

    def look(name: str) -> listing.Listing:
        folder = config.source_path(name)
        try:
            source = files_at(folder, lake.spark)
            return source.listed(source.location)
        except OSError as error:
            return listing.Listing([], [], {folder: (error.strerror or str(error)).lower()})
        except JAVA_ERRORS as error:
            return listing.Listing([], [], {folder: java_cause(error)})

    names = sorted(config.landing_folders)
    with ThreadPoolExecutor(SOURCE_THREADS) as pool:
        listings = dict(zip(names, pool.map(look, names), strict=True))
    return (
        {name: listed.files for name, listed in listings.items()},
        {name: dict(listed.unreadable) for name, listed in listings.items()},
    )


def _new(lake: Lake, found: Mapping[str, Sequence[File]], met: Met) -> dict[str, list[File]]:
    """Of these files those that never landed, the oldest of each source first."""
    lying = {(name, file.path): file for name, those in found.items() for file in those}
    asked = lying.keys() - met.landed
    fresh = lake.store.unknown(FILES, list(asked)) if asked else set()
    # What was taken away is forgotten here, or a run for ever would fill up with names.
    met.landed = (met.landed & lying.keys()) | (asked - fresh)
    new: dict[str, list[File]] = {}
    for name, path in sorted(fresh, key=lambda at: (lying[at].modified_at, at)):
        new.setdefault(name, []).append(lying[name, path])
    return {name: those[:MOST_FILES] for name, those in sorted(new.items())}


def _land_all(
    lake: Lake, config: Config, works: Sequence[Work], met: Met, hook: Hook | None
) -> None:
    """Read these batches side by side, and commit them together: rows first, files then.

    A query that looks for work all the time would find the first source's rows and begin, and need
    a second batch for the others'. Each source keeps its own transaction.
    """
    if not works:
        return
    tag = f"tactful-land-{uuid.uuid4().hex}"

    def read(work: Work) -> Part | None:
        lake.spark.sparkContext.addJobTag(tag)
        try:
            return _read(lake, config, work)
        except Exception as error:
            work.error = _in_words(error)
            return None

    with ThreadPoolExecutor(SOURCE_THREADS) as pool:
        try:
            read_here = inheritable_thread_target(lake.spark)(read)
            parts = [part for part in pool.map(read_here, works) if part]
        except BaseException:
            lake.spark.sparkContext.cancelJobsWithTag(tag)
            raise
    whole = [work for work in works if work.error is None]
    try:
        lake.store.append(RECEIVED, *parts)
        if hook:
            hook(STEP, 1, RECEIVED.id)
        of_files = [work for work in whole if not work.spans]
        lake.store.append(FILES, *(work.part(FILES, _files_of(lake, work)) for work in of_files))
        if hook:
            hook(STEP, 2, FILES.id)
        of_spans = [work for work in whole if work.spans]
        ranges = (work.part(LANDED_RANGES, ranges_of(work)) for work in of_spans)
        lake.store.append(LANDED_RANGES, *ranges)
        if hook:
            hook(STEP, 3, LANDED_RANGES.id)
        for work in of_spans:
            # Of a batch from before this process the other parts are still to be looked up.
            if work.name in met.until:
                met.until[work.name].update({span.part: span.until for span in work.spans})
        for work in whole:
            save_done(lake, work.query, work.batch_id)
    except Exception as error:
        raise NotCommitted(_in_words(error)) from error


def _in_words(error: Exception) -> Exception:
    """An error that says its own class, as Java's do."""
    if isinstance(error, JAVA_ERRORS):
        return error
    return Exception(f"{type(error).__name__}: {error}")


def _read(lake: Lake, config: Config, work: Work) -> Part | None:
    """Read the files of a batch: few rows for this process to commit, else Spark commits them."""
    source = config.sources[work.name]
    if source.is_files == bool(work.spans):
        raise OtherFormat(
            f"its last batch was begun under another format than {source.format} and is not done; "
            "run once under that one, or give the source another name"
        )
    is_packed = source.format in ("parquet", "avro") or any(
        f.path.endswith(PACKED) for f in work.files
    )
    bound = PACKED_BYTES if is_packed else SMALL_BYTES
    is_small = not work.spans and sum(f.size_bytes for f in work.files) <= bound
    brought: list[Part] = []

    def put(rows: DataFrame) -> None:
        received = RECEIVED.conform(
            DIALECTS[source.dialect].parse(
                rows,
                stream=source.stream,
                source_name=work.name,
                max_row_bytes=config.intake.max_row_bytes,
                max_skew=config.intake.max_skew,
                **source.reading,
                **_keyed(lake, config, source, rows),
            )
        )
        rows_to_write = lake.store.collected(received, few=is_small)
        if PROFILES.name in source.streams:
            rows_to_write = without_unclear_links(lake, config, rows_to_write)
        rows_to_write = with_signals_apart(lake, config, rows_to_write, rows)
        if isinstance(rows_to_write, pa.Table):
            brought[:] = [work.part(RECEIVED, rows_to_write)]
        else:
            part = work.part(RECEIVED, pa.table({}))
            lake.store.append_by_spark(RECEIVED, rows_to_write, part.application, part.version)

    own = SparkSession(lake.spark.sparkContext, lake.spark._jsparkSession.cloneSession())
    if work.spans:
        # A record may have a megabyte, and nobody knows before it is read.
        put_spans(lake, config, work, Reading(own, config, work.name), put)
        return None
    work.outcome = read_files(
        own,
        work.files,
        put,
        form=source.format,
        folder=config.source_path(work.name),
        partitions=source.partitions,
        csv=source.csv_form,
    )
    return brought[0] if brought else None


def _keyed(lake: Lake, config: Config, source: Source, rows: DataFrame) -> dict[str, DataFrame]:
    """The lake's secret, for a dialect that makes ids of addresses."""
    is_keyed = DIALECTS[source.dialect].is_keyed
    return {"pads": lake.pads(config, rows.sparkSession)} if is_keyed else {}


def _files_of(lake: Lake, work: Work) -> pa.Table:
    """What became of the files of a batch; those that were left out wait, or were taken away."""
    left_out = work.outcome.unread.keys() | work.outcome.gone
    if work.is_repeat and left_out:
        left_out -= _landed_before(lake, work.name, left_out)
    now = datetime.now(UTC)
    rows = [
        {
            **file._asdict(),
            "source_name": work.name,
            "state": REFUSED if file.path in work.outcome.refused else LANDED,
            "reason": work.outcome.refused.get(file.path) or work.outcome.lacking.get(file.path),
            "batch_id": work.batch_id,
            "landed_at": now,
        }
        for file in work.files
        if file.path not in left_out
    ]
    return pa.Table.from_pylist(rows, to_arrow_schema(FILES.struct()))


def _landed_before(lake: Lake, name: str, paths: Set[str]) -> set[str]:
    """Of these files those whose rows had landed when the batch was killed."""
    uris = {uri_of(lake.spark, path): path for path in paths}
    rows = (
        lake.store.read(RECEIVED).where(F.col("source_name") == name).select("source_position.file")
    )
    held = rows.where(F.col("file").isin(list(uris))).distinct().collect()
    return {uris[row.file] for row in held}


def _sentence(name: str, unread: Mapping[str, str]) -> str:
    """Which files of a source could not be read, and why, in one sentence."""
    (path, why), *others = sorted(unread.items())
    more = f", nor could {len(others):,} more" if others else ""
    return (
        f"Source {name} could not read {path} ({why}){more}; correct it or take it away, the next "
        "run tries again."
    )
