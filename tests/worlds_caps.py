"""Caps of small worlds by the calendar, of some topics and campaigns; and topics of messages."""

from __future__ import annotations

import random
import re
from typing import Any

TOPICS = ("news", "Price drop", "price-drop", " PRICE_DROP ", "review_request", "", None)


def more_caps(seed: int) -> list[dict[str, Any]]:
    """A day, a week and a month of some clock, and a span; most for a part of what is sent."""
    dice = random.Random(f"caps {seed}")
    pick = dice.choice
    zones = ("customer", "customer", "business", "utc")
    weekdays = ("monday", "thursday", "sunday")
    about = pick(({"topics": ["Price-Drop", "news"]}, {"exempt_topics": ["price_drop"]}))
    held = pick(({"campaigns": ["spring"]}, {"exempt_campaigns": ["sale", "spring"]}))
    counts = {"exempt_counts": True} if any("exempt" in name for name in {**about, **held}) else {}
    return [
        {"name": "day_cap", "calendar": "day", "limit": pick((1, 2)), "zone": "customer"},
        {"name": "week_cap", "calendar": "week", "limit": pick((1, 2, 3)), "zone": pick(zones),
         "week_starts": pick(weekdays), "counts": pick(("sent", "opened")), **about,
         **pick(({}, counts if "exempt_topics" in about else {}))},
        {"name": "month_cap", "calendar": "month", "limit": 2, "zone": pick(zones), **held,
         "purposes": ["marketing", "transactional"]},
        {"name": "topic_cap", "window": pick(("2d", "5d")), "limit": 1, **about, **held,
         **pick(({}, counts))},
    ]  # fmt: skip


def topics(maker: Any, seed: int) -> None:
    """Say of many messages what they are about; what is told twice says the same both times."""
    for row in maker.rows["mail"]:
        if isinstance(row, dict) and row.get("message_id"):
            # A row that is sent again with other signs around its ids says the same.
            ids = re.sub(
                r"[^\w-]", "", f"{row['message_id']} {row.get('event_id')}", flags=re.ASCII
            )
            dice = random.Random(f"topic {seed} {ids}")
            topic = dice.choice(TOPICS)
            if topic is not None and dice.random() < 0.7:
                row["topic"] = topic
