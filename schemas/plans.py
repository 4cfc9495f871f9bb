"""What could be said to whom, what of it is said and when, and what it lost to."""

from __future__ import annotations

from tactful.schemas.table import Column, Table

# waiting: too far ahead to be decided.
OUTCOMES = ("chosen", "lost", "suppressed", "withdrawn", "waiting")
EVENT_REF = "struct<occurred_at:timestamp,stream:string,event_id:string>"

_WHAT = (
    Column("policy", "string", "The policy that asked for it.", nullable=False),
    Column("channel", "string", "The channel it is said on.", nullable=False),
    Column("campaign_id", "string", "The campaign it is part of; silent: the policy's name."),
    Column("content_id", "string", "What is said."),
    Column("skus", "array<string>", "The products it is about."),
)
_WHEN = (
    Column(
        "send_at",
        "timestamp",
        "When it is said, or could be as things stood; null where never, and while a rule forbids "
        "it, whose end is told in `suppressions`.",
    ),
    Column("expires_at", "timestamp", "From when on it is not said any more; null means never."),
    Column(
        "score",
        "double",
        "What it is expected to bring in the business's currency; null where its policy has no "
        "value.",
        unit="the business's currency",
    ),
)
_WHY = (
    Column(
        "outcome",
        "string",
        "What became of it; lost: something else has its place; suppressed: a rule, a cap or the "
        "hours speak against it; waiting: it is too far ahead to be decided.",
        allowed=OUTCOMES,
    ),
    Column(
        "reason",
        "string",
        "Why it is not said: the rule, cap or limit that holds it back longest (min-gap, "
        "again-after, at-most, per-day, quiet_hours), no_address, no_consent, the type of the event "
        "that withdrew it, late, expired, paused (its policy was, before its moment), or "
        "not_proposed: its cause is no more, or another's.",
    ),
    Column("lost_to", "array<string>", "The decision_id of each plan that holds its place."),
    Column("evidence", "array<string>", "The events that caused it, as stream:event_id."),
    Column(
        "stopped_by",
        "array<string>",
        "The events that withdrew it or speak against it, as stream:event_id; silent: none does.",
        is_later=True,
    ),
    Column("is_shadow", "boolean", "Whether it is decided and shown only.", nullable=False),
    Column("is_final", "boolean", "Whether nothing changes it any more.", nullable=False),
    Column("emitted_at", "timestamp", "Decision clock at which it was handed over; else null."),
)

PLANS = Table(
    "plans",
    "decision × batch that changed it",
    (),
    (
        Column("decision_id", "string", "As in `decisions`.", nullable=False),
        Column("plan_id", "string", "All channels of one step together.", nullable=False),
        Column("occasion_id", "string", "All steps of one cause together.", nullable=False),
        Column("anchor_key", "string", "An identifier of the person.", nullable=False),
        Column("person_id", "string", "Who it is said to, as it was known then.", nullable=False),
        Column("kind", "string", "The trigger.", nullable=False),
        Column("step", "int", "Its place among the policy's steps, from 1.", nullable=False),
        Column("cause", EVENT_REF, "The event that caused it."),
        *_WHAT,
        Column("purpose", "string", "marketing or transactional."),
        Column("topic", "string", "What it is about."),
        Column("proposed_at", "timestamp", "The earliest moment it may be said."),
        *_WHEN,
        *_WHY,
        Column("look_at", "timestamp", "When it is to be looked at again; null: when asked."),
        Column("as_of", "timestamp", "Decision clock of its batch."),
        Column("batch_id", "bigint", "The batch that wrote it."),
    ),
    "What was planned to be said to whom; the newest row of a decision stands.",
    log=True,
    erased_by="keys",
)

ACTIVATIONS = Table(
    "activations",
    "person × action × channel",
    ("activation_id",),
    (
        Column("activation_id", "string", "As decision_id in `decisions`.", nullable=False),
        Column("plan_id", "string", "All channels of one step together.", nullable=False),
        Column("person_id", "string", "Who it is said to.", nullable=False),
        Column("action", "string", "The policy and its step, as policy:step.", nullable=False),
        *_WHAT,
        *_WHEN,
        *_WHY,
        Column("decided_at", "timestamp", "Decision clock of the batch that decided so."),
    ),
    "What is worth saying next to whom, when and on which channel, and what it lost to.",
    erased_by="publication",
)
