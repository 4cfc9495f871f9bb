"""Registries: each rule, destination and dialect is one module that says everything of itself."""

from __future__ import annotations

import dataclasses
import inspect
import re
from datetime import timedelta
from pathlib import Path
from types import ModuleType

import pytest

from tactful.jobs.settings.config import LATER_VALUES
from tactful.schemas.events import CLASSES, STREAMS
from tactful.transforms import checks, rules, sinks, sources, triggers
from tactful.transforms.about import topic_word
from tactful.transforms.checks import CHECKS
from tactful.transforms.options import options_of
from tactful.transforms.rules import RULES
from tactful.transforms.rules.declared_preference import DeclaredPreference
from tactful.transforms.rules.fatigued import Fatigued
from tactful.transforms.rules.purchased import Purchased
from tactful.transforms.rules.unfulfilled import Unfulfilled
from tactful.transforms.sinks import SINKS
from tactful.transforms.sources import DIALECTS
from tactful.transforms.triggers import TRIGGERS, Policy
from tests import worlds
from tests.oracle.config import duration
from tests.oracle.engine import RULES as ORACLE_RULES
from tests.oracle.engine import query
from tests.oracle.inputs import CHECKS as ORACLE_CHECKS
from tests.oracle.triggers import SILENT
from tests.oracle.triggers import TRIGGERS as ORACLE_TRIGGERS
from tests.properties.test_convergence import DESTINATIONS

HELPERS = {
    "rule", "bought", "refusals", "suppressions", "sink", "http", "us_states", "dialect", "trigger",
    "proposing", "check", "replacing",
}  # fmt: skip
# What checks rows whatever their dialect, and what reads reference tables.
OF_SOURCES = {
    "bounds", "cutting", "expressions", "names", "objects", "one_event_by", "partitions",
    "privacy_strings", "reference", "replies", "segment_fields", "segment_orders", "segment_words",
    "shopify_profiles", "shopify_shapes", "signals", "values", "words",
}  # fmt: skip


def modules(folder: ModuleType) -> set[str]:
    home = Path(str(folder.__file__)).parent
    return {path.stem for path in home.glob("*.py")} - {"__init__"} - HELPERS - OF_SOURCES


def test_each_module_has_its_line():
    both = (
        (RULES, rules), (CHECKS, checks), (TRIGGERS, triggers), (SINKS, sinks), (DIALECTS, sources),
    )  # fmt: skip
    for registry, folder in both:
        assert set(registry) == modules(folder), f"a line is missing in {folder.__file__}"


def test_each_rule_has_its_sql_in_the_oracle():
    assert set(ORACLE_RULES) == set(RULES)
    for when, rule in RULES.items():
        assert ("AS is_no_to_ads" in query(f"rules/{when}")) == rule.is_no_to_ads, when


def test_the_oracle_asks_for_options_that_a_rule_has():
    """A misspelt one would be null there, and the rule nowhere held to it."""
    for folder, registry in (("rules", RULES), ("triggers", TRIGGERS), ("checks", CHECKS)):
        for when, one in registry.items():
            asked = set(
                re.findall(r"options,? (?:->> )?'(?:\$[.])?(\w+)", query(f"{folder}/{when}"))
            )
            assert asked <= set(options_of(one.options)), f"tests/oracle/sql/{folder}/{when}.sql"


def test_each_check_has_its_sql_in_the_oracle_and_random_worlds_ask_it():
    assert set(ORACLE_CHECKS) == set(CHECKS)
    config = worlds.make(1).config
    asked = {entry["when"] for entry in config["suppress"] if not entry.get("policies")}
    assert asked >= set(CHECKS), "give `checks` (tests/worlds_context.py) an entry of the check"
    assert all(check.says(check.options()) for check in CHECKS.values())


def test_each_trigger_has_its_sql_in_the_oracle():
    assert set(ORACLE_TRIGGERS) == set(SILENT) == set(TRIGGERS)
    for when, trigger in TRIGGERS.items():
        after, expires, cancel_on = SILENT[when]
        silent = trigger.after, trigger.expires, [*trigger.cancel_on]
        assert silent == (_span(after), _span(expires), cancel_on), when


def _span(text: str | None) -> timedelta | None:
    return duration(text) if text else None


