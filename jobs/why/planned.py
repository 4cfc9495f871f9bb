"""Planned: what is worth saying to somebody, what became of it, and what it lost to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from tactful.jobs.report.lake_view import LakeView
from tactful.jobs.settings.config import Activate, Config
from tactful.jobs.why.happened import named, refs_of
from tactful.jobs.why.texts import DID, as_utc, channel, listed, moment, visible
from tactful.jobs.why.withheld import event_line, event_of, lifts
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

READS = ("activations", "_log/plans", "suppressions", "timeline", "messages")
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
    ORDER BY is_final, outcome <> 'chosen', send_at IS NULL,
             CASE WHEN is_final THEN NULL ELSE send_at END, decided_at DESC, decision_id
    LIMIT $rows
"""
WINNERS = """
    SELECT decision_id, policy, channel, step, coalesce(emitted_at, send_at) AS said_at,
           emitted_at IS NOT NULL AS is_said
    FROM ({plans}) WHERE decision_id IN (SELECT unnest($ids)) ORDER BY said_at, decision_id
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
) -> dict[str, Any]:
    """What is planned to be said to somebody and what was, with what stands in the way of each.

    First what is still open, by its moment. At an earlier moment as it was recorded then. keys: of
    their identifiers. as_of: when tables were published; what is said next may be newer than they,
    and is what it is as of decided_at.
    """
    decided_at = max(as_of, as_utc(lake.row(NEWEST)["decided_at"] or as_of))
    if at == as_of or at >= decided_at:
        source, whose, given = STANDING, "person_id = $person", {"person": person}
        more: dict[str, Any] = {}
    else:
        source, whose = RECORDED, "anchor_key IN (SELECT unnest($keys))"
        given, more = {"keys": list(keys)}, {"at": at}
        decided_at = at
    found = lake.rows(PLANNED.format(plans=source, whose=whose), rows=rows, **given, **more)
    ids = sorted({one for row in found for one in row["lost_to"] or ()})
    won = lake.rows(WINNERS.format(plans=source), ids=ids, **more) if ids else []
    held = {row["policy"]: row for row in lake.rows(HELD_UNTIL, person=person, at=at)}
    events = named(lake, refs_of(found, "evidence", "stopped_by"))
    by_name = {one.name: one for one in config.activate}
    return {
        "all_count": found[0]["all_count"] if found else 0,
        "open_count": found[0]["open_count"] if found else 0,
        "as_of": decided_at,
        "rows": [
            _planned(row, won, held, events, by_name.get(row["policy"]), config, as_of)
            for row in found
        ],
    }


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
            "decided_at",
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
            return f"the cap {visible(cap.name)} allows {cap.limit} in {cap.span}"
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
        return "an address or number of theirs on that channel"
    if until is None and reason == NO_CONSENT:
        return "their consent"
    rules = {rule.name: rule for rule in config.rules}
    if until is not None:
        return lifts(until["reason"], rules[reason].options if reason in rules else None)
    if reason in rules and as_utc(row["decided_at"]) > as_of:
        # It began to hold after the other tables were published.
        return lifts(rules[reason].when, rules[reason].options)
    return "nothing but time" if row["send_at"] else None


def plan_words(row: Mapping[str, Any]) -> Iterator[str]:
    """A plan in sentences."""
    name = f"{visible(row['policy'])}"
    name += f", step {row['step']}," if row["step"] > 1 else ""
    what = f"{name} by {channel(row['channel'])}"
    what += f" ({visible(row['content_id'])})" if row["content_id"] else ""
    yield f"{what}: {_outcome_words(row)}"
    for one in row["winners"]:
        said = "said" if one["is_said"] else "planned for"
        yield f"its place has: {_called(one)}, {said} {moment(one['said_at'])}"
    yield from (f"because: {event_line(event)}" for event in row["evidence"])
    yield from (f"stopped by: {event_line(event)}" for event in row["stopped_by"])
    if row["held_until"]:
        yield f"held back until {moment(row['held_until'])}"
    if row["would_lift"]:
        kind = "" if row["outcome"] == "chosen" else "what would lift it: "
        yield f"{kind}{row['would_lift']}"


def _called(one: Mapping[str, Any]) -> str:
    return f"{visible(one['policy'])} by {channel(one['channel'])}"


def _outcome_words(row: Mapping[str, Any]) -> str:
    why = f": {row['why']}" if row["why"] else ""
    shown = " (shadow: shown, not said)" if row["is_shadow"] else ""
    at = moment(row["send_at"])
    if row["emitted_at"]:
        return f"handed over on {moment(row['emitted_at'])}{shown}"
    if row["outcome"] == "chosen" and row["is_final"]:
        return f"would have been said on {at}{shown}"
    if row["outcome"] == "chosen":
        return f"to be said on {at}{shown}"
    if row["outcome"] == "waiting":
        return f"waiting{' for ' + at if row['send_at'] else ''}{why}{shown}"
    now = " as things stand" if not row["is_final"] and row["send_at"] else ""
    then = f"; it could be said on {at}{now}" if now else ""
    return f"{row['outcome']}{why}{then}{shown}"
