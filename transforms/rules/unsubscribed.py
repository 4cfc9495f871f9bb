"""unsubscribed: do not market to somebody on a channel they have unsubscribed from."""

from __future__ import annotations

from tactful.transforms.rules.refusals import NoOptions, reads, rows
from tactful.transforms.rules.rule import Rule

RULE = Rule(
    when="unsubscribed",
    doc="Do not market to somebody on a channel they have unsubscribed from.",
    precedence=30,
    options=NoOptions,
    stream="messages",
    reads=reads,
    rows=rows,
    says=lambda _: "unsubscribed from the channel",
    lifts=lambda _: "a subscription to the same channel (subscribed)",
    is_no_to_ads=True,
    is_opt_out=True,
)
