"""What entries of a configuration say against each other, or of what nobody has: allowed, and odd.

The reference tables are looked through where they lie on this machine's disks, without a session.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from difflib import get_close_matches
from itertools import combinations, permutations
from typing import Any

from tactful.jobs.commands.unsaid import unsaid
from tactful.jobs.settings.caps import Cap
from tactful.jobs.settings.config import Config
from tactful.jobs.settings.fields import blocked_values, topic_words
from tactful.jobs.settings.layers import read_defaults
from tactful.jobs.settings.models import Suppress
from tactful.jobs.settings.named_ids import rows_of
from tactful.schemas.reference import CAMPAIGNS, CONTENTS, PRODUCTS
from tactful.schemas.table import Table
from tactful.transforms.checks import CHECKS
from tactful.transforms.conditions import parse
from tactful.transforms.rules import RULES

# What a campaign or content may say of what a message is about.
ABOUT = ("skus", "categories", "brands", "topic", "offers_discount")
# An entry says the same as another but for these.
NAMES = {"name", "enabled", "channels"}
# So many names are told; the rest is counted.
LISTED = 5
# Those of a reference table; None where it is not told, or cannot be looked at here.
Rows = list[dict[str, Any]] | None


def contradictions(config: Config) -> Iterator[str]:
    """Each as a sentence."""
    yield from _said_twice(config)
    yield from _never_both(config)
    yield from _never_true(config)
    yield from _caps_in_vain(config)
    rows = {table: _rows(config, table) for table in (CAMPAIGNS, CONTENTS)}
    yield from _caps_of_none(config, rows)
    yield from _caps_apart(config, rows[CAMPAIGNS] or [])
    if config.activate:
        products = _rows(config, PRODUCTS) or []
        yield from unsaid(config, rows[CAMPAIGNS] or [], products, now=datetime.now(UTC))
    yield from _attributes_of_none(config)
    yield from _about_nothing(rows)
    yield from _blocked_no_more(config)


def _blocked_no_more(config: Config) -> Iterator[str]:
    """What the shipped list of blocked values holds, and the user's own, in its place, does not."""
    shipped = blocked_values(read_defaults()["identity"]["blocked"])
    gone = [value for value in shipped if value not in config.identity.blocked]
    if gone:
        told = ", ".join(gone)
        yield (
            f"identity.blocked takes the place of the shipped list: {told} no longer stand for "
            "nobody; name them, too, unless customers of yours are called so."
        )


def _said_twice(config: Config) -> Iterator[str]:
    """Two entries of one rule and the same options, on a channel in common: one adds nothing."""
    for one, other in combinations([*config.rules, *config.checks], 2):
        same = one.when == other.when and _said(one) == _said(other)
        channels = [set(getattr(entry.options, "channels", ())) for entry in (one, other)]
        if same and (not all(channels) or channels[0] & channels[1]):
            yield (
                f"suppress.{one.name} and suppress.{other.name} say the same: whatever one holds "
                "the other holds, too."
            )


def _said(entry: Suppress) -> dict[str, Any]:
    return {name: value for name, value in vars(entry.options).items() if name not in NAMES}


def _never_both(config: Config) -> Iterator[str]:
    """Checks of one message that can never both be met: then nothing is ever said."""
    for one, other in combinations(config.checks, 2):
        if _meet(one, other, "policies") and _meet(one, other, "channels"):
            for what in _apart(one, other):
                yield (
                    f"suppress.{one.name} and suppress.{other.name} can never both be met: no "
                    f"{what} suits both, so nothing that both are asked of is ever said."
                )


def _meet(one: Suppress, other: Suppress, name: str) -> bool:
    mine, theirs = (set(getattr(entry.options, name)) for entry in (one, other))
    return not mine or not theirs or bool(mine & theirs)


