"""Withheld: what must not be said to somebody, from when to when, why, and what would lift it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from tactful.jobs.report.lake_view import LakeView
from tactful.jobs.settings.config import Cap, Config
from tactful.jobs.why.happened import named, refs_of
from tactful.jobs.why.texts import as_utc, channels, moment, scope_words, visible
from tactful.schemas.words import ALL
from tactful.transforms.calendars import window_around
from tactful.transforms.checks import CHECKS
from tactful.transforms.rules import RULES

READS = (
    "suppressions", "pressure", "regrets", "timeline", "messages", "identifiers", "customers",
    "contents", "campaigns",
)  # fmt: skip
CAPPED = "capped"
FEW = 5
# Of a row that something lifts later than a moment, nobody knew its end then.
SUPPRESSED = """
    SELECT *, starts_at <= $at AND (ends_at IS NULL OR ends_at > $at) AS is_active
    FROM suppressions WHERE person_id = $person AND starts_at <= $at
    QUALIFY row_number() OVER (
        PARTITION BY is_active ORDER BY ends_at DESC NULLS FIRST, starts_at DESC, suppression_id
    ) <= $rows
    ORDER BY is_active DESC, ends_at DESC NULLS FIRST, starts_at DESC, suppression_id
"""
COUNTED = """
    SELECT count(*) AS all_count,
           count(*) FILTER (ends_at IS NULL OR ends_at > $at) AS active_count
    FROM suppressions WHERE person_id = $person AND starts_at <= $at
"""
PRESSURE = "SELECT * FROM pressure WHERE person_id = $person ORDER BY cap"
REGRETTED = """
    SELECT *, count(*) OVER () AS all_count FROM regrets
    WHERE person_id = $person AND sent_at <= $at AND ($message IS NULL OR message_id = $message)
    ORDER BY sent_at DESC, message_id, policy LIMIT $rows
"""
# The limit-th newest counted message, and how many there are, of those within the window.
COUNTING = """
    WITH mine AS (
        SELECT DISTINCT message_id FROM timeline
        WHERE person_id = $person AND stream = 'messages' AND message_id IS NOT NULL
    ),
    about AS (
        SELECT p.message_id, p.purpose, CASE
            WHEN p.topic IS NOT NULL THEN [{own}]
            ELSE coalesce(
                (SELECT list({its}) FROM contents AS o
                 WHERE o.content_id = p.content_id AND o.topic IS NOT NULL),
                (SELECT list({its}) FROM campaigns AS o
                 WHERE o.topic IS NOT NULL AND o.campaign_id IN (
                     SELECT campaign_id FROM timeline AS t
                     WHERE t.person_id = $person AND t.message_id = p.message_id)),
                []
            ) END AS topics
        FROM purposes AS p JOIN mine USING (message_id)
    ),
    counted AS (
        SELECT t.message_id, min(t.occurred_at) AS counted_at
        FROM timeline AS t JOIN about AS p ON p.message_id = t.message_id
        WHERE t.person_id = $person AND t.stream = 'messages' AND t.type = $counts
          AND ($counts <> 'opened' OR t.event_id NOT IN (
              SELECT event_id FROM messages
              WHERE machine_open AND message_id IN (SELECT message_id FROM mine)))
          AND (len($channels) = 0 OR list_contains($channels, t.channel))
          AND list_contains($purposes, p.purpose)
          AND (len($topics) = 0 OR list_has_any($topics, p.topics))
          AND (len($campaigns) = 0 OR list_contains($campaigns, t.campaign_id))
          AND NOT list_has_any($exempt_topics, p.topics)
          AND NOT coalesce(list_contains($exempt_campaigns, t.campaign_id), false)
        GROUP BY t.message_id
    )
    SELECT message_id, counted_at FROM counted
    WHERE counted_at > $starts_at AND counted_at <= $at
    ORDER BY counted_at DESC, message_id DESC LIMIT $most
