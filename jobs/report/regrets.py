"""The report's first question: what was sent that should not have been, and to how many."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from tactful.jobs.report.lake_view import LakeView
from tactful.jobs.settings.config import Config, Suppress
from tactful.transforms.checks import CHECKS

QUARTER = (datetime(2017, 10, 1, tzinfo=UTC), datetime(2018, 1, 1, tzinfo=UTC))
FIXED, OWN_RHYTHM = "bought_it", "bought_it_own_rhythm"
BLUNT_DAYS = 60
REAL = "complete_journey"

# One row a mailing of the quarter whose products are on record, with what each rule says of it.
MAILINGS = """
    CREATE OR REPLACE TEMP TABLE mailings AS
    SELECT o.message_id, o.person_id, o.campaign_id, o.sent_at, o.goal_reached_at,
           o.message_id IN (SELECT message_id FROM regrets WHERE policy = $fixed) AS fixed,
           o.message_id IN (SELECT message_id FROM regrets WHERE policy = $own) AS own_rhythm
    FROM outcomes AS o
    WHERE o.channel = 'direct_mail' AND o.sent_at >= $first AND o.sent_at < $end
      AND o.message_id IN (SELECT message_id FROM messages WHERE type = 'sent' AND len(skus) > 0)
"""
COUNTED = """
    SELECT count(*) AS mailings,
           count(*) FILTER (WHERE fixed) AS fixed,
           count(*) FILTER (WHERE own_rhythm) AS own_rhythm,
           count(*) FILTER (WHERE fixed AND own_rhythm) AS both_rules,
           count(DISTINCT person_id) FILTER (WHERE fixed) AS persons,
           count(*) FILTER (WHERE fixed AND goal_reached_at IS NOT NULL) AS fixed_redeemed,
           count(*) FILTER (WHERE NOT fixed AND goal_reached_at IS NOT NULL) AS other_redeemed
    FROM mailings
"""
WITHOUT_PRODUCTS = """
    SELECT count(*) AS n FROM outcomes
    WHERE channel = 'direct_mail' AND sent_at >= $first AND sent_at < $end
      AND message_id NOT IN (SELECT message_id FROM mailings)
"""
# No table holds this answer: it is read off the purchases themselves.
BLUNT = """
    WITH real AS (SELECT event_id FROM purchases WHERE source = $real AND type = 'order_placed'),
    bought AS (
        SELECT DISTINCT person_id, occurred_at FROM timeline
        WHERE stream = 'purchases' AND person_id IS NOT NULL
          AND event_id IN (SELECT event_id FROM real)
    )
    SELECT count(DISTINCT m.message_id) AS n FROM mailings AS m
    JOIN bought AS b ON b.person_id = m.person_id
     AND b.occurred_at < m.sent_at AND b.occurred_at > m.sent_at - to_days($days)
"""
RHYTHM = """
    SELECT count(*) AS products, median(replenish_days) AS days
    FROM products WHERE replenish_days IS NOT NULL
"""
BY_RULE = """
    SELECT policy, channel, count(*) AS messages, sum(cost) AS cost
    FROM regrets GROUP BY policy, channel
"""
BY_WEEK = """
    SELECT policy, channel, cast(date_trunc('week', sent_at) AS DATE) AS week,
           count(*) AS messages
    FROM regrets GROUP BY ALL ORDER BY ALL
"""
# A message whose purpose nobody named is marketing.
SENT = """
    SELECT channel, count(*) AS messages, sum(cost) AS cost FROM (
        SELECT message_id, any_value(channel) AS channel, any_value(cost) AS cost
        FROM messages JOIN purposes AS p USING (message_id)
        WHERE type = 'sent' AND p.purpose = 'marketing' GROUP BY message_id
    ) AS each_message GROUP BY channel ORDER BY messages DESC, channel
"""
ANY_RULE = """
    SELECT count(*) AS messages, sum(cost) AS cost FROM (
        SELECT message_id, any_value(cost) AS cost FROM regrets
        WHERE NOT list_contains($aside, policy) GROUP BY message_id
    ) AS each_message
