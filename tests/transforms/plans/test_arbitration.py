"""One plan: of all that could be said, what is said and when, against plain Python."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import pytest
from pyspark.sql import functions as F

from tactful.transforms.caps import CapRule
from tactful.transforms.legal_hours import Week, week
from tactful.transforms.plans.arbitration import arbitrate
from tactful.transforms.plans.limits import MIN_GAP, PLACES, limits_of
from tactful.transforms.quiet_hours import as_column, next_open

GAP = timedelta(hours=20)
START = datetime(2026, 3, 28, 0, tzinfo=UTC)
CAPS = (
    CapRule("weekly", ("email",), ("marketing",), 2, timedelta(days=3), "sent"),
    CapRule("any", (), ("marketing",), 3, timedelta(days=4), "sent", exempt_topics=("service",)),
    CapRule("daily", ("email", "sms"), ("marketing",), 1, None, "sent", calendar="day"),
    CapRule("exempt_counts", (), ("marketing",), 4, timedelta(days=6), "sent",
            exempt_topics=("service",), exempt_counts=True),
)  # fmt: skip
HOURS: dict[str, Week] = {
    "always": week("0-24"), "office": week("9-18", sunday=""), "usual": week("8:10-8:11"),
    "never": week(""),
}  # fmt: skip
ZONES = ("Europe/Berlin", "America/New_York", "Pacific/Auckland")
CHANNELS = ("email", "sms", "push", "web")


def cap_of(one, cap):
    return (not cap.channels or one["channel"] in cap.channels), one["topic"] in cap.exempt_topics


def held_by(one):
    return [cap for cap in CAPS if cap_of(one, cap) == (True, False)]


def counts_in(one):
    return [
        cap
        for cap in CAPS
        if cap_of(one, cap)[0] and (not cap_of(one, cap)[1] or cap.exempt_counts)
    ]


def day_of(at, zone):
    return at.astimezone(ZoneInfo(zone)).date()


def bars(one, at, taken):
    """The limits that have no place left, whose places these are, and when each has one again."""

    def bar(name, ways, end, limit=1):
        """A limit of n has room again when the n-th newest of these is over."""
        until = sorted((end(t["at"]) for t in ways), reverse=True)[limit - 1]
        return name, {t["decision_id"] for t in ways}, until

    def never(_):
        return datetime.max.replace(tzinfo=UTC)

    def midnight(moment):
        zone = ZoneInfo(one["time_zone"])
        day = moment.astimezone(zone).date() + timedelta(days=1)
        return datetime.combine(day, datetime.min.time(), zone).astimezone(UTC)

    found = []
    if one["channel"] != "web":
        near = [t for t in taken if t["name"] == MIN_GAP and t["own_id"] != one["plan_id"]
                and abs(t["at"] - at) < GAP]  # fmt: skip
        if near:
            found.append(bar(MIN_GAP, near, lambda moment: moment + GAP))
    if one["again_after"]:
        others = [t for t in taken if t["name"] == "rare" and t["own_id"] != one["occasion_id"]]
        near = [t for t in others if abs(t["at"] - at) < timedelta(days=2)]
        if near:
            found.append(bar("again-after:rare", near, lambda m: m + timedelta(days=2)))
        if len({t["own_id"] for t in others}) >= one["at_most"]:
            found.append(bar("at-most:rare", others, never))
    for cap in held_by(one):
        own = [t for t in taken if t["name"] == cap.name]
        if cap.calendar:
            sets = [
                [
                    t
                    for t in own
                    if day_of(t["at"], one["time_zone"]) == day_of(at, one["time_zone"])
                ]
            ]
        else:
            starts = [s for s in [*(t["at"] for t in own), at] if s <= at < s + cap.window]
            sets = [[t for t in own if s <= t["at"] < s + cap.window] for s in starts]
        these = [id(t) for some in sets if len(some) >= cap.limit for t in some]
        full = [t for t in own if id(t) in these]
        if full:
            ends = midnight if cap.calendar else lambda m, cap=cap: m + cap.window
            found.append(bar(cap.name, full, ends, cap.limit))
    return found


def reference(proposals, taken):
    """What the fold must find, worked out by looking at every moment that could matter."""
    taken, told = list(taken), {}
    for one in sorted(
        proposals,
        key=lambda p: (
            -p["priority"],
            -(p["score"] or 0),
            p["proposed_at"],
            p["plan_id"],
            p["channel"],
        ),
    ):
        at = one["moment"]
        is_open = at is not None and (one["expires_at"] is None or at < one["expires_at"])
        found = bars(one, at, taken) if is_open else []
        if is_open and not found:
            told[one["decision_id"]] = (at, None, frozenset(), at)
            if not one["is_shadow"]:
                names = [cap.name for cap in counts_in(one)]
                own = {name: None for name in names}
                own |= {MIN_GAP: one["plan_id"]} if one["channel"] != "web" else {}
                own |= {"rare": one["occasion_id"]} if one["again_after"] else {}
                taken += [
                    {"name": name, "at": at, "decision_id": one["decision_id"], "own_id": whose}
                    for name, whose in own.items()
                ]
            continue
        winners = frozenset(w for _, whose, _ in found for w in whose if w)
        longest = max(((until, name) for name, _, until in found), default=(None, None))[1]
        later = None
        if is_open:
            later = next(
                (m for m in sorted(moments(one, at, taken)) if not bars(one, m, taken)), None
            )
        told[one["decision_id"]] = (None, longest if is_open else "hours", winners, later)
    return told


@cache
def opens(at, zone, hours):
    return next_open(at, [zone], HOURS[hours])


def moments(one, at, taken):
    """Every quarter of an hour of the next weeks that the hours leave, and each release."""
    windows = [GAP, timedelta(days=2), *(cap.window for cap in CAPS if cap.window)]
    tried = {at + timedelta(minutes=15 * n) for n in range(4 * 24 * 20)}
    tried |= {t["at"] + w for t in taken for w in windows}
    opened = {opens(m, one["time_zone"], one["hours"]) for m in tried if m > at}
    return {m for m in opened if m and (one["expires_at"] is None or m < one["expires_at"])}


def policy_of(n):
    """Of two policies one may ask again only after two days, on at most two occasions."""
    is_rare = n % 3 == 0
    return {"policy": "rare" if is_rare else "often", "occasion_id": f"o{n % 4}",
            "again_after": micros_of(timedelta(days=2)) if is_rare else None,
            "at_most": 2 if is_rare else None}  # fmt: skip


def micros_of(span):
    return span // timedelta(microseconds=1)


def world(number, dice):
    zone, person = dice.choice(ZONES), f"p_{number}"
    taken = []
    for n in range(dice.randrange(4)):
        at = START - timedelta(minutes=15 * dice.randrange(4 * 24 * 5))
        name = dice.choice([MIN_GAP, *(cap.name for cap in CAPS)])
        whose = f"old{number}.{n}" if name == MIN_GAP or dice.random() < 0.5 else None
        taken.append(
            {
                "name": name,
                "at": at,
                "decision_id": whose,
                "own_id": whose if name == MIN_GAP else None,
            }
        )
    proposals = []
    for n in range(dice.randrange(1, 9)):
        plan = f"{number}.{dice.randrange(6)}"
        hours = dice.choice([*HOURS])
        earliest = START + timedelta(minutes=15 * dice.randrange(4 * 24 * 4))
        proposals.append({
            "person_id": person, "decision_id": f"{number}:{n}", "plan_id": plan,
            "channel": dice.choice(CHANNELS), "priority": dice.randrange(1, 4),
            "score": dice.choice([None, 1.0, 2.5]), "proposed_at": START, "purpose": "marketing",
            "topic": dice.choice(["news", "service"]), "campaign_id": None, "time_zone": zone,
            "moment": next_open(earliest, [zone], HOURS[hours]), "hours": hours,
            "expires_at": dice.choice([None, START + timedelta(days=dice.randrange(1, 9))]),
            "is_shadow": dice.random() < 0.1, **policy_of(n),
        })  # fmt: skip
    return proposals, taken


PROPOSED = (
    "person_id string, decision_id string, plan_id string, channel string, priority int, "
    "score double, proposed_at timestamp, purpose string, topic string, campaign_id string, "
    "policy string, occasion_id string, again_after bigint, at_most int, "
    "time_zone string, moment timestamp, hours string, expires_at timestamp, is_shadow boolean"
)  # fmt: skip


def micros(at):
    return (
        None if at is None else (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    )


def place(one, zone):
    span = GAP if one["name"] == MIN_GAP else next(c.window for c in CAPS if c.name == one["name"])
    if span:
        return (one["name"], micros(one["at"]), None, micros(one["at"] + span),
                one["decision_id"], one["own_id"])  # fmt: skip
    local = datetime.combine(day_of(one["at"], zone), datetime.min.time(), ZoneInfo(zone))
    ends = datetime.combine(local.date() + timedelta(days=1), datetime.min.time(), ZoneInfo(zone))
    return (one["name"], micros(one["at"]), micros(local.astimezone(UTC)),
            micros(ends.astimezone(UTC)), one["decision_id"], one["own_id"])  # fmt: skip


def folded(spark, worlds):
    texts = [{k: v.isoformat() if isinstance(v, datetime) else v for k, v in one.items()}
             for proposals, _ in worlds for one in proposals]  # fmt: skip
    stamps = {n: F.col(n).cast("timestamp") for n in ("proposed_at", "moment", "expires_at")}
    frame = spark.createDataFrame(texts, PROPOSED.replace("timestamp", "string")).withColumns(
        stamps
    )
    weeks = F.coalesce(*(F.when(F.col("hours") == n, as_column(w)) for n, w in HOURS.items()))
    limits = {
        n: limits_of(CAPS, min_gap=GAP, held=n == "held_by") for n in ("held_by", "counts_in")
    }
    rows = frame.withColumns({"week": weeks, "clocks": F.array("time_zone"), **limits})
    places = spark.createDataFrame(
        [
            (ps[0]["person_id"], [place(t, ps[0]["time_zone"]) for t in taken])
            for ps, taken in worlds
        ],
        f"person_id string, places {PLACES}",
    )
    told = arbitrate(rows, places).select(
        "decision_id", F.unix_micros("send_at").alias("at"), "bound_by", "winners",
        F.unix_micros("next_at").alias("later"),
    )  # fmt: skip
    return {
        r.decision_id: (r["at"], r.bound_by, frozenset(r.winners), r.later) for r in told.collect()
    }


def test_the_fold_is_the_plain_rule(spark):
    dice = random.Random(21)
    worlds = [world(n, dice) for n in range(250)]
    found = folded(spark, worlds)
    for proposals, taken in worlds:
        for name, (at, bound, winners, later) in reference(proposals, taken).items():
            assert found[name] == (micros(at), bound, winners, micros(later)), (
                name,
                proposals,
                taken,
            )


@pytest.mark.parametrize("count", [1000])
def test_a_thousand_proposals_under_a_cap_of_one_give_one(spark, count):
    proposals = [
        {"person_id": "p", "decision_id": f"{n}", "plan_id": f"{n}", "channel": "email",
         "priority": 50, "score": None, "proposed_at": START, "purpose": "marketing",
         "topic": None, "campaign_id": None, "time_zone": "UTC", "moment": START,
         "hours": "always", "expires_at": START + timedelta(hours=12), "is_shadow": False,
         "policy": "x", "occasion_id": f"{n}", "again_after": None, "at_most": None}
        for n in range(count)
    ]  # fmt: skip
    found = folded(spark, [(proposals, [])])
    chosen = [name for name, told in found.items() if told[0]]
    assert len(chosen) == 1
    assert {told[2] for told in found.values() if not told[0]} == {frozenset(chosen)}
