"""G5: every decision and suppression of a small demo names policy, cause and identity path."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tactful.jobs.demo.command import demo_config, say
from tactful.jobs.demo.world import UNTIL, generate
from tactful.jobs.runs import pipeline
from tactful.jobs.why import answer as why
from tactful.schemas.suppressions import SUPPRESSIONS
from tests.jobs.demo.test_spoken import write_spoken
from tests.oracle.compare import read_tables

# A demo of its own takes minutes.
pytestmark = pytest.mark.faults
SEED, FEW = 23, 40
TABLES = ("suppressions", "activations", "decisions", "identity", "timeline")
Row = Mapping[str, Any]


@pytest.fixture(scope="module", params=["spoken", "households"])
def lake(spark, tmp_path_factory, request) -> Path:
    """The demo run as it is, with what is said a day later: of those to whom something is said
    next, or of some households besides.
    """
    folder = tmp_path_factory.mktemp("demo")
    if request.param == "spoken":
        write_spoken(spark, folder)
    else:
        generate(spark, folder=folder, seed=SEED, households=FEW)
    config = demo_config(folder, seed=SEED)
    pipeline.run(config, as_of=UNTIL)
    say(config)
    return folder


@pytest.fixture(scope="module")
def tables(lake) -> Mapping[str, list[Row]]:
    return read_tables(lake, TABLES)


@pytest.fixture(scope="module")
def explained(lake, tables) -> Mapping[str, Row]:
    """What is explained of everybody of whom anything is withheld or planned."""
    rows = (*tables["suppressions"], *tables["activations"])
    persons = sorted({row["person_id"] for row in rows})
    config = demo_config(lake, seed=SEED)
    moment = {"command": "explain", "at": None, "named": True, "rows": 100_000}
    with why.looking(str(lake), config, **moment) as of:
        return {who: why.explained(of, who, message=None, page=1) for who in persons}


def of_person(rows: list[Row]) -> Mapping[str, list[Row]]:
    found: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        found[row["person_id"]].append(row)
    return found


def test_every_suppression_names_its_policy_and_what_caused_it(tables, explained):
    begun = [row for row in tables["suppressions"] if row["starts_at"] <= UNTIL]
    assert len(begun) > 50 and {row["reason"] for row in begun} >= {"purchased", "capped"}
    key = {name for name in SUPPRESSIONS.key if name != "person_id"}
    for person, rows in of_person(begun).items():
        told = {row["suppression_id"]: row for row in explained[person]["suppressions"]["rows"]}
        assert key == {"suppression_id"} and told.keys() == {r["suppression_id"] for r in rows}
        for row in rows:
            one = told[row["suppression_id"]]
            assert (one["policy"], one["reason"]) == (row["policy"], row["reason"])
            for cause in (one["cause"], *one["counted"]):
                assert cause["occurred_at"] is not None, (one, cause)
            assert (one["lifting_event"] is None) == (row["lifted_by"] is None)
            if one["lifting_event"]:
                assert one["lifting_event"]["occurred_at"] is not None, one
            assert bool(one["would_lift"]) is one["is_active"]


def test_every_decision_names_its_policy_its_cause_and_its_winner(tables, explained):
    assert len(tables["activations"]) > 100
    outcomes = {row["outcome"] for row in tables["activations"]}
    assert outcomes >= {"chosen", "lost", "suppressed", "withdrawn"}
    for person, rows in of_person(tables["activations"]).items():
        told = {row["decision_id"]: row for row in explained[person]["plans"]["rows"]}
        assert told.keys() == {row["activation_id"] for row in rows}
        for row in rows:
            _is_explained(row, told[row["activation_id"]])
    plans = {one["decision_id"]: one for facts in explained.values()
             for one in facts["plans"]["rows"]}  # fmt: skip
    assert tables["decisions"]
    for row in tables["decisions"]:
        one = plans[row["decision_id"]]
        assert one["is_final"] and one["outcome"] == row["outcome"]


def _is_explained(row: Row, one: Row) -> None:
    assert (one["policy"], one["outcome"]) == (row["policy"], row["outcome"])
    assert one["when"], "the policy is one of the configuration"
    assert one["evidence"], one
    for event in (*one["evidence"], *one["stopped_by"]):
        assert event["occurred_at"] is not None, (one, event)
    if row["outcome"] in ("lost", "suppressed", "withdrawn"):
        assert one["why"], one
    if row["outcome"] == "withdrawn":
        assert one["stopped_by"] or row["reason"] not in ("order_placed", "unsubscribed"), one
    if row["lost_to"]:
        assert {winner["decision_id"] for winner in one["winners"]} == set(row["lost_to"])


def test_every_identifier_of_theirs_is_reached_over_events(tables, explained):
    events = {f"{row['stream']}:{row['event_id']}" for row in tables["timeline"]}
    linked = of_person([row for row in tables["identity"] if row["state"] == "linked"])
    walked = 0
    for person, facts in explained.items():
        theirs = {row["identifier_key"] for row in linked.get(person, ())}
        found = {one["identifier_key"]: one for one in facts["identity"]["identifiers"]}
        assert theirs <= found.keys()
        for key in theirs:
            one = found[key]
            assert not one["is_joined_later"], one
            assert one["path"] or key == facts["identity"]["root_key"], one
            assert {name for hop in one["path"] for name in _events(hop)} <= events
            walked += len(one["path"])
    assert walked > 100


def _events(hop: Row) -> Iterator[str]:
    yield hop["event"]
    yield hop["last_event"]
