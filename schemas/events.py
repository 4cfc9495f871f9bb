"""Canonical events: what a retailer's five streams look like once they are understood."""

from __future__ import annotations

from dataclasses import replace

from tactful.schemas import replies, words
from tactful.schemas.table import Column, Table
from tactful.schemas.words import ALL, BOUNCES, CHANNELS, PURPOSES

MONEY = "decimal(18,4)"
# A sum of such amounts: what 10^10 of the largest make still fits.
TOTAL = "decimal(28,4)"
# The order of events: first, last, newest and oldest mean this, never when something arrived.
ORDER = ("occurred_at", "stream", "event_id")

TYPES: dict[str, tuple[str, ...]] = {
    "clicks": (
        "page_view", "product_view", "search", "add_to_cart", "remove_from_cart",
        "checkout_start", "form_start", "form_submit", "login", "signup", "app_install",
        "app_open", "store_visit", "review_submitted", "shared", "referred", "loyalty_join",
        "course_signup", "chat_opened", "error_shown",
    ),
    "purchases": (
        "order_placed", "order_paid", "order_shipped", "order_delivered", "order_cancelled",
        "order_returned", "order_refunded",
    ),
    "messages": (
        "sent", "delivered", "opened", "clicked", "bounced", "complained", "unsubscribed",
        "subscribed", "failed",
    ),
    "profiles": (
        "attribute_set", "preference_set", "consent_granted", "consent_withdrawn",
        *words.MANUAL_LINK_TYPES,
    ),
    "service": ("contact_opened", "contact_closed"),
}  # fmt: skip

REVERSALS = ("order_cancelled", "order_returned", "order_refunded")
# What every event is about, in classes that no set of rules changes: logs are laid out by them, and
# a rule says which of them it reads, and how far back. Most events are of browsing.
CLASSES: dict[str, tuple[str, ...]] = {
    "browse": ("page_view", "product_view", "search", "store_visit", "app_open", "error_shown"),
    "intent": (
        "add_to_cart", "remove_from_cart", "checkout_start", "form_start", "form_submit",
    ),
    "order": ("order_placed",),
    "reversal": REVERSALS,
    "fulfilment": ("order_paid", "order_shipped", "order_delivered"),
    "message": ("sent", "delivered", "opened", "clicked", "failed"),
    # What opens or closes a channel to somebody, however long ago it was said.
    "consent": (
        "consent_granted", "consent_withdrawn", "subscribed", "unsubscribed", "bounced",
        "complained",
    ),
    "profile": (
        "attribute_set", "preference_set", "login", "signup", "app_install", "review_submitted",
        "shared", "referred", "loyalty_join", "course_signup", *words.MANUAL_LINK_TYPES,
    ),
    "service": ("contact_opened", "contact_closed", "chat_opened"),
}  # fmt: skip

LINE = (
    f"struct<line_id:string,sku:string,category:string,quantity:{MONEY},unit_price:{MONEY},"
    f"discount:{MONEY},amount:{MONEY}>"
)

COMMON = (
    Column("event_id", "string", "The source's own id, unique per stream.", nullable=False),
    Column("type", "string", "What happened.", nullable=False),
    Column("occurred_at", "timestamp", "When it happened, UTC.", nullable=False),
    Column("received_at", "timestamp", "When the source system received it, UTC."),
    Column("source", "string", "The system that sent it, as it names itself."),
    Column(
        "identifiers",
        "array<struct<type:string,value:string>>",
        "The raw identifiers as sent.",
        protected=True,
    ),
    Column(
        "properties",
        "map<string,string>",
        "Fields that the canonical form does not name.",
        note="Signals of consent are read there: gpc (Sec-GPC), tcf_string, gpp_string, us_privacy, "
        "and of a message that failed error_code 21610; each is an event of its own beside this one.",
    ),
)

DOUBTS = Column(
    "doubts",
    "array<string>",
    "Words of closed fields that nobody knows, and values that were left out, as field:word; null "
    "without any.",
)

ACCEPTED = (
    Column(
        "ingested_at",
        "timestamp",
        "When its landing file was written, UTC.",
        nullable=False,
        clock=True,
    ),
    Column("identifier_keys", "array<string>", "Keys of its identifiers, highest priority first."),
    Column("identifier_types", "array<string>", "The type of each key, in the same order."),
    Column("blocked_keys", "array<string>", "Keys of identifiers that never link anybody."),
    Column("blocked_types", "array<string>", "The type of each blocked key, in the same order."),
    Column(
        "identifier_reasons",
        "array<string>",
        "Why an identifier of this event was dropped, as type:reason.",
    ),
    Column("anchor_key", "string", "The first of identifier_keys."),
    DOUBTS,
    Column("event_hash", "binary", "16 bytes that stand for stream and event_id."),
    Column("payload_hash", "binary", "16 bytes of the payload without received_at and source."),
)

CHANNEL = "How it reached the person; all where that is not known."
PURPOSE = "marketing or transactional."
CHANNEL_NOTE = words.as_sentence(words.CHANNEL_WORDS)
PURPOSE_NOTE = words.as_sentence(words.PURPOSE_WORDS)

REPLY_NOTE = (
    f"A text message that came in ({', '.join(replies.REPLIED)}) is read by what it says in its "
    "text or body: STOP and the like as unsubscribed, START as subscribed; any other is refused as "
    "reply_without_word, for people to read."
)

CONTEXT = (
    Column("session_id", "string", "The visit it belongs to."),
    Column("sku", "string", "The product it is about."),
    Column("category", "string", "The product's category."),
)

