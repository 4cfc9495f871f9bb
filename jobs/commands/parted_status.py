"""Audiences that are about a part of their policy: what is held of which no audience is."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.markup import escape

from tactful.jobs.commands.answers import counted
from tactful.jobs.commands.tables_here import Tables
from tactful.jobs.settings.config import Config
from tactful.transforms.audiences import BY_PRODUCTS, CAMPAIGN, Audience
from tactful.transforms.regrets import LISTS

MOST = 3
# Of every scope its part about products comes first.
HELD = """
    SELECT policy, scope[1]['kind'] AS kind, scope[1]['values'] AS named, count(*) AS suppressions
    FROM suppressions
    WHERE starts_at <= '{at}' AND (ends_at IS NULL OR ends_at > '{at}') AND policy IN ({policies})
    GROUP BY policy, scope[1]['kind'], scope[1]['values']
"""
PRODUCTS = "SELECT sku, category, brand FROM products"
CAMPAIGNS = "SELECT campaign_id, skus, categories, brands FROM campaigns"


def parted_facts(
    tables: Tables, config: Config | None, as_of: datetime | None
) -> list[dict[str, Any]]:
    """By policy whose audiences are about parts of it, what of it no audience is about."""
    parted: dict[str, list[Audience]] = defaultdict(list)
    for one in config.destinations if config else ():
        if one.audience is not None and not one.retired:
            parted[one.policy].append(one.audience)
    if not parted or as_of is None:
        return []
    names = ", ".join(f"'{policy}'" for policy in sorted(parted))
    rows = tables.ask(HELD.format(at=as_of.isoformat(), policies=names), "suppressions")
    products = tables.ask(PRODUCTS, "products")
    campaigns = tables.ask(CAMPAIGNS, "campaigns", needs="skus")
    found = []
    for policy, audiences in sorted(parted.items()):
        offered = _offered(audiences, products, campaigns)
        without: Counter[str] = Counter()
        for row in rows:
            is_about = row["policy"] == policy and row["kind"] in BY_PRODUCTS
            if is_about and offered[row["kind"]].isdisjoint(row["named"] or ()):
                without[f"{row['kind']} {', '.join(row['named'] or ())}"] += row["suppressions"]
        if without:
            found.append(
                {
                    "policy": policy,
                    "suppressions": without.total(),
                    "scopes": [name for name, _ in without.most_common(MOST)],
                    "scopes_count": len(without),
                }
            )
    return found


def parted_lines(facts: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The same as sentences, a policy each."""
    for row in facts:
        more = row["scopes_count"] - len(row["scopes"])
        scopes = "; ".join(row["scopes"]) + (f" and {more:,} more" if more else "")
        yield (
            f"{counted(row['suppressions'], 'suppression')} of {row['policy']}: no audience of it "
            f"is about {escape(scopes)}, so that ads for that still reach who is protected"
        )


def _offered(
    audiences: Sequence[Audience],
    products: Sequence[Mapping[str, Any]],
    campaigns: Sequence[Mapping[str, Any]],
) -> dict[str, set[str]]:
    """All skus, categories and brands that any of the audiences is about."""
    asked: dict[str, set[str]] = {kind: set() for kind in BY_PRODUCTS}
    for one in audiences:
        if one.by in BY_PRODUCTS:
            asked[one.by].add(one.of)
    wanted = {one.of for one in audiences if one.by == CAMPAIGN}
    for row in campaigns:
        if row["campaign_id"] in wanted:
            for column, kind in LISTS.items():
                asked[kind] |= {*(row[column] or ())}
    offered = {kind: {*values} for kind, values in asked.items()}
    for product in products:
        if any(product[kind] in asked[kind] for kind in BY_PRODUCTS if product[kind] is not None):
            for kind in BY_PRODUCTS:
                offered[kind] |= {product[kind]} - {None}
    return offered