"""


@dataclass(frozen=True)
class Rule:
    """A rule as a marketer knows it: its name, what it says, and whether others already count."""

    name: str
    says: str
    aside: bool


def rules(config: Config) -> dict[str, Rule]:
    """Every rule that may stop a message, in words; those for comparison are counted aside."""
    found = {
        rule.name: Rule(rule.name, rule.kind.says(rule.options), _aside(rule))
        for rule in config.rules
    }
    for check in config.checks_of_all:
        words = CHECKS[check.when].says(check.options)
        found[check.name] = Rule(check.name, words, False)
    for cap in config.caps:
        channels = ", ".join(map(channel_name, cap.channels)) or "all channels"
        words = f"more than {cap.limit} {cap.within} ({channels})"
        found[cap.name] = Rule(cap.name, words, False)
    return found


def mailings(lake: LakeView) -> dict[str, Any]:
    """How many of the quarter's mailings offered what the household had just bought."""
    first, end = QUARTER
    lake.database.execute(MAILINGS, {"fixed": FIXED, "own": OWN_RHYTHM, "first": first, "end": end})
    figures = lake.row(COUNTED)
    figures["without_products"] = lake.row(WITHOUT_PRODUCTS, first=first, end=end)["n"]
    figures["blunt"] = lake.row(BLUNT, real=REAL, days=BLUNT_DAYS)["n"]
    figures["only_fixed"] = figures["fixed"] - figures["both_rules"]
    figures["only_own"] = figures["own_rhythm"] - figures["both_rules"]
    figures["others"] = figures["mailings"] - figures["fixed"]
    return figures


def rhythm(lake: LakeView) -> dict[str, Any]:
    """After how many days products are usually bought again."""
    return lake.row(RHYTHM)


def by_rule(lake: LakeView, known: Mapping[str, Rule]) -> dict[str, Any]:
    """Messages that each rule would have stopped, by channel, and what they cost."""
    sent = lake.rows(SENT)
    channels = [row["channel"] for row in sent]
    counted = lake.frame(BY_RULE)
    lines = []
    for policy, group in counted.groupby("policy"):
        tally = dict(zip(group.channel, group.messages, strict=True))
        rule = known.get(str(policy), Rule(str(policy), "", False))
        lines.append(
            {
                "rule": rule,
                "messages": [int(tally.get(channel, 0)) for channel in channels],
                "total": int(group.messages.sum()),
                "cost": _money(group.cost),
            }
        )
    lines.sort(key=lambda line: (line["rule"].aside, -line["total"], line["rule"].name))
    aside = sorted(rule.name for rule in known.values() if rule.aside)
    return {
        "channels": channels,
        "sent": [row["messages"] for row in sent],
        "sent_total": sum(row["messages"] for row in sent),
        "sent_cost": sum(float(row["cost"] or 0) for row in sent),
        "lines": lines,
        "any_rule": lake.row(ANY_RULE, aside=aside),
    }


def by_week(lake: LakeView, config: Config) -> pd.DataFrame:
    """Messages that each rule would have stopped, by channel and the week's Monday."""
    blunt = [rule.name for rule in config.rules if rule.match == "all"]
    frame = lake.frame(BY_WEEK)
    return frame[~frame.policy.isin(blunt)]


def channel_name(channel: str | None) -> str:
    """A channel in a marketer's words, for more than one message."""
    names = {"direct_mail": "mailings", "email": "emails", "ad": "ads", "sms": "texts"}
    return names.get(channel or "", (channel or "no channel").replace("_", " "))


def rule_named(config: Config, name: str) -> Suppress | None:
    """The rule of this name that is switched on; None without one."""
    return next((rule for rule in config.rules if rule.name == name), None)


def _aside(rule: Suppress) -> bool:
    """Rules that stand beside another for comparison would count its messages twice."""
    return rule.match == "all" or rule.name == OWN_RHYTHM


def _money(costs: Iterable[Any]) -> float:
    return float(sum(float(cost) for cost in costs if cost is not None and cost == cost))
