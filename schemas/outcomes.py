"""What became of every message that was sent."""

from __future__ import annotations

from tactful.schemas.events import TOTAL
from tactful.schemas.table import Column, Table

ORDER = f"struct<order_id:string,converted_at:timestamp,revenue:{TOTAL},currency:string>"

OUTCOMES = Table(
    "outcomes",
    "message sent",
    ("message_id",),
    (
        Column("message_id", "string", "The message.", nullable=False),
        Column("person_id", "string", "Who it was sent to; null belongs to nobody."),
        Column("campaign_id", "string", "Its campaign."),
        Column("variant", "string", "Its variant."),
        Column("channel", "string", "Its channel."),
        Column("sent_at", "timestamp", "When it was first sent.", nullable=False),
        Column("delivered_at", "timestamp", "When it was first delivered."),
        Column("opened_at", "timestamp", "When a person, not a machine, first opened it."),
        Column("clicked_at", "timestamp", "When it was first clicked."),
        Column(
            "orders",
            f"array<{ORDER}>",
            "Orders within `attribution.window` after its click, or after its sending where the "
            "order names its campaign; by time, then order_id.",
        ),
        Column("goal_reached_at", "timestamp", "When its first order was placed."),
    ),
    "Each message with its delivery, open, click and the orders that followed.",
    erased_by="publication",
)
