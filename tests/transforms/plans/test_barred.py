"""What speaks against telling somebody something, and what only against offering it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from pyspark.sql import functions as F

from tactful.jobs.lake.frames import small_frame
from tactful.schemas.reference import CAMPAIGNS, CONTENTS, PRODUCTS
from tactful.transforms.jurisdictions import Silence
from tactful.transforms.plans.barred import with_bars
from tactful.transforms.rules import RULES

NOW = datetime(2026, 3, 1, tzinfo=UTC)
ACTIONS = (
    "decision_id string, kind string, address string, person_id string, channel string, "
    "campaign_id string, purpose string, content_id string, topic string, skus array<string>, "
    "proposed_at timestamp, is_address_dead boolean"
)
HELD = (
    "person_id string, policy string, reason string, channels array<string>, "
    "scope array<struct<kind:string,values:array<string>,negated:boolean>>, "
    "starts_at timestamp, ends_at timestamp, evidence array<string>, "
    "cause struct<occurred_at:timestamp,stream:string,event_id:string>"
)
ANSWERS = "person_id string, channel string, purpose string, is_granted boolean, "
ANSWERS += "proof struct<event:string,policy_text:string>"


def barred(spark, actions, held):
    return with_bars(
        spark.createDataFrame(actions, ACTIONS),
        spark.createDataFrame(held, HELD),
        spark.createDataFrame([], ANSWERS),
        None,
        products=small_frame(spark, [], PRODUCTS.struct()),
        contents=small_frame(spark, [], CONTENTS.struct()),
        campaigns=small_frame(spark, [], CAMPAIGNS.struct()),
        shares={},
        asks_attributes=False,
        precedence={when: rule.precedence for when, rule in RULES.items()},
        as_of=NOW,
        silence=Silence(opt_in=False),
    )


def test_a_review_may_be_asked_of_what_was_bought(spark):
    kinds = ("cart_abandoned", "review_request", "complement")
    actions = [
        (kind, kind, "ann@x.io", "p", "email", None, "marketing", None, None, ["jeans"], NOW, False)
        for kind in kinds
    ]
    bought = [("sku", ["jeans"], False)]
    day = timedelta(days=1)
    held = [
        ("p", "bought_it", "purchased", [], bought, NOW - day, NOW + day, ["purchases:o1"],
         (NOW - day, "purchases", "o1")),
        ("p", "on_its_way", "unfulfilled", [], bought, NOW - day, NOW + day, ["purchases:o2"],
         (NOW - day, "purchases", "o2")),
    ]  # fmt: skip
    found = barred(spark, actions, held).select("kind", F.col("bars.policy").alias("policies"))
    assert {row.kind: {*row.policies} for row in found.collect()} == {
        "cart_abandoned": {"bought_it", "on_its_way"}, "complement": {"bought_it", "on_its_way"},
        "review_request": {"on_its_way"},
    }  # fmt: skip


def test_of_dead_addresses_the_rule_speaks_where_it_can(spark):
    """Who was never reached there has no address; whose mail bounced is told as that."""
    actions = [
        (name, "campaign", None, who, "email", None, purpose, None, None, [], NOW, is_dead)
        for name, who, purpose, is_dead in [
            ("never", "p", "marketing", False), ("marketing", "q", "marketing", True),
            ("receipt", "q", "transactional", True),
        ]
    ]  # fmt: skip
    day = timedelta(days=1)
    marketing = [("purpose", ["marketing"], False)]
    held = [
        ("q", "bounced", "bounced", ["email"], marketing, NOW - day, None, ["messages:b"],
         (NOW - day, "messages", "b")),
    ]  # fmt: skip
    found = barred(spark, actions, held).select("decision_id", "bars")
    told = {r.decision_id: [(b.reason, b.evidence) for b in r.bars] for r in found.collect()}
    assert told == {
        "never": [("no_address", [])], "marketing": [("bounced", ["messages:b"])],
        "receipt": [("bounced", [])],
    }  # fmt: skip
