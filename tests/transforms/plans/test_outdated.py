"""Who is asked again once what came with their newest event is published."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from tactful.transforms.plans.outdated import outdated

NOW = datetime(2026, 6, 3, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def proposal(person: str, **said: Any) -> dict[str, Any]:
    plain = {"policy": "cart", "is_wanted": None, "content_id": None, "expires_at": None}
    return {"person_id": person, "withdrawn_by": None, **plain, **said}


def test_asked_again(spark):
    meant = [
        proposal("new"),
        proposal("changed", is_wanted=False),
        proposal("known", is_wanted=False),
        proposal("wanted", is_wanted=True),
        proposal("no content", is_wanted=True, policy="picky"),
        proposal("content", is_wanted=True, policy="picky", content_id="c"),
        proposal("over", expires_at=NOW),
        proposal("cancelled", withdrawn_by="order"),
        proposal("nobody's event"),
    ]
    schema = (
        "person_id string, policy string, is_wanted boolean, content_id string, "
        "expires_at timestamp, withdrawn_by string"
    )
    names = {row["person_id"] for row in meant} - {"nobody's event"}
    own = [(name, NOW - n * DAY) for name in names for n in (1, 2)]
    # Of who was published since their last event nothing more will be known.
    known = [(name, NOW - (1 if name == "known" else 2) * DAY) for name in names - {"new"}]
    found = outdated(
        spark.createDataFrame(meant, schema),
        spark.createDataFrame(own, "person_id string, occurred_at timestamp"),
        spark.createDataFrame(known, "person_id string, last_seen_at timestamp"),
        picky=["picky"],
        as_of=NOW,
    )
    assert {row.person_id for row in found.collect()} == {"new", "changed", "no content"}
