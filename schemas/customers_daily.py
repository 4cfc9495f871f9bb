"""How customers were divided, day by day."""

from __future__ import annotations

from tactful.schemas.customers import LIFECYCLES, PRICE_BANDS
from tactful.schemas.events import TOTAL
from tactful.schemas.table import Column, Table

# What stands where a customer has none.
UNKNOWN, NO_CHANNEL = "unknown", "none"

CUSTOMERS_DAILY = Table(
    "customers_daily",
    "business day × lifecycle × value band × preferred channel",
    ("day", "lifecycle", "value_band", "preferred_channel"),
    (
        Column("day", "date", "The day, in `business.time_zone`.", nullable=False),
        Column(
            "lifecycle", "string", "As in `customer_scores`.", nullable=False, allowed=LIFECYCLES
        ),
        Column(
            "value_band",
            "string",
            "As in `customers`; unknown where nothing priced was bought.",
            nullable=False,
            allowed=(*PRICE_BANDS, UNKNOWN),
        ),
        Column(
            "preferred_channel",
            "string",
            "As in `customers`; none where no message was answered.",
            nullable=False,
        ),
        Column("customers", "bigint", "How many they were.", nullable=False, at_least=1),
        Column("orders", "bigint", "All their orders up to then.", at_least=0),
        Column("revenue_total", TOTAL, "All their revenue up to then, in the business's currency."),
        Column("revenue_365d", TOTAL, "Of that, of the 365 days before."),
    ),
    "Customers as they stood when each business day was first published; never changed afterwards, "
    "so that last month can be shown again.",
    erased_by="nothing",
)
