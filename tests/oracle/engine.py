"""Runs the rules in `sql/` in their order, each a query that makes the table of its name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
from duckdb import DuckDBPyConnection

from tests.oracle.graph import Nodes, settle
from tests.oracle.returns import share_out

SQL = Path(__file__).parent / "sql"
VIEWS = {"events"}
# One file a suppression rule, found by its name: each gives the rows of `suppressed` of its `when`.
RULES = tuple(sorted(path.stem for path in (SQL / "rules").glob("*.sql")))
LINKED = ("events", "sightings", "hubs", "links", "said_links", "standing_links")
KNOWN = ("labels", "identity", "identity_health", "manual_links", "owners")
DECIDED = (
    "message_events", "lines", "sendings", "bought", "taken", "orders", "counted", "consents",
    "closings", "openings", "closed", "addresses", "refusals", *(f"rules/{when}" for when in RULES),
    "suppressions_capped", "suppressed", "timeline", "outcomes", "customers", "pressure",
    "suppressions", "regrets", "answers", "wanted", "left_out", "audiences",
)  # fmt: skip
PUBLISHED = (
    "identity", "identity_health", "manual_links", "timeline", "outcomes", "customers", "pressure",
    "suppressions", "regrets", "left_out",
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


def identify(db: DuckDBPyConnection, max_identifiers: int) -> None:
    """Say who is who: links by SQL, what holds together by graph, then names and owners."""
    for name in LINKED:
        make(db, name)
    partition(db, max_identifiers)
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
    return name.replace("rules/", "rule_")


def gather(db: DuckDBPyConnection) -> None:
    """Make `suppressed`: all suppressions that ever were, with their cause; ended ones stay."""
    known = {when for (when,) in db.execute("SELECT DISTINCT reason FROM rules").fetchall()}
    if unknown := known - set(RULES):
        raise KeyError(f"no SQL for the rules {sorted(unknown)}; add it to {SQL / 'rules'}")
    made = [*(table_of(f"rules/{when}") for when in RULES), "suppressions_capped"]
    union = " UNION ALL BY NAME ".join(f"FROM {table}" for table in made)
    db.execute(f"CREATE TABLE suppressed AS {union}")


STEPS = {"taken": share_out, "suppressed": gather}


def partition(
    db: DuckDBPyConnection, max_identifiers: int, *, settle: Callable[..., Any] = settle
) -> None:
    """Make `parts`: for each identifier its state, and its component where it is linked."""
    known = db.execute(
        """
        SELECT i.priority, dense_rank() OVER (ORDER BY t.type) AS kind, t.is_unique, t.is_device,
            i.is_blocked, i.node IN (SELECT node FROM hubs) AS is_hub
        FROM identifiers AS i
        JOIN types AS t ON t.type = i.identifier_type
        ORDER BY i.node
        """
    ).fetchnumpy()
    pairs = db.execute("SELECT centre, node FROM links").fetchnumpy()
    links = np.stack([pairs["centre"], pairs["node"]], axis=1)
    may_link = ~(known["is_blocked"] | known["is_hub"])
    nodes = Nodes(known["priority"], known["kind"], known["is_unique"], may_link)
    found = settle(nodes, links, max_identifiers=max_identifiers)
    is_neutral = found.kept_apart & known["is_device"]
    is_hub = known["is_hub"] | found.oversized | found.kept_apart
    states = [known["is_blocked"], is_neutral, is_hub]
    state = np.select(states, ["blocked", "neutral", "hub"], "linked")
    numbers = np.arange(len(nodes), dtype=np.int32)
    db.register("found", {"node": numbers, "part": found.part, "state": state})
    db.execute("CREATE TABLE parts AS FROM found")
    db.unregister("found")


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
