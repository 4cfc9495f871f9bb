"""Random worlds of proposals, and what becomes of them, by the transforms and by the oracle."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from tactful.jobs.lake.frames import materialise
from tactful.jobs.settings.caps import Cap
from tactful.schemas.reference import CAMPAIGNS, CONTENTS
from tactful.transforms.caps import counted_messages
from tactful.transforms.jurisdictions import Silence
from tactful.transforms.plans.barred import with_address, with_bars
from tactful.transforms.plans.limits import INTERRUPTING, limits_of
from tactful.transforms.plans.moments import with_moment
from tactful.transforms.plans.outcomes import decided
from tactful.transforms.plans.places import (
    places_by_person,
    places_of_messages,
    places_of_plans,
    with_fate,
)
from tactful.transforms.quiet_hours import outside
from tactful.transforms.rules import RULES
from tests.oracle.plans import COUNTRIES, Asked, Row, Rules
from tests.timelines import event, offers, products, timeline

DAY, HOUR, QUARTER = timedelta(days=1), timedelta(hours=1), timedelta(minutes=15)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# From winter to summer time in Europe, back from it in the south; and both sides of the date line.
ZONES = (
    "Europe/Berlin", "America/New_York", "Australia/Sydney", "Pacific/Auckland",
    "America/Santiago", "Pacific/Apia", "Pacific/Kiritimati",
)  # fmt: skip
CHANNELS = ("email", "email", "sms", "push", "call", "web")
RULED = ("no_consent", "unsubscribed", "service_open", "unfulfilled", "purchased")
# Who asks for a review, or calls about an open case, offers nothing.
KINDS = ("cart_abandoned", "cart_abandoned", "campaign", "review_request", "service_call")
SKUS = ("jeans", "belt", "mat")

# What is known of a plan from the batch before.
WAS = ("outcome", "reason", "send_at", "lost_to")
_PROPOSED = (
    "decision_id string, plan_id string, occasion_id string, person_id string, policy string, "
    "channel string, purpose string, topic string, campaign_id string, content_id string, "
    "skus array<string>, priority int, score double, proposed_at bigint, expires_at bigint, "
    "is_shadow boolean, again_after bigint, at_most int, time_zone string, lead_minutes int, "
    "usual_response_hour int, cancelled_by string, was_outcome string, was_reason string, "
    "was_send_at bigint, was_lost_to array<string>, kind string, step int"
)  # fmt: skip
_EMITTED = (
    "decision_id string, plan_id string, occasion_id string, person_id string, policy string, "
    "channel string, purpose string, topic string, campaign_id string, again_after bigint, "
    "at_most int, time_zone string, expires_at bigint, send_at bigint, emitted_at bigint, "
    "outcome string, as_of bigint"
)
_SUPPRESSED = (
    "person_id string, policy string, reason string, channels array<string>, "
    "scope array<struct<kind:string,values:array<string>,negated:boolean>>, starts_at bigint, "
    "ends_at bigint, evidence array<string>"
)


def world(number: int, start: datetime, dice: random.Random) -> dict[str, list[dict[str, Any]]]:
    """One person: what is proposed to them from when on, what they heard, what speaks against it.

    from_batch: the batch that learns of it. cancelled_from: the one in which it is withdrawn.
    """
    person, zone = f"p_{number}", dice.choice(ZONES)
    number_of = dice.choice([*COUNTRIES])
    usual_hour = dice.choice((None, None, 0, 2, 8, 19))

    def at(before: int, after: int) -> datetime:
        return start + dice.randrange(-before * 96, after * 96) * QUARTER

    proposals = []
    for n in range(dice.randrange(2, 9)):
        policy = dice.choice(("often", "often", "news", "rare"))
        step = dice.randrange(4)
        proposed_at = at(1, 5)
        is_receipt = dice.random() < 0.15
        proposals.append({
            "decision_id": f"{number}:{n}", "plan_id": f"{number}.{policy}.{step}",
            "occasion_id": f"{number}.{policy}.{step % 2}", "person_id": person, "policy": policy,
            "step": step,
            "kind": dice.choice(KINDS),
            "channel": dice.choice(CHANNELS), "topic": dice.choice(("news", "Ser-vice", None)),
            "purpose": "transactional" if is_receipt else "marketing", "campaign_id": policy,
            "skus": dice.sample(SKUS, dice.randrange(3)), "priority": dice.choice((50, 50, 60)),
            "score": dice.choice((None, 1.0, 2.5)), "proposed_at": proposed_at,
            "expires_at": dice.choice((None, proposed_at + dice.randrange(1, 9) * DAY / 2)),
            "is_shadow": dice.random() < 0.1, "time_zone": zone,
            "again_after": 2 * DAY if policy == "rare" else None,
            "at_most": 2 if policy == "rare" else None,
            "lead_minutes": 20 if policy == "news" else 0, "usual_hour": usual_hour,
            "country": COUNTRIES[number_of], "from_batch": dice.choice((0, 0, 0, 1, 2)),
            "cancelled_from": dice.choice((*[None] * 9, 1, 2)),
        })  # fmt: skip
    numbers = {"sms": f"{number_of}0{number}", "call": f"{number_of}0{number}"}
    addresses = [
        {"person_id": person, "channel": channel, "address": numbers.get(channel, person)}
        for channel in dict.fromkeys(CHANNELS) if dice.random() < 0.95
    ]  # fmt: skip
    answers = [
        {"person_id": person, "channel": channel, "purpose": "marketing"}
        for channel in dict.fromkeys(CHANNELS) if dice.random() < 0.95
    ]  # fmt: skip
    suppressions = []
    for n in range(dice.choice((0, 0, 0, 1, 1, 2))):
        reason, starts_at = dice.choice(RULED), at(5, 4)
        kind, values = dice.choice((
            ("all", []), ("purpose", ["marketing"]), ("sku", [dice.choice(SKUS)]),
            ("sku", ["jeans", "mat"]), ("topic", ["ser_vice"]),
        ))  # fmt: skip
        suppressions.append({
            "person_id": person, "policy": f"{reason} {n}", "reason": reason,
            "precedence": RULED.index(reason), "scope_kind": kind, "scope_values": values,
            "channels": dice.choice(([], ["email"], ["sms", "push"])), "starts_at": starts_at,
            "ends_at": dice.choice((None, starts_at + dice.randrange(1, 20) * DAY / 4)),
            "from_batch": dice.choice((0, 0, 1)),
        })  # fmt: skip
    messages = [
        {"person_id": person, "message_id": f"{number} {n}", "channel": dice.choice(CHANNELS),
         "purpose": dice.choice(("marketing", "marketing", "transactional")),
         "topic": dice.choice(("news", "Ser-vice", None)),
         "campaign_id": dice.choice(("often", "news", "foreign")),
         "sent_at": at(4, 3) + n * timedelta(seconds=1), "is_failed": dice.random() < 0.2}
        for n in range(dice.randrange(5))
    ]  # fmt: skip
    return {"proposals": proposals, "addresses": addresses, "answers": answers,
            "suppressions": suppressions, "messages": messages}  # fmt: skip


def merged(worlds: list[dict[str, list[dict[str, Any]]]]) -> dict[str, list[dict[str, Any]]]:
    """The rows of all of them, under each name."""
    return {name: [row for one in worlds for row in one[name]] for name in worlds[0]}


def found_by(
    told: dict[str, list[dict[str, Any]]], batch: int, as_of: datetime, done: dict[str, Row]
) -> Asked:
    """What a batch finds of a world. done: of each decision what was answered last."""
    proposals = [
        {**row, "cancelled_by": "order_placed"
         if row["cancelled_from"] is not None and batch >= row["cancelled_from"] else None}
        for row in told["proposals"]
        if row["from_batch"] <= batch and not done.get(row["decision_id"], {}).get("is_final")
    ]  # fmt: skip
    by_id = {row["decision_id"]: row for row in told["proposals"]}
    return Asked(
        as_of=as_of,
        proposals=proposals,
        addresses=told["addresses"],
        answers=told["answers"],
        suppressions=[row for row in told["suppressions"] if row["from_batch"] <= batch],
        before=[row for row in done.values() if not row["is_final"]],
        emitted=[
            {**by_id[name], "send_at": row["send_at"], "emitted_at": row["emitted_at"]}
            for name, row in done.items() if row.get("is_said")
        ],
        messages=[row for row in told["messages"] if row["sent_at"] <= as_of],
        paused=("news",) if batch == 1 else (),
    )  # fmt: skip


def by_transforms(spark: SparkSession, asked: Asked, rules: Rules) -> dict[str, dict[str, Any]]:
    """What the product makes of the same, in one action."""
    caps = [Cap(**one).rule(rules.time_zone) for one in rules.caps]
    limits = {
        name: limits_of(caps, min_gap=rules.min_gap, held=name == "held_by")
        for name in ("held_by", "counts_in")
    }
    events = timeline(spark, _events(asked))
    contents, campaigns = offers(spark, CONTENTS), offers(spark, CAMPAIGNS)
    reached = spark.createDataFrame(
        [
            (r["person_id"], r["channel"], r["address"], r["address"], False)
            for r in asked.addresses
        ],
        "person_id string, channel string, address string, identifier_key string, is_dead boolean",
    )
    addressed = with_address(_proposals(spark, asked), reached)
    phone = F.when(F.col("channel").isin("sms", "call"), F.col("address"))
    # Held as the job holds them: else each step would work out again all that is before it.
    known = materialise(moments(addressed.withColumn("phone", phone), asked, rules))
    barred = with_bars(
        known,
        _suppressions(spark, asked),
        spark.createDataFrame(
            [(r["person_id"], r["channel"], r["purpose"], True) for r in asked.answers],
            "person_id string, channel string, purpose string, is_granted boolean",
        ),
        None,
        products=products(spark, []),
        contents=contents,
        campaigns=campaigns,
        shares={},
        asks_attributes=False,
        precedence={when: rule.precedence for when, rule in RULES.items()},
        as_of=asked.as_of,
        silence=Silence(rules.opt_in),
    )
    ready = materialise(barred.withColumns({**limits, "can_wait": F.lit(False)}))
    emitted = materialise(
        with_fate(_emitted(spark, asked), events).withColumn("counts_in", limits["counts_in"])
    )
    planned = emitted.where("message_id IS NOT NULL").select("message_id").distinct()
    counted = counted_messages(events, contents, campaigns, rules=caps, time_zone=rules.time_zone)
    places = places_by_person(
        places_of_plans(emitted, as_of=asked.as_of),
        places_of_messages(counted, planned, as_of=asked.as_of),
    )
    told = decided(
        ready,
        materialise(places),
        as_of=asked.as_of,
        look_ahead=rules.look_ahead,
        may_speak=asked.may_speak,
        paused=asked.paused,
        time_zone=rules.time_zone,
    )
    rows = told.select(
        "decision_id", "outcome", "reason", "lost_to", "is_final", "is_said",
        F.unix_micros("send_at").alias("send_at"), F.unix_micros("emitted_at").alias("emitted_at"),
    ).collect()  # fmt: skip
    times = ("send_at", "emitted_at")
    return {
        row.decision_id: {**row.asDict(), **{name: moment(row[name]) for name in times}}
        for row in rows
    }


def moments(ready: DataFrame, asked: Asked, rules: Rules) -> DataFrame:
    """When each of these proposals may first be said; `ready` with phone."""
    is_promised = F.col("was.outcome").isin("chosen", "lost", "suppressed")
    return with_moment(
        ready.withColumns(
            {
                "promised_at": F.when(is_promised, F.col("was.send_at")),
                "is_zone_known": F.lit(True),
            }
        ),
        as_of=asked.as_of,
        quiet=outside(*(str(hour) for hour in rules.quiet)) if rules.quiet else None,
        usual_hour=rules.default_hour,
        interrupting=INTERRUPTING,
    )


def moment(micros: int | None) -> datetime | None:
    return None if micros is None else EPOCH + timedelta(microseconds=micros)


def micros_of(value: Any) -> Any:
    """Times and spans as whole microseconds; anything else as it is."""
    if isinstance(value, datetime):
        value -= EPOCH
    return value // timedelta(microseconds=1) if isinstance(value, timedelta) else value


def _proposals(spark: SparkSession, asked: Asked) -> DataFrame:
    was = {row["decision_id"]: row for row in asked.before}
    rows = []
    for row in asked.proposals:
        before = was.get(row["decision_id"], {})
        more = {f"was_{name}": before.get(name) for name in WAS}
        rows.append({**row, **more, "usual_response_hour": row["usual_hour"]})
    frame = _frame(spark, rows, _PROPOSED, "proposed_at", "expires_at", "was_send_at")
    known = F.struct(*(F.col(f"was_{n}").alias(n) for n in WAS))
    withdrawn = F.struct(
        F.lit(None).cast("timestamp").alias("occurred_at"),
        F.lit("purchases").alias("stream"),
        F.lit("e").alias("event_id"),
    )
    return frame.withColumns(
        {
            "was": F.when(F.col("was_outcome").isNotNull(), known),
            "withdrawn_by": F.when(F.col("cancelled_by").isNotNull(), withdrawn),
        }
    ).drop(*(f"was_{name}" for name in WAS))


def _emitted(spark: SparkSession, asked: Asked) -> DataFrame:
    rows = [{**row, "outcome": "chosen", "as_of": row["emitted_at"]} for row in asked.emitted]
    return _frame(spark, rows, _EMITTED, "expires_at", "send_at", "emitted_at", "as_of")


def _suppressions(spark: SparkSession, asked: Asked) -> DataFrame:
    rows = [
        {**row, "evidence": ["clicks:x"],
         "scope": [(row["scope_kind"], row["scope_values"], False)]}
        for row in asked.suppressions
    ]  # fmt: skip
    frame = _frame(spark, rows, _SUPPRESSED, "starts_at", "ends_at")
    cause: Column = F.struct(
        F.col("starts_at").alias("occurred_at"),
        F.lit("clicks").alias("stream"),
        F.lit("x").alias("event_id"),
    )
    return frame.withColumn("cause", cause)


def _events(asked: Asked) -> list[dict[str, Any]]:
    """Where everybody lives, and what they were sent."""
    zones = {row["person_id"]: row["time_zone"] for row in asked.proposals + asked.emitted}
    told = [
        event(person, "page_view", asked.as_of - 30 * DAY, time_zone=zone)
        for person, zone in zones.items()
    ]
    for row in asked.messages:
        about = {name: row[name] for name in ("message_id", "channel", "purpose", "topic",
                                              "campaign_id")}  # fmt: skip
        told.append(event(row["person_id"], "sent", row["sent_at"], **about))
        if row["is_failed"]:
            told.append(event(row["person_id"], "failed", row["sent_at"] + HOUR, **about))
    return told


def _frame(spark: SparkSession, rows: Any, shape: str, *times: str) -> DataFrame:
    names = [part.split()[0] for part in shape.split(", ")]
    values = [[micros_of(row.get(name)) for name in names] for row in rows]
    frame = spark.createDataFrame(values, shape)
    return frame.withColumns({name: F.timestamp_micros(name) for name in times})


__all__ = ["by_transforms", "found_by", "merged", "moments", "replace", "world"]
