"""The report's counts of contact pressure, suppressions, records and what came in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from tactful.jobs.report.lake_view import LakeView
from tactful.jobs.report.regrets import channel_name
from tactful.jobs.settings.config import Cap, Config
from tactful.schemas.records import TEST

# Distinct messages at their earliest time of the type that the cap counts.
COUNTED = """
    SELECT t.person_id, t.message_id, min(t.occurred_at) AS moment
    FROM timeline AS t
    JOIN messages AS m USING (event_id)
    JOIN purposes AS p ON p.message_id = t.message_id
    WHERE t.stream = 'messages' AND t.type = $counts
      AND NOT ($counts = 'opened' AND coalesce(m.machine_open, false))
      AND (len($channels) = 0 OR list_contains($channels, t.channel))
      AND list_contains($purposes, p.purpose)
      AND (len($topics) = 0 OR list_contains($topics, p.topic))
      AND (len($campaigns) = 0 OR list_contains($campaigns, t.campaign_id))
      AND NOT coalesce(list_contains($exempt_topics, p.topic), false)
      AND NOT coalesce(list_contains($exempt_campaigns, t.campaign_id), false)
      AND t.person_id IS NOT NULL AND NOT starts_with(t.person_id, 'n_')
    GROUP BY t.person_id, t.message_id
"""
BY_WEEK = f"""
    SELECT week, messages, count(*) AS persons FROM (
        SELECT cast(date_trunc('week', moment) AS DATE) AS week, person_id, count(*) AS messages
        FROM ({COUNTED}) AS counted GROUP BY ALL
    ) AS each_person GROUP BY week, messages ORDER BY week, messages
"""
REACHED = """
    SELECT count(DISTINCT person_id) AS persons FROM suppressions
    WHERE policy = $cap AND reason = 'capped'
"""
BEYOND = "SELECT count(*) AS messages FROM regrets WHERE policy = $cap"
AT_LIMIT = """
    SELECT count(*) AS persons, count(*) FILTER (WHERE counted >= cap_limit) AS at_limit
    FROM pressure WHERE cap = $cap
"""
MOST_MAILINGS = """
    SELECT coalesce(max(within), 0) AS n FROM (
        SELECT count(*) OVER (
            PARTITION BY person_id ORDER BY sent_at
            RANGE BETWEEN INTERVAL 7 DAYS PRECEDING AND CURRENT ROW
        ) AS within
        FROM outcomes WHERE channel = 'direct_mail' AND person_id IS NOT NULL
    ) AS each_mailing
"""
STATES = """
    SELECT reason, policy,
           count(*) FILTER (WHERE state = 'active') AS active,
           count(*) FILTER (WHERE state = 'over') AS over,
           count(*) FILTER (WHERE state = 'lifted') AS lifted,
           count(*) AS total
    FROM (
        SELECT reason, policy, CASE
            WHEN ends_at IS NULL OR ends_at > $as_of THEN 'active'
            WHEN lifted_by IS NOT NULL THEN 'lifted' ELSE 'over' END AS state
        FROM suppressions
    ) AS each_row GROUP BY reason, policy ORDER BY total DESC, policy
"""
PROTECTED = """
    SELECT count(DISTINCT person_id) AS persons FROM suppressions
    WHERE starts_at <= $as_of AND (ends_at IS NULL OR ends_at > $as_of)
"""
RECORDS = f"""
    SELECT destination, audience,
           count(*) FILTER (WHERE operation IN ('add', 'suppress')) AS added,
           count(*) FILTER (WHERE operation IN ('remove', 'unsuppress')) AS removed,
           count(DISTINCT person_id) AS persons
    FROM records WHERE operation IS DISTINCT FROM '{TEST}' GROUP BY ALL ORDER BY ALL
"""
DELIVERIES = f"""
    WITH newest AS (
        SELECT destination, name, arg_max(state, "at") AS state FROM delivery_states
        GROUP BY destination, name
    )
    SELECT destination, count(*) AS files, sum(records) AS rows,
           list_sort(list(DISTINCT coalesce(n.state, d.state))) AS states
    FROM deliveries AS d LEFT JOIN newest AS n USING (destination, name)
    WHERE d.operation IS DISTINCT FROM '{TEST}' GROUP BY destination ORDER BY destination
"""
SENT = f"""
    WITH newest AS (
        SELECT * FROM delivery_states WHERE operation IS DISTINCT FROM '{TEST}'
        QUALIFY row_number() OVER (PARTITION BY destination, name ORDER BY "at" DESC) = 1
    )
    SELECT destination, coalesce(sum(accepted_records), 0) AS accepted,
           coalesce(sum(refused_records), 0) AS refused, coalesce(sum(call_count), 0) AS calls,
           max(effective_by) AS effective_by
    FROM newest GROUP BY destination
"""
WARNINGS = """
    SELECT destination, warning, count(*) AS files
    FROM (SELECT destination, unnest(warnings) AS warning FROM deliveries) AS each_warning
    GROUP BY ALL ORDER BY ALL
"""
DROPPED = """
    SELECT destination, identifier_type, reason, count(DISTINCT identifier_key) AS identifiers
    FROM log_dropped_identifiers GROUP BY ALL ORDER BY identifiers DESC, destination, reason
