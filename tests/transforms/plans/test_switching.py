"""Switching: a valued customer who never answers is tried on the channel that she answers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from tactful.transforms.plans.barred import BARS
from tactful.transforms.plans.switching import UNANSWERED, switched

NOON = datetime(2026, 6, 3, 12, tzinfo=UTC)
SILENT = {"deliveries": {"email": 8}, "response_rates": {"email": 0.0, "push": 0.0},
          "conversions": {}, "valued": True, "opens_observable": True}  # fmt: skip
PERSONS: dict[str, dict[str, Any]] = {
    "silent": SILENT,
    "likes calls": SILENT,
    "one bar": SILENT,
    "barred": SILENT,
    "nothing to switch to": SILENT,
    "own bar": SILENT,
    "push is read": {**SILENT, "response_rates": {"email": 0.0, "push": 0.1}},
    "read once": {**SILENT, "response_rates": {"email": 0.01}},
    "few": {**SILENT, "deliveries": {"email": 7}},
    "came": {**SILENT, "conversions": {"email": 1}},
    "not valued": {**SILENT, "valued": False},
    "value unknown": {**SILENT, "valued": None},
    "machines": {**SILENT, "opens_observable": False},
    "no profile": {**SILENT, "response_rates": None},
}
# Of each message: person, plan, channel, place, how likely it is answered, what bars it.
COLUMNS = (
    "person_id string, plan_id string, channel string, place int, response_rate double, "
    f"bars {BARS}, was struct<emitted_at:timestamp>"
)


def bar(reason: str) -> list[tuple[str, str, None, list[str]]]:
    return [(reason, reason, None, [])]


def rows() -> list[tuple[Any, ...]]:
    told: list[tuple[Any, ...]] = []
    for person in (*PERSONS, "unknown"):
        own = bar("unsubscribed") if person == "own bar" else []
        told.append((person, "a", "email", None, 0.01, own, None))
        if person == "nothing to switch to":
            continue
        sms = bar("no_address") if person in ("one bar", "barred") else []
        call = bar("no_consent") if person == "barred" else []
        told.append((person, "a", "sms", 0, 0.2, sms, None))
        told.append((person, "a", "call", 1, 0.4 if person == "likes calls" else 0.2, call, None))
    # Two of a plan's own channels, of which one may be read: nobody knows of texts.
    told.append(("silent", "b", "email", None, 0.01, [], None))
    told.append(("silent", "b", "web", None, 0.01, [], None))
    told.append(("silent", "b", "sms", 0, 0.2, [], None))
    # What was handed over on one channel stands, and is said on no other.
    told.append(("silent", "texted", "email", None, 0.01, [], None))
    told.append(("silent", "texted", "sms", 0, 0.2, bar("no_consent"), (NOON,)))
    told.append(("silent", "texted", "call", 1, 0.4, [], None))
    told.append(("silent", "called", "email", None, 0.01, [], None))
    told.append(("silent", "called", "sms", 0, 0.2, [], None))
    told.append(("silent", "mailed", "email", None, 0.01, [], (NOON,)))
    told.append(("silent", "mailed", "sms", 0, 0.2, [], None))
    told.append(("push is read", "c", "push", None, 0.1, [], None))
    told.append(("push is read", "c", "sms", 0, 0.2, [], None))
    return told


def test_who_is_tried_where(spark):
    names = ("response_rates", "deliveries", "conversions", "valued", "opens_observable")
    customers = spark.createDataFrame(
        [(person, *(told[name] for name in names)) for person, told in PERSONS.items()],
        "person_id string, response_rates map<string,double>, deliveries map<string,bigint>, "
        "conversions map<string,bigint>, valued boolean, opens_observable boolean",
    )
    done = [("texted", 0), ("called", 1), ("mailed", None)]
    before = spark.createDataFrame(done, "plan_id string, place int")
    found = switched(spark.createDataFrame(rows(), COLUMNS), customers, before).collect()
    told: dict[tuple[str, str], dict[str, list[str]]] = {}
    for row in found:
        said = told.setdefault((row.person_id, row.plan_id), {})
        said[row.channel] = [one.reason for one in row.bars]
    stays = {"email": []}
    assert told["silent", "a"] == {"email": [UNANSWERED], "sms": []}
    assert told["likes calls", "a"] == {"email": [UNANSWERED], "call": []}
    assert told["one bar", "a"] == {"email": [UNANSWERED], "call": []}
    assert told["own bar", "a"] == {"email": ["unsubscribed", UNANSWERED], "sms": []}
    # Push was never sent: of whom that is a channel of their own nobody knows that they are silent.
    assert told["push is read", "a"] == {"email": [UNANSWERED], "sms": []}
    assert told["push is read", "c"] == {"push": []}
    assert told["silent", "b"] == {"email": [], "web": []}
    assert told["silent", "texted"] == {"email": [UNANSWERED], "sms": ["no_consent"]}
    assert told["silent", "called"] == {"email": [UNANSWERED]}
    assert told["silent", "mailed"] == {"email": []}
    stayed = {person for (person, plan), said in told.items() if plan == "a" and said == stays}
    assert stayed == {
        "barred", "nothing to switch to", "read once", "few", "came", "not valued",
        "value unknown", "machines", "no profile", "unknown",
    }  # fmt: skip