def _apart(one: Suppress, other: Suppress) -> Iterator[str]:
    """Of what the two ask different things."""
    weeks = [CHECKS[entry.when].hours(entry.options) for entry in (one, other)]
    if weeks[0] is not None and weeks[1] is not None:
        both = (
            max(mine[0], theirs[0]) < min(mine[1], theirs[1])
            for mine_of, theirs_of in zip(*weeks, strict=True)
            for mine in mine_of
            for theirs in theirs_of
        )
        if not any(both):
            yield "hour"
    for entry, against in ((one, other), (other, one)):
        least = getattr(entry.options, "temperature_from", None)
        most = getattr(against.options, "temperature_to", None)
        if least is not None and most is not None and least > most:
            yield "temperature"
    rain = {getattr(entry.options, "rain", None) for entry in (one, other)}
    if rain == {True, False}:
        yield "weather"


def _never_true(config: Config) -> Iterator[str]:
    """Conditions that can be true of nobody: what goes by them is never said."""
    for one in config.activate:
        told = [(None, one), *((f"steps.{at}", step) for at, step in enumerate(one.steps))]
        if _is_never(one.where):
            yield f"activate.{one.name}.where can never be true: nobody is ever meant."
        for place, entry in told:
            for at, content in enumerate(entry.content):
                if _is_never(content.where):
                    where = ".".join(filter(None, ("activate", one.name, place, f"content.{at}")))
                    yield f"{where}.where can never be true: {content.content_id} is not said here."
    for cap in config.caps:
        for at, relaxed in enumerate(cap.relaxed):
            if _is_never(relaxed.where):
                yield f"caps.{cap.name}.relaxed.{at}.where can never be true: nobody gets more."


def _is_never(where: str | None) -> bool:
    return where is not None and parse(where).is_never


def _caps_in_vain(config: Config) -> Iterator[str]:
    """Caps that never hold anything which another does not hold already.

    Of two that count the same in the same window it is the larger one; else one of which another
    counts all, and more, in a window as long or longer, up to no more.
    """
    in_vain: set[str] = set()
    for one, other in combinations(config.caps, 2):
        if _counted(one) == _counted(other):
            low, high = sorted((one, other), key=lambda cap: cap.limit)
            if low.relaxed:
                continue
            in_vain.add(high.name)
            yield (
                f"caps.{high.name} never holds anything that caps.{low.name} does not: both count "
                f"the same, and allow {high.limit} and {low.limit} {low.within}."
            )
    for one, other in permutations(config.caps, 2):
        if one.name not in in_vain and _outdoes(other, one):
            in_vain.add(one.name)
            yield (
                f"caps.{one.name} never holds anything that caps.{other.name} does not: that one "
                f"counts all that this one counts, and allows {other.limit} {other.within}, where "
                f"it allows {one.limit} {one.within}."
            )


def _outdoes(one: Cap, other: Cap) -> bool:
    """Whether a cap holds whatever another one holds, and as firmly, by what they say alone."""
    if one.limit > other.limit or one.relaxed or (one.on_cap, other.on_cap) == ("defer", "drop"):
        return False
    for name in ("channels", "purposes", "topics", "campaigns"):
        mine, theirs = set(getattr(one, name)), set(getattr(other, name))
        if mine and not (theirs and theirs <= mine):
            return False
    exempt = [
        ({*cap.exempt_topics}, {*cap.exempt_campaigns}, cap.exempt_counts) for cap in (one, other)
    ]
    if exempt[0] != exempt[1] and (exempt[0][0] or exempt[0][1]):
        return False
    if (one.counts, one.ad_contact_every) != (other.counts, other.ad_contact_every):
        return False
    if one.window and other.window:
        return one.window >= other.window
    calendars = [(cap.window, cap.calendar, cap.zone, cap.week_starts) for cap in (one, other)]
    return calendars[0] == calendars[1]


def _caps_apart(config: Config, campaigns: list[dict[str, Any]]) -> Iterator[str]:
    """Caps of campaigns that are all about something else than what these caps count."""
    for cap in config.caps:
        named = [row for row in campaigns if str(row.get("campaign_id")).strip() in cap.campaigns]
        if {str(row["campaign_id"]).strip() for row in named} != {*cap.campaigns} or not named:
            continue
        for what in ("channel", "purpose", "topic"):
            counted = {*getattr(cap, f"{what}s")}
            told = [row.get(what) for row in named]
            if not counted or not all(isinstance(one, str) and one.strip() for one in told):
                continue
            own = {topic_words(one) if what == "topic" else one.strip().lower() for one in told}
            if not own & counted:
                yield (
                    f"caps.{cap.name}: by reference.campaigns the campaigns that it names are all "
                    f"of the {what} {' or '.join(sorted(own))}, and it counts none of it; only "
                    "messages that say otherwise themselves are of it."
                )


