"""What became of every message that was sent."""

from __future__ import annotations

from tactful.schemas.events import TOTAL
from tactful.schemas.table import Column, Table

WEIGHTS = (
    "struct<last_touch:double,first_touch:double,linear:double,time_decay:double,position:double>"
)
ORDER = (
    f"struct<order_id:string,converted_at:timestamp,revenue:{TOTAL},currency:string,"
    f"touch:string,weights:{WEIGHTS}>"
)

OUTCOMES = Table(
    "outcomes",
    "message sent",
    ("message_id",),
    (
        Column("message_id", "string", "The message.", nullable=False),
        Column("person_id", "string", "Who it was sent to; null belongs to nobody."),
        Column("campaign_id", "string", "Its campaign."),
        Column("variant", "string", "Its variant."),
        Column("channel", "string", "Its channel."),
        Column("sent_at", "timestamp", "When it was first sent.", nullable=False),
        Column("delivered_at", "timestamp", "When it was first delivered."),
        Column("opened_at", "timestamp", "When a person, not a machine, first opened it."),
        Column("clicked_at", "timestamp", "When it was first clicked."),
        Column(
            "orders",
            f"array<{ORDER}>",
            "Orders of its person within `attribution.window` that count for it, by time, then "
            "order_id; none that was wholly cancelled. An order without currency is in "
            "`business.currency`, and its revenue what it cost when placed. The window begins with "
            "the first click, later ones do not prolong it, else with the sending; an order at the "
            "very same instant counts, and so does one at its end. `touch` says why: the order follows its click (click), else follows its "
            "sending and names its campaign (campaign), else follows its sending and holds a "
            "product that it offered (product). `weights` say how much of the order is its own; "
            "over all messages for which an order counts each of them sums to 1, up to rounding. "
            "Their touches stand by time (of the click, else of the sending), then message_id: "
            "last_touch and first_touch give all to that one, linear the same to each, time_decay "
            "half as much for every `attribution.half_life` that a touch is older, position 0.4 to "
            "the first and to the last and the rest to those between (of two, half to each).",
        ),
        Column(
            "goal_reached_at",
            "timestamp",
            "When the first order that counts by click or campaign was placed. One that only "
            "holds a product that it offered is too weak a sign, and reaches no goal.",
        ),
    ),
    "Each message with its delivery, open, click and the orders that followed.",
    erased_by="publication",
)
