"""What is said in the status: of each policy how much was chosen, lost, held back and said."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rich.markup import escape

from tactful.jobs.commands.tables_here import Tables
from tactful.jobs.lake.files import LocalFiles
from tactful.jobs.runs.batches import FUSED
from tactful.jobs.runs.pausing import ALL, paused
from tactful.schemas.records import TEST_MARK

COUNTS = ("waiting", "chosen", "lost", "suppressed", "withdrawn", "sent")
BY_POLICY = """
    SELECT policy, bool_and(is_shadow) AS is_shadow,
           count(*) FILTER (WHERE is_shadow) AS shown,
           count(*) FILTER (WHERE outcome = 'waiting') AS waiting,
           count(*) FILTER (WHERE outcome = 'chosen') AS chosen,
           count(*) FILTER (WHERE outcome = 'lost') AS lost,
           count(*) FILTER (WHERE outcome = 'suppressed') AS suppressed,
           count(*) FILTER (WHERE outcome = 'withdrawn') AS withdrawn,
           count(*) FILTER (WHERE emitted_at IS NOT NULL) AS sent
    FROM activations GROUP BY policy ORDER BY policy
"""
# What came of the decisions that senders name: each message once, by its sending.
NAMED = f"""
    WITH told AS (
        SELECT message_id, min(decision_id) AS decision_id, min(occurred_at) AS sent_at
        FROM messages WHERE type = 'sent' AND decision_id NOT LIKE '{TEST_MARK}%'
        GROUP BY message_id
    ),
    back AS (
        SELECT decision_id, min(emitted_at) AS told_at FROM records
        WHERE operation = 'cancel' GROUP BY decision_id
    )
    SELECT count(*) FILTER (WHERE a.emitted_at IS NULL) AS of_nobody,
           count(*) FILTER (WHERE a.emitted_at IS NOT NULL AND a.outcome = 'withdrawn'
                                  AND t.sent_at > b.told_at) AS called_back,
           count(*) FILTER (WHERE a.outcome = 'chosen' AND t.sent_at >= a.expires_at) AS late
    FROM told AS t LEFT JOIN activations AS a ON a.activation_id = t.decision_id
    LEFT JOIN back AS b ON b.decision_id = t.decision_id
"""
# Marketing that somebody sent since anything was said here, and not on its account.
FOREIGN = """
    WITH mine AS (
        SELECT person_id, channel, campaign_id, emitted_at, expires_at FROM activations
        WHERE emitted_at IS NOT NULL AND outcome = 'chosen'
    ),
    named AS (SELECT DISTINCT message_id FROM messages WHERE decision_id IS NOT NULL),
    others AS (
        SELECT DISTINCT message_id FROM messages
        WHERE type = 'sent' AND coalesce(purpose, 'marketing') <> 'transactional'
          AND occurred_at >= (SELECT min(emitted_at) FROM mine)
    )
    SELECT count(DISTINCT o.message_id) AS foreign_count
    FROM outcomes AS o
    JOIN others AS s ON s.message_id = o.message_id
    LEFT JOIN named AS n ON n.message_id = o.message_id
    LEFT JOIN mine AS a ON a.person_id = o.person_id AND a.channel = o.channel
        AND a.campaign_id = o.campaign_id AND o.sent_at >= a.emitted_at
        AND (a.expires_at IS NULL OR o.sent_at < a.expires_at)
    WHERE n.message_id IS NULL AND a.person_id IS NULL
"""
NONE = {"of_nobody": 0, "called_back": 0, "late": 0}


def plan_facts(tables: Tables, lake: Path) -> dict[str, Any]:
    """What became of everything that each policy asked for, what is paused, and what is held."""
    policies = [dict(row) for row in tables.ask(BY_POLICY, "activations")]
    is_spoken = any(row["sent"] for row in policies)
    named = (
        tables.ask(NAMED, "messages", "activations", "records", needs="decision_id")
        if policies
        else []
    )
    asked = ("messages", "activations", "outcomes")
    foreign = tables.ask(FOREIGN, *asked, needs="decision_id") if is_spoken else []
    pins = _newest_pins(lake)
    return {
        "policies": policies,
        "paused": [*paused(LocalFiles(str(lake)))],
        "lagging": pins.get("lagging", {}),
        "failing_tables": pins.get("failing_tables", []),
        "sent": {**(named[0] if named else NONE), **(foreign[0] if foreign else {})},
    }


def plan_lines(facts: Mapping[str, Any]) -> Iterator[str]:
    """The same as sentences, a policy each."""
    names = facts["paused"]
    if names:
        yield f"Paused, so nothing is said: {'every policy' if ALL in names else ', '.join(names)}"
    for name, since in facts["lagging"].items():
        when = f"was last known to be read to its end at {since}" if since else "was never read"
        yield (
            f"[yellow]Nothing was said by the last batch: source {escape(name)} {when}, which is "
            "longer ago than plans.max_lag, and may have forbidden it since.[/]"
        )
    if failing := facts["failing_tables"]:
        yield (
            f"[yellow]Nothing new was said by the last batch: {escape(', '.join(failing))} "
            "failed what quality.hold waits for.[/]"
        )
    for told in facts["policies"]:
        counts = ", ".join(f"{told[name]:,} {name}" for name in COUNTS if told[name])
        some = f" ({told['shown']:,} of them of its time as a shadow: shown, not said)"
        shadow = " (shadow: shown, not said)" if told["is_shadow"] else ""
        counts += some if told["shown"] and not told["is_shadow"] else ""
        yield f"Policy {told['policy']}{shadow}: {counts}"
    yield from _sent_lines(facts["sent"])


def _sent_lines(sent: Mapping[str, int]) -> Iterator[str]:
    """What senders sent that was not asked of them so; all of it counts in caps."""
    told = {
        "late": (
            "message was sent after the end of its decision",
            "messages were sent after the end of their decisions",
        ),
        "called_back": (
            "message was sent although it had been called back",
            "messages were sent although they had been called back",
        ),
        "of_nobody": (
            "message names a decision that asked nobody to send it",
            "messages name a decision that asked nobody to send them",
        ),
        "foreign_count": (
            "marketing message was sent since the first plan that no plan asked for",
            "marketing messages were sent since the first plan that no plan asked for",
        ),
    }
    for name, (one, several) in told.items():
        if count := sent.get(name):
            yield (
                f"{count:,} {one}; it counts in caps"
                if count == 1
                else (f"{count:,} {several}; they count in caps")
            )


def _newest_pins(lake: Path) -> dict[str, Any]:
    """What was fixed when the last batch began, such as for which sources it said nothing."""
    pins = sorted((lake / "_checkpoints" / FUSED / "pins").glob("*.json"))
    return json.loads(pins[-1].read_text()) if pins else {}
