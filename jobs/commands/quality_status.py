"""Quality in the status: what was found when tables were last looked at, and what waits for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.markup import escape

from tactful.jobs.commands.tables_here import Tables
from tactful.jobs.runs import gate
from tactful.jobs.settings.config import Config

MOST = 5
# Each table as it was last looked at, which need not have been all of them at once.
NEWEST = """
    SELECT * FROM (
        SELECT *, rank() OVER (PARTITION BY table_name ORDER BY checked_at DESC) AS r FROM quality
    ) AS ranked WHERE r = 1
"""
COUNTED = f"""
    SELECT count(*) AS expectations, count(DISTINCT table_name) AS tables,
           min(checked_at) AS first_at, max(checked_at) AS last_at,
           count(*) FILTER (WHERE is_met) AS met
    FROM ({NEWEST}) AS newest
"""
UNMET = f"""
    SELECT severity, table_name, expectation, column_names, suite, rows_count, unexpected_count,
           error
    FROM ({NEWEST}) AS newest WHERE NOT is_met
    ORDER BY severity, table_name, expectation, column_names, suite
"""


def quality_facts(
    tables: Tables, state: Mapping[str, Any], config: Config | None
) -> dict[str, Any] | None:
    """What was expected of the tables and is not met; None where nobody ever looked.

    held: what waits for it by this configuration, as a sentence.
    """
    counted = tables.ask_one(COUNTED, "quality")
    if not counted.get("expectations"):
        return None
    return {
        **counted,
        "not_met": tables.ask(UNMET, "quality"),
        "held": gate.held(state, config) if config else None,
    }


def quality_lines(facts: Mapping[str, Any] | None) -> Iterator[str]:
    """The same as sentences."""
    if facts is None:
        return
    unmet = facts["not_met"]
    days = dict.fromkeys(f"{facts[name]:%Y-%m-%d %H:%M} UTC" for name in ("first_at", "last_at"))
    yield (
        f"Expected of {facts['tables']:,} tables, looked at {' to '.join(days)}: {facts['met']:,} "
        f"met, {len(unmet):,} not"
    )
    for row in unmet[:MOST]:
        yield f"[{_colour(row)}]{escape(unmet_words(row))}[/]"
    if len(unmet) > MOST:
        yield f"  and {len(unmet) - MOST:,} more; see is_met in quality"
    if facts["held"]:
        yield f"[red]{escape(facts['held'])}[/]"


def unmet_words(row: Mapping[str, Any]) -> str:
    """What is not as expected of one table, on a line."""
    about = ", ".join(row["column_names"])
    told = row["error"] or (
        f"{row['unexpected_count']:,} of {row['rows_count']:,} rows are otherwise"
        if row["unexpected_count"] is not None
        else "it is otherwise"
    )
    what = f"{row['expectation']}{f' of {about}' if about else ''}"
    return f"  {row['severity']}: {row['table_name']}: {what} ({row['suite']}): {told}"


def _colour(row: Mapping[str, Any]) -> str:
    return "red" if row["severity"] == "critical" else "yellow"