"""
LEFT_OUT = """
    SELECT destination, wanted_persons AS wanted, not_asked_persons AS not_asked,
           withdrawn_persons AS withdrawn, not_asked_persons + withdrawn_persons AS left_out
    FROM left_out
"""
INTAKE = """
    SELECT coalesce(sum(read_rows), 0) AS read_rows,
           coalesce(sum(accepted_rows), 0) AS accepted_rows,
           coalesce(sum(duplicate_rows), 0) AS duplicate_rows,
           coalesce(sum(quarantined_rows), 0) AS quarantined_rows
    FROM batches WHERE accepted_rows IS NOT NULL
"""
QUARANTINED = """
    SELECT reason, count(*) AS rows
    FROM (SELECT unnest(reasons) AS reason FROM quarantine) AS each_reason
    GROUP BY reason ORDER BY rows DESC, reason
"""


def caps(lake: LakeView, config: Config) -> list[dict[str, Any]]:
    """Each cap: who reached it, what went out beyond it, and how many each person got a week."""
    return [_cap(lake, cap) for cap in config.caps]


def most_mailings_in_a_week(lake: LakeView) -> int:
    """How many mailings one person got at most within any seven days."""
    return int(lake.row(MOST_MAILINGS)["n"])


def suppressions(lake: LakeView) -> dict[str, Any]:
    """Suppressions by rule: still active, run out, or lifted early."""
    if lake.as_of is None:
        return {"lines": [], "persons": 0}
    lines = lake.rows(STATES, as_of=lake.as_of)
    return {"lines": lines, "persons": lake.row(PROTECTED, as_of=lake.as_of)["persons"]}


def destinations(lake: LakeView, config: Config) -> list[dict[str, Any]]:
    """What each destination was told, in how many files, and what its reader should know."""
    deliveries = {row["destination"]: row for row in lake.rows(DELIVERIES)}
    warned: dict[str, list[dict[str, Any]]] = {}
    for row in lake.rows(WARNINGS):
        warned.setdefault(row["destination"], []).append(row)
    records = {row["destination"]: row for row in lake.rows(RECORDS)}
    sent = {row["destination"]: row for row in lake.rows(SENT)}
    unconsenting = {row["destination"]: row for row in lake.rows(LEFT_OUT)}
    kinds = {one.name: one for one in config.destinations}
    nothing = {"audience": None, "added": 0, "removed": 0, "persons": 0}
    return [
        {
            **records.get(name, nothing),
            "destination": name,
            "kind": kinds[name].kind.replace("_", " ") if name in kinds else "",
            "policy": kinds[name].policy if name in kinds else "",
            "files": deliveries.get(name, {}).get("files", 0),
            "states": deliveries.get(name, {}).get("states", []),
            "warnings": warned.get(name, []),
            "sent": sent.get(name),
            "consent": unconsenting.get(name),
        }
        for name in sorted({*kinds, *records, *deliveries})
    ]


def dropped(lake: LakeView) -> list[dict[str, Any]]:
    """Identifiers that a destination's form cannot carry."""
    return lake.rows(DROPPED)


def intake(lake: LakeView, generated: Mapping[str, Any]) -> dict[str, Any]:
    """What came in and what became of it, beside what the generator planted."""
    malformed = generated.get("malformed") or {}
    planted = {
        "malformed": sum(sum(feed.values()) for feed in malformed.values()),
        "duplicates": sum((generated.get("duplicates") or {}).values()),
        "reused": sum((generated.get("reused") or {}).values()),
    }
    counted = lake.row(INTAKE)
    found = (counted["quarantined_rows"], counted["duplicate_rows"])
    return {
        **counted,
        "reasons": lake.rows(QUARANTINED),
        "planted": planted,
        "all_found": found == (planted["malformed"] + planted["reused"], planted["duplicates"]),
    }


def _cap(lake: LakeView, cap: Cap) -> dict[str, Any]:
    exempt = not cap.exempt_counts
    frame = lake.frame(
        BY_WEEK,
        counts=cap.counts,
        channels=list(cap.channels),
        purposes=list(cap.purposes),
        topics=list(cap.topics),
        campaigns=list(cap.campaigns),
        exempt_topics=list(cap.exempt_topics) if exempt else [],
        exempt_campaigns=list(cap.exempt_campaigns) if exempt else [],
    )
    now = lake.row(AT_LIMIT, cap=cap.name)
    return {
        "name": cap.name,
        "limit": cap.limit,
        "window": cap.span,
        "channels": ", ".join(map(channel_name, cap.channels)) or "all channels",
        "reached": lake.row(REACHED, cap=cap.name)["persons"],
        "beyond": lake.row(BEYOND, cap=cap.name)["messages"],
        "in_window": now["persons"],
        "at_limit": now["at_limit"],
        "weeks": _in_steps(frame, cap.limit),
    }


def _in_steps(frame: pd.DataFrame, limit: int) -> pd.DataFrame:
    """Persons a week by number of messages; what lies far beyond the limit is one step."""
    top = limit + 2
    steps = frame.assign(step=frame.messages.clip(upper=top).astype(int))
    tally = steps.groupby(["week", "step"], as_index=False).persons.sum()
    names = {n: f"{n}" for n in range(1, top)} | {top: f"{top} or more"}
    return tally.assign(label=tally.step.map(names), over=tally.step > limit)
