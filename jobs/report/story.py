"""One customer's weeks: what was bought, what was sent, and what should have been held back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from tactful.jobs.report.lake_view import LakeView
from tactful.jobs.report.regrets import FIXED, REAL, channel_name

MOST_PRODUCTS = 5
MOST_LINES = 12
LONGEST_NAME = 28
READABLE = (8, 45)

# Somebody who was mailed in vain and whose weeks can still be drawn; the same every time.
CHOOSE = """
    WITH mailed AS (
        SELECT r.person_id, count(*) AS mailings FROM regrets AS r
        JOIN mailings AS m USING (message_id) WHERE r.policy = $fixed GROUP BY r.person_id
    ),
    regretted AS (
        SELECT person_id, count(DISTINCT policy) AS policies,
               count(DISTINCT channel) AS channels, count(DISTINCT message_id) AS messages
        FROM regrets GROUP BY person_id
    ),
    bought AS (
        SELECT person_id, count(DISTINCT event_id) AS orders FROM timeline
        WHERE type = 'order_placed' AND person_id IN (SELECT person_id FROM mailed)
        GROUP BY person_id
    )
    SELECT person_id FROM regretted
    LEFT JOIN mailed USING (person_id) LEFT JOIN bought USING (person_id)
    WHERE NOT starts_with(person_id, 'n_')
    ORDER BY coalesce(orders BETWEEN $fewest AND $most, false) DESC,
             least(coalesce(mailings, 0), 2) DESC, least(channels, 3) DESC,
             least(policies, 4) DESC, messages, person_id
    LIMIT 1
"""
ORDERS = """
    SELECT t.event_id, min(t.occurred_at) AS moment, count(*) AS products,
           cast(sum(t.amount) AS DOUBLE) AS amount,
           t.event_id IN (SELECT event_id FROM purchases WHERE source = $real) AS real
    FROM timeline AS t WHERE t.person_id = $person AND t.type = 'order_placed'
    GROUP BY t.event_id ORDER BY moment, t.event_id
"""
MESSAGES = """
    SELECT o.message_id, o.channel, o.sent_at AS moment, o.campaign_id,
           coalesce(list_sort(list(r.policy) FILTER (WHERE r.policy IS NOT NULL)), []) AS policies
    FROM outcomes AS o LEFT JOIN regrets AS r
      ON r.message_id = o.message_id AND NOT list_contains($aside, r.policy)
    WHERE o.person_id = $person
      AND o.message_id IN (SELECT message_id FROM purposes WHERE purpose = 'marketing')
    GROUP BY ALL ORDER BY moment, o.message_id
"""
# What each message offered that had just been bought, and when that was.
REASONS = """
    WITH mine AS (
        SELECT message_id, policy, sent_at, unnest(evidence) AS evidence FROM regrets
        WHERE person_id = $person AND policy = $fixed
    ),
    offered AS (
        SELECT message_id, unnest(skus) AS sku FROM messages
        WHERE type = 'sent' AND message_id IN (SELECT message_id FROM mine)
    )
    SELECT DISTINCT mine.message_id, t.sku, t.occurred_at AS bought_at, mine.sent_at,
           coalesce(p.category, t.category, t.sku) AS category
    FROM mine
    JOIN timeline AS t ON t.person_id = $person AND t.type = 'order_placed'
     AND mine.evidence = t.stream || ':' || t.event_id
    JOIN offered ON offered.message_id = mine.message_id AND offered.sku = t.sku
    LEFT JOIN products AS p ON p.sku = t.sku
    ORDER BY mine.sent_at, mine.message_id, bought_at DESC, category, t.sku
"""
SPANS = """
    SELECT DISTINCT policy, scope[1]."values"[1] AS scope_value, starts_at AS moment,
           scope[1].kind IN ('sku', 'category', 'brand') AS is_about_products,
           coalesce(least(ends_at, $end), $end) AS until
    FROM suppressions
    WHERE person_id = $person AND starts_at < $end AND NOT list_contains($aside, policy)
      AND (scope[1].kind NOT IN ('sku', 'category', 'brand')
           OR (policy = $fixed AND list_contains($skus, scope[1]."values"[1])))
    ORDER BY moment, policy, scope_value
