"""Hex keys: very many identifier keys as sixteen bytes each, sorted once and found by halves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from tactful.jobs.errors import LakeDamaged
from tactful.jobs.identity.columns import combine_chunks
from tactful.transforms.identity.arrays import Bools, Ints

DIGITS = 32
WHOLE = np.dtype(">u8")


@dataclass(frozen=True)
class Halves:
    """Keys in the order in which they came: the first eight bytes of each, and the last eight."""

    high: np.ndarray
    low: np.ndarray

    @classmethod
    def of(cls, keys: pa.Array | pa.ChunkedArray) -> Halves:
        """Raises: LakeDamaged, where one is not of 32 hex digits, as every key is made."""
        text = combine_chunks(keys).cast(pa.string())
        if not len(text):
            return cls(np.zeros(0, np.uint64), np.zeros(0, np.uint64))
        _, places, letters = text.buffers()
        begins = np.frombuffer(places, np.int32)[text.offset : text.offset + len(text) + 1]
        if text.null_count or (np.diff(begins) != DIGITS).any():
            raise _no_key()
        digits = memoryview(letters)[begins[0] : begins[-1]].tobytes()
        try:
            whole = bytes.fromhex(digits.decode("ascii"))
        except ValueError as error:
            raise _no_key() from error
        if whole.hex().encode() != digits:
            raise _no_key()
        halves = np.frombuffer(whole, WHOLE).reshape(-1, 2)
        return cls(halves[:, 0].astype(np.uint64), halves[:, 1].astype(np.uint64))

    @classmethod
    def joined(cls, parts: list[Halves]) -> Halves:
        none = [np.zeros(0, np.uint64)]
        high = np.concatenate([p.high for p in parts] or none)
        return cls(high, np.concatenate([p.low for p in parts] or none))


@dataclass(frozen=True)
class HexKeys:
    """Every key once, in order: a key's number is its place."""

    high: np.ndarray
    low: np.ndarray

    def __len__(self) -> int:
        return len(self.high)

    def numbers_of(self, keys: Halves) -> Ints:
        """The number of each of these keys; -1 where it is none of ours."""
        place = np.searchsorted(self.high, keys.high)
        end = len(self)
        for _ in range(self._most_alike()):
            inside = place < end
            at = np.where(inside, place, 0)
            behind = inside & (self.high[at] == keys.high) & (self.low[at] < keys.low)
            place = place + behind
        at = np.minimum(place, max(end - 1, 0))
        if not end:
            return np.full(len(keys.high), -1, dtype=np.int64)
        is_ours = (place < end) & (self.high[at] == keys.high) & (self.low[at] == keys.low)
        return np.where(is_ours, place, -1)

    def called(self, numbers: Ints, missing: Bools | None = None) -> pa.Array:
        """The keys of these numbers as text; none where `missing` says so."""
        if missing is not None:
            numbers = np.where(missing, 0, numbers)
        count = len(numbers)
        whole = np.empty((count, 2), dtype=WHOLE)
        whole[:, 0], whole[:, 1] = self.high[numbers], self.low[numbers]
        letters = whole.tobytes().hex().encode()
        places = np.arange(count + 1, dtype=np.int32) * DIGITS
        valid = None if missing is None else pa.array(~missing).buffers()[1]
        return pa.StringArray.from_buffers(
            count, pa.py_buffer(places), pa.py_buffer(letters), valid
        )

    def _most_alike(self) -> int:
        """How many keys share their first half with another at most, less one: as good as never."""
        return int((self.high[1:] == self.high[:-1]).sum())


def numbered_keys(keys: Halves) -> tuple[HexKeys, Ints]:
    """Every key once, and the number of each that came."""
    order = np.argsort(keys.high)
    high, low = keys.high[order], keys.low[order]
    alike = high[1:] == high[:-1]
    if (alike & (low[1:] != low[:-1])).any():
        # Two keys of one first half: so rare that sorting by both halves is left for then.
        order = np.lexsort((keys.low, keys.high))
        high, low = keys.high[order], keys.low[order]
        alike = (high[1:] == high[:-1]) & (low[1:] == low[:-1])
    first = np.concatenate(([True], ~alike))[: len(high)]
    number = np.empty(len(high), dtype=np.int64)
    number[order] = np.cumsum(first) - 1
    return HexKeys(high[first], low[first]), number


def _no_key() -> LakeDamaged:
    return LakeDamaged(
        "The log of links holds a key that is not of 32 hex digits, as all are made; rebuild it "
        "with: tactful replay --from received."
    )
