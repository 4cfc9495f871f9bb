"""complained: do not market to somebody on a channel they have complained about."""

from __future__ import annotations

from tactful.transforms.rules.refusals import NoOptions, reads, rows
from tactful.transforms.rules.rule import Rule

RULE = Rule(
    when="complained",
    doc="Do not market to somebody on a channel they have complained about.",
    precedence=32,
    options=NoOptions,
    stream="messages",
    reads=reads,
    rows=rows,
    says=lambda _: "complained about the channel",
    lifts=lambda _: "a subscription to the same channel (subscribed)",
    is_no_to_ads=True,
    is_opt_out=True,
)
