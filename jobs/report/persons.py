"""Who is who in the lake, held against who the demo knows they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from tactful.jobs.report.lake_view import LakeView
from tactful.schemas.events import STREAMS
from tactful.schemas.words import MANUAL_LINK_TYPES

TRUTH_COLUMNS = ["identifier_type", "value", "kind", "household", "sha256"]
SIZES = """
    SELECT identifiers, count(*) AS persons FROM (
        SELECT person_id, count(*) AS identifiers FROM identity
        WHERE state = 'linked' AND person_id IS NOT NULL GROUP BY person_id
    ) AS each_person GROUP BY identifiers ORDER BY identifiers
"""
STATES = """
    SELECT identifier_type, state, count(*) AS identifiers FROM identity
    GROUP BY ALL ORDER BY ALL
"""
# An email is also known by its hash alone; both forms carry the same key.
MATCHED = """
    CREATE OR REPLACE TEMP TABLE planted AS
    SELECT DISTINCT t.identifier_type, t.value, t.kind, t.household,
           i.identifier_key, d.state,
           CASE WHEN d.state = 'linked' THEN d.person_id END AS person_id
    FROM truth AS t
    JOIN identifiers AS i
      ON (i.identifier_type = t.identifier_type AND i.value = t.value)
      OR (i.identifier_type = 'email_sha256' AND i.value = t.sha256)
    JOIN identity AS d USING (identifier_key)
"""
OWNED = "SELECT DISTINCT identifier_key, household, person_id FROM planted WHERE kind = 'owned'"
SINGLES = """
    SELECT any_value(identifier_type) AS identifier_type FROM identity
    WHERE state = 'linked' AND person_id IS NOT NULL GROUP BY person_id HAVING count(*) = 1
"""
BY_TYPE = f"""
    SELECT identifier_type, count(*) AS persons FROM ({SINGLES}) AS singles
    GROUP BY identifier_type ORDER BY persons DESC, identifier_type
"""
EACH_SET = """
    CREATE OR REPLACE TEMP TABLE seen_together AS
    SELECT row_number() OVER () AS set_number, unnest(keys) AS identifier_key FROM ({sets}) AS sets
"""
REACHABLE = """
    SELECT min(identifier_key) OVER (PARTITION BY set_number, household) AS first_key,
           identifier_key
    FROM seen_together JOIN owned USING (identifier_key)
"""
# Of how many households' own identifiers each trap was ever seen beside in an event.
TRAPS = """
    WITH traps AS (
        SELECT DISTINCT identifier_key, identifier_type, kind, state,
               kind = 'mistyped' AND identifier_key IN (SELECT identifier_key FROM owned)
               AS is_anothers
        FROM planted WHERE kind <> 'owned'
    ),
    beside AS (
        SELECT mine.identifier_key, count(DISTINCT owned.household) AS households
        FROM seen_together AS mine
        JOIN seen_together AS other USING (set_number)
        JOIN owned ON owned.identifier_key = other.identifier_key
        WHERE mine.identifier_key IN (SELECT identifier_key FROM traps)
          AND other.identifier_key <> mine.identifier_key
        GROUP BY mine.identifier_key
    )
    SELECT kind, is_anothers, coalesce(households, 0) > 1 AS with_several, identifier_type,
           count(*) AS identifiers,
           count(*) FILTER (WHERE state = 'neutral') AS neutral,
           count(*) FILTER (WHERE state = 'hub') AS hub,
           count(*) FILTER (WHERE state = 'linked') AS linked
    FROM traps LEFT JOIN beside USING (identifier_key)
    GROUP BY ALL ORDER BY ALL
