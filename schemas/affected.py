"""Whom each batch may have changed, so that only what they own is published anew."""

from __future__ import annotations

from tactful.schemas.table import Column, Table

CAUSES = ("event", "related", "moved", "due", "rules")

AFFECTED = Table(
    "affected",
    "identifier × cause × batch",
    (),
    (
        Column(
            "anchor_key",
            "string",
            "An identifier by which the affected person is found.",
            nullable=False,
        ),
        Column(
            "cause",
            "string",
            "event: of an event of the batch; related: of an event whose order or message the batch says more of; moved: it is another person's now; due: something of its person began or ended; rules: a changed rule has everybody decided anew.",
            nullable=False,
            allowed=CAUSES,
        ),
        Column("from_person_id", "string", "Of what moved: the person before."),
        Column("to_person_id", "string", "Of what moved: the person after; null for nobody."),
        Column("batch_id", "bigint", "The batch that wrote it."),
    ),
    "Whom each batch may have changed: of everybody else, all published rows are as they were.",
    log=True,
    erased_by="keys",
)
