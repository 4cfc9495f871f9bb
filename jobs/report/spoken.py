"""What was said next in the report of the demo: to whom, what came of it, what lost, and why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tactful.jobs.report.lake_view import LakeView
from tactful.transforms.plans.switching import UNANSWERED

CART, BELT, MUFFIN = "cart_reminder", "belt_with_shoes", "muffin_with_coffee"
MOST_ROWS = 3

# Every plan with all that it ever was; what the mail service told of it, and what was bought then
# of what it is about, as far as that has come in: it may be later than what was published.
SPOKEN = (
    """
    CREATE OR REPLACE TEMP TABLE happened AS
    WITH whose AS (
        SELECT identifier_key AS anchor_key, person_id FROM identity
        WHERE state = 'linked' AND person_id IN (SELECT person_id FROM activations)
    )
    SELECT person_id, occurred_at, type, event_id, message_id, channel, campaign_id,
           NULL AS place, []::VARCHAR[] AS skus
    FROM messages JOIN whose USING (anchor_key) WHERE type IN ('sent', 'clicked')
    UNION ALL
    SELECT person_id, occurred_at, type, event_id, NULL, NULL, NULL, place,
           list_transform(lines, lambda line: line.sku)
    FROM purchases JOIN whose USING (anchor_key) WHERE type = 'order_placed'
    """,
    """
    CREATE OR REPLACE TEMP TABLE plans AS
    WITH ever AS (
        SELECT decision_id, arg_max(cause, batch_id) AS cause, min(proposed_at) AS proposed_at,
               arg_min(send_at, batch_id) FILTER (send_at IS NOT NULL) AS first_at,
               coalesce(bool_or(outcome = 'chosen'), false) AS was_chosen,
               coalesce(bool_or(outcome = 'lost'), false) AS was_lost,
               coalesce(bool_or(outcome = 'suppressed'), false) AS was_suppressed,
               coalesce(bool_or(outcome = 'withdrawn'), false) AS was_withdrawn,
               arg_min(reason, batch_id) FILTER (outcome IN ('lost', 'suppressed')) AS held_by,
               arg_min(lost_to, batch_id) FILTER (outcome = 'lost') AS winners
        FROM log_plans GROUP BY decision_id
    ),
    sent AS (
        SELECT a.activation_id, min(h.occurred_at) AS sent_at,
               arg_min(h.message_id, h.occurred_at) AS message_id
        FROM activations AS a
        JOIN happened AS h ON h.person_id = a.person_id AND h.type = 'sent'
         AND h.channel = a.channel AND h.campaign_id = a.campaign_id
         AND h.occurred_at >= a.emitted_at
         AND (a.expires_at IS NULL OR h.occurred_at < a.expires_at)
        GROUP BY a.activation_id
    ),
    answered AS (
        SELECT s.activation_id, min(h.occurred_at) AS bought_at,
               arg_min(list_filter(h.skus, lambda sku: list_contains(a.skus, sku)), h.occurred_at)
                   AS bought
        FROM sent AS s JOIN activations AS a USING (activation_id)
        JOIN happened AS h ON h.person_id = a.person_id AND h.type = 'order_placed'
         AND h.occurred_at > s.sent_at AND list_has_any(a.skus, h.skus)
        GROUP BY s.activation_id
    )
    SELECT a.*, e.* EXCLUDE (decision_id), s.sent_at, s.message_id, b.bought_at, b.bought,
           coalesce(c.time_zone, 'UTC') AS time_zone, c.usual_response_hour AS usual_hour,
           CAST(c.revenue_total AS DOUBLE) AS revenue, c.deliveries['email'] AS mails,
           coalesce(c.opens['email'], 0) AS opens, coalesce(r.opens_observable, true) AS is_seen
    FROM activations AS a JOIN ever AS e ON e.decision_id = a.activation_id
    LEFT JOIN sent AS s USING (activation_id) LEFT JOIN answered AS b USING (activation_id)
    LEFT JOIN customers AS c ON c.person_id = a.person_id
    LEFT JOIN customer_scores AS r ON r.person_id = a.person_id
    """,
)
BY_POLICY = """
    SELECT policy, count(DISTINCT person_id) AS persons, count_if(was_chosen) AS chosen,
           count_if(was_lost) AS lost, count_if(was_suppressed) AS suppressed,
           count_if(was_withdrawn) AS withdrawn, count(emitted_at) AS handed,
           count(sent_at) AS sent, count(bought_at) AS converted
    FROM plans GROUP BY policy ORDER BY persons DESC, policy