def _caps_of_none(config: Config, rows: Mapping[Table, Rows]) -> Iterator[str]:
    """Campaigns and topics that a cap names and no reference table has: perhaps misspelt."""
    campaigns = rows[CAMPAIGNS]
    ids = None if campaigns is None else {str(row.get("campaign_id")).strip() for row in campaigns}
    about = [row for told in rows.values() for row in told or ()]
    topics = {topic_words(row["topic"]) for row in about if isinstance(row.get("topic"), str)}
    for cap in config.caps:
        for name in dict.fromkeys((*cap.campaigns, *cap.exempt_campaigns)):
            if ids is not None and name not in ids:
                yield _of_none(cap, "campaign", name, ids, "reference.campaigns knows")
        for name in dict.fromkeys((*cap.topics, *cap.exempt_topics)):
            if topics and name not in topics:
                yield _of_none(cap, "topic", name, topics, "the reference tables know")


def _of_none(cap: Cap, what: str, name: str, known: set[str], where: str) -> str:
    near = get_close_matches(name, sorted(known), n=1)
    hint = f" (did you mean {near[0]}?)" if near else ""
    return (
        f"caps.{cap.name}: {where} no {what} {name}{hint}; only messages that say so "
        "themselves are of it."
    )


def _counted(cap: Cap) -> dict[str, Any]:
    told = cap.model_dump(exclude={"name", "limit", "on_cap", "relaxed"})
    return {
        name: sorted(value) if isinstance(value, tuple | list) else value
        for name, value in told.items()
    }


def _attributes_of_none(config: Config) -> Iterator[str]:
    """Attributes that a rule goes by and no product has: it is asked in vain."""
    asked = {
        rule.name: {name.strip(" ").lower() for name in rule.options.attributes} - {""}
        for rule in config.rules
        if RULES[rule.when].is_about_attributes and rule.options.attributes
    }
    rows = _rows(config, PRODUCTS) if asked else None
    if rows is None:
        return
    own = {"category", "brand"}
    known: set[str] = set()
    for row in rows:
        more = row.get("attributes")
        each = {**row, **(more if isinstance(more, dict) else {})}
        has = {name.strip(" ").lower() for name, value in each.items() if value not in (None, "")}
        known |= has - ({*PRODUCTS.names} - own)
    for name, attributes in asked.items():
        for attribute in sorted(attributes - known):
            yield f"suppress.{name}: no product of reference.products has an attribute {attribute}."


def _about_nothing(tables: Mapping[Table, Rows]) -> Iterator[str]:
    """Campaigns and contents that do not say what they are about: no rule can tell what they do."""
    for table, told in tables.items():
        rows = told or []
        key = table.key[0]
        silent = sorted({str(row[key]) for row in rows if row.get(key) and not _says(row)})
        saying = {str(row[key]) for row in rows if row.get(key) and _says(row)}
        mute = [name for name in silent if name not in saying]
        if mute:
            some = ", ".join(mute[:LISTED]) + (" …" if len(mute) > LISTED else "")
            yield (
                f"reference.{table.name}: {len(mute):,} say neither products nor categories, "
                f"brands, a topic or a discount ({some}): no rule about these holds what is sent "
                "with them, unless its message says so itself."
            )


def _says(row: Mapping[str, Any]) -> bool:
    return any(row.get(name) not in (None, "", []) for name in ABOUT)


def _rows(config: Config, table: Table) -> Rows:
    """The rows of a reference table."""
    if table.name not in config.reference:
        return None
    is_parquet = config.reference[table.name].format == "parquet"
    return rows_of(config.reference_path(table.name), is_parquet=is_parquet)
