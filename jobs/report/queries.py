"""Three questions that anybody can put to the lake; the report and the notebook ask the same."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tactful.jobs.report.lake_view import LakeView


@dataclass(frozen=True)
class Query:
    """A question in words and in SQL."""

    title: str
    sql: str


QUERIES = (
    Query(
        "Which rules would have stopped what, and what did it cost?",
        """
SELECT policy, channel, count(*) AS messages, sum(cost) AS cost
FROM regrets
GROUP BY policy, channel
ORDER BY messages DESC, policy, channel
LIMIT 8
""".strip(),
    ),
    Query(
        "Who is protected right now, from what, and when does the next protection end?",
        """
SELECT policy, array_to_string(channels, ', ') AS channels,
       count(DISTINCT person_id) AS persons, min(ends_at) AS next_end
FROM suppressions
WHERE starts_at <= (SELECT max(as_of) FROM customer_scores)
  AND (ends_at IS NULL OR ends_at > (SELECT max(as_of) FROM customer_scores))
GROUP BY policy, channels
ORDER BY persons DESC, policy, channels
LIMIT 8
""".strip(),
    ),
    Query(
        "Was a message followed by an order, where the product had just been bought and where not?",
        """
SELECT o.channel, r.message_id IS NOT NULL AS bought_just_before,
       count(*) AS messages, count(o.clicked_at) AS clicked,
       count(o.goal_reached_at) AS followed_by_an_order
FROM outcomes AS o
LEFT JOIN regrets AS r ON r.message_id = o.message_id AND r.policy = 'bought_it'
GROUP BY o.channel, bought_just_before
ORDER BY o.channel, bought_just_before
""".strip(),
    ),
)


def answers(lake: LakeView) -> list[dict[str, Any]]:
    """Each question with what this lake answers."""
    answered = []
    for query in QUERIES:
        found = lake.database.execute(query.sql)
        names, rows = [column[0] for column in found.description], found.fetchall()
        heads = [(name, _counts(row[at] for row in rows)) for at, name in enumerate(names)]
        answered.append({"query": query, "heads": heads, "rows": rows})
    return answered


def _counts(values: Iterable[Any]) -> bool:
    """Whether a column holds numbers, which stand to the right."""
    present = [value for value in values if value is not None]
    return bool(present) and all(
        isinstance(value, int | float | Decimal) and not isinstance(value, bool)
        for value in present
    )
