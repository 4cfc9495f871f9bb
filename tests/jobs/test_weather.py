"""Another weather: whom it has looked at again, on frames of a few rows."""

from __future__ import annotations

from datetime import UTC, date, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from tactful.jobs.evidence import offers
from tactful.schemas.plans import PLANS
from tactful.schemas.reference import CONTEXT
from tactful.transforms.checks.out_of_context import OutOfContext
from tests.timelines import HOUR, event, timeline

NOON = datetime(2026, 6, 3, 12, tzinfo=UTC)
CHECKS = (
    SimpleNamespace(when="out_of_context", options=OutOfContext(rain=True, policies=("fans",))),
    SimpleNamespace(when="out_of_context", options=OutOfContext(hours="7-20")),
)
WAS = [("US", date(2026, 6, 3), 0.0), ("DE", date(2026, 6, 3), 4.0), ("FR", date(2026, 6, 1), 1.0)]
# Who: where they were seen, by which identifier; what is planned for them, by which.
SEEN = {
    "dan": ("US", "ny", "dan"), "eve": ("us", "CA", "eve at home"), "ann": ("DE", None, "ann"),
    "cy": ("US", "CA", "cy"), "gil": (None, None, "gil"), "fay": ("FR", None, "fay"),
}  # fmt: skip
PLANNED = (("dan", "fans", False), ("eve", "fans", False), ("ann", "fans", False),
           ("cy", "cart", False), ("gil", "fans", False), ("fay", "fans", False))  # fmt: skip


def described(spark: Any, table: Any, rows: list[dict[str, Any]]) -> Any:
    told = [[row.get(name) for name in table.names] for row in rows]
    return spark.createDataFrame(told, table.ddl())


@pytest.mark.parametrize(
    ("now", "woken"),
    [
        ([("US", date(2026, 6, 3), 7.0)], {"dan", "eve"}),
        ([(" us-ca ", date(2026, 6, 3), 7.0)], {"eve"}),
        ([("FR", date(2026, 6, 1), 9.0)], set()),  # that day is over
        ([], set()),
    ],
)
def test_only_those_whose_weather_it_is_are_looked_at(spark, now, woken):
    changed = {(region, day) for region, day, _ in now}
    rows = {
        "before": WAS,
        "now": [*(row for row in WAS if row[:2] not in changed), *now],
    }
    tables = {
        name: described(
            spark, CONTEXT, [{"region": r, "day": d, "rain": rain} for r, d, rain in told]
        )
        for name, told in rows.items()
    }
    plans = [
        {"decision_id": who, "plan_id": who, "occasion_id": who, "anchor_key": who,
         "person_id": f"p_{who}", "kind": "x", "step": 1, "policy": policy, "channel": "web",
         "is_shadow": False, "is_final": is_final, "as_of": NOON, "batch_id": 1}
        for who, policy, is_final in PLANNED
    ]  # fmt: skip
    standing = described(spark, PLANS, plans)
    keys = {*SEEN, "eve at home"}
    labels = spark.createDataFrame(
        [(key, f"p_{key.split()[0]}") for key in sorted(keys)],
        "identifier_key string, person_id string",
    )
    seen = [
        event(f"p_{who}", "page_view", NOON - HOUR, country=country, region=region,
              identifier_keys=[key], event_class="browse")
        for who, (country, region, key) in SEEN.items()
    ]  # fmt: skip
    batch = SimpleNamespace(
        as_of=NOON,
        replaced={CONTEXT.id: 0},
        read=lambda table: standing if table == PLANS else tables["now"],
        keep=lambda frame: frame,
        lake=SimpleNamespace(store=SimpleNamespace(read=lambda table, version: tables["before"])),
        logs=SimpleNamespace(labels_of=lambda asked, count: labels.join(asked, "identifier_key")),
    )
    config = SimpleNamespace(checks=CHECKS)
    found = offers._under_other_skies(batch, timeline(spark, seen), config)
    assert {row.identifier_key for frame in found for row in frame.collect()} == woken
