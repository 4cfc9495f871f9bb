"""The report's counts of what is said next: chosen, lost, held back, withdrawn, handed over."""

from __future__ import annotations

from typing import Any

from tactful.jobs.report.lake_view import LakeView

BY_POLICY = """
    SELECT policy, any_value(is_shadow) AS is_shadow, count(DISTINCT person_id) AS persons,
           count(*) FILTER (outcome = 'chosen' AND NOT is_final) AS chosen,
           count(*) FILTER (outcome = 'waiting') AS waiting,
           count(*) FILTER (outcome = 'lost') AS lost,
           count(*) FILTER (outcome = 'suppressed') AS suppressed,
           count(*) FILTER (outcome = 'withdrawn') AS withdrawn,
           count(*) FILTER (emitted_at IS NOT NULL OR (is_shadow AND outcome = 'chosen'
                            AND is_final)) AS sent
    FROM activations GROUP BY policy ORDER BY policy
"""
# What a plan lost to: the policies that have its place, each once, however many their plans are.
WHY_NOT = """
    WITH winners AS (
        SELECT l.activation_id, list_sort(list(DISTINCT w.policy)) AS policies
        FROM (SELECT activation_id, unnest(lost_to) AS winner FROM activations) AS l
        JOIN activations AS w ON w.activation_id = l.winner GROUP BY l.activation_id
    )
    SELECT a.policy, a.outcome, a.reason, coalesce(w.policies, []) AS winners,
           count(*) AS plans, count(DISTINCT a.person_id) AS persons
    FROM activations AS a LEFT JOIN winners AS w USING (activation_id)
    WHERE a.outcome IN ('lost', 'suppressed', 'withdrawn')
    GROUP BY ALL ORDER BY plans DESC, a.policy, a.outcome, a.reason, winners LIMIT $most
"""
NEXT = """
    SELECT CAST(send_at AS DATE) AS day, policy, channel, count(*) AS plans
    FROM activations WHERE outcome = 'chosen' AND NOT is_final
    GROUP BY ALL ORDER BY day, plans DESC, policy, channel LIMIT $most
"""


def planned(lake: LakeView, *, most: int) -> dict[str, Any]:
    """What became of all that policies asked for, why it was not said, and what comes next.

    most: how many lines of reasons, and of what comes next, are told.
    """
    return {
        "policies": lake.rows(BY_POLICY),
        "why_not": lake.rows(WHY_NOT, most=most),
        "next": lake.rows(NEXT, most=most),
    }
