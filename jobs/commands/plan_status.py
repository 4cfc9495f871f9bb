"""What is said in the status: of each policy how much was chosen, lost, held back and said."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tactful.jobs.commands.tables_here import Tables
from tactful.jobs.lake.files import LocalFiles
from tactful.jobs.runs.pausing import ALL, paused

COUNTS = ("waiting", "chosen", "lost", "suppressed", "withdrawn", "sent")
BY_POLICY = """
    SELECT policy, any_value(is_shadow) AS is_shadow,
           count(*) FILTER (WHERE outcome = 'waiting') AS waiting,
           count(*) FILTER (WHERE outcome = 'chosen') AS chosen,
           count(*) FILTER (WHERE outcome = 'lost') AS lost,
           count(*) FILTER (WHERE outcome = 'suppressed') AS suppressed,
           count(*) FILTER (WHERE outcome = 'withdrawn') AS withdrawn,
           count(*) FILTER (WHERE emitted_at IS NOT NULL) AS sent
    FROM activations GROUP BY policy ORDER BY policy
"""


def plan_facts(tables: Tables, lake: Path) -> dict[str, Any]:
    """What became of everything that each policy asked for, and what is paused."""
    return {
        "policies": [dict(row) for row in tables.ask(BY_POLICY, "activations")],
        "paused": [*paused(LocalFiles(str(lake)))],
    }


def plan_lines(facts: Mapping[str, Any]) -> Iterator[str]:
    """The same as sentences, a policy each."""
    names = facts["paused"]
    if names:
        yield f"Paused, so nothing is said: {'every policy' if ALL in names else ', '.join(names)}"
    for told in facts["policies"]:
        counts = ", ".join(f"{told[name]:,} {name}" for name in COUNTS if told[name])
        shadow = " (shadow: shown, not said)" if told["is_shadow"] else ""
        yield f"Policy {told['policy']}{shadow}: {counts}"
