"""The report of the demo: one page that shows what should not have been sent, and why."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from jinja2 import Environment
from markupsafe import Markup

from tactful.jobs.commands.tables_here import readable
from tactful.jobs.report import (
    charts,
    clothing,
    persons,
    pressure,
    queries,
    regrets,
    spoken,
    story,
)
from tactful.jobs.report.environment import environment as environment_of_pages
from tactful.jobs.report.lake_view import LakeView, open_lake
from tactful.jobs.settings.config import Config
from tactful.transforms.rules.rule import in_words

TEMPLATE = "report.html.j2"
NOTHING = "–"


def write(
    lake: Path, *, truth: Path, target: Path, config: Config, generated: Mapping[str, Any]
) -> Path:
    """Write the report of a lake as one file that needs nothing else; return where it is.

    `truth` is the folder with what the demo knows of its world, `generated` what its generator
    counted. Both may be empty: then the report leaves out what rests on them.
    """
    with readable(Path(lake)), closing(open_lake(Path(lake))) as view:
        facts = collect(view, truth=Path(truth), config=config, generated=generated)
        page = render(facts)
    target = Path(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(page, encoding="utf-8")
    return target


def collect(
    lake: LakeView, *, truth: Path, config: Config, generated: Mapping[str, Any]
) -> dict[str, Any]:
    """Everything the page says, worked out; the mailings first, since the story needs them."""
    mailings = regrets.mailings(lake)
    rules = regrets.rules(config)
    aside = sorted(rule.name for rule in rules.values() if rule.aside)
    spoken_of = {one.name for one in config.activate}
    return {
        "as_of": lake.as_of,
        "generated": generated,
        "currency": config.business.currency,
        "attribution_days": in_words(config.attribution.window),
        "fixed_wait": _wait(config, regrets.FIXED),
        "mailings": mailings,
        "blunt_days": regrets.BLUNT_DAYS,
        "check": _check(mailings, generated.get("figures") or {}),
        "rhythm": regrets.rhythm(lake),
        "rules": rules,
        "by_rule": regrets.by_rule(lake, rules),
        "clothing": clothing.clothing(
            lake,
            rules={rule.name: rule.when for rule in (*config.rules, *config.checks)},
            planted=generated.get("clothing") or {},
        ),
        "weeks": regrets.by_week(lake, config),
        "persons": persons.persons(lake, truth),
        "caps": pressure.caps(lake, config),
        "most_mailings": pressure.most_mailings_in_a_week(lake),
        "suppressions": pressure.suppressions(lake),
        # What is said is told further below, and was handed over after these tables were published.
        "destinations": [
            line for line in pressure.destinations(lake, config) if line["policy"] not in spoken_of
        ],
        "dropped": pressure.dropped(lake),
        "intake": pressure.intake(lake, generated),
        "story": story.story(lake, aside=aside),
        "min_gap": in_words(config.plans.min_gap),
        "spoken": spoken.spoken(lake, planted=generated.get("spoken") or {}),
        "answers": queries.answers(lake),
    }


def render(facts: Mapping[str, Any]) -> str:
    """The page."""
    return environment().get_template(TEMPLATE).render(**facts, charts=_charts(facts))


def environment() -> Environment:
    """The templates of reports, with the filters that they use."""
    made = environment_of_pages(trim_blocks=False)
    made.filters.update(
        number=number, share=share, day=day, short_day=short_day, clock=clock, cell=cell,
        money=money, channel=regrets.channel_name,
    )  # fmt: skip
    return made


def number(value: Any) -> str:
    """A count as people read it: 1,288."""
    return NOTHING if value is None else f"{int(value):,}"


def share(part: Any, whole: Any = 1) -> str:
    """A share in percent, fine where it is nearly nothing or nearly all."""
    if part is None or not whole:
        return NOTHING
    exact = float(part) / float(whole)
    fine = 0 < exact < 0.02 or 0.98 < exact < 1
    return f"{exact:.2%}" if fine else f"{exact:.0%}"


def day(moment: Any) -> str:
    """A day as people write it: 24 October 2017."""
    if moment is None:
        return NOTHING
    return f"{moment.day} {moment.strftime('%B %Y')}"


def short_day(moment: Any) -> str:
    """A day where there is little room: 24 Oct 2017."""
    return NOTHING if moment is None else f"{moment.day} {moment.strftime('%b %Y')}"


def clock(moment: Any) -> str:
    """A day and hour of the story: 2 Jan, 18:00."""
    return NOTHING if moment is None else f"{moment.day} {moment.strftime('%b, %H:%M')}"


def money(value: Any, currency: str) -> str:
    """A sum with its currency."""
    return f"{float(value or 0):,.2f} {currency}"


def cell(value: Any) -> str:
    """A value of a query's answer."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, Decimal | float):
        return f"{value:,.2f}"
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M")
    return value.isoformat() if isinstance(value, date) else str(value)


def _charts(facts: Mapping[str, Any]) -> dict[str, Markup | None]:
    drawn = {
        "regrets": charts.regrets_by_week(facts["weeks"]),
        "sizes": charts.persons_by_size(facts["persons"]["sizes"]),
        "pressure": charts.pressure_by_week(facts["caps"]),
        "suppressions": charts.suppressions_by_state(facts["suppressions"]["lines"]),
        "story": charts.weeks_of(facts["story"]) if facts["story"] else None,
    }
    # The SVG is our own and holds its texts escaped already.
    return {name: Markup(text) if text else None for name, text in drawn.items()}


def _wait(config: Config, name: str) -> str:
    """How long the fixed rule waits, in words."""
    rule = regrets.rule_named(config, name)
    if rule is None or rule.lasts is None:
        return "14 days"
    return in_words(rule.lasts)


def _check(counted: Mapping[str, Any], expected: Mapping[str, Any]) -> dict[str, Any] | None:
    """The same figures from the data files alone, and whether the lake agrees."""
    if not expected:
        return None
    pairs = {
        "mailings": "mailings", "fixed": "bought_14d",
        "own_rhythm": "own_rhythm", "blunt": "blunt_60d",
    }  # fmt: skip
    figures = {ours: expected.get(theirs) for ours, theirs in pairs.items()}
    return {**figures, "agrees": all(counted[ours] == figures[ours] for ours in pairs)}
