"""Work: one batch of one source, written down before it is read, so that a repeat is the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pyarrow as pa

from tactful.jobs.intake.landing_files import Outcome
from tactful.jobs.intake.spans import Span, spans_of
from tactful.jobs.lake.lake import Lake
from tactful.jobs.lake.listing import File
from tactful.jobs.lake.store import Part
from tactful.jobs.runs.batches import last_begun, last_done, save_pins, unfinished
from tactful.jobs.settings.config import Config
from tactful.schemas.table import Table


@dataclass
class Work:
    """One batch of one source: which files or positions it lands, and what became of them."""

    name: str
    query: str
    generation: str
    batch_id: int
    files: list[File] = field(default_factory=list)
    # Of a source that is no folder, and when the batch was begun.
    spans: list[Span] = field(default_factory=list)
    begun_at: datetime | None = None
    aside: Mapping[tuple[str, int], int] = field(default_factory=dict)
    is_repeat: bool = False
    outcome: Outcome = field(default_factory=Outcome)
    # What went wrong beyond a file that could not be read; then the next run repeats it all.
    error: Exception | None = None

    def part(self, table: Table, rows: pa.Table) -> Part:
        """Rows for a table, under the transaction by which this batch writes them once."""
        return Part(rows, f"tactful/{self.query}/{self.generation}/{table.id}", self.batch_id)


@dataclass
class Met:
    """What a run for ever need not look up again, for it has seen it in the logs.

    landed: files. until: how far each part of a source was read that is no folder.
    """

    landed: set[tuple[str, str]] = field(default_factory=set)
    until: dict[str, dict[str, int]] = field(default_factory=dict)


def query_name(source_name: str) -> str:
    """The query that lands one source."""
    return f"land_{source_name}"


def is_begun(lake: Lake, query: str) -> bool:
    """Whether the checkpoint of a source is whole enough to go on from.

    It only numbers batches: which files have landed stands in `_log/files`. One that is lost is
    begun anew, under transaction ids of its own, since Delta would ignore numbers used before.
    """
    newest = last_begun(lake, query)
    return newest >= max(0, last_done(lake, query))


def begin(
    lake: Lake,
    config: Config,
    name: str,
    *,
    files: Sequence[File] = (),
    spans: Sequence[Span] = (),
) -> Work:
    """Number a new batch, and write down which files or positions it lands."""
    query = query_name(name)
    if not is_begun(lake, query):
        known = (lake.state() or {})["generations"]
        lake.remember(generations={k: v for k, v in known.items() if k != query})
        lake.store.remove(lake.beside_checkpoint(query, ""))
    generation = lake.generation(query)
    number = last_begun(lake, query) + 1
    work = Work(name, query, generation, number, [*files], [*spans], datetime.now(UTC))
    save_work(lake, config, work)
    return work


def save_work(lake: Lake, config: Config, work: Work) -> None:
    """Write down what a batch lands."""
    pins = {"batch_id": work.batch_id, "configuration_hash": config.hash}
    if work.spans:
        spans = [span.as_list() for span in work.spans]
        pins |= {"spans": spans, "begun_at": (work.begun_at or datetime.now(UTC)).isoformat()}
    else:
        names = [[file.path, file.modified_at.isoformat(), file.size_bytes] for file in work.files]
        pins |= {"files": names}
    save_pins(lake, work.query, pins)


def begun(lake: Lake, name: str) -> Work | None:
    """The batch that was begun and is not done, with the files it began with."""
    query = query_name(name)
    pins = unfinished(lake, query)
    if pins is None:
        return None
    work = Work(name, query, lake.generation(query), pins["batch_id"], is_repeat=True)
    if "spans" in pins:
        work.spans = spans_of(pins["spans"])
        work.begun_at = datetime.fromisoformat(pins["begun_at"])
    else:
        work.files = [File(p, datetime.fromisoformat(at), size) for p, at, size in pins["files"]]
    return work
