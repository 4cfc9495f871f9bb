"""Reference tables: what the retailer knows about products and campaigns."""

from __future__ import annotations

from tactful.schemas.table import Column, Table

PRODUCTS = Table(
    "products",
    "product",
    ("sku",),
    (
        Column("sku", "string", "The product.", nullable=False),
        Column("category", "string", "Its category."),
        Column("brand", "string", "Its brand."),
        Column("price", "decimal(18,4)", "Its price.", at_least=0),
        Column(
            "replenish_days",
            "double",
            "Days after which it is usually bought again; up to ten years.",
            at_least=0,
        ),
        Column("attributes", "map<string,string>", "Anything else."),
    ),
    "Products, replaced whole when a reference file changes; of several rows of one, the newest.",
    erased_by="nothing",
)

CAMPAIGNS = Table(
    "campaigns",
    "campaign",
    ("campaign_id",),
    (
        Column("campaign_id", "string", "The campaign.", nullable=False),
        Column("goal", "string", "What it is meant to reach."),
        Column("channel", "string", "Its channel."),
        Column("purpose", "string", "marketing or transactional."),
        Column("starts_at", "timestamp", "When it starts."),
        Column("ends_at", "timestamp", "When it ends."),
        Column("attributes", "map<string,string>", "Anything else."),
    ),
    "Campaigns, replaced whole when a reference file changes; of several rows of one, the newest.",
    erased_by="nothing",
)
