"""Planned: what is worth saying to somebody, what became of it, and what it lost to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any

from tactful.jobs.report.lake_view import LakeView
from tactful.jobs.runs.pausing import ALL
from tactful.jobs.settings.config import Activate, Config
from tactful.jobs.why.happened import named, refs_of
from tactful.jobs.why.texts import DID, as_utc, channel, listed, visible
from tactful.jobs.why.withheld import event_of, lifts
from tactful.schemas.words import AD
from tactful.transforms.addresses import ADDRESS_TYPES
from tactful.transforms.holdout import CONTAMINATED, HOLDOUT
from tactful.transforms.plans.barred import NO_ADDRESS, NO_CONSENT
from tactful.transforms.plans.handed import PAUSED
from tactful.transforms.plans.limits import AGAIN_AFTER, AT_MOST, MIN_GAP
from tactful.transforms.plans.outcomes import (
    EXPIRED,
    LATE,
    NOT_PROPOSED,
    PER_DAY,
    QUIET_HOURS,
)
from tactful.transforms.plans.switching import UNANSWERED
from tactful.transforms.rules.rule import in_words
from tactful.transforms.triggers.campaign import STREAM

READS = ("activations", "_log/plans", "suppressions", "timeline", "messages", "records")
WHAT = """
    policy, channel, campaign_id, content_id, skus, send_at, expires_at, score, outcome, reason,
    lost_to, evidence, stopped_by, is_shadow, is_final, emitted_at
"""
STANDING = f"""
    SELECT activation_id AS decision_id, person_id, {WHAT}, decided_at,
           split_part(action, ':', -1)::INT AS step
    FROM activations
"""
# As it was recorded by an earlier moment. Whose it is now is asked by an identifier of theirs.
RECORDED = f"""
    SELECT decision_id, person_id, anchor_key, {WHAT}, as_of AS decided_at, step FROM log_plans
    WHERE as_of <= $at
    QUALIFY row_number() OVER (PARTITION BY decision_id ORDER BY batch_id DESC) = 1
"""
PLANNED = """
    SELECT *, count(*) OVER () AS all_count, count(*) FILTER (NOT is_final) OVER () AS open_count
    FROM ({plans}) WHERE {whose}
    QUALIFY decision_id IS NOT DISTINCT FROM $first OR row_number() OVER (
        PARTITION BY is_final
        ORDER BY outcome <> 'chosen', send_at IS NULL,
                 CASE WHEN is_final THEN NULL ELSE send_at END, decided_at DESC, decision_id
    ) <= $rows
    ORDER BY is_final, outcome <> 'chosen', send_at IS NULL,
             CASE WHEN is_final THEN NULL ELSE send_at END, decided_at DESC, decision_id
"""
WINNERS = """
    SELECT decision_id, policy, channel, step, send_at, expires_at, emitted_at, outcome,
           is_final, decided_at
    FROM ({plans}) WHERE decision_id IN (SELECT unnest($ids))
    ORDER BY coalesce(emitted_at, send_at), decision_id
"""
# How many plans wait for a place within a cap that others fill.
FILLED = """
    SELECT reason AS cap, count(*) AS plans_count,
           list_sort(list_distinct(flatten(list(lost_to)))) AS filled_by
    FROM ({plans}) WHERE {whose} AND NOT is_final AND outcome = 'lost'
      AND reason IN (SELECT unnest($caps))
    GROUP BY reason ORDER BY reason
"""
# What senders told of each decision by a moment, and who was asked to take it back.
SENT = """
    SELECT decision_id, min(occurred_at) FILTER (type = 'sent') AS sent_at,
           min(occurred_at) FILTER (type = 'failed') AS failed_at
    FROM messages
    WHERE decision_id IN (SELECT unnest($ids)) AND type IN ('sent', 'failed')
      AND occurred_at <= $at
    GROUP BY decision_id
