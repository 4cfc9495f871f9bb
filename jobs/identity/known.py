"""Known: what the log of labels said of numbered identifiers before they were labelled anew."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tactful.jobs.identity.columns import combine_chunks
from tactful.jobs.identity.hex_keys import Halves, HexKeys
from tactful.jobs.identity.labelling import STATE_NAMES, Labelled
from tactful.transforms.identity.arrays import NOBODY, Bools, Ints
from tactful.transforms.identity.components import LINKED

COLUMNS = [
    "identifier_key", "component_key", "person_id", "state", "neutral_from_at", "is_minted",
    "first_seen_at", "last_seen_at", "batch_id",
]  # fmt: skip
SAID = ("component", "person", "since", "state", "minted", "first", "last")


class Known:
    """The newest label of each identifier, by its number; -1 where there is none.

    A blocked identifier links nothing, so it has no number.
    """

    def __init__(self, keys: HexKeys, rows: Iterable[pa.Table]) -> None:
        """rows: pieces of the log of labels, in any order. Columns: COLUMNS."""
        self._keys = keys
        self._batch = np.full(len(keys), NOBODY, dtype=np.int64)
        self._said = {name: self._batch.copy() for name in SAID}
        for piece in rows:
            self._add(piece.filter(pc.not_equal(piece["state"], "blocked")))

    @property
    def minted(self) -> Bools:
        """Which identifiers ever gave a person id."""
        return self._said["minted"] == 1

    @property
    def active_since(self) -> Ints:
        """Since when the living person named after each identifier is seen."""
        since = np.full(len(self._batch), np.iinfo(np.int64).max)
        person, living = self._said["person"], self._said["state"] == LINKED
        np.minimum.at(since, person[living], self._said["first"][living])
        return np.where(since == np.iinfo(np.int64).max, NOBODY, since)

    def differing(self, found: Labelled) -> Ints:
        """The identifiers of which something else is found now, or that had no label."""
        same = self._batch != NOBODY
        for name, now in _said(found).items():
            same &= self._said[name] == now
        return np.flatnonzero(~same)

    def moves(self, found: Labelled) -> pa.Table:
        """Identifiers that are another person's now; columns: see `changes.moves`."""
        person = self._said["person"]
        moved = np.flatnonzero((person != NOBODY) & (person != found.owner))
        return pa.table(
            {
                "identifier_key": self._keys.called(moved),
                "from_person_id": self._person(person[moved]),
                "to_person_id": self._person(found.owner[moved]),
            }
        )

    def _person(self, numbers: Ints) -> pa.Array:
        return pc.binary_join_element_wise("p_", self._keys.called(numbers, numbers == NOBODY), "")

    def _add(self, rows: pa.Table) -> None:
        rows = rows.sort_by("batch_id")
        node, batch = self._numbers(rows["identifier_key"]), rows["batch_id"].to_numpy()
        newer = node != NOBODY
        newer[newer] = batch[newer] >= self._batch[node[newer]]
        # Of several rows of one identifier the last is kept, which is the newest.
        node = node[newer]
        self._batch[node] = batch[newer]
        told = {
            "component": self._numbers(rows["component_key"]),
            "person": self._numbers(pc.utf8_slice_codeunits(rows["person_id"], 2)),
            "since": _micros(rows["neutral_from_at"]),
            "state": _plain(pc.index_in(rows["state"], STATE_NAMES)),
            "minted": _plain(pc.fill_null(rows["is_minted"], False)),
            "first": _micros(rows["first_seen_at"]),
            "last": _micros(rows["last_seen_at"]),
        }
        for name, values in told.items():
            self._said[name][node] = values[newer]

    def _numbers(self, keys: pa.ChunkedArray) -> Ints:
        there = pc.is_valid(keys).to_numpy()
        numbers = np.full(len(keys), NOBODY, dtype=np.int64)
        numbers[there] = self._keys.numbers_of(Halves.of(combine_chunks(pc.drop_null(keys))))
        return numbers


def _said(found: Labelled) -> dict[str, Ints]:
    """What is found of each identifier, under the names of what was said."""
    values = (
        found.component, found.owner, found.neutral_from, found.state, found.minted,
        found.first_at, found.last_at,
    )  # fmt: skip
    return dict(zip(SAID, values, strict=True))


def _micros(moments: pa.ChunkedArray) -> Ints:
    return _plain(moments.cast(pa.timestamp("us", "UTC")).cast(pa.int64()))


def _plain(values: pa.ChunkedArray) -> Ints:
    return pc.fill_null(values.cast(pa.int64()), NOBODY).to_numpy()
