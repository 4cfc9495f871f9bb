"""How identifiers make persons, in numbers by hand."""

from __future__ import annotations

from typing import Any

from tactful.jobs.commands.identity_status import health_lines
from tactful.schemas.identity import IDENTITY_HEALTH, LABELS
from tactful.transforms.identity.health import health

LABELLED = (
    ("a", "email", "linked", "p_a"),
    ("b", "email", "linked", "p_a"),
    ("c", "email", "linked", "p_c"),
    ("d", "email", "hub", None),
    ("e", "anonymous_id", "neutral", "p_a"),
    ("f", "anonymous_id", "linked", "p_a"),
    ("g", "phone", "blocked", None),
)


def told(spark: Any) -> dict[str, tuple[int, ...]]:
    names = ("identifier_key", "identifier_type", "state", "person_id")
    rows = [dict(zip(names, row, strict=True)) for row in LABELLED]
    full = [[row.get(name) for name in LABELS.names] for row in rows]
    counted = IDENTITY_HEALTH.conform(health(spark.createDataFrame(full, LABELS.ddl())))
    return {row[0]: tuple(row[1:]) for row in counted.collect()}


def test_what_came_of_the_identifiers_of_each_type(spark) -> None:
    # linked, hub, neutral, blocked; persons, most of one person
    assert told(spark) == {
        "email": (3, 1, 0, 0, 2, 2),
        "anonymous_id": (1, 0, 1, 0, 1, 1),
        "phone": (0, 0, 0, 1, 0, 0),
        "all": (4, 1, 1, 1, 2, 3),
    }


def test_status_names_a_type_of_which_one_person_has_too_many() -> None:
    quiet = {"hub_count": 1, "neutral_count": 2, "blocked_count": 0, "persons_count": 1_200}
    rows = [
        {**quiet, "identifier_type": name, "linked_count": 3_000, "most_of_one_person_count": most}
        for name, most in (("all", 140), ("cookie", 101), ("email", 100))
    ]
    first, second = health_lines(rows)
    assert "1,200, by 3,000 identifiers, at most 140 of one person; 1 hubs" in first
    assert "One person has 101 identifiers of type cookie" in second
