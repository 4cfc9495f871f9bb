"""What was expected of the tables, and what came of it."""

from __future__ import annotations

from tactful.schemas.table import Column, Table

SEVERITIES = ("critical", "warning")

QUALITY = Table(
    "quality",
    "expectation × run",
    ("run_id", "table_name", "suite", "expectation", "column_names", "arguments"),
    (
        Column("run_id", "string", "One run of tactful quality.", nullable=False),
        Column("checked_at", "timestamp", "When that run began, UTC.", nullable=False),
        Column("table_name", "string", "The table whose rows were looked at.", nullable=False),
        Column("table_version", "bigint", "Its version, as published.", at_least=0),
        Column(
            "suite",
            "string",
            "Who expects it: tactful, of every lake, or the file that says so.",
            nullable=False,
        ),
        Column(
            "expectation", "string", "What was expected, as Great Expectations names it.",
            nullable=False,
        ),
        Column("column_names", "array<string>", "The columns it is about.", nullable=False),
        Column("arguments", "string", "What else was said of it, as JSON.", nullable=False),
        Column(
            "severity",
            "string",
            "critical: where it is not met, the run ends with exit code 3; warning: it is told.",
            nullable=False,
            allowed=SEVERITIES,
        ),
        Column("is_met", "boolean", "Whether the rows are as expected.", nullable=False),
        Column("rows_count", "bigint", "The rows that were looked at.", at_least=0),
        Column("unexpected_count", "bigint", "Those of them that are otherwise.", at_least=0),
        Column("error", "string", "Why it could not be found out, where it could not."),
    ),
    "What was expected of each table's rows and what came of it, run by run. It says how many rows are otherwise, never which: those may be somebody's.",
    erased_by="nothing",
)  # fmt: skip