"""
CALLED_BACK = """
    SELECT decision_id, destination, min(emitted_at) AS told_at FROM records
    WHERE operation = 'cancel' AND decision_id IN (SELECT unnest($ids)) AND emitted_at <= $at
    GROUP BY ALL ORDER BY told_at, destination
"""
# Who is shown an ad no more is taken out of its audience, by whatever decision.
TAKEN_OUT = """
    SELECT audience, destination, emitted_at AS told_at FROM records
    WHERE operation = 'remove' AND list_has_any(identifier_keys, $keys) AND emitted_at <= $at
    ORDER BY told_at, destination
"""
# When it was last decided, which may be after the other tables were published.
NEWEST = "SELECT max(decided_at) AS decided_at FROM activations"
# When the last row ends that speaks against something now; null where one has no end.
HELD_UNTIL = """
    SELECT policy, any_value(reason) AS reason,
           CASE WHEN bool_and(ends_at IS NOT NULL) THEN max(ends_at) END AS ends_at
    FROM suppressions
    WHERE person_id = $person AND starts_at <= $at AND (ends_at IS NULL OR ends_at > $at)
    GROUP BY policy
"""
OVER = {
    LATE: "its moment passed before it could be said",
    EXPIRED: "it expired before it was its turn",
    PAUSED: "its policy was paused before its moment",
    NOT_PROPOSED: "what caused it does not hold any more, or is another customer's now",
}

OF_CAMPAIGNS = {
    HOLDOUT: "they are in its campaign's control group, which hears nothing of it",
    CONTAMINATED: "they were two customers of whom one was in its campaign's control group",
}


def plans(
    lake: LakeView,
    person: str,
    keys: Sequence[str],
    config: Config,
    *,
    at: datetime,
    as_of: datetime,
    rows: int,
    first: str | None = None,
    paused: Mapping[str, datetime | None] = MappingProxyType({}),
    apart: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """What is planned to be said to somebody and what was, with what stands in the way of each.

    First what is still open, by its moment. At an earlier moment as it was recorded then. keys: of
    their identifiers. as_of: when tables were published; what is said next may be newer than they,
    and is what it is as of decided_at. first: the decision that is told whatever comes before it.
    paused: the policies that say nothing now, and since when. apart: what is kept apart from them.
    """
    decided_at = max(as_of, as_utc(lake.row(NEWEST)["decided_at"] or as_of))
    if at == as_of or at >= decided_at:
        source, whose, given = STANDING, "person_id = $person", {"person": person}
        more: dict[str, Any] = {}
    else:
        source, whose = RECORDED, "anchor_key IN (SELECT unnest($keys))"
        given, more = {"keys": list(keys)}, {"at": at}
        decided_at = at
    found = lake.rows(
        PLANNED.format(plans=source, whose=whose), rows=rows, first=first, **given, **more
    )
    caps = [cap.name for cap in config.caps]
    filled = (
        lake.rows(FILLED.format(plans=source, whose=whose), caps=caps, **given, **more)
        if caps and found
        else []
    )
    ids = {one for row in found for one in row["lost_to"] or ()}
    ids |= {one for row in filled for one in row["filled_by"]}
    won = lake.rows(WINNERS.format(plans=source), ids=sorted(ids), **more) if ids else []
    by_name = {one.name: one for one in config.activate}
    _tell(lake, [*found, *won], by_name, keys, at=decided_at)
    held = {row["policy"]: row for row in lake.rows(HELD_UNTIL, person=person, at=at)}
    events = named(lake, refs_of(found, "evidence", "stopped_by"))
    shared = [one for one in apart if one["state"] == "hub"]
    stopped = {} if at < as_of else paused
    return {
        "all_count": found[0]["all_count"] if found else 0,
        "open_count": found[0]["open_count"] if found else 0,
        "as_of": decided_at,
        "filled": [
            {
                "cap": row["cap"],
                "plans_count": row["plans_count"],
                "filled_by": [dict(one) for one in won if one["decision_id"] in row["filled_by"]],
            }
            for row in filled
        ],
        "rows": [
            {
                **_planned(row, won, held, events, by_name.get(row["policy"]), config, as_of),
                **_is_paused(row, stopped),
                **_shared_address(row, shared),
            }
            for row in found
        ],
    }


def _tell(
    lake: LakeView,
    plans: Sequence[dict[str, Any]],
    by_name: Mapping[str, Activate],
    keys: Sequence[str],
    *,
    at: datetime,
) -> None:
    """Add to plans what came of them once they were handed over, by a moment."""
    ids = sorted({row["decision_id"] for row in plans if row["emitted_at"]})
    sent = {row["decision_id"]: row for row in lake.rows(SENT, ids=ids, at=at)} if ids else {}
    back: dict[str, list[dict[str, Any]]] = {}
    for row in lake.rows(CALLED_BACK, ids=ids, at=at) if ids else ():
        back.setdefault(row.pop("decision_id"), []).append(row)
    out = (
        lake.rows(TAKEN_OUT, keys=list(keys), at=at)
        if any(is_back(row) and row["channel"] == AD for row in plans)
        else []
    )
    for row in plans:
        policy = by_name.get(row["policy"])
        told = back.get(row["decision_id"], [])
        if is_back(row) and row["channel"] == AD:
            gone = [one for one in out if one["audience"] == row["policy"]]
            told = [
                {"destination": one["destination"], "told_at": one["told_at"]}
                for one in gone
                if as_utc(one["told_at"]) > as_utc(row["emitted_at"])
            ][:1]
        row |= {
            "has_steps": bool(policy and policy.steps) or row["step"] > 1,
            "sent_at": sent.get(row["decision_id"], {}).get("sent_at"),
            "failed_at": sent.get(row["decision_id"], {}).get("failed_at"),
            "is_due": row["send_at"] is not None and as_utc(row["send_at"]) <= at,
            "is_over": row["expires_at"] is not None and as_utc(row["expires_at"]) <= at,
            "called_back": told,
        }


def is_back(row: Mapping[str, Any]) -> bool:
    return bool(row["emitted_at"]) and row["outcome"] == "withdrawn"


def _is_paused(row: Mapping[str, Any], paused: Mapping[str, datetime | None]) -> dict[str, Any]:
    """Whether a plan waits for its policy, which is paused, and since when."""
    named = next((name for name in (row["policy"], ALL) if name in paused), None)
    is_held = named is not None and not row["is_final"]
    return {"is_paused": is_held, "paused_at": paused[named] if is_held and named else None}


def _shared_address(row: Mapping[str, Any], shared: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Why there is no address where one was seen beside theirs: it is not theirs alone."""
    if row["reason"] != NO_ADDRESS:
        return {}
    types = [ADDRESS_TYPES.get(row["channel"])]
    types = [*ADDRESS_TYPES.values()] if row["channel"] == AD else types
    for one in shared:
        if one["identifier_type"] in types:
            by = channel(row["channel"])
            why = f"{one['identifier']}, seen beside theirs, is not theirs alone: {one['why']}"
            return {"why": f"{why}; nothing else is known by which they are reached by {by}"}
    return {}


