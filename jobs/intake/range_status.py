"""How far sources are read that are no folders, from the lake's own log; starts no JVM."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from rich.markup import escape

# So many lost ranges are named; the counts tell how many there are.
NAMED = 5
READ_UNTIL = """
    SELECT source_name, part, max(until_position) AS read_until,
           CAST(sum(coalesce(left_aside_count, 0)) AS BIGINT) AS left_aside
    FROM landed_ranges GROUP BY source_name, part ORDER BY source_name, part
"""
LOST = """
    SELECT source_name, part, from_position, until_position FROM landed_ranges
    WHERE state = 'lost' ORDER BY landed_at DESC
"""

Rows = Callable[[str], Iterable[Mapping[str, Any]]]


def range_facts(query: Rows) -> dict[str, Any]:
    """How far each part of each such source was read, what was lost, and what is no event.

    query: runs SQL over `_log/landed_ranges`, named `landed_ranges`.
    """
    return {
        "read": [dict(row) for row in query(READ_UNTIL)],
        "lost": [dict(row) for row in query(LOST)][:NAMED],
    }


def range_lines(facts: Mapping[str, Any]) -> Iterator[str]:
    """What of that needs somebody's eye, a line each."""
    for row in facts["lost"]:
        name, part = escape(row["source_name"]), escape(row["part"])
        yield (
            f"[yellow]Source {name}: {row['from_position']:,} to {row['until_position'] - 1:,} of "
            f"{part} were gone before they were read.[/]"
        )
    for row in facts["read"]:
        if row["left_aside"]:
            name = escape(row["source_name"])
            yield (
                f"Source {name}: {row['left_aside']:,} rows were deleted in its table; what had "
                "happened stays."
            )
