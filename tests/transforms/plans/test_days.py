"""What is said on a day, and what before its moment: the best first; others give their place."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from pyspark.sql import functions as F

from tactful.jobs.lake.frames import materialise
from tactful.schemas.plans import EVENT_REF, PLANS
from tactful.transforms.legal_hours import week
from tactful.transforms.plans.barred import BARS
from tactful.transforms.plans.days import QUOTAS
from tactful.transforms.plans.limits import PLACES, limits_of
from tactful.transforms.plans.outcomes import decided
from tactful.transforms.quiet_hours import as_column

NOON = datetime(2026, 6, 3, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
WAS = "struct<" + ",".join(f"{c.name}:{c.type}" for c in PLANS.columns) + ">"
SHAPE = (
    "person_id string, decision_id string, policy string, channel string, priority int, "
    "moment timestamp, expires_at timestamp, is_shadow boolean, can_wait boolean, quota int, "
    "step int, occasion_id string"
)


def told(spark, rows, *, ahead=0.0, said=(), paused=()):
    """What becomes of proposals, by decision: outcome, reason, hours from noon, said, final."""
    frame = spark.createDataFrame(rows, SHAPE)
    step, occasion = F.col("step"), F.coalesce("occasion_id", "decision_id")
    none = {name: F.lit(None).cast("string") for name in ("topic", "campaign_id", "cancelled_by")}
    own = F.struct(F.col("policy").alias("name"), F.col("quota").alias("per_day"), "plan_id")
    whole = frame.withColumns(
        {
            **none, "plan_id": F.col("decision_id"), "occasion_id": occasion, "step": step,
            "purpose": F.lit("marketing"), "time_zone": F.lit("UTC"),
            "score": F.lit(None).cast("double"),
            "proposed_at": F.lit(NOON), "again_after": F.lit(None).cast("bigint"),
            "at_most": F.lit(None).cast("int"), "week": as_column(week("9-18")),
            "clocks": F.array(F.lit("UTC")),
            "withdrawn_by": F.lit(None).cast(EVENT_REF), "bars": F.array().cast(BARS),
            "was": F.lit(None).cast(WAS),
        }
    )  # fmt: skip
    limits = {
        name: limits_of([], min_gap=20 * HOUR, held=name == "held_by")
        for name in ("held_by", "counts_in")
    }
    quotas = F.array_compact(F.array(F.when(F.col("quota").isNotNull(), own))).cast(QUOTAS)
    taken = spark.createDataFrame(
        [(name, NOON.date(), f"said {n}") for n, name in enumerate(said)],
        "name string, day date, own_id string",
    )
    found = decided(
        whole.withColumns({**limits, "quotas": quotas}),
        spark.createDataFrame([], f"person_id string, places {PLACES}"),
        as_of=NOON,
        look_ahead=timedelta(days=7),
        may_speak=True,
        paused=tuple(paused),
        ahead=ahead * HOUR,
        taken=taken if said else None,
        keep=materialise,
    )
    rows = found.withColumn("at", F.unix_seconds("send_at")).collect()
    noon = NOON.timestamp()
    return {
        r.decision_id: (
            r.outcome, r.reason, r["at"] and (r["at"] - noon) / 3600, r.is_said, r.is_final,
        )
        for r in rows
    }  # fmt: skip


def one(decision, policy="cart", channel="email", *, priority=50, at=0.0, person=None,
        can_wait=True, quota=None, ends=99.0, is_shadow=False, step=1,
        occasion=None):  # fmt: skip
    return (person or decision, decision, policy, channel, priority, NOON + at * HOUR,
            NOON + ends * HOUR, is_shadow, can_wait, quota, step, occasion)  # fmt: skip


def test_what_is_too_much_for_a_day_gives_its_place_up(spark):
    rows = [
        one("best", priority=60, quota=2), one("second", quota=2),
        one("lesser", "other", person="second", priority=10),
        one("third", priority=40, quota=2),
        one("next", "other", person="third", priority=10),
        one("short", priority=30, quota=2, ends=3),
        one("shadow", "trial", quota=1, is_shadow=True),
        one("shade", "trial", quota=1, is_shadow=True, priority=49),
        one("full", "done", quota=1),
        # Gets the place of what is too much, and is too much itself.
        one("late", person="chain", quota=2, priority=20),
        one("also", "done", person="chain", quota=1, priority=10),
    ]  # fmt: skip
    found = told(spark, rows, said=["done"])
    said = ("chosen", None, 0.0, True, True)
    # Of the next day the first hour that is open.
    assert found == {
        "best": said, "second": said, "lesser": ("lost", "min-gap", 21.0, False, False),
        "third": ("suppressed", "per-day:cart", 21.0, False, False), "next": said,
        "short": ("suppressed", "per-day:cart", None, False, False),
        "shadow": ("chosen", None, 0.0, False, True),
        "shade": ("suppressed", "per-day:trial", 21.0, False, False),
        "full": ("suppressed", "per-day:done", 21.0, False, False),
        "late": ("suppressed", "per-day:cart", 21.0, False, False),
        "also": ("suppressed", "per-day:done", 21.0, False, False),
    }  # fmt: skip


def test_what_falls_due_before_the_next_run_is_handed_over_where_it_can(spark):
    rows = [
        one("now"), one("soon", at=1.5), one("later", at=2.5),
        one("unable", at=1.5, can_wait=False), one("paused", "off", at=1.5),
        one("shadow", "trial", at=1.5, is_shadow=True),
        one("ad", channel="ad", can_wait=False),
        one("ad soon", channel="ad", at=1.5, can_wait=False),
    ]  # fmt: skip
    assert told(spark, rows, ahead=2.0, paused=["off"]) == {
        "now": ("chosen", None, 0.0, True, True), "soon": ("chosen", None, 1.5, True, False),
        "later": ("chosen", None, 2.5, False, False),
        "unable": ("chosen", None, 1.5, False, False),
        "paused": ("chosen", "paused", 1.5, False, False),
        "shadow": ("chosen", None, 1.5, False, False),
        # Whoever is shown ads is so for as long as the plan lasts.
        "ad": ("chosen", None, 0.0, True, False), "ad soon": ("chosen", None, 1.5, False, False),
    }  # fmt: skip


def test_what_comes_first_and_waits_for_its_place_is_not_overtaken(spark):
    """A day's run hands over ahead: what is better waits until tomorrow morning, and is asked then,
    before what would be said behind it.
    """
    ann, bea, cy, dan, eve = ({"person": name} for name in ("ann", "bea", "cy", "dan", "eve"))
    flow = {**bea, "occasion": "o"}
    rows = [
        one("hello", priority=70, **ann), one("better", priority=60, at=1.0, **ann),
        one("worse", priority=50, at=22.0, **ann),
        # Of a sequence the second waits for the first, whenever that comes.
        one("greeting", priority=70, **bea), one("first", at=1.0, ends=30.0, **flow),
        one("second", at=20.5, step=2, **flow),
        # What is said on the spot is no promise, and what is paused keeps nobody waiting.
        one("now", priority=10, **cy), one("off", "off", priority=90, **cy),
        one("told", priority=90, **dan), one("paused", "off", priority=60, at=1.0, **dan),
        one("free", priority=50, at=22.0, **dan),
        # An ad interrupts nobody.
        one("mail", priority=90, **eve), one("waits", priority=60, at=1.0, **eve),
        one("shown", channel="ad", at=22.0, **eve),
    ]  # fmt: skip
    found = told(spark, rows, ahead=24.0, paused=["off"])
    said, ahead = ("chosen", None, 0.0, True, True), ("chosen", None, 22.0, True, False)
    morning = ("lost", "min-gap", 21.0, False, False)
    assert found == {
        "hello": said, "better": morning, "worse": ("chosen", None, 22.0, False, False),
        "greeting": said, "first": morning, "second": ("chosen", None, 20.5, False, False),
        "now": said, "off": ("chosen", "paused", 0.0, False, False),
        "told": said, "paused": morning, "free": ahead,
        "mail": said, "waits": morning, "shown": ahead,
    }  # fmt: skip
