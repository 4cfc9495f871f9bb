"""no_consent: do not use a channel for a purpose to which somebody has withdrawn their consent."""

from __future__ import annotations

from tactful.transforms.rules.refusals import NoOptions, reads, rows
from tactful.transforms.rules.rule import Rule

RULE = Rule(
    when="no_consent",
    doc="Do not use a channel for a purpose to which somebody has withdrawn their consent.",
    precedence=20,
    options=NoOptions,
    stream="profiles",
    signals=("clicks", "purchases", "service"),
    reads=reads,
    rows=rows,
    says=lambda _: "consent was withdrawn",
    lifts=lambda _: "consent to the same channel and purpose (consent_granted)",
    is_no_to_ads=True,
    is_opt_out=True,
)