"""
# A row a customer; of each what the page shows, and all times by the clock where they live.
TOLD = {
    "bought_in_store": f"""
        SELECT p.person_id, p.skus, timezone(p.time_zone, p.cause.occurred_at) AS left_at,
               timezone(p.time_zone, p.proposed_at) AS due_at,
               min(timezone(p.time_zone, h.occurred_at)) AS bought_at
        FROM plans AS p JOIN happened AS h ON h.person_id = p.person_id AND h.place = 'store'
         AND list_contains(p.stopped_by, 'purchases:' || h.event_id)
        WHERE p.policy = '{CART}' AND p.outcome = 'withdrawn'
          AND p.person_id NOT IN (SELECT person_id FROM plans WHERE sent_at IS NOT NULL)
        GROUP BY ALL""",
    "reminded": f"SELECT person_id FROM plans WHERE policy = '{CART}' AND sent_at IS NOT NULL",
    "by_text": f"""
        SELECT t.person_id, t.revenue, t.mails, t.opens,
               timezone(t.time_zone, t.sent_at) AS sent_at,
               timezone(t.time_zone, h.clicked_at) AS clicked_at,
               timezone(t.time_zone, t.bought_at) AS bought_at
        FROM plans AS t JOIN plans AS m ON m.plan_id = t.plan_id AND m.channel = 'email'
        LEFT JOIN (SELECT message_id, min(occurred_at) AS clicked_at FROM happened
                   WHERE type = 'clicked' GROUP BY message_id) AS h ON h.message_id = t.message_id
        WHERE t.policy = '{CART}' AND t.channel = 'sms' AND t.sent_at IS NOT NULL
          AND m.held_by = '{UNANSWERED}' AND m.sent_at IS NULL""",
    "seem_silent": f"""
        SELECT person_id, revenue, mails, opens, timezone(time_zone, sent_at) AS sent_at
        FROM plans WHERE policy = '{CART}' AND channel = 'email' AND sent_at IS NOT NULL
          AND opens = 0 AND NOT is_seen""",
    "belts": f"""
        SELECT person_id, skus, timezone(time_zone, cause.occurred_at) AS left_at,
               timezone(time_zone, sent_at) AS sent_at, timezone(time_zone, bought_at) AS bought_at,
               bought
        FROM plans WHERE policy = '{BELT}' AND sent_at IS NOT NULL""",
    "lost": f"""
        SELECT p.person_id, p.policy, p.held_by, w.policy AS winner,
               timezone(w.time_zone, w.first_at) AS winner_at, p.outcome,
               timezone(p.time_zone, p.send_at) AS next_at
        FROM plans AS p JOIN plans AS w ON list_contains(p.winners, w.activation_id)
        WHERE p.policy = '{BELT}' AND p.was_lost""",
    "muffins": f"""
        SELECT person_id, usual_hour, timezone(time_zone, cause.occurred_at) AS left_at,
               timezone(time_zone, send_at) AS told_at, timezone(time_zone, bought_at) AS bought_at,
               bought
        FROM plans WHERE policy = '{MUFFIN}' AND sent_at IS NOT NULL
          AND strftime(timezone(time_zone, send_at), '%H:%M') = '08:10'""",
    "moved": f"""
        SELECT p.person_id, p.policy, p.held_by, timezone(p.time_zone, p.proposed_at) AS left_at,
               timezone(p.time_zone, c.next_allowed_at) AS free_at, c.cap_limit,
               timezone(p.time_zone, p.first_at) AS moved_to
        FROM plans AS p JOIN pressure AS c ON c.person_id = p.person_id AND c.cap = p.held_by
        WHERE p.was_suppressed AND p.first_at > p.proposed_at AND p.policy = '{CART}'""",
    "answered": "SELECT DISTINCT person_id FROM plans WHERE bought_at IS NOT NULL",
}  # fmt: skip


def spoken(lake: LakeView, *, planted: Mapping[str, int]) -> dict[str, Any] | None:
    """What was planned to be said, and what became of it, with rows; None where nothing was.

    planted: what the demo knows that should come out (see `Spoken`).
    """
    for statement in SPOKEN:
        lake.database.execute(statement)
    policies = lake.rows(BY_POLICY)
    if not policies:
        return None
    rows = {name: sorted(lake.rows(sql), key=_tells) for name, sql in TOLD.items()}
    found = {name: len({row["person_id"] for row in told}) for name, told in rows.items()}
    return {
        "policies": policies,
        "counted": found,
        "rows": {name: told[:MOST_ROWS] for name, told in rows.items()},
        "seen_at": lake.row("SELECT max(occurred_at) AS at FROM happened")["at"],
        "planted": planted,
        "agrees": found == dict(planted),
    }


def _tells(row: Mapping[str, Any]) -> tuple[bool, str]:
    """What was answered tells most; beyond that the rows are always the same."""
    return row.get("bought_at") is None, row["person_id"]
