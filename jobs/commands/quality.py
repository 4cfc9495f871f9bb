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
from tactful.jobs.commands.quality_status import unmet_words
from tactful.jobs.errors import LakeError
from tactful.jobs.lake.files import files_here
from tactful.jobs.lake.lake import Lake
from tactful.jobs.lake.store import Part
from tactful.jobs.progress import Step
from tactful.jobs.publish import published_versions
from tactful.jobs.quality import expectations
from tactful.jobs.quality.expectations import Expectation
from tactful.jobs.quality.validation import Finding, Validation
from tactful.jobs.runs import gate, pipeline
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
    with pipeline.taken(config, on_progress) as lake:
        return _looked(lake, config, asked, docs, on_progress)


def check_of(config: Config, on_progress: Progress) -> Callable[[Lake], dict[str, Any]]:
    """What a run calls to hold all its tables against what is expected of them.

    What is wrong with the expectations themselves comes out here, before the run begins.
    Raises: ConfigError, QualityUnavailable.
    """
    asked = _asked(config, ())
    expectations.expectations_library()
    return lambda lake: _looked(lake, config, asked, None, on_progress)


def _looked(
    lake: Lake,
    config: Config,
    asked: Sequence[Expectation],
    docs: Path | None,
    on_progress: Progress,
) -> dict[str, Any]:
    """Look at the tables of a lake that is held, and keep and tell what came of it."""
    began = datetime.now(UTC)
    published = published_versions(lake)
    versions = {one.table.name: published.get(one.table.name) for one in asked}
    validation = Validation()
    found: list[Finding] = []
    each = validation.findings(asked, lambda table: lake.store.read(table, versions[table.name]))
    for done, findings in enumerate(each, start=1):
        line = f"looked at {findings[0].expectation.table.name}"
        far = {"done": done, "total": len(versions)}
        on_progress(Step(line, name="quality", unit="tables", **far))
        found += findings
    run_id = _keep(lake, found, versions, began)
    page = _write_pages(validation, config, docs)
    facts = _facts(found, run_id, page)
    failed = {one["table_name"]: _about(one) for one in reversed(_critical(facts))}
    gate.note(lake, versions, failed)
    return facts


def gated(facts: Mapping[str, Any]) -> str | None:
    """That something critical is not as expected, as a sentence; None where all is."""
    failed = _critical(facts)
    if not failed:
        return None
    return (
        f"{counted(len(failed), 'critical expectation')} not met, first {_about(failed[0])} in "
        f"{failed[0]['table_name']}; look at table quality, or at "
        f"{facts['docs'] or 'the pages, with --docs'}."
    )


def _critical(facts: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [one for one in facts["not_met"] if one["severity"] == CRITICAL]


def _about(one: Mapping[str, Any]) -> str:
    return f"{one['expectation']} of {', '.join(one['column_names']) or 'its rows'}"


def lines(facts: Mapping[str, Any]) -> Iterator[str]:
    """The answer for people."""
    yield (
        f"{counted(facts['expectations'], 'expectation')} of {counted(facts['tables'], 'table')}: "
        f"{facts['met']:,} met, {len(facts['not_met']):,} not."
    )
    yield from (escape(unmet_words(one)) for one in facts["not_met"])
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
