"""The report of any lake: what its tables tell, on one page to keep, and what is missing in it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from markupsafe import Markup

from tactful.jobs.commands.tables_here import readable
from tactful.jobs.errors import NotYetKnown
from tactful.jobs.report import charts, page, persons, planned, pressure, regrets
from tactful.jobs.report.lake_view import LakeView, open_lake, published_state
from tactful.jobs.settings.config import Config
from tactful.schemas.customers import LIFECYCLES
from tactful.schemas.events import STREAMS

TEMPLATE = "lake.html.j2"
NEWEST = 10

HAS_ROWS = "SELECT count(*) > 0 AS has_rows FROM (SELECT 1 FROM {stream} LIMIT 1) AS one"
BY_LIFECYCLE = """
    SELECT s.lifecycle, count(*) AS persons, coalesce(sum(c.orders), 0) AS orders,
           coalesce(sum(c.revenue_total), 0) AS revenue, count(*) FILTER (s.valued) AS valued
    FROM customer_scores AS s LEFT JOIN customers AS c USING (person_id)
    GROUP BY s.lifecycle
"""
BY_SCORE = """
    SELECT score, count(*) FILTER (name = 'recency_score') AS recency,
           count(*) FILTER (name = 'frequency_score') AS frequency,
           count(*) FILTER (name = 'money_score') AS money
    FROM (UNPIVOT (SELECT recency_score, frequency_score, money_score FROM customer_scores)
          ON recency_score, frequency_score, money_score INTO NAME name VALUE score) AS each_score
    GROUP BY score ORDER BY score DESC
"""
HEALTH = "SELECT * FROM identity_health WHERE identifier_type = 'all'"
HUBS = """
    SELECT identifier_type, identifier_key, seen_with_count FROM hubs
    ORDER BY seen_with_count DESC, identifier_key LIMIT 5
"""
CHANGED = """
    SELECT kind, rule, count(*) AS persons, max(changed_at) AS last_at FROM identity_changes
    GROUP BY ALL ORDER BY persons DESC, kind, rule
"""
KNOWN = """
    SELECT week_on, sum(events) AS events, sum(known_events) AS known_events,
           sum(revenue) AS revenue, sum(known_revenue) AS known_revenue
    FROM known_shares GROUP BY week_on ORDER BY week_on DESC LIMIT $most
"""
EXPECTED = """
    SELECT checked_at, count(*) AS all_count, count(*) FILTER (NOT is_met) AS unmet_count
    FROM quality WHERE checked_at = (SELECT max(checked_at) FROM quality) GROUP BY checked_at
"""
UNMET = """
    SELECT table_name, suite, expectation, column_names, severity, rows_count, unexpected_count,
           error
    FROM quality WHERE NOT is_met AND checked_at = (SELECT max(checked_at) FROM quality)
    ORDER BY severity, table_name, expectation, column_names, suite LIMIT $most
"""
BATCHES = """
    SELECT query, batch_id, as_of, read_rows, accepted_rows, quarantined_rows, affected_persons,
           list_sum(map_values(seconds)) AS seconds
    FROM batches ORDER BY as_of DESC NULLS LAST, query, batch_id DESC LIMIT $most
"""


def write(lake: Path, *, target: Path, config: Config) -> dict[str, Any]:
    """Write the report of a lake as one file that needs nothing else; tell what is in it.

    Raises: NotYetKnown, where nothing is published yet.
    """
    with readable(lake):
        if "as_of" not in published_state(lake):
            raise NotYetKnown(
                f"Nothing has been published in the lake at {lake} yet; tactful run takes in what "
                "has landed and makes the tables."
            )
        with closing(open_lake(lake)) as view:
            facts = collect(view, config)
        text = render(facts)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, encoding="utf-8")
    return {
        "report": str(target),
        "as_of": facts["as_of"],
        "missing_streams": list(facts["missing"]),
    }


def collect(lake: LakeView, config: Config) -> dict[str, Any]:
    """Everything that the page says."""
    rules = {n: regrets.Rule(r.name, r.says, False) for n, r in regrets.rules(config).items()}
    return {
        "as_of": lake.as_of,
        "currency": config.business.currency,
        "missing": missing_streams(lake, config),
        "by_rule": regrets.by_rule(lake, rules),
        "weeks": lake.frame(regrets.BY_WEEK),
        "lifecycles": _lifecycles(lake),
        "scores": lake.rows(BY_SCORE),
        "has_value": config.value.valued_from is not None,
        "caps": pressure.caps(lake, config),
        "suppressions": pressure.suppressions(lake),
        "planned": planned.planned(lake, most=NEWEST * 3),
        "destinations": pressure.destinations(lake, config),
        "dropped": pressure.dropped(lake),
        "persons": persons.persons(lake, None),
        "health": next(iter(lake.rows(HEALTH)), None),
        "hubs": lake.rows(HUBS),
        "changed": lake.rows(CHANGED),
        "known": lake.rows(KNOWN, most=NEWEST),
        "intake": pressure.intake(lake, {}),
        "expected": next(iter(lake.rows(EXPECTED)), None),
        "unmet": lake.rows(UNMET, most=NEWEST * 3),
        "batches": lake.rows(BATCHES, most=NEWEST * 2),
    }


def missing_streams(lake: LakeView, config: Config) -> dict[str, str]:
    """The streams of which the lake holds nothing, and why that is."""
    found = {}
    named = {source.stream for source in config.sources.values()}
    # A dialect that says of each row which stream it is of may bring any.
    is_open = None in named
    for stream in STREAMS:
        if not lake.row(HAS_ROWS.format(stream=stream))["has_rows"]:
            is_named = stream in named or is_open
            found[stream] = "nothing of it has come in" if is_named else "no source brings it"
    return found


def render(facts: Mapping[str, Any]) -> str:
    """The page."""
    drawn = {
        "regrets": charts.regrets_by_week(facts["weeks"]),
        "sizes": charts.persons_by_size(facts["persons"]["sizes"]),
        "pressure": charts.pressure_by_week(facts["caps"]),
        "suppressions": charts.suppressions_by_state(facts["suppressions"]["lines"]),
    }
    # The SVG is our own and holds its texts escaped already.
    shown = {name: Markup(text) if text else None for name, text in drawn.items()}
    return page.environment().get_template(TEMPLATE).render(**facts, charts=shown)


def _lifecycles(lake: LakeView) -> list[dict[str, Any]]:
    """Customers by where they are in their life with the shop, in its order."""
    found = {row["lifecycle"]: row for row in lake.rows(BY_LIFECYCLE)}
    order = [*LIFECYCLES, *(name for name in found if name not in LIFECYCLES)]
    return [found[name] for name in order if name in found]
