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
    "proposed_at timestamp"
)
HELD = (
    "person_id string, policy string, reason string, channels array<string>, "
    "scope array<struct<kind:string,values:array<string>,negated:boolean>>, "
    "starts_at timestamp, ends_at timestamp, evidence array<string>, "
    "cause struct<occurred_at:timestamp,stream:string,event_id:string>"
)
ANSWERS = "person_id string, channel string, purpose string, is_granted boolean"


def test_a_review_may_be_asked_of_what_was_bought(spark):
    kinds = ("cart_abandoned", "review_request", "complement")
    actions = [
        (kind, kind, "ann@x.io", "p", "email", None, "marketing", None, None, ["jeans"], NOW)
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
    found = with_bars(
        spark.createDataFrame(actions, ACTIONS),
        spark.createDataFrame(held, HELD),
        spark.createDataFrame([], ANSWERS),
        None,
        products=small_frame(spark, [], PRODUCTS.struct()),
        contents=small_frame(spark, [], CONTENTS.struct()),
        campaigns=small_frame(spark, [], CAMPAIGNS.struct()),
        shares={},
        precedence={when: rule.precedence for when, rule in RULES.items()},
        as_of=NOW,
        silence=Silence(opt_in=False),
    ).select("kind", F.col("bars.policy").alias("policies"))
    assert {row.kind: {*row.policies} for row in found.collect()} == {
        "cart_abandoned": {"bought_it", "on_its_way"}, "complement": {"bought_it", "on_its_way"},
        "review_request": {"on_its_way"},
    }  # fmt: skip
