"""The campaign of a screening: what it is about, and which suppressions touch it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tactful.jobs.errors import CampaignUnknown
from tactful.jobs.report.lake_view import LakeView
from tactful.jobs.settings.fields import topic_words
from tactful.schemas.words import CHANNELS, PURPOSES

LOOKED_UP = "SELECT * FROM campaigns WHERE campaign_id = $campaign"
OFFERED = """
    SELECT sku, category, brand, seasons, regions, attributes FROM products
    WHERE sku IN (SELECT unnest($skus))
"""
# A category or brand as products have it, in whatever case.
SPELT = """
    SELECT DISTINCT {column} AS word FROM products
    WHERE nfc_normalize(lower({column})) = nfc_normalize(lower($word)) ORDER BY word
"""
# How a scope names an attribute of products.
ATTRIBUTE = "attribute:"
LISTS = ("skus", "categories", "brands")
# What a message names of its products beside them.
OWN = {"category": "categories", "brand": "brands"}


@dataclass(frozen=True)
class Campaign:
    """What a campaign is about; a list without entries says nothing of that matter.

    products: each product that it offers, with what is known of it.
    """

    campaign_id: str
    channel: str
    purpose: str = "marketing"
    topic: str | None = None
    skus: Sequence[str] = ()
    categories: Sequence[str] = ()
    brands: Sequence[str] = ()
    offers_discount: bool | None = None
    products: Sequence[Mapping[str, Any]] = field(default_factory=tuple)

    def touched(self, scope: Iterable[Mapping[str, Any]]) -> tuple[list[str], int] | None:
        """What of its products a suppression of this scope touches, and of how many; all parts of a
        scope have to hold. None where it is not about this campaign.
        """
        found, total = [], 0
        for part in scope:
            if part["kind"] in (*OWN, "sku") or part["kind"].startswith(ATTRIBUTE):
                hits, among = self._hits(part)
                if not hits:
                    return None
                found, total = [*found, *hits], total + among
            elif not self._holds(part):
                return None
        return found, total

    def reaches(self, scope: Sequence[Mapping[str, Any]]) -> bool:
        """Whether a suppression may concern its purpose: what was bought forbids no receipt."""
        named = any(part["kind"] == "purpose" for part in scope)
        return self.purpose == "marketing" or named

    def _holds(self, part: Mapping[str, Any]) -> bool:
        """Whether a part of a scope holds that names no products."""
        kind, values = part["kind"], {*part["values"]}
        if kind == "all":
            return True
        if kind == "discount":
            return bool(self.offers_discount) != part["negated"]
        if kind == "topic":
            own = (topic_words(self.topic),) if self.topic else ()
        else:
            own = {"purpose": (self.purpose,), "campaign": (self.campaign_id,)}[kind]
        return bool(values.intersection(own)) != part["negated"]

    def _hits(self, part: Mapping[str, Any]) -> tuple[list[str], int]:
        """Which of its products, categories or brands a part of a scope names, and of how many.

        Of a category or brand each product counts that has one, and what it names beside them.
        """
        kind, values, negated = part["kind"], {*part["values"]}, part["negated"]
        if kind.startswith(ATTRIBUTE):
            name = kind.removeprefix(ATTRIBUTE)
            told = {one["sku"]: _attribute(one, name) for one in self.products}
            hits = [sku for sku, value in told.items() if value and (value in values) != negated]
            return hits, len({*self.skus})
        if kind == "sku":
            named = {sku: sku for sku in self.skus}
        else:
            named = {f"sku:{one['sku']}": one[kind] for one in self.products if one[kind]}
            beside = {*getattr(self, OWN[kind])} - {*named.values()}
            named |= {f"{kind}:{value}": value for value in beside}
        return [one for one, value in named.items() if (value in values) != negated], len(named)


def look_up(lake: LakeView, campaign_id: str, told: Mapping[str, Any]) -> Campaign:
    """What a campaign is about: what was told of it, else what the table `campaigns` says.

    told: by the names of `Campaign`, None or empty where nothing was.

    Raises: CampaignUnknown, where nobody says on which channel it goes out.
    """
    rows = lake.rows(LOOKED_UP, campaign=campaign_id)
    known = rows[0] if rows else {}
    # Its products are of one piece: who names one product does not mean all that stands there.
    is_told = any(told.get(name) for name in LISTS)
    found = {
        name: told.get(name) or (None if is_told and name in LISTS else known.get(name))
        for name in (*LISTS, "channel", "purpose", "topic", "offers_discount")
    }
    if not found["channel"]:
        where = "names no channel there" if rows else "is not in the table campaigns"
        raise CampaignUnknown(
            f"Nobody says on which channel {campaign_id} goes out: it {where}; name it, such as "
            f"--channel email (one of {', '.join(CHANNELS)})."
        )
    given = {name: value for name, value in found.items() if value is not None}
    whole = Campaign(campaign_id, **given)
    return replace(whole, products=tuple(lake.rows(OFFERED, skus=[*whole.skus])))


def unheard_of(lake: LakeView, campaign: Campaign) -> list[str]:
    """Which of its products, categories and brands are unknown: they are compared as written.

    Where no product is known at all none is missed.
    """
    skus = {one["sku"] for one in campaign.products}
    is_any = bool(lake.rows("SELECT sku FROM products LIMIT 1"))
    missed = [sku for sku in dict.fromkeys(campaign.skus) if sku not in skus and is_any]
    found = [f"No product is {sku}: its category, brand and season are unknown." for sku in missed]
    for column, name in OWN.items():
        for word in getattr(campaign, name):
            rows = lake.rows(SPELT.format(column=column), word=word)
            if any(row["word"] == word for row in rows):
                continue
            near = f"; there is {rows[0]['word']}, and they are compared as written" if rows else ""
            found.append(f"No product has the {column} {word}{near}.")
    return found


def refused(told: Mapping[str, Any]) -> str | None:
    """Why what is told of a campaign cannot be; None where it can."""
    for name, allowed in (("channel", CHANNELS), ("purpose", PURPOSES)):
        if told.get(name) and told[name] not in allowed:
            return f"--{name} {told[name]} is none; allowed: {', '.join(allowed)}."
    return None


def _attribute(product: Mapping[str, Any], name: str) -> str:
    """A product's attribute, without regard to case and the blanks around it."""
    told = {key: product[key] for key in ("category", "brand")} | dict(product["attributes"] or {})
    found = (value for key, value in told.items() if key.strip().lower() == name)
    return str(next(found, None) or "").strip().lower()
