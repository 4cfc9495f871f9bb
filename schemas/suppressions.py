"""What must not be said to whom, from when to when, and why."""

from __future__ import annotations

from tactful.schemas.table import Column, Table

# What a part of a scope is about: everything, or a message of these products, campaigns …
SCOPES = (
    "all", "sku", "category", "brand", "campaign", "purpose", "topic", "discount", "attribute:NAME",
)  # fmt: skip
SCOPE = "array<struct<kind:string,values:array<string>,negated:boolean>>"

SUPPRESSIONS = Table(
    "suppressions",
    "person × policy × cause × scope",
    ("suppression_id", "person_id"),
    (
        Column(
            "suppression_id",
            "string",
            "Hash of policy, cause, line, scope and start; never of a person.",
            nullable=False,
        ),
        Column("person_id", "string", "Who it protects.", nullable=False),
        Column("policy", "string", "The rule's name.", nullable=False),
        Column("reason", "string", "The kind of rule.", nullable=False),
        Column(
            "channels",
            "array<string>",
            "The channels it holds for, in their order; empty means all.",
            nullable=False,
        ),
        Column(
            "scope",
            SCOPE,
            f"What it is about: all parts must hold. A part holds for a message that has one of the values; negated for one that has another: of an attribute, a product that has it otherwise. Kinds: {', '.join(SCOPES)} (of all and discount: no values). Rows of unsubscribed, bounced, complained, service_open and fatigued, and those of unfulfilled for what is late, name the purpose marketing, those of a cap its purposes, those of no_consent theirs. A row that names none is about marketing, too: what was bought forbids no receipt.",
            nullable=False,
        ),
        Column(
            "starts_at",
            "timestamp",
            "From when, inclusive; of a message sent at that very moment, where the cause comes before it in the order of stream and event_id.",
            nullable=False,
        ),
        Column("ends_at", "timestamp", "Until when, exclusive; null until lifted."),
        Column(
            "lifted_by",
            "string",
            "What ended it early: an event as stream:event_id, or another address as identifier:key.",
        ),
        Column("evidence", "array<string>", "The events that caused it, as stream:event_id."),
    ),
    "What must not be said; ended rows stay.",
    erased_by="publication",
)

DUE = Table(
    "due",
    "identifier × moment at which something ends or begins",
    (),
    (
        Column("anchor_key", "string", "An identifier of the person.", nullable=False),
        Column("due_at", "timestamp", "When to look at that person again.", nullable=False),
        Column("batch_id", "bigint", "The batch that wrote it."),
    ),
    "Every expiry, written when its cause arrives, so that nothing has to run for it to end; what is past goes in time.",
    log=True,
    erased_by="keys",
)

PRESSURE = Table(
    "pressure",
    "person × cap with at least one counted message",
    ("person_id", "cap"),
    (
        Column("person_id", "string", "Who was contacted.", nullable=False),
        Column("cap", "string", "The cap's name.", nullable=False),
        Column(
            "counted",
            "int",
            "Messages in the window, exact up to the limit.",
            nullable=False,
            at_least=1,
        ),
        Column("cap_limit", "int", "How many the cap allows.", nullable=False),
        Column("window_starts_at", "timestamp", "Start of the window; of a rolling one exclusive."),
        Column("next_allowed_at", "timestamp", "When the cap allows the next; null means now."),
        Column("as_of", "timestamp", "When this was worked out.", clock=True),
    ),
    "How much each person has been contacted, cap by cap.",
    erased_by="publication",
)

REGRETS = Table(
    "regrets",
    "message × policy",
    ("message_id", "policy"),
    (
        Column("message_id", "string", "The message.", nullable=False),
        Column("policy", "string", "The rule that would have stopped it.", nullable=False),
        Column("person_id", "string", "Who it was sent to.", nullable=False),
        Column("channel", "string", "Its channel."),
        Column("campaign_id", "string", "Its campaign."),
        Column("sent_at", "timestamp", "When it was sent.", nullable=False),
        Column("cost", "decimal(18,4)", "What sending it cost."),
        Column(
            "evidence", "array<string>", "The events that speak against it, as stream:event_id."
        ),
    ),
    "Messages that a rule or a check would have stopped, had everything been known in time.",
    erased_by="publication",
)
