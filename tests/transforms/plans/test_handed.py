"""What was handed over: called back or said, whom ads are shown to, and how often that counts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from pyspark.sql import functions as F

from tactful.schemas.identity import LABELS
from tactful.schemas.plans import EVENT_REF, PLANS
from tactful.transforms.plans.audience_members import audience_members
from tactful.transforms.plans.days import QUOTAS, over_the_day
from tactful.transforms.plans.handed import followed, is_called_back, targeted
from tactful.transforms.plans.limits import LIMITS, MIN_GAP
from tactful.transforms.plans.outcomes import given_up, news
from tactful.transforms.plans.places import places_of_plans, with_fate
from tests.timelines import event, timeline

NOON = datetime(2026, 6, 3, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
CAUSE = (NOON - HOUR, "clicks", "e")


def plan(name: str, **said):
    """A row of the log: handed over at noon, to be said in an hour, over in three days."""
    told = {
        "decision_id": name, "plan_id": name, "occasion_id": name, "anchor_key": f"k_{name}",
        "person_id": "p", "kind": "cart_abandoned", "step": 1, "cause": CAUSE, "policy": "cart",
        "channel": "email", "campaign_id": "cart", "skus": ["jeans"], "proposed_at": NOON,
        "send_at": NOON + HOUR, "expires_at": NOON + 3 * DAY, "outcome": "chosen",
        "is_shadow": False, "is_final": False, "emitted_at": NOON, "as_of": NOON, "batch_id": 1,
        **said,
    }  # fmt: skip
    return [told.get(column) for column in PLANS.names]


def plans(spark, *rows):
    return spark.createDataFrame([*rows], PLANS.ddl())


def handed(spark, *rows):
    """Plans as they are proposed still. rows: a plan, what cancels it, what forbids it."""
    was = plans(spark, *(row for row, _, _ in rows))
    said = spark.createDataFrame(
        [(row[0], cancelled, bars) for row, cancelled, bars in rows],
        "decision_id string, cancelled_by string, "
        "bars array<struct<policy:string,evidence:array<string>>>",
    )
    proposed = was.select("*", F.struct(*(n for n in PLANS.names)).alias("was"))
    anew = proposed.withColumn("content_id", F.lit("another")).join(said, "decision_id")
    ref = F.when(
        F.col("cancelled_by").isNotNull(),
        F.struct(F.lit(NOON).alias("occurred_at"), F.lit("purchases").alias("stream"),
                 F.lit("o").alias("event_id")),
    )  # fmt: skip
    return anew.withColumn("withdrawn_by", ref)


def test_what_is_ahead_is_called_back_and_what_was_said_stays(spark):
    ads = {"channel": "ad", "send_at": NOON}
    rows = [
        (plan("ahead"), None, []),
        (plan("bought"), "order_placed", [("unsubscribed", ["messages:u"])]),
        (plan("forbidden"), None, [("unsubscribed", ["messages:u"]), ("bought_it", ["o"])]),
        (plan("said", send_at=NOON + HOUR / 2), "order_placed", []),
        (plan("sent early"), "order_placed", [("unsubscribed", ["messages:u"])]),
        (plan("shown", **ads), None, []),
        (plan("shown bought", **ads), "order_placed", []),
        (plan("shown over", **ads, expires_at=NOON + HOUR / 2), "order_placed", []),
    ]
    sent = spark.createDataFrame([("sent early",), ("shown",)], "decision_id string")
    told = followed(handed(spark, *rows), sent, as_of=NOON + HOUR / 2)
    found = {
        r.decision_id: (r.outcome, r.reason, r.is_final, r.back, r.content_id)
        for r in told.withColumn("back", is_called_back()).collect()
    }
    assert found == {
        "ahead": ("chosen", None, False, False, None),
        "bought": ("withdrawn", "order_placed", True, True, None),
        "forbidden": ("withdrawn", "unsubscribed", True, True, None),
        "said": ("chosen", None, True, False, None),
        # Its sender was ahead of the moment: nobody can call it back.
        "sent early": ("chosen", None, True, False, None),
        "shown": ("chosen", None, False, False, None),
        "shown bought": ("withdrawn", "order_placed", True, False, None),
        "shown over": ("chosen", None, True, False, None),
    }
    # Who pauses a policy calls back what is ahead of its moment, where that can be.
    halted = F.col("decision_id").isin("ahead", "said", "sent early", "forbidden")
    again = followed(handed(spark, *rows), sent, as_of=NOON + HOUR / 2, is_halted=halted).collect()
    assert {(r.decision_id, r.reason) for r in again if r.outcome == "withdrawn"} == {
        ("ahead", "paused"), ("bought", "order_placed"), ("forbidden", "unsubscribed"),
        ("shown bought", "order_placed"),
    }  # fmt: skip
    # What stopped it is named: the event that cancels it, else those of the rule.
    assert {r.decision_id: r.stopped_by for r in told.collect() if r.stopped_by} == {
        "bought": ["purchases:o"], "forbidden": ["messages:u"], "shown bought": ["purchases:o"],
    }  # fmt: skip
    assert [tuple(r) for r in targeted(told).collect()] == [("p", "cart", "shown")]
    # Whose cause is another's now, or no more.
    standing = plans(
        spark,
        *(row for row, _, _ in rows[:1] + rows[3:4] + rows[5:6]),
        plan("mere", emitted_at=None),
    )
    gone = given_up(standing, standing.limit(0), as_of=NOON + HOUR / 2, batch_id=2)
    assert {
        (r.decision_id, r.outcome, r.reason, r.is_final, r.send_at is None) for r in gone.collect()
    } == {
        ("ahead", "withdrawn", "not_proposed", True, False),
        ("said", "chosen", None, True, False),
        ("shown", "withdrawn", "not_proposed", True, False),
        ("mere", "withdrawn", "not_proposed", True, True),
    }  # fmt: skip


def test_what_was_cancelled_before_it_could_be_said_was_never_a_plan(spark):
    """The cart of noon, of which a reminder could be sent an hour later."""
    later = {"proposed_at": NOON + HOUR, "outcome": "withdrawn", "emitted_at": None}
    bought = {"before": 0.5, "at its moment": 1.0, "since": 1.5, "planned": 0.5}
    was = plans(spark, plan("planned", emitted_at=None)).select(
        "decision_id", F.struct(*PLANS.names).alias("was")
    )
    refs = spark.createDataFrame(
        [(name, (NOON + HOUR * hours, "purchases", "o")) for name, hours in bought.items()],
        f"decision_id string, withdrawn_by {EVENT_REF}",
    )
    told = plans(spark, *(plan(name, **later) for name in bought))
    known = told.join(refs, "decision_id").join(was, "decision_id", "left")
    written = news(known, as_of=NOON + 2 * HOUR, batch_id=2).collect()
    assert {r.decision_id for r in written} == {"since", "planned"}


def test_that_something_was_handed_over_is_news(spark):
    was = plans(spark, plan("now", emitted_at=None), plan("stands")).select(
        "decision_id", F.struct(*PLANS.names).alias("was")
    )
    told = (
        plans(spark, plan("now"), plan("stands"))
        .join(was, "decision_id")
        .withColumn("withdrawn_by", F.lit(None).cast(EVENT_REF))
    )
    written = news(told, as_of=NOON + HOUR, batch_id=2).collect()
    assert [(r.decision_id, r.is_final, r.batch_id) for r in written] == [("now", False, 2)]


def test_a_stay_in_an_audience_lasts_as_long_as_its_plans(spark):
    def shown(name, entered, left, **said):
        is_over = left is not None
        return plan(
            name, channel="ad", emitted_at=NOON + entered * HOUR, is_final=is_over,
            as_of=NOON + (left if is_over else entered) * HOUR, **said,
        )  # fmt: skip

    rows = [
        shown("a", 0, 5), shown("b", 3, 8, outcome="withdrawn"), shown("c", 8, 9),
        shown("d", 10, None), shown("e", 11, 12),
        shown("f", 0, 1, person_id="merged"), shown("g", 0, 2, person_id="other", policy="x"),
        plan("h", person_id="mail"), plan("i", channel="ad", emitted_at=None),
    ]  # fmt: skip
    labels = spark.createDataFrame(
        [[{"identifier_key": "k_f", "person_id": "new"}.get(c) for c in LABELS.names]],
        "struct<" + ",".join(f"{c.name}:{c.type}" for c in LABELS.columns) + ">",
    )
    found = audience_members(plans(spark, *rows), labels).collect()
    assert {
        (r.person_id, r.audience, (r.entered_at.replace(tzinfo=UTC) - NOON) // HOUR,
         None if r.left_at is None else (r.left_at.replace(tzinfo=UTC) - NOON) // HOUR)
        for r in found
    } == {
        ("p", "cart", 0, 9), ("p", "cart", 10, None), ("new", "cart", 0, 1), ("other", "x", 0, 2),
    }  # fmt: skip


def test_a_day_takes_the_best_first_and_no_more(spark):
    def due(name, priority, score, quotas, plan=None, at=NOON):
        return (name, plan or name, at, priority, score, NOON, quotas)

    cart = [("cart", 2)]
    rows = [
        due("worst", 50, 1.0, cart), due("best", 50, 3.0, cart), due("mail", 50, 2.0, cart, "both"),
        due("text", 50, 1.5, cart, "both"), due("higher", 60, None, [("mailer", 1)]),
        due("lower", 50, 9.0, [("mailer", 1)]), due("free", 1, None, []),
        # Two hours on, in Berlin's next day; and what is a part of what was said this day.
        due("tomorrow", 50, 0.1, cart, at=NOON + 10 * HOUR),
        due("again", 50, 0.1, [("said", 1)], "said before"), due("more", 50, 0.2, [("said", 1)]),
    ]  # fmt: skip
    kind = "decision_id string, plan_id string, send_at timestamp, priority int, score double, " \
        "proposed_at timestamp, named array<struct<name:string,per_day:int>>"  # fmt: skip
    frame = spark.createDataFrame(rows, kind)
    quotas = F.transform(
        "named",
        lambda q: F.struct(
            q["name"].alias("name"), q["per_day"].alias("per_day"),
            F.when(q["name"] == "mailer", F.col("decision_id")).otherwise(F.col("plan_id"))
            .alias("own_id"),
        ),
    ).cast(QUOTAS)  # fmt: skip
    taken = spark.createDataFrame(
        [("said", NOON.date(), "said before")], "name string, day date, own_id string"
    )
    late = over_the_day(frame.withColumn("quotas", quotas), taken, time_zone="Europe/Berlin")
    assert {(r.decision_id, r.too_much) for r in late.collect()} == {
        ("worst", "cart"), ("lower", "mailer"), ("more", "said"),
    }  # fmt: skip


def test_a_sending_is_that_of_the_decision_it_names_and_ads_count_by_the_day(spark):
    mail = {"channel": "email", "campaign_id": "cart"}
    told = [
        event("p", "sent", NOON + 2 * HOUR, message_id="foreign", **mail, decision_id="of nobody"),
        event("p", "sent", NOON + 3 * HOUR, message_id="early", **mail),
        event("p", "sent", NOON + 9 * DAY, message_id="late", **mail, decision_id="named"),
        event("p", "failed", NOON + 3 * HOUR, message_id="early"),
        event("p", "sent", NOON - HOUR, message_id="before", **mail),
    ]
    rows = [
        plan("named"), plan("unnamed"), plan("other", person_id="q"),
        plan("shown", channel="ad", send_at=NOON),
        plan("left", channel="ad", send_at=NOON, outcome="withdrawn", as_of=NOON + 25 * HOUR),
    ]  # fmt: skip
    fate = with_fate(plans(spark, *rows), timeline(spark, told))
    limits = F.array(
        *(F.struct(F.lit(n), F.lit(2), F.lit(7 * 24 * 3600 * 10**6), F.lit(None), F.lit(0),
                   F.lit(None), F.lit(None),
                   F.lit(False)) for n in ("weekly", "again-after:cart", MIN_GAP))
    ).cast(LIMITS)  # fmt: skip
    whole = fate.withColumn("counts_in", limits).cache()
    assert {(r.decision_id, r.message_id, r.is_failed) for r in whole.collect()} == {
        ("named", "late", False), ("unnamed", "early", True), ("other", None, False),
        ("shown", None, False), ("left", None, False),
    }  # fmt: skip
    places = places_of_plans(whole, as_of=NOON + 4 * DAY, assumed_every={"weekly": DAY})
    found = [(r.place.decision_id, r.place.name, r.place["at"]) for r in places.collect()]

    def hours(decision, name):
        noon = int(NOON.timestamp()) * 10**6
        return sorted(
            (at - noon) // (3600 * 10**6) for d, n, at in found if (d, n) == (decision, name)
        )

    assert hours("named", "weekly") == [9 * 24]
    # What failed and what was never sent holds no place but in how often its policy asks.
    assert hours("unnamed", "weekly") == hours("other", "weekly") == []
    assert hours("unnamed", "again-after:cart") == [3] and hours("other", "again-after:cart") == [1]
    # What may have been sent keeps the next at its distance; what failed does not.
    assert hours("other", MIN_GAP) == [1] and hours("named", MIN_GAP) == [9 * 24]
    assert hours("unnamed", MIN_GAP) == []
    assert hours("shown", "weekly") == [0, 24, 48] and hours("left", "weekly") == [0, 24]
    assert hours("shown", "again-after:cart") == [0]
