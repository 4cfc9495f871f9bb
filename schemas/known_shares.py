"""How much of what happened is of somebody who is known, by system, stream and week."""

from __future__ import annotations

from tactful.schemas.events import TOTAL
from tactful.schemas.table import Column, Table

KNOWN_SHARES = Table(
    "known_shares",
    "source × stream × week",
    ("source", "stream", "week_on"),
    (
        Column(
            "source",
            "string",
            "The system that sent it, as it names itself; empty where it does not.",
            note="Of an event that was sent several times it is that of the row that was accepted: "
            "the first that arrived. So which of them it is, arrival decides, unlike all else here; "
            "the event counts once.",
            nullable=False,
        ),
        Column("stream", "string", "The stream it came in.", nullable=False),
        Column("week_on", "date", "The Monday with which the week begins, UTC.", nullable=False),
        Column("events", "bigint", "Events of that week.", nullable=False, at_least=0),
        Column(
            "known_events",
            "bigint",
            "Those of persons: not of nobody, and not of a shared device.",
            nullable=False,
            at_least=0,
        ),
        Column("known_share", "double", "known_events / events, to four places.", at_least=0),
        Column(
            "revenue",
            TOTAL,
            "What was paid, in the business's own currency at the rate of its day; returns are not "
            "taken off. By lines as in `customers`: one of a negative amount lowers the others.",
            nullable=False,
            at_least=0,
        ),
        Column("known_revenue", TOTAL, "That of persons.", nullable=False, at_least=0),
        Column(
            "unpriced_orders",
            "bigint",
            "Orders left out of revenue: no rate of their currency is known of their day.",
            nullable=False,
            at_least=0,
        ),
    ),
    "Events and revenue of known persons, where each came from: what is sent without a name shows "
    "here. A word of the business on who is who is no event.",
    erased_by="publication",
)
