"""By whose law somebody is asked for consent, and what their silence means there."""

from __future__ import annotations

import pytest

from tactful.transforms.jurisdictions import Silence, jurisdictions
from tactful.transforms.membership import left_out, may_be_uploaded, with_jurisdiction
from tests.timelines import DAY, event, timeline

YES, NO = "consent_granted", "consent_withdrawn"


def seen(who, day, country):
    return event(who, "page_view", day * DAY, event_class="browse", country=country)


def said(who, day, law, type_=YES):
    return event(who, type_, day * DAY, event_class="consent", jurisdiction=law, channel="email")


ROWS = [
    seen("p_german", 1, "US"), seen("p_german", 2, " de "), seen("p_german", 3, "Atlantis"),
    seen("p_told", 1, "US-CA"), said("p_told", 2, "FR", NO), seen("p_told", 3, "DE"),
    said("p_told", 1, "GB"),
    seen("p_part", 1, "us-ca"),
    seen("p_strange", 1, "DE"), said("p_strange", 2, "GDPR"),
    seen("p_blank", 1, "US"), said("p_blank", 2, " "), said("p_blank", 3, None),
    seen("p_nowhere", 1, None), seen("p_nowhere", 2, "EU"), seen("p_nowhere", 2, "USA"),
    seen("n_tablet", 1, "DE"),
]  # fmt: skip
LIVES_IN = {"p_german": "DE", "p_told": "FR", "p_part": "US", "p_blank": "US"}
EVERYBODY = {*LIVES_IN, "p_strange", "p_nowhere"}


@pytest.fixture(scope="module")
def rows(spark):
    return timeline(spark, ROWS)


def test_the_newest_consent_says_under_which_law_it_is_else_the_newest_place(rows):
    assert {r.person_id: r.jurisdiction for r in jurisdictions(rows).collect()} == LIVES_IN


@pytest.mark.parametrize(
    ("silence", "allowed"),
    [
        (Silence(opt_in=True), set()),
        (Silence(opt_in=False), EVERYBODY),
        (Silence(opt_in=True, of={"US": False}), {"p_part", "p_blank"}),
        (Silence(opt_in=False, of={"DE": True}), {"p_told", "p_part", "p_blank"}),
        (Silence(opt_in=False, of={"DE": False}), EVERYBODY),
    ],
)
def test_of_who_is_nowhere_silence_is_what_the_strictest_law_says(spark, rows, silence, allowed):
    asked = spark.createDataFrame([], "person_id string, answer string")
    answers = with_jurisdiction(asked, rows, silence=silence)
    everybody = spark.createDataFrame([(who,) for who in EVERYBODY], "person_id string")
    members = may_be_uploaded(everybody, answers, silence=silence)
    assert {(r.person_id, r.answer) for r in members.collect()} == {(who, None) for who in allowed}
    wanted = everybody.selectExpr("'meta' AS destination", "person_id")
    (row,) = left_out(wanted, answers, silence=silence).collect()
    assert (row.wanted_persons, row.not_asked_persons) == (6, 6 - len(allowed))
    assert {who for who in EVERYBODY if not silence.is_no_in(LIVES_IN.get(who))} == allowed


def test_an_answer_is_worth_more_than_any_law(spark, rows):
    silence = Silence(opt_in=True, of={"US": False})
    told = [("p_part", "withdrawn"), ("p_german", "granted")]
    asked = spark.createDataFrame(told, "person_id string, answer string")
    answers = with_jurisdiction(asked, rows, silence=silence)
    everybody = spark.createDataFrame([(who,) for who in EVERYBODY], "person_id string")
    members = may_be_uploaded(everybody, answers, silence=silence)
    assert {(r.person_id, r.answer) for r in members.collect()} == {
        ("p_german", "granted"), ("p_blank", None),
    }  # fmt: skip
