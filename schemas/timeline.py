"""The timeline: everything that happened to a person, one row an event and line."""

from __future__ import annotations

from tactful.schemas.events import CLASSES, MONEY
from tactful.schemas.table import Column, Table

FACTS = (
    Column("occurred_at", "timestamp", "When it happened, UTC.", nullable=False),
    Column("event_date", "date", "Its day, UTC."),
    Column("stream", "string", "The stream it came in.", nullable=False),
    Column("type", "string", "What happened.", nullable=False),
    Column("event_id", "string", "The event.", nullable=False),
    Column("sku", "string", "The product."),
    Column("category", "string", "The product's category."),
    Column("order_id", "string", "The order."),
    Column("line_id", "string", "The order's line; null acts on every line."),
    Column("quantity", MONEY, "How much; 0 or weighed is possible."),
    Column(
        "amount",
        MONEY,
        "What was paid for the line, as told, else quantity × unit_price − discount.",
        note="Null where neither is told: then it costs 0, and is left out of margins.",
    ),
    Column("currency", "string", "ISO 4217 code of the amount."),
    Column("message_id", "string", "The message."),
    Column("channel", "string", "The channel of a message, consent or contact."),
    Column("campaign_id", "string", "The campaign."),
)

DETAILS = (
    Column("line_number", "int", "Position of the line in its event, from 0; 0 where it has none."),
    Column("purpose", "string", "Of a message or consent."),
    Column("topic", "string", "Of a message or contact."),
    Column("variant", "string", "Of a message."),
    Column("skus", "array<string>", "Products that a message offers."),
    Column("categories", "array<string>", "Categories that a message offers."),
    Column("offers_discount", "boolean", "Of a message."),
    Column("bounce", "string", "hard or soft."),
    Column("machine_open", "boolean", "Whether a machine opened it."),
    Column("cost", MONEY, "What sending it cost."),
    Column("attribute", "string", "What a profile event says."),
    Column("value", "string", "Its value."),
    Column("provenance", "string", "zero, first, second or third party."),
    Column("jurisdiction", "string", "The law that a consent is under."),
    Column("contact_id", "string", "The contact with customer service.", is_later=True),
    Column("content_id", "string", "What a message said.", is_later=True),
    Column("source", "string", "The system that sent it, as it names itself.", is_later=True),
    Column("place", "string", "online, app or store.", is_later=True),
    Column("store_id", "string", "The store.", is_later=True),
    Column("device_os", "string", "Of the device used.", is_later=True),
    Column("country", "string", "Where it happened.", is_later=True),
    Column("region", "string", "Where in the country.", is_later=True),
    Column("time_zone", "string", "The zone of the place where it happened.", is_later=True),
    Column(
        "is_discounted",
        "boolean",
        "Of a line: whether it tells a discount, or its order a coupon.",
        is_later=True,
    ),
    Column("satisfaction", "int", "Of a contact: 1 (bad) to 5 (good).", is_later=True),
    Column("form", "string", "The form that was started or submitted.", is_later=True),
    Column("decision_id", "string", "The decision that a message carries out.", is_later=True),
    Column("policy_text", "string", "The words that a consent was given to.", is_later=True),
)

TIMELINE_LOG = Table(
    "timeline",
    "event × line",
    ("stream", "event_id", "line_number"),
    (
        Column(
            "event_class",
            "string",
            "What it is about, whatever the rules.",
            nullable=False,
            allowed=tuple(CLASSES),
        ),
        Column("anchor_key", "string", "The event's highest-priority identifier."),
        Column("identifier_keys", "array<string>", "Its identifiers, highest priority first."),
        *FACTS,
        *DETAILS,
        Column("batch_id", "bigint", "The batch that wrote it.", is_later=True),
    ),
    "What happened, keyed by anchor: whose it is, is worked out when read.",
    log=True,
    partitioned_by=("event_class",),
    erased_by="keys",
)

MESSAGE_KEYS = Table(
    "message_keys",
    "event class × identifier × message × batch",
    (),
    (
        Column(
            "event_class",
            "string",
            "Whether of what it says of consent or of what else became of it.",
            nullable=False,
            allowed=("message", "consent"),
        ),
        Column(
            "identifier_key",
            "string",
            "An identifier that one of the message's events names.",
            nullable=False,
        ),
        Column("message_id", "string", "The message.", nullable=False),
        Column(
            "occurred_at", "timestamp", "When the newest of these events happened.", nullable=False
        ),
        Column("batch_id", "bigint", "The batch that wrote it."),
    ),
    "Messages whose events do not all name the same identifiers, found by each of them.",
    log=True,
    partitioned_by=("event_class",),
    erased_by="keys",
)

TIMELINE = Table(
    "timeline",
    "person × event × line",
    ("stream", "event_id", "line_number"),
    (
        Column("person_id", "string", "Whose it is; null belongs to nobody."),
        *FACTS,
        Column("line_number", "int", "Position of the line in its event, from 0."),
    ),
    "Everything that happened, with the person it happened to; of a message's events each says "
    "what its sending says.",
    erased_by="publication",
)
