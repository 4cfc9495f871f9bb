"""What was decided about whom, and why: kept as it was known then."""

from __future__ import annotations

from tactful.schemas.table import Column, Table

DECISIONS = Table(
    "decisions",
    "decision",
    ("decision_id",),
    (
        Column(
            "decision_id",
            "string",
            "Keyed hash of policy, cause, step and channel; never of a batch or a person, so that what was decided once is not decided again.",
            nullable=False,
        ),
        Column(
            "anchor_key",
            "string",
            "The anchor of the event that caused it; whose that is now is asked when it is read.",
            nullable=False,
        ),
        Column("decided_at", "timestamp", "When it was decided, UTC."),
        Column("as_of", "timestamp", "Decision clock of its batch."),
        Column("person_id", "string", "Whose the anchor was when it was decided."),
        Column("kind", "string", "What kind of decision it is."),
        Column("policy", "string", "The policy that asked for it.", nullable=False),
        Column("policy_version", "string", "Hash of the policy as it was configured then."),
        Column("outcome", "string", "What was decided."),
        Column("reason", "string", "Why it was decided so."),
        Column("evidence", "array<string>", "The events that caused it, as stream:event_id."),
        Column(
            "stopped_by",
            "array<string>",
            "The events that withdrew it or spoke against it, as stream:event_id.",
            is_later=True,
        ),
        Column("lost", "array<string>", "The decision_id of each that lost to it."),
    ),
    "What was decided, and why, as it was known then: no later event changes a row, and a replay keeps them.",
    erased_by="keys",
)
