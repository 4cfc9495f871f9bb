"""Random worlds, batch by batch: the transforms plan what the oracle plans, and it is allowed."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from pyspark.sql import functions as F

from tests.oracle.config import duration
from tests.oracle.plans import INTERRUPTING, LAWS, Asked, Row, Rules, decide, openings
from tests.planned import (
    DAY,
    HOUR,
    ZONES,
    by_transforms,
    found_by,
    merged,
    micros_of,
    moment,
    moments,
    world,
)

# Europe's clocks change between the second and the third batch, those of the south a week later.
START = datetime(2026, 3, 28, 12, tzinfo=UTC)
CLOCKS = (START - 26 * HOUR, START + 11 * HOUR, START + 2 * DAY)
CAPS = (
    {"name": "weekly", "channels": ["email"], "limit": 2, "window": "3d"},
    {"name": "any", "limit": 3, "window": "4d", "exempt_topics": ["service"]},
    {"name": "daily", "channels": ["email", "sms"], "limit": 1, "calendar": "day"},
    {"name": "of_week", "limit": 5, "calendar": "week", "zone": "business",
     "exempt_topics": ["ser vice"], "exempt_counts": True},
)  # fmt: skip
RULES = Rules(caps=CAPS, quiet=(22, 7), time_zone="Europe/Berlin", look_ahead=6 * DAY)
NO_OFFERS = ("review_request", "service_call")
NAMES = ("outcome", "reason", "lost_to", "send_at", "is_said")

Told = dict[str, dict[str, Any]]


def test_random_worlds_batch_by_batch(spark):
    dice = random.Random("plans")
    told = merged([world(n, START, dice) for n in range(40)])
    about = {row["decision_id"]: row for row in told["proposals"]}
    done: Told = {}
    seen: Counter = Counter()
    for batch, as_of in enumerate(CLOCKS):
        asked = found_by(told, batch, as_of, done)
        found = by_transforms(spark, asked, RULES)
        expected = decide(asked, RULES)
        differences = [
            (about[name], {n: (row[n], expected[name][n]) for n in NAMES})
            for name, row in found.items()
            if any(row[n] != expected[name][n] for n in NAMES)
        ]
        assert found.keys() == expected.keys()
        assert not differences, (len(differences), differences[:3])
        is_allowed(asked, found)
        done |= found
        seen.update((row["outcome"], row["reason"]) for row in found.values())
    reached = {outcome for outcome, _ in seen}
    assert reached == {"chosen", "lost", "suppressed", "withdrawn"} | ({"waiting"} & reached)
    limits = {"min-gap", "again-after:rare", "weekly", "any", "daily"}
    assert limits <= {reason for _, reason in seen}
    assert sum(row["is_said"] for row in done.values()) > 20
    said = [{**about[name], **row} for name, row in done.items() if row["is_said"]]
    never_too_many(said, [], limited=said)


def is_allowed(asked: Asked, found: Told) -> None:
    """What must hold of everything that was planned, whatever was asked."""
    plans = [{**row, **found[row["decision_id"]]} for row in asked.proposals]
    live = [
        row for row in plans
        if row["outcome"] == "chosen" and not row["is_shadow"]
        and row["policy"] not in asked.paused
    ]  # fmt: skip
    heard = [row for row in asked.emitted if is_held(row, asked)]
    for row in plans:
        if row["outcome"] == "chosen":
            assert not [one for one in asked.suppressions if speaks_against(one, row, asked.as_of)]
            keeps_every_clock(row, asked.as_of)
        if row["outcome"] == "lost" and row["send_at"]:
            assert row["lost_to"], row
        # Of what is over the winners may be, too.
        if not is_over(row, asked):
            assert {*row["lost_to"]} <= {p["decision_id"] for p in (*live, *asked.emitted)}, row
    for one in live:
        for other in (*live, *heard):
            is_another = one["plan_id"] != other["plan_id"]
            interrupt = {one["channel"], other["channel"]} <= {*INTERRUPTING}
            if one["person_id"] == other["person_id"] and is_another and interrupt:
                assert abs(one["send_at"] - heard_at(other)) >= RULES.min_gap, (one, other)
    own = {row["message_id"] for row in heard if "message_id" in row}
    foreign = [row for row in asked.messages if row["message_id"] not in own]
    never_too_many([*live, *heard], foreign, limited=live)


def is_over(row: Any, asked: Asked) -> bool:
    return row["expires_at"] is not None and row["expires_at"] <= asked.as_of


def is_held(row: Any, asked: Asked) -> bool:
    """Whether what was handed over was heard, or may be yet; adds when it was sent."""
    sent = sorted(
        (m["sent_at"], m["message_id"], m["is_failed"])
        for m in asked.messages
        if all(m[n] == row[n] for n in ("person_id", "channel", "campaign_id"))
        and m["sent_at"] >= row["emitted_at"]
        and (row["expires_at"] is None or m["sent_at"] < row["expires_at"])
    )
    if not sent:
        return row["expires_at"] is None or row["expires_at"] > asked.as_of
    row["sent_at"], row["message_id"], is_failed = sent[0]
    return not is_failed


def speaks_against(one: Row, row: Row, as_of: datetime) -> bool:
    at = max(row["proposed_at"], as_of)
    is_now = one["starts_at"] <= at and (one["ends_at"] is None or at < one["ends_at"])
    topic = (row["topic"] or "").lower().replace("-", "_")
    own = {"all": [None], "purpose": [row["purpose"]], "sku": row["skus"], "topic": [topic]}[
        one["scope_kind"]
    ]
    touches = one["scope_kind"] == "all" or bool({*own} & {*one["scope_values"]})
    is_one = one["person_id"] == row["person_id"] and row["channel"] in (
        one["channels"] or [row["channel"]]
    )
    is_for_receipts = row["purpose"] == "marketing" or one["reason"] == "no_consent"
    is_about_it = one["reason"] != "purchased" or row["kind"] not in NO_OFFERS
    return is_one and is_now and touches and is_for_receipts and is_about_it


def never_too_many(planned: list[Any], foreign: list[Row], *, limited: list[Any]) -> None:
    """No window of a cap that holds a plan holds more messages than the cap allows."""
    for cap in CAPS:
        counted = [
            row for row in (*planned, *foreign)
            if counts_in(cap, row) and (cap.get("exempt_counts") or not is_exempt(cap, row))
        ]  # fmt: skip
        for row in limited:
            if not counts_in(cap, row) or is_exempt(cap, row):
                continue
            own = [heard_at(o) for o in counted if o["person_id"] == row["person_id"]]
            at = heard_at(row)
            if "calendar" in cap:
                zone = ZoneInfo(row["time_zone"] if "zone" not in cap else RULES.time_zone)
                days = [period(cap["calendar"], when, zone) for when in own]
                assert days.count(period(cap["calendar"], at, zone)) <= cap["limit"], (cap, row)
                continue
            window = duration(cap["window"])
            for end in (e for e in own if at <= e < at + window):
                inside = [when for when in own if end - window < when <= end]
                assert len(inside) <= cap["limit"], (cap, row, inside)


def counts_in(cap: Row, row: Row) -> bool:
    return row["channel"] in cap.get("channels", [row["channel"]]) and row["purpose"] == "marketing"


def is_exempt(cap: Row, row: Row) -> bool:
    exempt = {topic.replace(" ", "_") for topic in cap.get("exempt_topics", [])}
    return (row["topic"] or "").lower().replace("-", "_") in exempt


def heard_at(row: Row) -> datetime:
    return row.get("sent_at") or row["send_at"]


def period(calendar: str, at: datetime, zone: ZoneInfo) -> Any:
    day = at.astimezone(zone).date()
    return day if calendar == "day" else day.isocalendar()[:2]


def keeps_every_clock(row: Row, as_of: datetime) -> None:
    """Of what is said: when it is said the clock there shows an hour that is right for it."""
    at = row["send_at"]
    assert at >= row["proposed_at"] and (row["expires_at"] is None or at < row["expires_at"])
    there = at.astimezone(ZoneInfo(row["time_zone"]))
    hour = there.hour + there.minute / 60
    if row["channel"] in INTERRUPTING:
        assert 7 <= hour < 22, row
    if row["purpose"] == "marketing" and row["channel"] in ("sms", "call"):
        spans = LAWS[f"{row['channel']} {row['country']}"]
        assert any(there.isoweekday() in days and a <= hour < b for days, a, b in spans), row


# Around both nights on which the clocks of these zones change, and where the date line runs.
NIGHTS = (datetime(2026, 3, 7, 20, tzinfo=UTC), datetime(2026, 3, 28, 12, tzinfo=UTC),
          datetime(2026, 4, 4, 6, tzinfo=UTC), datetime(2026, 9, 5, 12, tzinfo=UTC),
          datetime(2026, 9, 26, 6, tzinfo=UTC), datetime(2026, 10, 24, 20, tzinfo=UTC),
          datetime(2026, 10, 31, 20, tzinfo=UTC))  # fmt: skip


def test_moments_on_the_nights_of_changed_clocks(spark):
    """Also where somebody is used to read, or quiet begins, in an hour shown twice or never."""
    dice = random.Random("nights")
    for quiet in ((22, 7), (2, 8)):
        rules, as_of = Rules(quiet=quiet), NIGHTS[0]
        rows = [
            {"decision_id": f"{n}", "channel": dice.choice(("email", "email", "sms", "call")),
             "purpose": dice.choice(("marketing", "transactional")), "person_id": "p",
             "proposed_at": dice.choice(NIGHTS) + dice.randrange(24 * 20) * timedelta(minutes=3),
             "time_zone": dice.choice(ZONES), "phone": f"{number}1", "country": country,
             "lead_minutes": dice.choice((0, 20)),
             "usual_hour": dice.choice((None, 0, 1, 2, 3, 8, 23))}
            for n in range(250)
            for number, country in [dice.choice((("+33", "FR"), ("+1", "US"), ("+49", "DE")))]
        ]  # fmt: skip
        found = _moments(spark, rows, as_of, rules)
        for night in NIGHTS:
            near = [r for r in rows if timedelta() <= r["proposed_at"] - night < 2 * DAY]
            expected = openings(Asked(as_of=night, proposals=near), rules)
            wrong = [
                (r["time_zone"], r["channel"], r["usual_hour"], r["lead_minutes"],
                 r["proposed_at"].isoformat(), found[r["decision_id"]], expected[r["decision_id"]])
                for r in near if found[r["decision_id"]] != expected[r["decision_id"]]
            ]  # fmt: skip
            assert not wrong, (quiet, len(wrong), wrong[:5])


def _moments(spark, rows, as_of, rules) -> dict[str, datetime | None]:
    names = ("decision_id", "channel", "purpose", "proposed_at", "time_zone", "phone",
             "lead_minutes", "usual_hour")  # fmt: skip
    frame = spark.createDataFrame(
        [[micros_of(row[name]) for name in names] for row in rows],
        "decision_id string, channel string, purpose string, proposed_at bigint, "
        "time_zone string, phone string, lead_minutes int, usual_response_hour int",
    ).withColumns(
        {
            "proposed_at": F.timestamp_micros("proposed_at"),
            "was": F.lit(None).cast("struct<outcome:string,send_at:timestamp>"),
        }
    )
    asked = Asked(as_of=as_of, proposals=[])
    told = moments(frame, asked, rules).select(
        "decision_id", F.unix_micros("moment").alias("moment")
    )
    return {row.decision_id: moment(row.moment) for row in told.collect()}
