"""Reference tables: replaced whole when their files change, by the newest good row of each key."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from tactful.jobs import accept
from tactful.jobs.intake.landing_files import JAVA_ERRORS, java_cause, read_files
from tactful.jobs.lake.files import files_at
from tactful.jobs.lake.frames import materialise, unpersist
from tactful.jobs.lake.lake import Lake
from tactful.jobs.lake.listing import NO_ACCESS, File
from tactful.jobs.settings.config import Config
from tactful.jobs.settings.models import Reference
from tactful.schemas.intake import QUARANTINE
from tactful.schemas.reference import CAMPAIGNS, CONTENTS, CONTEXT, PRODUCTS, RATES
from tactful.transforms.sources.reference import newest, parse_rows

TABLES = {table.name: table for table in (PRODUCTS, CAMPAIGNS, CONTENTS, RATES, CONTEXT)}
# What a row must be to be used, or what is taken from it, has changed: files of an earlier version
# are read once more.
RULES = 6
PARQUET = b"PAR1"

Say = Callable[[str], None]


class NotReadable(Exception):
    """Why the files of a reference table cannot be read, in half a sentence."""


def load(lake: Lake, config: Config, on_progress: Say = lambda _: None) -> list[str]:
    """Load each reference table whose files have changed; returns those that were replaced.

    A row that is wrong goes to quarantine with its reasons, once, and so does a file that is
    damaged, as one row; the table is made of the others. Where there is no other row, or the bytes
    of a file cannot be had, the last good version stays and the run goes on: what the business knew
    yesterday is nearer to the truth than nothing. A first time that fails leaves the table empty,
    and the rules that need it idle. Why is said, and kept for `status`; files that cannot be read
    are tried again by every run.
    """
    state = lake.state() or {}
    known, troubles_before = state.get("reference", {}), state.get("reference_troubles", {})
    loaded, marks, troubles = [], dict(known), {}
    for name, reference in config.reference.items():
        path = config.reference_path(name)
        try:
            found = _listed(lake, path)
            mark = _mark(lake, reference, found)
            if known.get(name) == mark:
                trouble = troubles_before.get(name)
            else:
                trouble = _replace(lake, config, name, found, on_progress)
                marks[name] = mark
                loaded += [] if trouble else [name]
        except (NotReadable, *JAVA_ERRORS) as error:
            trouble = str(error) if isinstance(error, NotReadable) else java_cause(error)[:300]
            marks.pop(name, None)
        if trouble:
            troubles[name] = trouble
            stays = "as they were" if lake.store.version(TABLES[name]) else "empty"
            on_progress(f"{name} from {path} stay {stays}: {trouble}")
    if (marks, troubles) != (known, troubles_before):
        lake.remember(reference=marks, reference_troubles=troubles)
    return loaded


def _replace(
    lake: Lake, config: Config, name: str, found: Sequence[File], on_progress: Say
) -> str | None:
    """Put the good rows of these files in the table's place; where there is none, say so.

    In this order, so that a run killed between two of the steps is repeated whole: what is in
    quarantine already is found there, and the same rows replace themselves.

    Raises: NotReadable.
    """
    table = TABLES[name]
    if not found:
        return "there is no file"
    judged, refused = _judged(lake, config, name, found)
    if judged is None:
        return "there is no file"
    try:
        _quarantine(lake, name, judged.where(F.size("reasons") > 0))
        good = judged.where(F.size("reasons") == 0)
        if good.isEmpty():
            return "no row of its files can be used" + (f": {_named(refused)}" if refused else "")
        if refused:
            on_progress(f"{name} are made without {_named(refused)}")
        lake.overwrite(table, table.conform(newest(good, table=table)))
        return None
    finally:
        unpersist(judged)


def _judged(
    lake: Lake, config: Config, name: str, found: Sequence[File]
) -> tuple[DataFrame | None, dict[str, str]]:
    """Every row of these files with what is wrong with it, and the files that are refused.

    Raises: NotReadable.
    """
    reference, spark = config.reference[name], lake.spark
    held: list[DataFrame] = []

    def put(rows: DataFrame) -> None:
        # Within one part of a file these numbers follow the rows.
        numbered = rows.withColumn("line", F.monotonically_increasing_id())
        most = config.intake.max_row_bytes
        held.append(materialise(parse_rows(numbered, table=TABLES[name], max_row_bytes=most)))

    path = config.reference_path(name)
    outcome = read_files(
        SparkSession(spark.sparkContext, spark._jsparkSession.cloneSession()),
        found,
        put,
        form=reference.format,
        folder=path,
        unfit=_in_other_format(lake, reference, found),
        way_out="put a whole one in its place",
    )
    if outcome.unread:
        for judged in held:
            unpersist(judged)
        raise NotReadable(f"{_named(outcome.unread)} cannot be read")
    return (held[-1] if held else None), outcome.refused


def _quarantine(lake: Lake, name: str, refused: DataFrame) -> None:
    """Refuse rows, but those of the same files that an earlier load has refused."""
    if refused.isEmpty():
        return
    before = lake.store.read(QUARANTINE).where(F.col("source_name") == f"reference.{name}")
    new = refused.join(before.select("source_position"), "source_position", "left_anti")
    rows = new.withColumns(
        {
            "stream": F.lit(name),
            "source_name": F.lit(f"reference.{name}"),
            "quarantined_at": F.col("modified_at"),
        }
    )
    if not new.isEmpty():
        lake.store.append_by_spark(QUARANTINE, QUARANTINE.conform(rows))


def _listed(lake: Lake, path: str) -> list[File]:
    """The files below a path, as those of a source are listed; an empty one has no row.

    Raises: NotReadable, where one of them cannot be read.
    """
    try:
        disk = files_at(path, lake.spark)
        if not disk.exists(disk.location):
            raise NotReadable("there is no such file or folder")
        listing = disk.listed(disk.location)
    except FileNotFoundError as error:
        raise NotReadable("there is no such file or folder") from error
    except OSError as error:
        raise NotReadable(f"{path} cannot be listed ({(error.strerror or '').lower()})") from error
    denied = {file.path: NO_ACCESS for file in listing.files if not disk.may_read(file.path)}
    unread = listing.unreadable | denied
    if unread:
        raise NotReadable(f"{_named(unread)} cannot be read")
    return listing.files


def _named(troubles: Mapping[str, str]) -> str:
    """Files with what is the matter with each, as many as a sentence holds."""
    first, *others = sorted(troubles.items())
    more = f", and {len(others):,} more" if others else ""
    return f"{first[0]} ({first[1]}){more}"


def _in_other_format(lake: Lake, reference: Reference, found: Sequence[File]) -> dict[str, str]:
    """The files that say themselves that they are Parquet, where they should hold JSON lines."""
    if reference.format == "parquet":
        return {}
    why = f"it is a Parquet file, and its format is {reference.format}"
    return {file.path: why for file in found if _first_bytes(lake, file.path) == PARQUET}


def _first_bytes(lake: Lake, path: str) -> bytes:
    """How a file begins; whether it can be read at all is found out later."""
    try:
        return files_at(path, lake.spark).first_bytes(path, len(PARQUET))
    except (OSError, *JAVA_ERRORS):
        return b""


def _mark(lake: Lake, reference: Reference, found: Sequence[File]) -> str:
    """What changes when there is something to read: files, format, rules, or a new quarantine."""
    listed = [f"{file.path} {file.size_bytes} {file.modified_at}" for file in found]
    replayed = lake.batches_before(accept.QUERY)
    parts = [str(RULES), reference.format, str(replayed), *listed]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
