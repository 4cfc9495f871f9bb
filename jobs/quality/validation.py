"""Validation: each table's rows held against what is expected of them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame

from tactful.jobs.quality.expectations import NAMES_COLUMNS, Expectation, expectations_library
from tactful.schemas.table import Table

# How many rows are otherwise is told, never which: those may be somebody's.
TOLD = {"result_format": "BASIC", "partial_unexpected_count": 0}
NUMBER = "number"


@dataclass(frozen=True)
class Finding:
    """What came of one expectation: None of `unexpected` where it is not about single rows."""

    expectation: Expectation
    is_met: bool
    rows: int | None
    unexpected: int | None
    error: str | None

    def as_row(self) -> dict[str, Any]:
        """The same in columns of `quality`."""
        one = self.expectation
        rest = {k: v for k, v in one.arguments.items() if k not in NAMES_COLUMNS}
        return {
            "table_name": one.table.name,
            "suite": one.suite,
            "expectation": one.kind,
            "column_names": one.columns,
            "arguments": json.dumps(rest, default=str, sort_keys=True),
            "severity": one.severity,
            "is_met": self.is_met,
            "rows_count": self.rows,
            "unexpected_count": self.unexpected,
            "error": self.error,
        }


class Validation:
    """One run over some tables, and the pages that tell of it."""

    def __init__(self) -> None:
        library = expectations_library()
        self._library = library
        self._context = library.get_context(mode="ephemeral")
        self._context.variables.progress_bars = {"globally": False}
        self._source = self._context.data_sources.add_spark("lake")

    def findings(
        self, expectations: Sequence[Expectation], read: Callable[[Table], DataFrame]
    ) -> Iterator[list[Finding]]:
        """What came of them, a table after another. read: gives a table's rows."""
        for name, mine in groupby(
            sorted(expectations, key=lambda one: one.table.name), key=lambda one: one.table.name
        ):
            asked = list(mine)
            yield self._of_table(name, asked, read(asked[0].table))

    def _of_table(self, name: str, asked: Sequence[Expectation], rows: DataFrame) -> list[Finding]:
        library, context = self._library, self._context
        suite = context.suites.add(library.ExpectationSuite(name=name))
        kinds = library.expectations.registry
        for number, one in enumerate(asked):
            kind = kinds.get_expectation_impl(one.kind)
            suite.add_expectation(kind(**one.arguments, meta={NUMBER: number, "suite": one.suite}))
        asset = self._source.add_dataframe_asset(name)
        whole = asset.add_batch_definition_whole_dataframe("all rows")
        definition = library.ValidationDefinition(name=name, data=whole, suite=suite)
        told = context.validation_definitions.add(definition).run(
            batch_parameters={"dataframe": rows}, result_format=TOLD
        )
        return [
            _finding(asked[result.expectation_config.meta[NUMBER]], result)
            for result in told.results
        ]

    def write_pages(self, folder: Path) -> Path:
        """Write what was found as pages, in the place of those of before. Returns the first."""
        shutil.rmtree(folder, ignore_errors=True)
        site = {
            "class_name": "SiteBuilder",
            "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
            "store_backend": {
                "class_name": "TupleFilesystemStoreBackend",
                "base_directory": str(folder),
            },
        }
        self._context.add_data_docs_site("lake", site)
        self._context.build_data_docs(site_names=["lake"])
        return folder / "index.html"


def _finding(asked: Expectation, told: Any) -> Finding:
    error = _error(told.exception_info or {})
    return Finding(
        asked,
        bool(told.success) and error is None,
        told.result.get("element_count"),
        told.result.get("unexpected_count"),
        error,
    )


def _error(told: Mapping[str, Any]) -> str | None:
    """Why it could not be found out; None where it was."""
    several = told.values() if "raised_exception" not in told else [told]
    for one in several:
        if isinstance(one, Mapping) and one.get("raised_exception"):
            said = str(one.get("exception_message") or "no message").strip().splitlines()
            return said[0][:300]
    return None
