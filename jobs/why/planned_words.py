"""Planned, in words: what was planned, what came of it, and what has the place that it lost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tactful.jobs.why.planned import is_back
from tactful.jobs.why.texts import channel, moment, visible
from tactful.jobs.why.withheld import event_line
from tactful.schemas.words import AD


def plan_words(row: Mapping[str, Any]) -> Iterator[str]:
    """A plan in sentences."""
    what = _called(row)
    what += f" ({visible(row['content_id'])})" if row["content_id"] else ""
    yield f"{what}: {_outcome_words(row)}"
    for one in row["winners"]:
        yield f"its place has: {taken_words(one)}"
    yield from (f"because: {event_line(event)}" for event in row["evidence"])
    yield from (f"stopped by: {event_line(event)}" for event in row["stopped_by"])
    if row["is_paused"]:
        since = f" since {moment(row['paused_at'])}" if row["paused_at"] else ""
        yield f"its policy is paused{since}: it is not said until tactful pause --resume"
    if row["held_until"]:
        yield f"held back until {moment(row['held_until'])}"
    if row["would_lift"]:
        kind = "" if row["outcome"] == "chosen" else "what would lift it: "
        yield f"{kind}{row['would_lift']}"


def filled_words(row: Mapping[str, Any]) -> Iterator[str]:
    """What fills a cap beside what was sent, so that plans wait."""
    count = row["plans_count"]
    waits = f"{count:,} plan{'' if count == 1 else 's'} that found no place"
    yield f"{visible(row['cap'])}: what is planned or handed over counts, too; {waits}, by it:"
    yield from (taken_words(one) for one in row["filled_by"])


def taken_words(one: Mapping[str, Any]) -> str:
    """What has the place that another plan lost."""
    if one["emitted_at"]:
        return f"{_called(one)}, {_handed_words(one)}"
    return f"{_called(one)}, planned for {moment(one['send_at'])}"


def _called(one: Mapping[str, Any]) -> str:
    step = f", step {one['step']}," if one["has_steps"] else ""
    return f"{visible(one['policy'])}{step} by {channel(one['channel'])}"


def _handed_words(row: Mapping[str, Any], why: str = "") -> str:
    """What came of what a destination was told."""
    told = f"handed over on {moment(row['emitted_at'])}"
    is_ad = row["channel"] == AD
    if is_back(row):
        at = f" on {moment(row['decided_at'])}" if row.get("decided_at") else ""
        told += "" if is_ad or not row["send_at"] else f" to be said on {moment(row['send_at'])}"
        told += f", withdrawn{at}{why}; {_back_words(row, is_ad)}"
        return told + (f"; it was sent on {moment(row['sent_at'])}" if row["sent_at"] else "")
    if row["sent_at"]:
        return f"{told}, said on {moment(row['sent_at'])}"
    if row["failed_at"]:
        return f"{told}, could not be sent on {moment(row['failed_at'])}"
    if is_ad:
        ends = f" until {moment(row['expires_at'])}" if row["expires_at"] else ""
        return f"{told}, {'was shown' if row['is_over'] else 'shown'}{ends}"
    if not row["is_due"]:
        return f"{told}, to be said on {moment(row['send_at'])}"
    return (
        f"{told}, was to be said on {moment(row['send_at'])}; whether it was, its sender has not "
        "told"
    )


def _back_words(row: Mapping[str, Any], is_ad: bool) -> str:
    asked = "take them out" if is_ad else "not to say it"
    asked = f"to {asked}" if is_ad else asked
    told = [
        f"{visible(one['destination'])} was asked {asked} on {moment(one['told_at'])}"
        for one in row["called_back"]
    ]
    return ", ".join(told) or "no destination was told so"


def _outcome_words(row: Mapping[str, Any]) -> str:
    why = f": {row['why']}" if row["why"] else ""
    shown = " (shadow: shown, not said)" if row["is_shadow"] else ""
    at = moment(row["send_at"])
    if row["emitted_at"]:
        return f"{_handed_words(row, why)}{shown}"
    if row["outcome"] == "chosen" and row["is_final"]:
        return f"would have been said on {at}{shown}"
    if row["outcome"] == "chosen":
        return f"{'planned for' if row['is_paused'] else 'to be said on'} {at}{shown}"
    if row["outcome"] == "waiting":
        return f"waiting{' for ' + at if row['send_at'] else ''}{why}{shown}"
    now = " as things stand" if not row["is_final"] and row["send_at"] else ""
    then = f"; it could be said on {at}{now}" if now else ""
    return f"{row['outcome']}{why}{then}{shown}"
