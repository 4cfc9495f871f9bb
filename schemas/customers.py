"""What is known of a person."""

from __future__ import annotations

from tactful.schemas.events import TOTAL
from tactful.schemas.table import Column, Table

CUSTOMERS = Table(
    "customers",
    "person",
    ("person_id",),
    (
        Column("person_id", "string", "The person.", nullable=False),
        Column("first_seen_at", "timestamp", "First event.", nullable=False),
        Column("last_seen_at", "timestamp", "Last event.", nullable=False),
        Column("orders", "bigint", "Orders placed and not wholly cancelled.", at_least=0),
        Column(
            "revenue",
            f"map<string,{TOTAL}>",
            "Per currency, what was paid and not given back; never below 0.",
        ),
        Column("last_order_at", "timestamp", "When the last such order was placed."),
        Column("recency_days", "int", "Whole days since the last such order.", clock=True),
        Column("sends", "map<string,bigint>", "Messages sent, per channel."),
        Column("opens", "map<string,bigint>", "Of those, opened by a person, per channel."),
        Column("clicks", "map<string,bigint>", "Of those, clicked, per channel."),
        Column(
            "consents",
            "map<string,boolean>",
            "The newest word per channel:purpose, * means all channels: what was said, not what holds; a word for all may be newer than one for a channel, and `suppressions` says what is closed.",
        ),
        Column("as_of", "timestamp", "When this was worked out.", clock=True),
    ),
    "One row a person: first and last seen, orders, revenue, messages, consents.",
    erased_by="publication",
)
