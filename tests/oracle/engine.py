"""Runs the rules in `sql/` in their order, each a query that makes the table of its name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import duckdb
import networkx as nx
import numpy as np
import pyarrow as pa
from duckdb import DuckDBPyConnection

from tests.oracle.graph import ALONE, Links, Nodes, settle
from tests.oracle.inputs import CHECKS, STANDS_FOR, TOGETHER, put
from tests.oracle.returns import share_out
from tests.oracle.windows import put_windows

SQL = Path(__file__).parent / "sql"
VIEWS = {"events"}
# One file a suppression rule, found by its name: each gives the rows of `suppressed` of its `when`.
RULES = tuple(sorted(path.stem for path in (SQL / "rules").glob("*.sql")))
# Those that are worked out from what others make, after them.
JUDGING = ("fatigued",)
# What was sent although one of these spoke against it is a bad experience.
BAD = ("price_regret", "purchased", "service_open", "unfulfilled")
LINKED = (
    "events", "sightings", "crowded", "said_links", "standing_links", "stands_for", "stars",
    "links",
)  # fmt: skip
KNOWN = ("labels", "identity", "together", "identity_health", "hubs", "manual_links", "owners")
DECIDED = (
    "message_events", "lines", "sendings", "about", "bought", "taken", "steps", "arrived",
    "lifts", "under_rules", "orders",
    "statements", "zones", "counted", "windows", "consents", "closings", "openings", "closed",
    "addresses", "refusals",
    *(f"rules/{when}" for when in RULES if when not in JUDGING),
    "suppressions_capped",
    "bad_regrets",
    *(f"rules/{when}" for when in JUDGING),
    "suppressed", "timeline", "touches", "outcomes", "customer_lines",
    "customer_orders", "customer_tastes", "customer_intervals", "customer_responses",
    "customer_answers", "customer_places", "customer_moments", "jurisdictions", "customers",
    "known_shares", "pressure", "suppressions",
    *(f"checks/{when}" for when in CHECKS),
    "regrets", "customer_scores", "answers", "wanted",
    "silence", "left_out", "audiences",
)  # fmt: skip
PUBLISHED = (
    "identity", "identity_health", "hubs", "manual_links", "timeline", "outcomes", "customers",
    "customer_scores", "known_shares", "pressure", "suppressions", "regrets", "left_out",
)  # fmt: skip
NUMBERS = count()


@contextmanager
def open_database() -> Iterator[DuckDBPyConnection]:
    """An empty database in memory, with the words that the rules use."""
    db, name = _instance().cursor(), f"world_{next(NUMBERS)}"
    db.execute(f"CREATE SCHEMA {name}; USE {name}")
    try:
        db.execute(query("macros"))
        yield db
    finally:
        db.execute(f"USE main; DROP SCHEMA {name} CASCADE")
        db.close()


def identify(db: DuckDBPyConnection) -> None:
    """Say who is who: links by SQL, what holds together by graph, then names and owners."""
    for name in LINKED:
        make(db, name)
    partition(db)
    for name in KNOWN:
        make(db, name)


def decide(db: DuckDBPyConnection) -> None:
    """Make every table that follows from who is who."""
    for name in DECIDED:
        make(db, name)


def make(db: DuckDBPyConnection, name: str) -> None:
    """Make one table or view from the query of its name, or by the step of its name."""
    if name in STEPS:
        STEPS[name](db)
    else:
        kind = "VIEW" if name in VIEWS else "TABLE"
        db.execute(f"CREATE {kind} {table_of(name)} AS\n{query(name)}")


def table_of(name: str) -> str:
    """The table that a file makes: a rule's is not to be taken for what it reads."""
    return name.replace("rules/", "rule_").replace("checks/", "check_")


def gather(db: DuckDBPyConnection) -> None:
    """Make `suppressed`: all suppressions that ever were, with their cause; ended ones stay."""
    known = {when for (when,) in db.execute("SELECT DISTINCT reason FROM rules").fetchall()}
    if unknown := known - set(RULES):
        raise KeyError(f"no SQL for the rules {sorted(unknown)}; add it to {SQL / 'rules'}")
    _put_suppressed(db, [*(table_of(f"rules/{when}") for when in RULES), "suppressions_capped"])