""".format(
    own="regexp_replace(lower(trim(p.topic)), '[ _-]+', '_', 'g')",
    its="regexp_replace(lower(trim(o.topic)), '[ _-]+', '_', 'g')",
)
LIVES_IN = "SELECT time_zone FROM customers WHERE person_id = $person"


def suppressions(
    lake: LakeView, person: str, config: Config, *, at: datetime, rows: int
) -> dict[str, Any]:
    """What must not be said to somebody, first what holds at a moment, then what did before."""
    counted = lake.row(COUNTED, person=person, at=at)
    found = lake.rows(SUPPRESSED, person=person, at=at, rows=rows)
    events = named(lake, refs_of(found, "evidence", "lifted_by"))
    options = {rule.name: rule.options for rule in config.rules}
    return {
        **counted,
        "rows": [_suppressed(row, events, options.get(row["policy"]), at=at) for row in found],
    }


def _suppressed(
    row: Mapping[str, Any], events: Mapping[str, Any], options: Any, *, at: datetime
) -> dict[str, Any]:
    evidence = list(row["evidence"] or ())
    ends_at, lifted_by = row["ends_at"], row["lifted_by"]
    was_lifted_later = bool(lifted_by) and ends_at is not None and as_utc(ends_at) > at
    return {
        "policy": row["policy"],
        "reason": row["reason"],
        "is_active": row["is_active"],
        "channels": list(row["channels"] or ()),
        "scope": row["scope"],
        "about": scope_words(row["scope"]),
        "starts_at": row["starts_at"],
        "ends_at": ends_at,
        "lifted_by": lifted_by,
        "was_lifted_later": was_lifted_later,
        "lifting_event": event_of(lifted_by, events),
        "cause": event_of(evidence[0] if evidence else None, events),
        "counted": [event_of(ref, events) for ref in evidence] if row["reason"] == CAPPED else [],
        "evidence": evidence,
        "would_lift": lifts(row["reason"], options) if row["is_active"] else None,
        "suppression_id": row["suppression_id"],
    }


def is_filled_at(row: Mapping[str, Any], sent_at: datetime) -> bool:
    """Whether it is a cap's suppression that begins with what was sent at that moment."""
    return bool(row["reason"] == CAPPED and as_utc(row["starts_at"]) >= sent_at)


def lifts(reason: str, options: Any) -> str:
    """What would end a suppression of this kind early, in words."""
    if reason == CAPPED:
        return "nothing but time: it ends when the oldest message that counts leaves the window"
    rule = RULES.get(reason)
    return (rule.lifts(options) if rule else "") or "nothing but its end"


def event_of(ref: str | None, events: Mapping[str, Any]) -> dict[str, Any] | None:
    if ref is None:
        return None
    return events.get(ref) or {"event": ref, "occurred_at": None, "says": "not in the timeline"}


def pressure(
    lake: LakeView, person: str, config: Config, *, at: datetime, as_of: datetime
) -> list[dict[str, Any]]:
    """How much of each cap somebody has used up, and when it allows the next message."""
    if at == as_of:
        rows = lake.rows(PRESSURE, person=person)
        return [_pressed(row) for row in rows]
    # No table holds this moment, so that it is counted from what happened.
    return [row for cap in config.caps if (row := counted(lake, person, cap, config, at=at))]


def counted(
    lake: LakeView, person: str, cap: Cap, config: Config, *, at: datetime
) -> dict[str, Any] | None:
    """How much of one cap somebody had used up at a moment; None where nothing.

    A calendar of the customer's own goes by where they are known to live today.
    """
    starts_at, ends_at = _window(lake, person, cap, config, at=at)
    exempt = not cap.exempt_counts
    rows = lake.rows(
        COUNTING, person=person, at=at, counts=cap.counts, most=cap.limit,
        # The first moment is a calendar window's own, and no rolling one's.
        starts_at=starts_at if cap.window else starts_at - timedelta(microseconds=1),
        # A message of a channel that nobody knows counts for every one.
        channels=[*cap.channels, ALL] if cap.channels else [], purposes=[*cap.purposes],
        topics=[*cap.topics], campaigns=[*cap.campaigns],
        exempt_topics=[*cap.exempt_topics] if exempt else [],
        exempt_campaigns=[*cap.exempt_campaigns] if exempt else [],
    )  # fmt: skip
    if not rows:
        return None
    free = rows[-1]["counted_at"] + cap.window if cap.window else ends_at
    return _pressed(
        {
            "cap": cap.name, "counted": len(rows), "cap_limit": cap.limit,
            "window_starts_at": starts_at,
            "next_allowed_at": free if len(rows) == cap.limit else None,
        }
    )  # fmt: skip