def _planned(
    row: Mapping[str, Any],
    won: Sequence[Mapping[str, Any]],
    held: Mapping[str, Mapping[str, Any]],
    events: Mapping[str, Any],
    policy: Activate | None,
    config: Config,
    as_of: datetime,
) -> dict[str, Any]:
    winners = [one for one in won if one["decision_id"] in (row["lost_to"] or ())]
    until = held.get(row["reason"]) if row["outcome"] == "suppressed" else None
    return {
        **{name: row[name] for name in (
            "decision_id", "policy", "step", "channel", "campaign_id", "content_id", "send_at",
            "expires_at", "score", "outcome", "reason", "is_shadow", "is_final", "emitted_at",
            "decided_at", "has_steps", "sent_at", "failed_at", "is_due", "is_over", "called_back",
        )},
        "when": policy.when if policy else None,
        "skus": list(row["skus"] or ()),
        "why": _why(row, policy, config),
        "winners": [dict(one) for one in winners],
        "held_until": until["ends_at"] if until else None,
        "would_lift": None if row["is_final"] else _would_lift(row, until, policy, config, as_of),
        "evidence": [_cause(ref, events) for ref in row["evidence"] or ()],
        "stopped_by": [event_of(ref, events) for ref in row["stopped_by"] or ()],
    }  # fmt: skip