def look_back(db: DuckDBPyConnection) -> None:
    """Make `bad_regrets`: the regrets of what makes experiences bad, as if there were no others."""
    # Their columns are asked for, and no row of theirs.
    aside = ("suppressions_capped", table_of("rules/declared_preference"))
    bad = [table_of(f"rules/{when}") for when in BAD]
    _put_suppressed(db, [*bad, *(f"{name} WHERE false" for name in aside)])
    db.execute(f"CREATE TABLE bad_regrets AS\n{query('regrets')}")
    db.execute("DROP TABLE suppressed")


def regret(db: DuckDBPyConnection) -> None:
    """Make `regrets`: what rules would have stopped, and what checks would have."""
    checked = " UNION ALL BY NAME ".join(f"FROM {table_of(f'checks/{when}')}" for when in CHECKS)
    facts = "person_id, channel, campaign_id, occurred_at AS sent_at, cost"
    db.execute(
        f"CREATE TABLE regrets AS FROM ({query('regrets')}) UNION ALL BY NAME "
        f"SELECT message_id, policy, evidence, {facts} FROM ({checked}) JOIN sendings AS s "
        "USING (message_id)"
    )


def _put_suppressed(db: DuckDBPyConnection, made: list[str]) -> None:
    union = " UNION ALL BY NAME ".join(f"FROM {name}" for name in made)
    db.execute(f"CREATE TABLE suppressed AS {union}")


def stand_for(db: DuckDBPyConnection) -> None:
    """Make `stands_for`: of all that somebody says is one person the best stands for the others.

    A word about a hub makes nobody one with anybody.
    """
    graph = nx.Graph()
    graph.add_nodes_from(node for (node,) in db.execute("SELECT node FROM identifiers").fetchall())
    joined = db.execute(
        """
        SELECT node, other_node FROM standing_links
        WHERE kind = 'always_link'
            AND node NOT IN (FROM crowded) AND other_node NOT IN (FROM crowded)
        """
    )
    graph.add_edges_from(joined.fetchall())
    best = {node: min(part) for part in nx.connected_components(graph) for node in part}
    put(db, "stands_for", [{"node": n, "best": best[n]} for n in best], STANDS_FOR)


def hang_together(db: DuckDBPyConnection) -> None:
    """Make `together`: what is tied to what in any way but by hubs and blocked values, by number.

    Whatever was cut, has ended or is kept apart by hand, and two customers of one event, too.
    """
    graph = nx.Graph()
    graph.add_nodes_from(node for (node,) in db.execute("SELECT node FROM identifiers").fetchall())
    graph.add_edges_from(db.execute("SELECT node, best FROM stands_for").fetchall())
    seen = db.execute(
        """
        SELECT list(best)
        FROM members JOIN identifiers USING (node) JOIN stands_for USING (node)
        WHERE NOT is_blocked AND node NOT IN (SELECT node FROM crowded)
        GROUP BY identifier_set
        """
    )
    for (nodes,) in seen.fetchall():
        nx.add_star(graph, nodes)
    parts = enumerate(nx.connected_components(graph))
    rows = [{"node": node, "part": part} for part, nodes in parts for node in nodes]
    put(db, "together", rows, TOGETHER)


STEPS = {
    "stands_for": stand_for,
    "together": hang_together,
    "taken": share_out,
    "windows": put_windows,
    "suppressed": gather,
    "bad_regrets": look_back,
    "regrets": regret,
}