def _window(
    lake: LakeView, person: str, cap: Cap, config: Config, *, at: datetime
) -> tuple[datetime, datetime]:
    """The window of a cap around a moment."""
    if cap.window:
        return at - cap.window, at
    rule = cap.rule(config.business.time_zone)
    known = lake.rows(LIVES_IN, person=person) if rule.needs_zones else []
    own = known[0]["time_zone"] if known else None
    return window_around(
        at,
        rule.zone or own or config.business.time_zone,
        calendar=str(cap.calendar),
        week_starts=rule.week_starts,
    )


def _pressed(row: Mapping[str, Any]) -> dict[str, Any]:
    names = ("cap", "counted", "cap_limit", "window_starts_at", "next_allowed_at")
    return {name: row[name] for name in names}


def regrets(
    lake: LakeView,
    person: str,
    config: Config,
    *,
    at: datetime,
    rows: int,
    message: str | None = None,
) -> dict[str, Any]:
    """The messages to somebody that should not have been sent, and what spoke against each."""
    found = lake.rows(REGRETTED, person=person, at=at, rows=rows, message=message)
    events = named(lake, refs_of(found, "evidence"))
    says = {rule.name: rule.kind.says(rule.options) for rule in config.rules}
    says |= {one.name: CHECKS[one.when].says(one.options) for one in config.checks}
    says |= {c.name: f"more than {c.limit} {c.within}" for c in config.caps}
    return {
        "all_count": found[0]["all_count"] if found else 0,
        "rows": [
            {
                **{n: row[n] for n in ("message_id", "policy", "channel", "campaign_id")},
                "sent_at": row["sent_at"],
                "cost": row["cost"],
                "why": says.get(row["policy"], ""),
                "evidence": [event_of(ref, events) for ref in list(row["evidence"] or ())[:FEW]],
                "evidence_count": len(row["evidence"] or ()),
            }
            for row in found
        ],
    }


def suppression_words(row: Mapping[str, Any]) -> list[str]:
    """One suppression in sentences."""
    what = f"{visible(row['policy'])} ({row['reason']}): no {row['about']} by "
    what += channels(row["channels"])
    if row["ends_at"] is None:
        until = "until it is lifted"
    elif row["was_lifted_later"]:
        until = f"in force then; lifted afterwards, on {moment(row['ends_at'])}"
    else:
        until = f"until {moment(row['ends_at'])}"
    lines = [f"{what}, from {moment(row['starts_at'])} {until}"]
    causes = row["counted"] or [row["cause"]]
    lines += [f"because: {event_line(cause)}" for cause in causes if cause]
    if row["lifted_by"]:
        lines.append(f"lifted by: {event_line(row['lifting_event'])}")
    if row["would_lift"]:
        lines.append(f"what would lift it: {row['would_lift']}")
    return lines


def pressure_words(row: Mapping[str, Any]) -> str:
    """How much of a cap is used up, in a sentence."""
    free = row["next_allowed_at"]
    then = f"the next is allowed on {moment(free)}" if free else "the next is allowed now"
    # Beyond a cap nobody counts.
    more = " or more" if row["counted"] >= row["cap_limit"] else ""
    return f"{visible(row['cap'])}: {row['counted']}{more} of {row['cap_limit']} used; {then}"


def regret_words(row: Mapping[str, Any]) -> list[str]:
    """A message that should not have been sent, in sentences."""
    name = f"message {visible(row['message_id'])}, sent {moment(row['sent_at'])}"
    why = f": {row['why']}" if row["why"] else ""
    lines = [f"{name}: {visible(row['policy'])} would have stopped it{why}"]
    lines += [f"against it: {event_line(event)}" for event in row["evidence"]]
    more = row["evidence_count"] - len(row["evidence"])
    return [*lines, *([f"and {more:,} more events"] if more else [])]


def event_line(event: Mapping[str, Any]) -> str:
    """An event on one line: when, what, and its name."""
    when = f"{moment(event['occurred_at'])}: " if event["occurred_at"] else ""
    return f"{when}{event['says']} [{visible(event['event'])}]"


def active_at(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Those of the suppressions that hold."""
    return [row for row in rows if row["is_active"]]
