"""The command `quality`: hold the tables against what is expected of their rows."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyspark.sql.pandas.types import to_arrow_schema
from rich.markup import escape

from tactful.jobs.commands.answers import counted
from tactful.jobs.errors import LakeError, QualityGate
from tactful.jobs.lake.files import files_here
from tactful.jobs.lake.lake import Lake
from tactful.jobs.lake.store import Part
from tactful.jobs.publish import published_versions
from tactful.jobs.quality import expectations
from tactful.jobs.quality.expectations import Expectation
from tactful.jobs.quality.validation import Finding, Validation
from tactful.jobs.runs import pipeline
from tactful.jobs.settings.config import Config
from tactful.schemas.quality import QUALITY, SEVERITIES

CRITICAL = SEVERITIES[0]
DOCS = "docs"
Progress = Callable[[str], None]


def quality(
    config: Config,
    *,
    tables: Sequence[str] = (),
    docs: Path | None = None,
    on_progress: Progress = lambda _: None,
) -> dict[str, Any]:
    """Hold the tables of a lake against all that is expected of them, and keep what came of it.

    Published tables are looked at as they were last published, all of one moment. tables: only
    these. docs: where the pages go; else into the lake's folder, where that is on this machine.
    Returns what the command tells. Raises: ConfigError, LakeError, QualityUnavailable.
    """
    asked = _asked(config, tables)
    if files_here(config.location) and Lake(None, config.location).state() is None:
        raise LakeError(f"There is no lake at {config.location} yet; start it with tactful run.")
    began = datetime.now(UTC)
    with pipeline.taken(config, on_progress) as lake:
        published = published_versions(lake)
        versions = {one.table.name: published.get(one.table.name) for one in asked}
        validation = Validation()
        found: list[Finding] = []
        for findings in validation.findings(
            asked, lambda table: lake.store.read(table, versions[table.name])
        ):
            on_progress(f"looked at {findings[0].expectation.table.name}")
            found += findings
        run_id = _keep(lake, found, versions, began)
        page = _write_pages(validation, config, docs)
    return _facts(found, run_id, page)


def gate(facts: Mapping[str, Any]) -> None:
    """Raises: QualityGate, where anything critical is not as expected."""
    failed = [one for one in facts["not_met"] if one["severity"] == CRITICAL]
    if failed:
        first = failed[0]
        about = ", ".join(first["column_names"]) or "its rows"
        raise QualityGate(
            f"{counted(len(failed), 'critical expectation')} not met, first "
            f"{first['expectation']} of {about} in {first['table_name']}; look at table quality, "
            f"or at {facts['docs'] or 'the pages, with --docs'}."
        )


def lines(facts: Mapping[str, Any]) -> Iterator[str]:
    """The answer for people."""
    yield (
        f"{counted(facts['expectations'], 'expectation')} of {counted(facts['tables'], 'table')}: "
        f"{facts['met']:,} met, {len(facts['not_met']):,} not."
    )
    for one in facts["not_met"]:
        about = ", ".join(one["column_names"])
        told = one["error"] or (
            f"{one['unexpected_count']:,} of {one['rows_count']:,} rows are otherwise"
            if one["unexpected_count"] is not None
            else "it is otherwise"
        )
        yield escape(
            f"  {one['severity']}: {one['table_name']}: {one['expectation']}"
            f"{f' of {about}' if about else ''} ({one['suite']}): {told}"
        )
    if facts["docs"]:
        yield f"Pages: {escape(facts['docs'])}"


def _asked(config: Config, tables: Sequence[str]) -> list[Expectation]:
    """All that is expected of the tables that were asked for; without any, of all."""
    for name in tables:
        if name not in expectations.TABLES:
            known = ", ".join(expectations.TABLES)
            raise LakeError(f"There is no table {name} to look at; choose among {known}.")
    place = config.suites_path
    asked = [*expectations.of_every_lake(), *expectations.of_files(place)]
    return [one for one in asked if not tables or one.table.name in tables]


def _keep(
    lake: Lake, found: Sequence[Finding], versions: Mapping[str, int | None], began: datetime
) -> str:
    """Add what came of it to the table `quality`."""
    run_id = uuid.uuid4().hex
    rows = [
        {"run_id": run_id, "checked_at": began, **row, "table_version": versions[row["table_name"]]}
        for row in (one.as_row() for one in found)
    ]
    lake.store.append(QUALITY, Part(pa.Table.from_pylist(rows, to_arrow_schema(QUALITY.struct()))))
    return run_id


def _write_pages(validation: Validation, config: Config, docs: Path | None) -> str | None:
    here = files_here(config.location)
    if docs is None and here is None:
        return None
    folder = docs or Path(here.location) / DOCS
    return str(validation.write_pages(folder.absolute()))


def _facts(found: Sequence[Finding], run_id: str, page: str | None) -> dict[str, Any]:
    rows = [one.as_row() for one in found]
    return {
        "run_id": run_id,
        "tables": len({row["table_name"] for row in rows}),
        "expectations": len(rows),
        "met": sum(row["is_met"] for row in rows),
        "not_met": [row for row in rows if not row["is_met"]],
        "docs": page,
    }