def partition(db: DuckDBPyConnection, *, settle: Callable[..., Any] = settle) -> None:
    """Make `parts`: for each identifier its state, its component, and when a link of it ended.

    theirs: of one whose link has ended, in whose component whoever it was linked to is now.
    """
    known = db.execute(
        """
        SELECT i.priority, dense_rank() OVER (ORDER BY t.type) AS kind, t.most, t.is_device,
            i.is_blocked, f.best,
            i.node IN (SELECT node FROM crowded) AS is_hub
        FROM identifiers AS i
        JOIN types AS t ON t.type = i.identifier_type
        JOIN stands_for AS f USING (node)
        ORDER BY i.node
        """
    ).fetchnumpy()
    told = db.execute("FROM identity_settings").fetchnumpy()
    may_link = ~(known["is_blocked"] | known["is_hub"])
    nodes = Nodes(known["priority"], known["kind"], known["most"], may_link)
    found = settle(
        nodes,
        _links(db),
        max_identifiers=int(told["max_identifiers"][0]),
        sharing=told["shared_devices"][0],
    )
    best = known["best"]
    has_ended = found.ended_at >= 0
    is_neutral = ((found.kept_apart & known["is_device"]) | has_ended)[best]
    is_hub = known["is_hub"] | (found.oversized | found.kept_apart)[best]
    states = [known["is_blocked"], known["is_hub"], is_neutral, is_hub]
    state = np.select(states, ["blocked", "hub", "neutral", "hub"], "linked")
    numbers = np.arange(len(nodes), dtype=np.int32)
    part = np.where(state == "hub", ALONE, found.part[best])
    # Whose it was seen with first is asked of a device of several only.
    is_last = (
        has_ended
        & (found.part[found.ended_with] != ALONE)
        & (told["shared_devices"][0] != "neutral")
    )
    theirs = np.where(is_last, found.part[found.ended_with], ALONE)[best]
    parts = {"node": numbers, "part": part, "state": state, "theirs": theirs}
    db.register("found", {**parts, "ended_us": found.ended_at[best]})
    ended_at = "CASE WHEN ended_us >= 0 THEN make_timestamp(ended_us) END AS ended_at"
    db.execute(
        f"CREATE TABLE parts AS SELECT * EXCLUDE (ended_us, theirs), {ended_at}, "
        "CASE WHEN theirs >= 0 THEN theirs END AS theirs FROM found"
    )
    db.unregister("found")


def _links(db: DuckDBPyConnection) -> Links:
    told = db.execute("FROM links ORDER BY centre, node").fetchnumpy()
    sets = db.execute(
        """
        SELECT list(node ORDER BY node)
        FROM stars JOIN sightings USING (identifier_set)
        GROUP BY identifier_set, first_event
        ORDER BY first_event
        """
    ).fetchall()
    apart = db.execute(
        """
        SELECT a.best AS one, b.best AS other
        FROM standing_links AS l
        JOIN stands_for AS a ON a.node = l.node
        JOIN stands_for AS b ON b.node = l.other_node
        WHERE kind = 'never_link' AND a.best <> b.best
        """
    ).fetchnumpy()
    return Links(
        np.stack([told["centre"], told["node"]], axis=1),
        told["newest"],
        told["lives"],
        told["until"],
        [nodes for (nodes,) in sets],
        np.stack([apart["one"], apart["other"]], axis=1),
    )


def rows(db: DuckDBPyConnection, source: str) -> list[dict[str, Any]]:
    """The rows of a table as Python has them: times in UTC, maps as dictionaries."""
    table = db.sql(f"FROM {source}").to_arrow_table()
    zoned = pa.schema([_with_zone(field) for field in table.schema])
    return table.cast(zoned).to_pylist(maps_as_pydicts="strict")


@cache
def query(name: str) -> str:
    """The text of a rule."""
    return (SQL / f"{name}.sql").read_text(encoding="utf-8")


@cache
def _instance() -> DuckDBPyConnection:
    """One for all: starting it costs as much as a small world."""
    return duckdb.connect(config={"threads": 1})


def _with_zone(field: pa.Field) -> pa.Field:
    """Within the rules a time is UTC by agreement; outside it says so."""
    kind = field.type
    if pa.types.is_timestamp(kind):
        return field.with_type(pa.timestamp("us", "UTC"))
    if pa.types.is_struct(kind):
        return field.with_type(pa.struct([_with_zone(own) for own in kind]))
    if pa.types.is_list(kind):
        return field.with_type(pa.list_(_with_zone(kind.value_field)))
    return field
