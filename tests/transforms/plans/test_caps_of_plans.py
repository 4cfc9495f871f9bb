"""Caps as plans meet them: what is dropped, what is deferred, and for whom they are relaxed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from pyspark.sql import functions as F

from tactful.schemas.plans import EVENT_REF
from tactful.transforms.caps import CapRule
from tactful.transforms.legal_hours import week
from tactful.transforms.plans.barred import BARS
from tactful.transforms.plans.limits import PLACES, limits_of
from tactful.transforms.plans.outcomes import decided
from tactful.transforms.quiet_hours import as_column

NOW = datetime(2026, 6, 3, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
DROPS = CapRule(
    "weekly", ("email",), ("marketing",), 2, timedelta(days=7), "sent",
    relaxed=(("orders >= 5", 4), ("lifecycle = 'active'", 3)), drops=True,
)  # fmt: skip
DEFERS = CapRule("monthly", ("sms",), ("marketing",), 2, timedelta(days=30), "sent")
COLUMNS = (
    "person_id string, decision_id string, channel string, moment string, is_shadow boolean, "
    "orders int, lifecycle string, policy string"
)
NOTHING = (
    "purpose",
    "topic",
    "campaign_id",
    "expires_at",
    "cancelled_by",
    "score",
    "promised_at",
)
WAS = "struct<outcome:string,send_at:timestamp,reason:string,lost_to:array<string>>"


def outcomes(spark, rows, taken, *, paused=()):
    """What becomes of proposals; taken: of each person how long ago each message was sent."""
    frame = spark.createDataFrame(rows, COLUMNS)
    none = {name: F.lit(None).cast("string") for name in NOTHING}
    customer = F.struct(F.col("orders").cast("bigint").alias("orders"), "lifecycle")
    whole = frame.withColumns(
        {
            **none, "purpose": F.lit("marketing"), "customer": customer,
            "withdrawn_by": F.lit(None).cast(EVENT_REF),
            "expires_at": F.lit(None).cast("timestamp"), "proposed_at": F.lit(NOW - DAY),
            "moment": F.col("moment").cast("timestamp"), "score": F.lit(1.0),
            "plan_id": F.col("decision_id"), "occasion_id": F.col("decision_id"), "step": F.lit(1),
            "again_after": F.lit(None).cast("bigint"), "at_most": F.lit(None).cast("int"),
            "time_zone": F.lit("UTC"), "clocks": F.array(F.lit("UTC")), "priority": F.lit(50),
            "week": as_column(week("0-24")), "bars": F.array().cast(BARS),
            "was": F.lit(None).cast(WAS),
        }
    )  # fmt: skip
    limits = {
        name: limits_of([DROPS, DEFERS], min_gap=HOUR, held=name == "held_by")
        for name in ("held_by", "counts_in")
    }

    def micros(at):
        return (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)

    places = spark.createDataFrame(
        [
            (who, [(rule.name, micros(NOW - ago), None, micros(NOW - ago + rule.window), None, None)
                   for rule in (DROPS, DEFERS) for ago in agos])
            for who, agos in taken.items()
        ],
        f"person_id string, places {PLACES}",
    )  # fmt: skip
    told = decided(
        whole.withColumns({**limits, "can_wait": F.lit(False)}), places, as_of=NOW,
        look_ahead=30 * DAY, may_speak=True, paused=paused,
    )  # fmt: skip
    rows = told.select(
        "decision_id", "outcome", "reason", "is_final",
        F.unix_seconds("send_at").alias("at"), F.unix_seconds("look_at").alias("look"),
    ).collect()  # fmt: skip
    hours = lambda s: None if s is None else (s - NOW.timestamp()) / 3600  # noqa: E731
    return {
        r.decision_id: (r.outcome, r.reason, r.is_final, hours(r.at), hours(r.look)) for r in rows
    }


def row(who, channel="email", ahead=0, *, shadow=False, orders=None, lifecycle=None, policy="x"):
    moment = (NOW + ahead * HOUR).isoformat()
    return (who, f"{who} {channel} {ahead}", channel, moment, shadow, orders, lifecycle, policy)


def test_what_a_cap_stops_is_dropped_at_its_moment_or_deferred(spark):
    """Two came six and two days ago: the first leaves the week in a day, the month in 24 days."""
    taken = {who: (6 * DAY, 2 * DAY) for who in ("ann", "bea", "cy", "dan", "eve", "fay")}
    # Three came: the first limit that holds for somebody counts, not the highest.
    taken |= {who: (6 * DAY, 5 * DAY, 2 * DAY) for who in ("hal", "ida")}
    rows = [
        row("ann"), row("ann", "sms"),
        row("bea", ahead=12),
        row("cy", orders=5), row("dan", lifecycle="active"), row("eve", shadow=True),
        row("fay", policy="paused"), row("gil"),
        row("hal", orders=9, lifecycle="active"), row("ida", lifecycle="active"),
    ]  # fmt: skip
    told = outcomes(spark, rows, taken, paused=("paused",))
    assert told == {
        "ann email 0": ("suppressed", "weekly", True, None, None),
        "ann sms 0": ("suppressed", "monthly", False, 24 * 24, 24 * 24),
        # It is not its moment yet: whatever holds a place may fail by then.
        "bea email 12": ("suppressed", "weekly", False, 12, 12),
        "cy email 0": ("chosen", None, True, 0, None),
        "dan email 0": ("chosen", None, True, 0, None),
        "eve email 0": ("suppressed", "weekly", True, None, None),
        "fay email 0": ("suppressed", "weekly", False, 0, 0),
        "gil email 0": ("chosen", None, True, 0, None),
        "hal email 0": ("chosen", None, True, 0, None),
        "ida email 0": ("suppressed", "weekly", True, None, None),
    }