def test_what_is_there_is_not_called_unsupported():
    later = {"when": {**RULES, **TRIGGERS}, "kind": SINKS, "dialect": DIALECTS}
    for key, registry in later.items():
        both = set(LATER_VALUES[key]) & set(registry)
        assert not both, f"take {both} out of LATER_VALUES in jobs/settings/config.py"


@pytest.mark.parametrize("seed", [1, 2])
def test_random_worlds_hold_each_rule_to_what_it_reads(seed):
    """A batch reads no more of the past than the rules of its destinations, or of ads, ask for."""
    config = worlds.make(seed).config
    configured = {rule["name"]: rule["when"] for rule in config["suppress"]}
    caps = {cap["name"]: cap.get("calendar", "rolling") for cap in config["caps"]}
    told = {entry["policy"] for entry in DESTINATIONS}
    assert {caps[policy] for policy in told & caps.keys()} >= {"rolling", "day", "month"}
    held = {configured.get(policy, policy) for policy in told - caps.keys()}
    held |= {when for when, rule in RULES.items() if rule.is_no_to_ads}
    assert held == set(RULES), (
        "give world_config (tests/worlds_rows.py) an entry of the rule, and DESTINATIONS "
        "(tests/properties/test_convergence.py) its name"
    )


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_a_rule_says_everything_of_itself(rule):
    assert rule.doc.endswith(".") and rule.stream in STREAMS
    samples = {timedelta: timedelta(days=1), int: 1, float: 0.5, bool: True, str: "x", tuple: ()}
    declared = options_of(rule.options).values()
    given = {o.name: o.allowed[0] if o.allowed else samples[o.kind] for o in declared}
    for chosen in (
        rule.options(**given),
        rule.options(**{o.name: given[o.name] for o in declared if o.is_required}),
    ):
        assert set(rule.reads(chosen, slowest=lambda: None)) <= set(CLASSES)
        assert rule.says(chosen) and 0 <= rule.share(chosen) <= 1
        assert set(rule.references(chosen)) <= {"products", "campaigns"}


@pytest.mark.parametrize("trigger", TRIGGERS.values(), ids=TRIGGERS)
def test_a_trigger_says_everything_of_itself(trigger):
    assert (trigger.doc.endswith(".") and trigger.counts_from and trigger.topic is None) or (
        trigger.topic == topic_word(trigger.topic)
    )
    every = {type_ for types in CLASSES.values() for type_ in types}
    assert {*trigger.cancel_on} <= {*trigger.cancels} <= every
    chosen = trigger.options()
    day = timedelta(days=1)
    for expires in (day, None):
        policy = Policy("x", trigger.when, (day,), expires, (), None, chosen)
        assert set(trigger.reads(policy, slowest=lambda: None)) <= set(CLASSES)
    assert set(trigger.streams(chosen)) <= set(STREAMS)
    assert set(trigger.references(chosen)) <= {"products", "campaigns"}


@pytest.mark.parametrize("sink", SINKS.values(), ids=SINKS)
def test_a_destination_says_everything_of_itself(sink):
    assert sink.doc.endswith(".") and set(sink.offered) <= set(sink.identifier_types)
    taken = inspect.signature(sink.body).parameters
    assert set(options_of(sink.options)) <= set(taken)
    assert bool(sink.apart) == (len(sink.together) > 1)


def test_every_option_is_described():
    every = (*RULES.values(), *TRIGGERS.values(), *SINKS.values())
    declared = [one.options for one in every]
    for kind in declared:
        assert dataclasses.is_dataclass(kind) and kind.__dataclass_params__.frozen
        assert all(o.doc.endswith(".") and o.values for o in options_of(kind).values())


def test_what_is_hardly_meant_is_told():
    day = timedelta(days=1)
    told = {
        "purchased": (Purchased(match="all", lasts_share=0.5), Purchased(match="all", lasts=day)),
        "fatigued": (
            Fatigued(limit=1, window=day, rest=day), Fatigued(bad_limit=1, window=day, rest=day)
        ),
        "unfulfilled": (Unfulfilled(late_after=30 * day), Unfulfilled(late_after=day)),
        "declared_preference": (
            DeclaredPreference(attributes=("fuel", " ")), DeclaredPreference(attributes=("fuel",))
        ),
    }  # fmt: skip
    for when, (odd, plain) in told.items():
        assert len([*RULES[when].oddities(odd)]) == 1, when
        assert not [*RULES[when].oddities(plain)], when
