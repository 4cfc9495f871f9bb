"""Silence in the status: what messages are about, what is waited for, and what nobody offers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from rich.markup import escape

from tactful.jobs.commands.answers import counted
from tactful.jobs.commands.tables_here import Tables
from tactful.transforms.about import ATTRIBUTE
from tactful.transforms.rules import RULES

LONG_OPEN = timedelta(days=30)
MOST_ANSWERS = 5
SAYS = """
    (coalesce(array_length(skus), 0) > 0 OR coalesce(array_length(categories), 0) > 0
     OR topic IS NOT NULL OR offers_discount IS NOT NULL)
"""
# Of each content and campaign: how many marketing messages, and how many say something themselves.
SENT = f"""
    SELECT content_id, campaign_id, count(*) AS messages, count(*) FILTER (WHERE says) AS saying
    FROM (SELECT message_id, max(content_id) AS content_id, max(campaign_id) AS campaign_id,
                 bool_or({SAYS}) AS says
          FROM messages
          WHERE type = 'sent' AND coalesce(purpose, 'marketing') <> 'transactional'
          GROUP BY message_id) AS each_message
    GROUP BY content_id, campaign_id
"""
OFFERING = f"""
    SELECT DISTINCT {{key}} AS id FROM {{table}}
    WHERE {SAYS} OR coalesce(array_length(brands), 0) > 0
"""
# The reasons of the rules that are meant, as SQL lists them.
GIVING_UP = ", ".join(f"'{when}'" for when, rule in RULES.items() if rule.gives_up)
ABOUT_ATTRIBUTES = ", ".join(
    f"'{when}'" for when, rule in RULES.items() if rule.is_about_attributes
)
NOW = "starts_at <= '{at}' AND (ends_at IS NULL OR ends_at > '{at}')"
GIVEN_UP = """
    SELECT count(DISTINCT evidence[1]) AS orders FROM suppressions
    WHERE reason IN ({reasons}) AND lifted_by IS NULL AND ends_at <= '{at}'
"""
OPEN_CONTACTS = """
    SELECT count(*) AS contacts
    FROM (SELECT min(occurred_at) FILTER (WHERE type = 'contact_opened') AS opened_at,
                 bool_or(type = 'contact_closed') AS is_closed
          FROM service WHERE type IN ('contact_opened', 'contact_closed')
          GROUP BY coalesce(contact_id, event_id)) AS each_contact
    WHERE NOT is_closed AND opened_at < '{since}'
"""
ASKED_FOR = f"""
    SELECT scope[1]['kind'] AS kind, scope[1]['values'] AS wanted,
           count(DISTINCT person_id) AS persons
    FROM suppressions WHERE reason IN ({{reasons}}) AND {NOW}
    GROUP BY scope[1]['kind'], scope[1]['values']
"""
PRODUCTS = "SELECT category, brand, attributes FROM products"


def silence_facts(tables: Tables, as_of: datetime | None) -> dict[str, Any]:
    """What is known of what messages are about, and what rules wait for or cannot find."""
    told = {"about": _about(tables), "given_up_orders": 0, "open_contacts": 0, "not_offered": []}
    if as_of is None:
        return told
    at, since = as_of.isoformat(), (as_of - LONG_OPEN).isoformat()
    given_up = tables.ask_one(GIVEN_UP.format(at=at, reasons=GIVING_UP), "suppressions")
    contacts = tables.ask_one(OPEN_CONTACTS.format(since=since), "service")
    return {
        **told,
        "given_up_orders": given_up.get("orders", 0),
        "open_contacts": contacts.get("contacts", 0),
        "not_offered": _not_offered(tables, at),
    }


def silence_lines(silence: Mapping[str, Any]) -> Iterator[str]:
    """The same as sentences."""
    about = silence["about"]
    if about["messages"]:
        yield (
            f"Marketing messages about which nothing is known: {about['share']:.1%} "
            "(no product, topic or discount in them, their content or campaign)"
        )
    if silence["given_up_orders"]:
        yield (
            f"{counted(silence['given_up_orders'], 'order')} of which no delivery was told in time "
            "(undelivered_after): lines of them count as delivered"
        )
    if silence["open_contacts"]:
        yield (
            f"{counted(silence['open_contacts'], 'service contact')} opened more than "
            f"{LONG_OPEN.days} days ago and never closed: what holds while one is open ends "
            "with its lasts_at_most"
        )
    answers = silence["not_offered"]
    for answer in answers[:MOST_ANSWERS]:
        name, who = escape(answer["attribute"]), counted(answer["persons"], "person")
        if answer["values"] is None:
            yield f"{who} asked for a {name}, an attribute that no product has"
        else:
            wanted = escape(", ".join(answer["values"]))
            yield f"{who} asked for {name} {wanted}, which no product has"
    if len(answers) > MOST_ANSWERS:
        yield f"{counted(len(answers) - MOST_ANSWERS, 'other answer')} that no product meets"


def _about(tables: Tables) -> dict[str, Any]:
    rows = tables.ask(SENT, "messages", needs="offers_discount")
    offering = {
        table: {
            row["id"]
            for row in tables.ask(OFFERING.format(key=key, table=table), table, needs="skus")
        }
        for table, key in (("contents", "content_id"), ("campaigns", "campaign_id"))
    }
    whole = sum(row["messages"] for row in rows)
    unknown = sum(
        row["messages"] - row["saying"]
        for row in rows
        if row["content_id"] not in offering["contents"]
        and row["campaign_id"] not in offering["campaigns"]
    )
    return {"messages": whole, "share": round(unknown / whole, 4) if whole else None}


def _not_offered(tables: Tables, at: str) -> list[dict[str, Any]]:
    """The answers that no product meets, those of most persons first; no values: no attribute."""
    asked = tables.ask(
        ASKED_FOR.format(at=at, reasons=ABOUT_ATTRIBUTES),
        "suppressions",
    )
    if not asked:
        return []
    offered = _offered(tables.ask(PRODUCTS, "products"))
    found = []
    for row in asked:
        name = row["kind"].removeprefix(ATTRIBUTE)
        if offered.get(name, set()).isdisjoint(row["wanted"]):
            values = sorted(row["wanted"]) if name in offered else None
            found.append({"attribute": name, "values": values, "persons": row["persons"]})
    return sorted(found, key=lambda one: (-one["persons"], one["attribute"], str(one["values"])))


def _offered(products: Sequence[Mapping[str, Any]]) -> dict[str, set[str]]:
    """The values of each attribute that products have, as they are compared."""
    offered: dict[str, set[str]] = {}
    for row in products:
        own = dict(row["attributes"] or {})
        for name, value in (("category", row["category"]), ("brand", row["brand"]), *own.items()):
            if value is not None and value.strip(" "):
                offered.setdefault(name.strip(" ").lower(), set()).add(value.strip(" ").lower())
    return offered
