"""What was learned from everybody's behaviour, as of when."""

from __future__ import annotations

from tactful.schemas.table import Column, Table

RESPONSE, COMPLEMENT = "response", "complement"
KINDS = (RESPONSE, COMPLEMENT)
# The key of what holds of all channels, or of any two products: everybody.
ANY = "*"
# The other key of what is about one alone.
ALONE = ""

MODELS = Table(
    "models",
    "model × key × other key",
    ("model", "key", "other_key"),
    (
        Column(
            "model",
            "string",
            "What it tells: of a channel how many of its messages are answered (response), of two "
            "products how much oftener than by chance the other is bought after the one "
            "(complement).",
            nullable=False,
            allowed=KINDS,
        ),
        Column("key", "string", "The channel, or the product; * stands for any.", nullable=False),
        Column(
            "other_key",
            "string",
            "The other product; empty of a channel, and of any.",
            nullable=False,
        ),
        Column(
            "value",
            "double",
            "The share, or how many times as often, shrunk towards what is usual; to four places.",
            nullable=False,
            at_least=0,
            unit="share, 0 to 1, of a channel; times as often as by chance, of two products",
        ),
        Column(
            "events_count",
            "bigint",
            "How many messages, or persons who bought both, that rests on.",
            nullable=False,
            at_least=0,
        ),
        Column("fitted_at", "timestamp", "Decision clock at which it was learned.", nullable=False),
        Column("version", "bigint", "How often was learned by then.", unit="number of the fit"),
    ),
    "What plans weigh by that was learned from everybody; replaced whole by each fit.",
    log=True,
    erased_by="nothing",
)