FURTHER: dict[str, tuple[Column, ...]] = {
    "clicks": (
        *CONTEXT,
        Column("form", "string", "The form that was started or submitted."),
        Column("query", "string", "What was searched for."),
        Column("url", "string", "The page's address."),
        Column("referrer", "string", "The page before."),
        Column("message_id", "string", "The message that led here."),
        Column("campaign_id", "string", "The campaign that led here."),
        Column("place", "string", "online, app or store."),
        Column("device", "struct<type:string,os:string>", "The device used."),
        Column(
            "geo",
            "struct<country:string,region:string,city:string,time_zone:string>",
            "Where it happened.",
        ),
    ),
    "purchases": (
        Column("order_id", "string", "The order.", nullable=False),
        Column("line_id", "string", "The line it acts on; null means every line."),
        Column("campaign_id", "string", "The campaign that the order names."),
        Column("coupons", "array<string>", "Coupons that were used."),
        Column("place", "string", "online, app or store."),
        Column("store_id", "string", "The store."),
        Column(
            "currency", "string", "ISO 4217 code of every amount; null means the business's own."
        ),
        Column(
            "lines",
            f"array<{LINE}>",
            "The order's lines; amount is what was paid.",
            note="An amount that is not told is quantity × unit_price − discount; of an order that "
            "tells no quantity, of one. A line of a negative amount, such as a voucher, lowers what "
            "the others cost.",
        ),
        Column("sku", "string", "The product, of an event that lists no lines."),
        Column("amount", MONEY, "What was paid or given back, of an event that lists no lines."),
    ),
    "messages": (
        Column(
            "message_id",
            "string",
            "The message; null where somebody, of no message, closes or opens a channel. What of it "
            "stands for an address is keyed with the lake's secret.",
        ),
        Column("channel", "string", CHANNEL, allowed=(*CHANNELS, ALL), note=CHANNEL_NOTE),
        Column("purpose", "string", PURPOSE, allowed=(*PURPOSES, ALL), note=PURPOSE_NOTE),
        Column("campaign_id", "string", "The campaign it belongs to."),
        Column("variant", "string", "The variant of the campaign."),
        Column("content_id", "string", "What it said."),
        Column("topic", "string", "What it was about."),
        Column("skus", "array<string>", "Products it offered."),
        Column("categories", "array<string>", "Categories it offered."),
        Column("offers_discount", "boolean", "Whether it offered a discount."),
        Column(
            "bounce",
            "string",
            "hard or soft; of a bounce that does not say: hard.",
            allowed=BOUNCES,
            note=words.as_sentence(words.BOUNCE_WORDS),
        ),
        Column("machine_open", "boolean", "Whether a machine, not a person, opened it."),
        Column("cost", MONEY, "What sending it cost."),
        Column(
            "decision_id", "string", "The decision that it carries out, as its sender echoes it."
        ),
    ),
    "profiles": (
        Column("attribute", "string", "What is said about the person."),
        Column("value", "string", "Its value."),
        Column(
            "channel",
            "string",
            "The channel a consent is for; null means all.",
            allowed=(*CHANNELS, ALL),
            note=CHANNEL_NOTE,
        ),
        Column(
            "purpose",
            "string",
            "The purpose a consent is for; null means marketing.",
            allowed=(*PURPOSES, ALL),
            note=PURPOSE_NOTE,
        ),
        Column("provenance", "string", "zero, first, second or third party."),
        Column("policy_text", "string", "The words that were agreed to."),
        Column("jurisdiction", "string", "The law that applies."),
    ),
    "service": (
        Column("contact_id", "string", "The contact."),
        Column("channel", "string", "How the customer reached the retailer."),
        Column("topic", "string", "What it was about."),
        Column("order_id", "string", "The order it was about."),
        Column(
            "satisfaction",
            "int",
            "1 (bad) to 5 (good).",
            at_least=1,
            note="A text such as 5 is read, too. Any other value is left out and told in `doubts`; "
            "the contact counts.",
        ),
    ),
}

# Of messages: unless somebody closes or opens a channel.
REQUIRED: dict[str, tuple[str, ...]] = {
    "clicks": (), "purchases": ("order_id",), "messages": ("message_id",),
    "profiles": (), "service": (),
}  # fmt: skip


def _stream(name: str, doc: str) -> Table:
    synonyms = words.TYPE_WORDS.get(name, ())
    note = words.as_sentence(synonyms) if synonyms else ""
    if name == "messages":
        note += f" {REPLY_NOTE}"
    type_ = replace(COMMON[1], allowed=TYPES[name], note=note)
    columns = (COMMON[0], type_, *COMMON[2:], *FURTHER[name], *ACCEPTED)
    return Table(name, "event", ("event_id",), columns, doc, streamed=True, erased_by="keys")


CLICKS = _stream("clicks", "Visits to site, app and store.")
PURCHASES = _stream("purchases", "Orders and what became of them.")
MESSAGES = _stream("messages", "Messages and what became of them.")
PROFILES = _stream("profiles", "What customers said about themselves, consents included.")
SERVICE = _stream("service", "Contacts with customer service.")

STREAMS: dict[str, Table] = {
    table.name: table for table in (CLICKS, PURCHASES, MESSAGES, PROFILES, SERVICE)
}


def wide_columns() -> tuple[Column, ...]:
    """Every canonical field of every stream once: the row that logs and unions carry."""
    seen: dict[str, Column] = {column.name: column for column in COMMON}
    for further in FURTHER.values():
        for column in further:
            seen.setdefault(column.name, Column(column.name, column.type, column.doc))
    return tuple(seen.values())
