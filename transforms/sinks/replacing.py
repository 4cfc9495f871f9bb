"""Replacing: how a network is told at once of all that an audience holds."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

from tactful.transforms.sinks.http import Call, Value


@dataclass(frozen=True)
class Replace:
    """What a kind says of it.

    `values` a record's payload, schema → the values in it.
    `part`   a payload, schema, values → the same with these alone; they are some of its own.
    `calls`  payloads (at least one), schema, audience, session, options → the calls, in order,
             behind which the audience holds these and nothing else. What is in force while they
             are made, `meanwhile` says.
    """

    values: Callable[[str, Sequence[str]], list[Value]]
    part: Callable[[str, Sequence[str], Collection[Value]], str]
    calls: Callable[..., Iterator[Call]]
    meanwhile: str


def values_of_row(payload: str, schema: Sequence[str]) -> list[Value]:
    """The values of a list that has one a key of the schema, blank where there is none."""
    row: list[str] = json.loads(payload)
    # The configuration may have named other identifiers then.
    pairs = zip(schema, row, strict=True) if len(row) == len(schema) else ()
    return [Value(key, wire) for key, wire in pairs if wire]


def part_of_row(payload: str, schema: Sequence[str], kept: Collection[Value]) -> str:
    """Such a list with blanks for all but these values."""
    row = zip(schema, json.loads(payload), strict=True)
    told = [wire if Value(key, wire) in kept else "" for key, wire in row]
    return json.dumps(told, ensure_ascii=False, separators=(",", ":"))
