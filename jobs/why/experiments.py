"""Experiments: in which arm of which campaign somebody is, and what that means for them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from tactful.jobs.report.lake_view import LakeView
from tactful.jobs.why.texts import moment, visible
from tactful.schemas.assignments import CONTROL

READS = ("assignments", "identity")
# Who is one person counts for the arm that any of their identifiers was assigned to first.
ARMS = """
    SELECT campaign_id, arg_min(arm, (assigned_at, anchor_key)) AS arm,
           min(assigned_at) AS assigned_at, count(DISTINCT arm) > 1 AS is_contaminated,
           count(*) OVER () AS all_count
    FROM assignments SEMI JOIN (
        SELECT identifier_key AS anchor_key FROM identity
        WHERE person_id = $person AND state = 'linked'
    ) AS theirs USING (anchor_key)
    WHERE assigned_at <= $at GROUP BY campaign_id ORDER BY assigned_at DESC, campaign_id LIMIT $rows
"""


def arms(lake: LakeView, person: str, *, at: datetime, rows: int) -> dict[str, Any]:
    """The campaigns that hold somebody out, and in which arm of each a person is."""
    found = lake.rows(ARMS, person=person, at=at, rows=rows)
    names = ("campaign_id", "arm", "assigned_at", "is_contaminated")
    return {
        "all_count": found[0]["all_count"] if found else 0,
        "rows": [{name: row[name] for name in names} for row in found],
    }


def arm_words(row: Mapping[str, Any]) -> str:
    """One experiment in a sentence."""
    since = f"campaign {visible(row['campaign_id'])}, since {moment(row['assigned_at'])}"
    if row["is_contaminated"]:
        return f"{since}: they were two customers, one in each arm, and hear nothing of it"
    if row["arm"] == CONTROL:
        return f"{since}: in its control group, which hears nothing of it"
    return f"{since}: among those whom it may speak to"
