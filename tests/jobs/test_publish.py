"""A change makes those published tables anew that are made from what changed, and no other."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.pandas.types import to_arrow_schema

from tactful.jobs.lake.lake import Lake
from tactful.jobs.lake.store import Part
from tactful.jobs.publication.inputs import Inputs
from tactful.jobs.publication.tables import PUBLICATIONS, Publication
from tactful.jobs.publish import behind, publish
from tactful.jobs.report.lake_view import published_state
from tactful.jobs.settings.config import Config, load
from tactful.schemas.catalog import PUBLISHED
from tactful.schemas.customers_daily import CUSTOMERS_DAILY
from tactful.schemas.events import PROFILES
from tactful.schemas.identity import IDENTITY_CHANGES, LABELS, LINKS
from tactful.schemas.outcomes import OUTCOMES
from tactful.schemas.plans import PLANS
from tactful.schemas.reference import CONTEXT, PRODUCTS, RATES
from tactful.schemas.table import Table
from tactful.schemas.timeline import TIMELINE_LOG

AS_OF = datetime(2026, 3, 1, tzinfo=UTC)
BOUGHT_IT = {"name": "bought_it", "when": "purchased", "match": "sku", "lasts": "30d"}
FITTING = {"name": "fitting", "when": "out_of_context"}
WEEKLY = {"name": "weekly", "limit": 3, "window": "7d"}
NETWORK = {
    "name": "network", "kind": "meta_custom_audience", "policy": "bought_it",
    "audience_id": "1",
}  # fmt: skip
EVERY = [table.name for table in PUBLISHED]
NOT_OF_EVENTS = ("identity", "identity_health", "hubs", "activations", "audience_members")
DECIDED = ["suppressions", "regrets", "left_out"]
KNOWN = ["customers", "customer_scores"]
# What was changed → the tables that are made from it.
CHANGES: dict[str, tuple[dict[str, Any], list[str]]] = {
    "another destination": ({"destinations": [{**NETWORK, "batch_size": 9}]}, ["left_out"]),
    "what silence means": ({"consent": {"default": "opt_out"}}, ["left_out"]),
    "another rule": (
        {"suppress": [{**BOUGHT_IT, "lasts": "5d"}, FITTING]},
        ["customer_scores", *DECIDED],
    ),
    "another cap": ({"caps": [{**WEEKLY, "limit": 2}]}, ["customer_scores", "pressure", *DECIDED]),
    "attribution": ({"attribution": {"window": "2d"}}, ["outcomes", *KNOWN]),
    "how touches age": ({"attribution": {"half_life": "2d"}}, ["outcomes", *KNOWN]),
    "who is new": ({"scores": {"new_for": "9d"}}, ["customer_scores"]),
    "who is valued": ({"value": {"valued_from": "9"}}, ["customer_scores"]),
    "the currency": (
        {"business": {"currency": "CHF"}},
        ["outcomes", *KNOWN, "known_shares", "pressure", *DECIDED],
    ),
    "how often": ({"lake": {"publish_every": "9m"}}, []),
    "how large a row": ({"intake": {"max_row_bytes": 999}}, []),
}


def config(folder: Path, changed: Mapping[str, Any] = {}) -> Config:
    usual = {
        "lake": {"location": str(folder / "lake"), "secret": "env:TACTFUL_SECRET"},
        "suppress": [BOUGHT_IT, FITTING], "caps": [WEEKLY], "destinations": [NETWORK],
    }  # fmt: skip
    lake = {**usual["lake"], **changed.get("lake", {})}
    return load(overrides={**usual, **changed, "lake": lake})


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("shop")


@pytest.fixture(scope="module")
def lake(spark: SparkSession, folder: Path) -> Lake:
    """A lake in which nothing has happened, published once."""
    lake = Lake(spark, str(folder / "lake"))
    lake.create(config(folder))
    assert publish(lake, config(folder), as_of=AS_OF) == EVERY
    return lake


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_section_makes_what_reads_it_anew(lake, folder, change):
    changed, stale = CHANGES[change]
    assert set(behind(lake, config(folder, changed), as_of=AS_OF)) == set(stale)
    assert behind(lake, config(folder), as_of=AS_OF) == []


def test_what_is_behind_is_what_is_written_once(lake, folder):
    changed, stale = CHANGES["attribution"]
    assert set(publish(lake, config(folder, changed), as_of=AS_OF)) == set(stale)
    assert publish(lake, config(folder, changed), as_of=AS_OF) == []
    assert set(publish(lake, config(folder), as_of=AS_OF)) == set(stale)


def test_some_tables_alone_leave_all_others_behind(lake, folder):
    """Also the moment that all of them tell of: what follows later has all since then to see."""
    changed, (one, *others) = CHANGES["attribution"]
    told = published_state(folder / "lake")
    later = AS_OF + timedelta(days=1)
    assert publish(lake, config(folder, changed), as_of=later, only=(OUTCOMES,)) == [one]
    now = published_state(folder / "lake")
    assert [now[name] for name in ("as_of", "batch")] == [told[name] for name in ("as_of", "batch")]
    assert now["tables"][one] > told["tables"][one]
    assert set(behind(lake, config(folder, changed), as_of=AS_OF)) == set(others)
    assert set(publish(lake, config(folder), as_of=AS_OF)) == {one}


def test_a_new_row_makes_what_reads_its_table_anew(lake, folder):
    rows: dict[Table, tuple[dict[str, Any], list[str]]] = {
        PRODUCTS: ({"sku": "jeans"}, [*KNOWN, *DECIDED]),
        CONTEXT: ({"region": "FR"}, ["regrets"]),
        RATES: ({"currency": "EUR"}, [*KNOWN, "known_shares"]),
        LABELS: (
            {"identifier_key": "k", "state": "blocked"},
            [name for name in EVERY if name != "manual_links"],
        ),
        PROFILES: ({"event_id": "e", "type": "attribute_set"}, ["manual_links"]),
        TIMELINE_LOG: (
            {"stream": "clicks", "event_id": "e", "type": "page_view", "event_class": "browse",
             "occurred_at": AS_OF, "line_number": 0},
            [n for n in EVERY if n not in NOT_OF_EVENTS],
        ),
        LINKS: ({"link_id": "l"}, ["identity_health", "hubs"]),
        IDENTITY_CHANGES: ({"kind": "merge", "changed_at": AS_OF}, ["identity_health"]),
        PLANS: (
            {"decision_id": "d", "anchor_key": "k"}, ["activations", "audience_members"],
        ),
    }  # fmt: skip
    for table, (row, stale) in rows.items():
        made = pa.Table.from_pylist([row], to_arrow_schema(table.struct()))
        lake.store.append(table, Part(made))
        assert publish(lake, config(folder), as_of=AS_OF) == stale


def test_the_clock_makes_anew_what_tells_of_it(lake, folder):
    later = AS_OF + timedelta(minutes=1)
    assert publish(lake, config(folder), as_of=later) == ["pressure", "left_out"]
    tomorrow = AS_OF + timedelta(days=1)
    clocked = ["identity_health", "customer_scores", "pressure", "left_out"]
    assert publish(lake, config(folder), as_of=tomorrow) == clocked


def test_a_day_is_kept_as_it_was_first_published(lake, folder, spark):
    day = AS_OF + timedelta(days=9)
    label = {"identifier_key": "a", "state": "linked", "person_id": "p_a", "batch_id": 1}
    event = {
        "stream": "clicks", "event_id": "of a", "type": "page_view", "event_class": "browse",
        "occurred_at": AS_OF, "line_number": 0, "anchor_key": "a", "identifier_keys": ["a"],
    }  # fmt: skip
    for table, row in ((LABELS, label), (TIMELINE_LOG, event)):
        made = pa.Table.from_pylist([row], to_arrow_schema(table.struct()))
        lake.store.append(table, Part(made))

    def kept() -> list[tuple]:
        rows = lake.store.read(CUSTOMERS_DAILY).orderBy("day").collect()
        return [(row.day, row.lifecycle, row.value_band, row.customers) for row in rows]

    publish(lake, config(folder), as_of=day)
    told = [(day.date(), "prospect", "unknown", 1)]
    assert kept() == told
    # As a publish that was killed before it noted what it had done, with one customer more.
    lake.store.remove(f"{lake.location}/_published.json")
    more = {**label, "identifier_key": "b", "person_id": "p_b"}
    lake.store.append(LABELS, Part(pa.Table.from_pylist([more], to_arrow_schema(LABELS.struct()))))
    publish(lake, config(folder), as_of=day + timedelta(hours=1))
    assert kept() == told
    publish(lake, config(folder), as_of=day + timedelta(days=1))
    assert kept() == [*told, ((day + timedelta(days=1)).date(), "prospect", "unknown", 1)]


class Asked:
    """A configuration, and a lake's tables, that know what of them was asked for."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.sections: set[str] = set()
        self.tables: set[Table] = set()

    def __getattr__(self, name: str) -> Any:
        if name in Config.model_fields:
            self.sections.add(name)
            return getattr(self.config, name)
        # What is derived asks for the sections that it is derived from.
        return getattr(Config, name).fget(self)


class AskedInputs(Inputs):
    def _read(self, table: Table) -> DataFrame:
        self.config.tables.add(table)
        return super()._read(table)


@pytest.mark.parametrize("one", PUBLICATIONS, ids=[p.table.name for p in PUBLICATIONS])
def test_a_table_declares_just_what_it_reads(lake, folder, one: Publication):
    versions = {table.id: lake.store.version(table) for table in one.reads}
    asked = Asked(config(folder))
    # What was worked out is held as in a publication, so that plans do not grow into each other.
    held = lake.spark.createDataFrame
    inputs = AskedInputs(lake, asked, versions, AS_OF, keep=lambda made: held([], made.schema))
    assert one.rows(inputs) is not None
    assert asked.tables == set(one.reads)
    assert asked.sections == set(one.sections)


def test_every_published_table_says_how_it_is_made():
    assert [p.table for p in PUBLICATIONS] == list(PUBLISHED)
    for one in PUBLICATIONS:
        assert set(one.sections) <= set(Config.model_fields)
        # What a table says of the clock, it is made anew for.
        assert bool(one.clock) == (len(one.table.comparable()) < len(one.table.names))
