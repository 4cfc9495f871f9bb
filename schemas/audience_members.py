"""Who is shown ads by a policy, and since when."""

from __future__ import annotations

from tactful.schemas.table import Column, Table

AUDIENCE_MEMBERS = Table(
    "audience_members",
    "person × audience × stay",
    ("person_id", "audience", "entered_at"),
    (
        Column("person_id", "string", "Who is shown ads.", nullable=False),
        Column("audience", "string", "The policy that shows them.", nullable=False),
        Column(
            "entered_at",
            "timestamp",
            "From when on the audience holds them: decision clock of the batch that said so.",
            nullable=False,
        ),
        Column(
            "left_at",
            "timestamp",
            "Until when: the plan had ended, or something forbade or cancelled it; null while it "
            "lasts.",
        ),
    ),
    "Who stands in which ad audience of what is planned, from when to when.",
    erased_by="publication",
)