"""


@dataclass(frozen=True)
class Story:
    """One person's purchases, messages and suppressions, ready to be drawn and told."""

    person_id: str
    orders: pd.DataFrame
    messages: pd.DataFrame
    spans: pd.DataFrame
    lines: list[dict[str, Any]]
    more_lines: int

    @property
    def regretted(self) -> int:
        """How many of the messages a rule would have stopped."""
        return int((self.messages.policies.map(len) > 0).sum())


def story(lake: LakeView, *, aside: list[str]) -> Story | None:
    """The weeks of one customer who was sent what should not have been sent; None without one.

    Rules in `aside` stand beside another for comparison, and are left out.
    """
    fewest, most = READABLE
    chosen = lake.rows(CHOOSE, fixed=FIXED, fewest=fewest, most=most)
    if not chosen or lake.as_of is None:
        return None
    person = chosen[0]["person_id"]
    orders = lake.frame(ORDERS, person=person, real=REAL)
    messages = lake.frame(MESSAGES, person=person, aside=aside)
    reasons = lake.frame(REASONS, person=person, fixed=FIXED)
    shown = _shown_products(reasons)
    spans = lake.frame(
        SPANS, person=person, fixed=FIXED, end=lake.as_of, aside=aside, skus=list(shown)
    )
    lines = _lines(messages, reasons)
    return Story(
        person_id=person,
        orders=orders,
        messages=messages.assign(lane=messages.channel.map(lane)),
        spans=spans.assign(lane=[_span_lane(row, shown) for row in spans.itertuples()]),
        lines=lines[:MOST_LINES],
        more_lines=max(len(lines) - MOST_LINES, 0),
    )


def lane(channel: str | None) -> str:
    """What a channel is called beside its line of the drawing."""
    return channel_name(channel).capitalize()


def tidy(category: str) -> str:
    """A category as people write it: FLUID MILK PRODUCTS is Fluid milk products."""
    plain = category.capitalize() if category.isupper() else category
    return plain if len(plain) <= LONGEST_NAME else plain[: LONGEST_NAME - 1].rstrip() + "…"


def _shown_products(reasons: pd.DataFrame) -> dict[str, str]:
    """The products that most messages came too late for, with their names."""
    tally = reasons.groupby(["sku", "category"]).message_id.nunique().reset_index(name="times")
    tally = tally.sort_values(["times", "sku"], ascending=[False, True]).head(MOST_PRODUCTS)
    return {str(row.sku): tidy(str(row.category)) for row in tally.itertuples()}


def _span_lane(span: Any, shown: dict[str, str]) -> str:
    return shown[span.scope_value] if span.is_about_products else f"{span.policy}"


def _lines(messages: pd.DataFrame, reasons: pd.DataFrame) -> list[dict[str, Any]]:
    """What is said of each message that should have been held back, mailings first."""
    held = messages[messages.policies.map(len) > 0]
    by_message = dict(tuple(reasons.groupby("message_id"))) if len(reasons) else {}
    lines = [
        {
            "at": row.moment,
            "what": channel_name(row.channel).removesuffix("s").capitalize(),
            "mailing": row.channel == "direct_mail",
            "campaign": row.campaign_id,
            "policies": list(row.policies),
            "bought": _bought(by_message.get(row.message_id)),
        }
        for row in held.itertuples()
    ]
    return sorted(lines, key=lambda line: (not line["mailing"], line["at"]))


def _bought(reasons: pd.DataFrame | None) -> dict[str, Any] | None:
    """The newest purchase that speaks against a message, and how many more do."""
    if reasons is None or reasons.empty:
        return None
    newest = reasons.iloc[0]
    return {
        "category": tidy(str(newest.category)),
        "at": newest.bought_at,
        "days": int((newest.sent_at - newest.bought_at).total_seconds() // 86_400),
        "more": int(reasons.sku.nunique()) - 1,
    }
