"""What messages of small worlds are about: what contents, campaigns and they themselves say."""

from __future__ import annotations

import random
from typing import Any

from tests.landing import Event

# None of these can be used, so that the last good row of its campaign or content stays.
ODD_CAMPAIGNS: tuple[Event, ...] = (
    {"campaign_id": "spring", "skus": "jeans"},
    {"campaign_id": "spring", "skus": [["jeans"]]},
    {"campaign_id": "spring", "brands": {"name": "Loop"}},
    {"campaign_id": "spring", "offers_discount": "perhaps"},
    {"campaign_id": "spring", "offers_discount": 1},
    {"campaign_id": "spring", "holdout_share": 1.5, "budget": -1},
    {"campaign_id": "spring", "holdout_share": "some", "budget": "much"},
    {"campaign_id": "spring", "starts_at": "2026-03-01", "ends_at": "soon"},
    {"campaign_id": "spring", "topic": ["sale"]},
    {"campaign_id": "\u200b", "skus": ["jeans"]},
    {"skus": ["jeans"]},
    '{"campaign_id": "spring", "skus": ["jeans"]',
)
ODD_CONTENTS: tuple[Event, ...] = (
    {"content_id": "summer", "stands_for": ["d-1"]},
    {"content_id": "summer", "locale": {"language": "de"}},
    {"content_id": "summer", "categories": [{"name": "food"}]},
    {"content_id": None, "skus": ["mat"]},
    b'{"content_id": "summer", "topic": "\xff"}',
)
CONTENTS = (None, None, "summer", "reviews", "nothing", "never heard of")
TOPICS = (None, None, None, "review request", "Review_Request", "COMPLEMENT", "news")


def world_campaigns(seed: int) -> list[Event]:
    """Rows of campaigns, oldest first: one in two versions, one that says nothing, and odd ones."""
    dice = random.Random(f"campaigns {seed}")
    rows: list[Event] = [
        {"campaign_id": "spring", "skus": ["soap"], "offers_discount": False, "topic": "news"},
        {"campaign_id": " spring\u00a0", "skus": ["jeans", " lamp", None, ""], "budget": "100",
         "offers_discount": "true", "starts_at": "2026-03-01T00:00:00Z", "holdout_share": 0.1},
        {"campaign_id": "sale", "categories": dice.choice((["food"], [])), "brands": ["Bay"],
         "offers_discount": dice.choice((True, None)), "variants": ["a", 2]},
        {"campaign_id": "empty", "skus": [], "goal": "conversion"},
    ]  # fmt: skip
    return [*rows, *dice.sample(ODD_CAMPAIGNS, 6)]


def world_contents(seed: int) -> list[Event]:
    """Rows of contents, oldest first; one is in two languages, and one says nothing."""
    dice = random.Random(f"contents {seed}")
    rows: list[Event] = [
        {"content_id": "summer", "locale": "en", "skus": ["mat"], "topic": "news"},
        {"content_id": "summer", "locale": "en", "skus": ["mat"], "offers_discount": False,
         "stands_for": {"sendgrid": "d-1"}},
        {"content_id": "summer", "locale": "de", "skus": ["soap", 17], "offers_discount": True},
        {"content_id": "reviews", "topic": "Review-Request"},
        {"content_id": "nothing", "categories": [" "]},
    ]  # fmt: skip
    return [*rows, *dice.sample(ODD_CONTENTS, 3)]


def offers(rows: dict[str, list[Any]], seed: int) -> None:
    """Let some sendings say which content they are of, what they are about, or offer a discount."""
    for row in rows["mail"]:
        if isinstance(row, dict) and row.get("type") == "sent":
            dice = random.Random(f"offers {seed} {row['event_id']}")
            told = {
                "content_id": dice.choice(CONTENTS),
                "topic": dice.choice(TOPICS),
                "offers_discount": dice.choice((None, None, True, False)),
            }
            row |= {name: value for name, value in told.items() if value is not None}
            if dice.random() < 0.3:
                row.pop("skus", None)
                row.pop("categories", None)
