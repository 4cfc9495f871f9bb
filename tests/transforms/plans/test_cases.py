"""What competes for a place, as other products' documents say it: one person a case, in one go."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.decision_cases import CASES, moment
from tests.oracle.plans import Asked, Rules, decide
from tests.planned import DAY, by_transforms

NOW = datetime(2026, 6, 15, 9, tzinfo=UTC)


def proposal(case: str, name: str, at: datetime, **told: Any) -> dict[str, Any]:
    """What is said on the site, where nothing but a cap stands in its way."""
    named = f"{case} {name}"
    return {
        "decision_id": named, "plan_id": named, "occasion_id": named, "person_id": f"p_{case}",
        "step": 1, "policy": case, "kind": "campaign", "campaign_id": case, "channel": "web",
        "purpose": "marketing", "topic": None, "skus": [], "priority": 50, "score": None,
        "proposed_at": at,
        "expires_at": None, "is_shadow": False, "time_zone": "UTC", "again_after": None,
        "at_most": None, "lead_minutes": 0, "usual_hour": None, "country": "DE",
        "cancelled_by": None, **told,
    }  # fmt: skip


def heard(case: str, at: datetime) -> dict[str, Any]:
    return {"person_id": f"p_{case}", "message_id": f"{case} {at}", "channel": "web",
            "purpose": "marketing", "topic": None, "campaign_id": case, "sent_at": at,
            "is_failed": False}  # fmt: skip


def cap(case: str, limit: int, window: str) -> dict[str, Any]:
    return {"name": f"cap_{case.lower()}", "campaigns": [case], "limit": limit, "window": window}


@pytest.fixture(scope="module")
def said(spark) -> dict[str, dict[str, Any]]:
    planned, waits = CASES["A095"]["input"], CASES["A104"]["input"]["queued_for_days"]
    compete = CASES["A098"]["input"]["competing"]
    proposals = [
        proposal("A095", "scheduled", moment(planned["scheduled"][0]), priority=90),
        proposal("A095", "attempt", moment(planned["attempt"])),
        proposal("A096", "one", NOW), proposal("A096", "other", NOW),
        proposal("far", "later", NOW + 15 * DAY, priority=90), proposal("far", "now", NOW),
        proposal("A104", "waits", NOW - waits * DAY, expires_at=NOW - waits * DAY + 7 * DAY),
        *(proposal("A098", one["id"], datetime.fromisoformat(one["at"]) + 14 * DAY,
                   priority=one["priority"]) for one in compete),
    ]  # fmt: skip
    persons = sorted({row["person_id"] for row in proposals})
    asked = Asked(
        as_of=NOW,
        proposals=proposals,
        addresses=[{"person_id": p, "channel": "web", "address": p} for p in persons],
        answers=[{"person_id": p, "channel": "web", "purpose": "marketing"} for p in persons],
        messages=[heard("A095", moment(at)) for at in planned["history"]],
    )
    caps = (cap("A095", 3, "30d"), cap("A096", 1, "1d"), cap("A098", 1, "1d"), cap("far", 1, "30d"))
    rules = Rules(caps=caps, look_ahead=timedelta(days=14))
    found = by_transforms(spark, asked, rules)
    expected = decide(asked, rules)
    assert all(row[n] == expected[name][n] for name, row in found.items() for n in row.keys() &
               expected[name].keys())  # fmt: skip
    return found


def test_a_window_reaches_ahead_to_what_is_planned(said):
    """A095: and of what gave way it is told to what."""
    assert said["A095 scheduled"]["outcome"] == "chosen"
    attempt = said["A095 attempt"]
    assert CASES["A095"]["expected"] == {"decision": "capped"}
    assert (attempt["outcome"], attempt["reason"]) == ("lost", "cap_a095")
    assert attempt["lost_to"] == ["A095 scheduled"]
    # The first of June is 30 days past on the first of July.
    assert attempt["send_at"] == datetime(2026, 7, 1, tzinfo=UTC)


def test_what_is_further_ahead_reserves_nothing(said):
    assert said["far later"]["outcome"] == "waiting"
    assert said["far now"]["outcome"] == "chosen"


def test_of_two_at_one_moment_one_is_said(said):
    """A096."""
    outcomes = [said[f"A096 {name}"]["outcome"] for name in ("one", "other")]
    assert outcomes.count("chosen") == CASES["A096"]["expected"]["sent_count"]


def test_what_matters_more_is_said(said):
    """A098: though the other came first."""
    expected = CASES["A098"]["expected"]
    chosen = [n for n in ("a", "b") if said[f"A098 {n}"]["outcome"] == "chosen"]
    assert chosen == expected["sent"]
    (lower,) = expected["suppressed"]
    assert said[f"A098 {lower}"]["lost_to"] == ["A098 b"]


def test_what_has_waited_too_long_is_dropped(said):
    """A104."""
    assert CASES["A104"]["expected"] == {"decision": "drop"}
    waited = said["A104 waits"]
    assert (waited["outcome"], waited["reason"], waited["send_at"]) == ("lost", "expired", None)
