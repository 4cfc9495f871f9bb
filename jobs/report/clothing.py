"""The clothes shop in the report: jeans at half price, the mat that never came, boots in summer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tactful.jobs.report.lake_view import LakeView

SALE, ASK, BOOTS = "jeans-half-price", "review-ask", "rain-boots"
WHEN = {SALE: "price_regret", ASK: "unfulfilled", BOOTS: "out_of_context"}
MOST_ROWS, EACH_ROWS = 4, 2

# What went out under each content, and what the rules would have held back of it.
COUNTED = """
    SELECT m.content_id, count(DISTINCT m.message_id) AS mails,
           count(DISTINCT m.message_id) FILTER (WHERE r.message_id IS NOT NULL) AS held_back
    FROM messages AS m
    LEFT JOIN regrets AS r ON r.message_id = m.message_id AND list_contains($policies, r.policy)
    WHERE m.type = 'sent' AND m.content_id = $content GROUP BY m.content_id
"""
# Of each such mail what speaks against it: the newest order that the rule names.
ROWS = """
    SELECT r.message_id, r.person_id, r.sent_at, t.occurred_at AS bought_at, t.sku, t.category,
           cast(t.amount AS DOUBLE) AS amount, t.currency, t.order_id
    FROM regrets AS r
    JOIN messages AS m ON m.message_id = r.message_id AND m.type = 'sent'
    JOIN timeline AS t ON t.person_id = r.person_id AND t.type = 'order_placed'
     AND list_contains(r.evidence, t.stream || ':' || t.event_id)
    WHERE m.content_id = $content AND list_contains($policies, r.policy)
      AND ($category IS NULL OR t.category = $category)
    QUALIFY row_number() OVER (
        PARTITION BY r.message_id ORDER BY t.occurred_at DESC, t.event_id, t.sku
    ) = 1
    ORDER BY r.sent_at - t.occurred_at, r.message_id LIMIT $most
"""


# Of the mails that did not fit where their customer was, some of each day and place.
MISPLACED = """
    SELECT r.message_id, r.person_id, r.sent_at, c.occurred_at AS seen_at,
           c.geo.country AS country, strftime(r.sent_at, '%B') AS month
    FROM regrets AS r
    JOIN messages AS m ON m.message_id = r.message_id AND m.type = 'sent'
    LEFT JOIN clicks AS c ON list_contains(r.evidence, 'clicks:' || c.event_id)
    WHERE m.content_id = $content AND list_contains($policies, r.policy)
    QUALIFY row_number() OVER (
        PARTITION BY month, country ORDER BY r.sent_at, r.message_id
    ) <= $each
    ORDER BY r.sent_at, r.message_id
"""


def clothing(
    lake: LakeView, *, rules: Mapping[str, str], planted: Mapping[str, int]
) -> dict[str, Any] | None:
    """What the clothes shop mailed in vain, with rows of it; None where there is no such shop.

    rules: the name of each configured rule, and its `when`. planted: what the demo knows that
    should come out (see `Misfires`).
    """
    sale, ask, boots = (_of(lake, rules, content) for content in (SALE, ASK, BOOTS))
    if not sale["mails"] and not ask["mails"]:
        return None
    found = {
        "sale_mails": sale["mails"],
        "price_regrets": sale["held_back"],
        "review_asks": ask["mails"],
        "unfulfilled": ask["held_back"],
        "boots_mails": boots["mails"],
        "out_of_season": boots["held_back"],
    }
    agrees = found == dict(planted)
    return {"sale": sale, "ask": ask, "boots": boots, "planted": planted, "agrees": agrees}


def _of(lake: LakeView, rules: Mapping[str, str], content: str) -> dict[str, Any]:
    policies = sorted(name for name, when in rules.items() if when == WHEN[content])
    counted = lake.rows(COUNTED, content=content, policies=policies)
    about = {"content": content, "policies": policies}
    if content == BOOTS:
        rows = lake.rows(MISPLACED, **about, each=EACH_ROWS)
    else:
        category = "Yoga mats" if content == ASK else None
        rows = lake.rows(ROWS, **about, category=category, most=MOST_ROWS)
    return {**(counted[0] if counted else {"mails": 0, "held_back": 0}), "rows": rows}
