"""How identifiers make persons, in numbers by hand."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from tactful.jobs.commands.identity_status import health_lines
from tactful.schemas.identity import IDENTITY_HEALTH, LABELS
from tactful.transforms.identity.health import health
from tactful.transforms.identity.nobodys import of_too_many, over

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
# A cookie that several share is nobody's, and hangs together with those who do.
LABELLED = (
    ("a", "email", "linked", "p_a", "a"),
    ("b", "email", "linked", "p_a", "a"),
    ("c", "email", "linked", "p_c", "a"),
    ("d", "email", "hub", None, "d"),
    ("e", "anonymous_id", "neutral", "p_a", "a"),
    ("f", "anonymous_id", "linked", "p_a", "a"),
    ("g", "phone", "blocked", None, "g"),
)
CHANGED = (
    ("merge", timedelta(hours=1)),
    ("split", timedelta(hours=2)),
    ("merge", timedelta(hours=23)),
    ("merge", timedelta(hours=24)),
)


def told(spark: Any, changed: Sequence[tuple[str, timedelta]]) -> dict[str, tuple[int, ...]]:
    names = ("identifier_key", "identifier_type", "state", "person_id", "component_key")
    rows = [dict(zip(names, row, strict=True)) for row in LABELLED]
    labels = spark.createDataFrame(
        [[row.get(name) for name in LABELS.names] for row in rows], LABELS.ddl()
    )
    changes = spark.createDataFrame(
        [(kind, NOW - ago) for kind, ago in changed], "kind string, changed_at timestamp"
    )
    keys = labels.select("identifier_key")
    counted = IDENTITY_HEALTH.conform(
        health(
            labels, changes, as_of=NOW, over=keys.where("identifier_key = 'e'"),
            of_too_many=keys.where("identifier_key = 'd'"),
        )
    )  # fmt: skip
    return {row[0]: tuple(row[1:]) for row in counted.collect()}


def test_what_came_of_the_identifiers_of_each_type(spark) -> None:
    # linked, hub, neutral, blocked; persons, most of one; most together; merges and splits of a
    # day; hubs of one, neutral of one
    of_types = {
        "email": (3, 1, 0, 0, 2, 2, 3, None, None, 1, 0),
        "anonymous_id": (1, 0, 1, 0, 1, 1, 2, None, None, 0, 1),
        "phone": (0, 0, 0, 1, 0, 0, 0, None, None, 0, 0),
    }
    assert told(spark, CHANGED) == {**of_types, "all": (4, 1, 1, 1, 2, 3, 5, 2, 1, 1, 1)}
    assert told(spark, ()) == {**of_types, "all": (4, 1, 1, 1, 2, 3, 5, 0, 0, 1, 1)}


def test_what_nobody_shares_is_told_apart(spark) -> None:
    """By the end of a window, or by how much hangs together with whom: rows it gives and not."""
    day = timedelta(days=1)
    labelled = (
        ("k", "linked", "p_k", "k", None), ("l", "linked", "p_l", "l", None),
        # Last seen with k eight days ago; with k and l; seen with k again after the first window.
        ("o", "neutral", "p_k", "k", NOW - day), ("t", "neutral", "p_k", "k", NOW - 2 * day),
        # Of one, of two, with nothing else together, and where not too many hang together.
        ("g", "hub", None, "k", None), ("m", "hub", None, "k", None), ("h", "hub", None, "h", None),
        ("s", "hub", None, "l", None),
    )  # fmt: skip
    rows = [
        [{"identifier_key": key, "state": state, "person_id": person, "component_key": part,
          "neutral_from_at": since}.get(name) for name in LABELS.names]
        for key, state, person, part, since in labelled
    ]  # fmt: skip
    sets = (
        ("1", "ko", 12), ("1", "ko", 8), ("2", "kt", 3), ("3", "lt", 2), ("4", "kg", 3),
        ("5", "km", 3), ("6", "lm", 3), ("7", "kh", 3), ("8", "ls", 3),
        # As long before as the window, but in a row that a later one of the set overtook.
        ("2", "kt", 9),
    )  # fmt: skip
    seen = [
        (link_id, [*keys], {"occurred_at": NOW - ago * day}, "seen") for link_id, keys, ago in sets
    ]
    labels = spark.createDataFrame(rows, LABELS.ddl())
    links = spark.createDataFrame(
        seen, "link_id string, identifier_keys array<string>, "
        "last_seen struct<occurred_at:timestamp>, kind string",
    )  # fmt: skip
    keys = {row[0] for row in over(labels, links, windows=[7 * day, 30 * day]).collect()}
    assert keys == {"o"}
    assert over(labels, links, windows=[]).isEmpty()
    keys = {row[0] for row in of_too_many(labels, links, max_identifiers=4).collect()}
    assert keys == {"g"}
    assert of_too_many(labels, links, max_identifiers=5).isEmpty()


def test_status_names_a_type_of_which_one_person_has_too_many() -> None:
    quiet = {"hub_count": 1, "neutral_count": 2, "blocked_count": 0, "persons_count": 1_200}
    rows = [
        {**quiet, "identifier_type": name, "linked_count": 3_000, "most_of_one_person_count": most}
        for name, most in (("all", 140), ("cookie", 101), ("email", 100))
    ]
    first, second = health_lines(rows)
    assert "1,200, by 3,000 identifiers, at most 140 of one person; 1 hubs" in first
    assert "1 hubs, 2 shared devices, 0 blocked" in first
    told = {**rows[0], "hub_count": 21, "hub_of_one_count": 20, "neutral_over_count": 2}
    (apart, *_) = health_lines([told])
    assert "; 1 hubs, 20 cut off from who would have too many (max_identifiers), " in apart
    assert "0 shared devices, 2 not seen with their customer for a window, 0 blocked." in apart
    assert "One person has 101 identifiers of type cookie" in second


def test_status_tells_what_one_crowd_costs_each_batch() -> None:
    row = {
        "identifier_type": "all", "linked_count": 3_000_000, "hub_count": 1, "neutral_count": 2,
        "blocked_count": 0, "persons_count": 900_000, "most_of_one_person_count": 40,
        "merges_1d_count": 1_200, "splits_1d_count": 3, "together_count": 1_000_000,
    }  # fmt: skip
    whole, crowd = health_lines([row])
    assert whole.endswith("In the last day 1,200 persons became another's, 3 came apart.")
    assert "1,000,000 identifiers hang together by what several share" in crowd
    assert "max_links = 1" in crowd
    (quiet,) = health_lines([{**row, "together_count": 99_999}])
    assert quiet == whole
    # A lake that another version published.
    (older,) = health_lines([{k: v for k, v in row.items() if k[-6:] == "_count" and "1d" not in k
                              and k != "together_count"} | {"identifier_type": "all"}])  # fmt: skip
    assert older.endswith("blocked.")
