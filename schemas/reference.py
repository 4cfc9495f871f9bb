"""Reference tables: what the retailer knows about products, campaigns and currencies."""

from __future__ import annotations

from tactful.schemas.events import MONEY
from tactful.schemas.table import Column, Table

# Exact, as money is: whoever multiplies and adds up gets the same sum in any order.
RATE = "decimal(18,8)"

PRODUCTS = Table(
    "products",
    "product",
    ("sku",),
    (
        Column("sku", "string", "The product.", nullable=False),
        Column("category", "string", "Its category."),
        Column("brand", "string", "Its brand."),
        Column("price", MONEY, "Its price.", at_least=0),
        Column("cost", MONEY, "What one unit costs the retailer.", at_least=0, is_later=True),
        Column(
            "replenish_days",
            "double",
            "Days after which it is usually bought again; up to ten years.",
            at_least=0,
        ),
        Column("complements", "array<string>", "Products that go with it.", is_later=True),
        Column(
            "seasons",
            "array<string>",
            "When it is worn or used: winter, spring, summer, autumn (fall); none: always.",
            is_later=True,
        ),
        Column(
            "regions",
            "array<string>",
            "Where it is for: codes of countries, or of their parts (US-CA); none: anywhere.",
            is_later=True,
        ),
        Column("attributes", "map<string,string>", "Anything else."),
    ),
    "Products, replaced whole when a reference file changes; of several rows of one, the newest.",
    erased_by="nothing",
)

# What a campaign or content offers: said once here, since its messages say it nowhere else.
OFFER = (
    Column("topic", "string", "What its messages are about.", is_later=True),
    Column("skus", "array<string>", "Products it offers.", is_later=True),
    Column("categories", "array<string>", "Categories it offers.", is_later=True),
    Column("brands", "array<string>", "Brands it offers.", is_later=True),
    Column("offers_discount", "boolean", "Whether it offers a discount.", is_later=True),
)

CAMPAIGNS = Table(
    "campaigns",
    "campaign",
    ("campaign_id",),
    (
        Column("campaign_id", "string", "The campaign.", nullable=False),
        Column("goal", "string", "What it is meant to reach."),
        Column("target", "string", "Who it is meant for.", is_later=True),
        Column("channel", "string", "Its channel."),
        Column("purpose", "string", "marketing or transactional."),
        *OFFER,
        Column("starts_at", "timestamp", "When it starts."),
        Column("ends_at", "timestamp", "When it ends."),
        Column("variants", "array<string>", "Its variants.", is_later=True),
        Column(
            "holdout_share",
            "double",
            "The share of its customers who hear nothing of it, 0 to 1.",
            at_least=0,
            is_later=True,
        ),
        Column("budget", MONEY, "What it may cost.", at_least=0, is_later=True),
        Column("attributes", "map<string,string>", "Anything else."),
    ),
    "Campaigns, replaced whole when a reference file changes; of several rows of one, the newest.",
    erased_by="nothing",
)

CONTENTS = Table(
    "contents",
    "content × locale",
    ("content_id", "locale"),
    (
        Column("content_id", "string", "The content, as messages name it.", nullable=False),
        Column("locale", "string", "Its language and place; null where it is for all."),
        *OFFER,
        Column(
            "stands_for",
            "map<string,string>",
            "The template, flow or event that it is at each kind of destination.",
        ),
        Column("attributes", "map<string,string>", "Anything else."),
    ),
    "What messages say, replaced whole when a reference file changes; of several rows of one, the "
    "newest. What one offers is what all its locales tell together.",
    erased_by="nothing",
)

RATES = Table(
    "rates",
    "day × currency",
    ("day", "currency"),
    (
        Column("day", "date", "The day, UTC, from which on it holds.", nullable=False),
        Column("currency", "string", "ISO 4217 code of the currency.", nullable=False),
        Column(
            "rate",
            RATE,
            "What one unit of it is worth in the business's own currency, until its next row.",
            nullable=False,
            at_least=0,
        ),
        Column("attributes", "map<string,string>", "Anything else."),
    ),
    "What other currencies are worth, replaced whole when a reference file changes; of several rows "
    "of one day and currency, the newest.",
    erased_by="nothing",
)

CONTEXT = Table(
    "context",
    "region × day",
    ("region", "day"),
    (
        Column(
            "region",
            "string",
            "A country's code (ISO 3166), or one of its parts (US-CA).",
            nullable=False,
        ),
        Column("day", "date", "The day there.", nullable=False),
        Column("temperature", "double", "How warm it is, or will be.", unit="°C"),
        Column("rain", "double", "How much it rains; 0: not at all.", at_least=0, unit="mm"),
        Column("event", "string", "What is going on there."),
        Column("attributes", "map<string,string>", "Anything else."),
    ),
    "What a day is like somewhere, replaced whole when a reference file changes; of several rows of "
    "one region and day, the newest.",
    erased_by="nothing",
)