def _cause(ref: str, events: Mapping[str, Any]) -> dict[str, Any] | None:
    """The event that caused a plan; the start of a campaign stands in no stream."""
    if ref.startswith(f"{STREAM}:"):
        return {"event": ref, "occurred_at": None, "says": "the campaign's start"}
    return event_of(ref, events)


def _why(row: Mapping[str, Any], policy: Activate | None, config: Config) -> str:
    """Why something is not said, or not yet; nothing where it is."""
    reason, outcome = row["reason"], row["outcome"]
    if outcome == "waiting":
        return f"it is decided {in_words(config.plans.look_ahead)} before its moment"
    if reason is None:
        return ""
    if outcome == "withdrawn" and reason in DID:
        return f"the customer {DID[reason].removesuffix(' for')}"
    if reason in OVER:
        return OVER[reason]
    return _limit_says(reason, policy, config) or _bar_says(reason, row["channel"], config)


def _limit_says(reason: str, policy: Activate | None, config: Config) -> str:
    """The words of a limit on how often something is said."""
    kind = reason.partition(":")[0]
    if kind == MIN_GAP:
        return f"between two such messages lie at least {in_words(config.plans.min_gap)}"
    if kind == PER_DAY:
        return "more of it may not be said on one day (per_day)"
    if kind == AGAIN_AFTER and policy and policy.again_after:
        return f"it is said to one customer once in {in_words(policy.again_after)}"
    if kind == AT_MOST and policy and policy.at_most:
        return f"it is said to one customer on {policy.at_most} occasions at most"
    for cap in config.caps:
        if cap.name == reason:
            return f"the cap {visible(cap.name)} allows {cap.limit} {cap.within}"
    return ""


def _bar_says(reason: str, by: str, config: Config) -> str:
    """The words of what speaks against a message itself."""
    if reason == QUIET_HOURS:
        return "no hour is left in which it may be said before it expires"
    if reason == NO_ADDRESS:
        return f"nothing is known by which they are reached by {channel(by)}"
    if reason == NO_CONSENT:
        return f"they did not consent to it by {channel(by)}"
    if reason == UNANSWERED:
        return f"they never answer {channel(by)}, and are tried on another channel"
    if reason in OF_CAMPAIGNS:
        return OF_CAMPAIGNS[reason]
    for rule in (*config.rules, *config.checks):
        if rule.name == reason:
            return f"{visible(rule.name)} forbids it ({rule.when})"
    return f"{visible(reason)} forbids it"


def _would_lift(
    row: Mapping[str, Any],
    until: Mapping[str, Any] | None,
    policy: Activate | None,
    config: Config,
    as_of: datetime,
) -> str | None:
    """What has to happen for it to be said; of what is to be said, what would stop it."""
    reason, outcome = row["reason"], row["outcome"]
    if outcome == "chosen":
        stops = (
            listed((DID.get(one, one) for one in policy.policy.cancel_on), most=9) if policy else ""
        )
        return f"what withdraws it at once: the customer {stops}" if stops else None
    if outcome == "lost":
        return "it takes its place when what has that is withdrawn"
    if outcome != "suppressed":
        return None
    if reason == NO_ADDRESS:
        return "an address or number on that channel that is theirs alone"
    if until is None and reason == NO_CONSENT:
        return "their consent"
    rules = {rule.name: rule for rule in config.rules}
    if until is not None:
        return lifts(until["reason"], rules[reason].options if reason in rules else None)
    if reason in rules and as_utc(row["decided_at"]) > as_of:
        # It began to hold after the other tables were published.
        return lifts(rules[reason].when, rules[reason].options)
    return "nothing but time" if row["send_at"] else None
