"""In which arm of a campaign's experiment somebody is, written down when it was first asked."""

from __future__ import annotations

from tactful.schemas.table import Column, Table

CONTROL, TEST = "control", "test"

ASSIGNMENTS = Table(
    "assignments",
    "identifier × campaign",
    ("anchor_key", "campaign_id"),
    (
        Column(
            "anchor_key",
            "string",
            "An identifier of the person; whose that is now is asked when it is read.",
            nullable=False,
        ),
        Column("campaign_id", "string", "The campaign.", nullable=False),
        Column(
            "factors",
            "map<string,string>",
            "Of a campaign that varies several things, which of each; empty: it varies none.",
        ),
        Column(
            "arm",
            "string",
            "control: hears nothing of it; test: does.",
            nullable=False,
            allowed=(CONTROL, TEST),
        ),
        Column("assigned_at", "timestamp", "Decision clock of the batch that first asked."),
    ),
    "Who is in the control group of which campaign, drawn by a keyed hash and written once: a later "
    "share changes nobody's arm, and a replay keeps them. Who has identifiers in both arms is spoken "
    "to by neither.",
    erased_by="keys",
)
