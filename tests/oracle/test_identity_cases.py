"""The oracle on the identity cases that products document."""

from __future__ import annotations

import pytest

from tests.oracle import compute
from tests.oracle.cases import AS_OF, SECRET, Case, clusters, hubs, load_cases, named

CASES = {case.id: case for case in load_cases()}


def answer(case: Case, folder):
    return compute(case.land(folder), case.config, SECRET, AS_OF)


@pytest.mark.parametrize("name", named())
def test_who_is_one_person(name, tmp_path):
    case = CASES[name]
    found = answer(case, tmp_path)
    identity = found.tables["identity"]
    assert clusters(identity, found.names) == case.clusters
    assert hubs(identity, found.names) == case.hubs


def test_repeated_deliveries_change_nothing(tmp_path):
    found = answer(CASES["CC11"], tmp_path)
    parts = {"accepted": 3, "duplicate": 6, "quarantined": 0, "id_reused": 0}
    assert found.counts == {"read": 9, **parts}


def test_a_shared_phone_becomes_nobodys(tmp_path):
    case = CASES["SN01"]
    found = answer(case, tmp_path)
    rows = {found.names[row["identifier_key"]]: row for row in found.tables["identity"]}
    phone = rows["apple_idfv:6d92"]
    told = {
        "alice": rows["user_id:alice"]["person_id"],
        "bob": rows["user_id:bob"]["person_id"],
        "anonymous(6d92)": f"n_{phone['identifier_key']}",
    }
    assert len(set(told.values())) == 3
    for (_, event_id), person_id in found.owners.items():
        expected = case.event_to_person[event_id.split("-")[0]]
        assert person_id == told[expected.split(" ")[0]]
    assert phone["state"] == "neutral"
    assert phone["person_id"] == told["alice"]


def test_a_stable_id_is_that_of_the_earliest_identifier(tmp_path):
    found = answer(CASES["ST01"], tmp_path)
    keys = {name: key for key, name in found.names.items()}
    assert {row["person_id"] for row in found.tables["identity"]} == {f"p_{keys['anon:a']}"}
