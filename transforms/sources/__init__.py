"""Sources: the forms in which events come, a module each, and how their rows are checked."""

from __future__ import annotations

from tactful.transforms.sources import canonical, mapped, segment, sendgrid, shopify
from tactful.transforms.sources.dialect import Dialect, ListForm

DIALECTS: dict[str, Dialect] = {
    dialect.name: dialect
    for dialect in (
        canonical.DIALECT,
        mapped.DIALECT,
        segment.DIALECT,
        sendgrid.DIALECT,
        shopify.DIALECT,
    )
}

CANONICAL = canonical.DIALECT.name

__all__ = ["CANONICAL", "DIALECTS", "Dialect", "ListForm"]
