"""bounced: do not write to an address that does not exist."""

from __future__ import annotations

from tactful.transforms.rules.refusals import NoOptions, reads, rows
from tactful.transforms.rules.rule import Rule

RULE = Rule(
    when="bounced",
    doc="Do not write to an address that does not exist.",
    precedence=31,
    options=NoOptions,
    stream="messages",
    reads=reads,
    rows=rows,
    says=lambda _: "the address does not exist",
    lifts=lambda _: "a subscription to the channel (subscribed), or another address that works",
    is_about_addresses=True,
    is_opt_out=True,
)