"""


def persons(lake: LakeView, truth: Path | None) -> dict[str, Any]:
    """Persons by size, what joined nobody, and how right the stitching is, where that is known."""
    states, sizes = lake.frame(STATES), lake.frame(SIZES)
    return {
        "sizes": sizes,
        "count": int(sizes.persons.sum()),
        "singles": lake.rows(BY_TYPE),
        "states": _by_state(states),
        "linked": int(states[states.state == "linked"].identifiers.sum()),
        "scores": scores(lake, truth) if truth else None,
    }


def scores(lake: LakeView, truth: Path) -> dict[str, Any] | None:
    """Pairwise precision and recall against the planted truth; None where there is no truth.

    A pair is two identifiers that one household owns alone. Shared, mistyped and junk ones are
    told apart as traps: whom they belong to is not one household's answer.
    """
    planted = read_truth(truth)
    if planted is None:
        return None
    lake.database.register("truth", planted)
    lake.database.execute(MATCHED)
    owned = lake.frame(OWNED).drop_duplicates("identifier_key")
    figures = count_pairs(owned)
    lake.database.register("owned", owned)
    sets = " UNION ".join(
        f"SELECT identifier_keys AS keys FROM {name} WHERE len(identifier_keys) > 1 "
        f"AND type NOT IN {MANUAL_LINK_TYPES}"
        for name in STREAMS
    )
    lake.database.execute(EACH_SET.format(sets=sets))
    figures["reachable"] = _reachable(owned, lake.frame(REACHABLE))
    figures["recall_of_reachable"] = _share(figures["right"], figures["reachable"])
    figures["traps"] = lake.rows(TRAPS)
    figures["households"] = int(owned.household.nunique())
    figures["split"], figures["mixed"] = _split_and_mixed(owned)
    return figures


def read_truth(truth: Path) -> pd.DataFrame | None:
    """Whose each identifier was made to be; None where no truth was written."""
    folder = Path(truth) / "identifiers"
    if not folder.exists():
        return None
    return pd.read_parquet(folder, columns=TRUTH_COLUMNS)


def count_pairs(owned: pd.DataFrame) -> dict[str, Any]:
    """Count pairs of identifiers: of one household, of one person, and of both."""
    true_pairs = _pairs(owned.groupby("household").size())
    linked = owned.dropna(subset=["person_id"])
    joined = _pairs(linked.groupby("person_id").size())
    right = _pairs(linked.groupby(["household", "person_id"]).size())
    return {
        "identifiers": len(owned),
        "true_pairs": true_pairs,
        "joined": joined,
        "right": right,
        "precision": _share(right, joined),
        "recall": _share(right, true_pairs),
    }


def _reachable(owned: pd.DataFrame, together: pd.DataFrame) -> int:
    """Pairs of one household that its own events connect: no rule can find more than these."""
    if owned.empty:
        return 0
    place = {key: at for at, key in enumerate(owned.identifier_key)}
    ends = (together.first_key.map(place), together.identifier_key.map(place))
    graph = coo_matrix((np.ones(len(together)), ends), shape=(len(owned), len(owned)))
    _, component = connected_components(graph, directed=False)
    return _pairs(owned.assign(component=component).groupby(["household", "component"]).size())


def _split_and_mixed(owned: pd.DataFrame) -> tuple[int, int]:
    """Households spread over several persons, and persons that hold several households."""
    linked = owned.dropna(subset=["person_id"])
    split = int((linked.groupby("household").person_id.nunique() > 1).sum())
    mixed = int((linked.groupby("person_id").household.nunique() > 1).sum())
    return split, mixed


def _by_state(states: pd.DataFrame) -> list[dict[str, Any]]:
    """One line an identifier type, with a count for each state."""
    wide = states.pivot_table(
        index="identifier_type", columns="state", values="identifiers", aggfunc="sum"
    )
    wide = wide.reindex(columns=["linked", "neutral", "hub", "blocked"]).fillna(0).astype(int)
    return [{"identifier_type": str(kind), **row} for kind, row in wide.to_dict("index").items()]


def _pairs(sizes: pd.Series) -> int:
    return int((sizes * (sizes - 1) // 2).sum())


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
