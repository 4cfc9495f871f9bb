"""Unions of Avro: a field that may be of one type or of another, as the value that it is.

Spark makes a table of each union, with a column a type (`member0`, `member1`), in which nobody
would find the value. Only null beside one type, and whole or fractional numbers of two widths, it
reads as what they are.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from pyspark.sql import Column
from pyspark.sql import functions as F

ONE = ({"int", "long"}, {"float", "double"})
NO_VALUES = ("record", "error", "array", "map")
MOMENT = "yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX"
Types = dict[str, Any]


def fault(schema: str) -> str | None:
    """Which field may be of types that no single value can be made of, or is endless, in words."""
    return next(_faults(json.loads(schema), {}, "", ()), None)


def is_plain(schema: str) -> bool:
    """Whether Spark reads all of it as it is."""
    return not _has_union(json.loads(schema), {})


def read_plain(schema: str, record: Column) -> dict[str, Column]:
    """The fields of a record; what may be of several types as a text, whichever it is.

    record: as Spark reads it. schema: one that `fault` finds nothing in.
    """
    told = json.loads(schema)
    return {name: column for name, column in _fields(told, record, {})}


def _faults(told: Any, types: Types, path: str, within: tuple[str, ...]) -> Iterator[str]:
    for kind in _members(told):
        kind = _resolved(kind, types)
        if not isinstance(kind, Mapping):
            continue
        if kind.get("name") in within:
            yield f"its field {path} holds itself"
            return
        about = (*within, *([kind["name"]] if "name" in kind else []))
        for name, inner in _inside(kind):
            yield from _faults(inner, types, f"{path}.{name}".strip("."), about)
    if _is_told_apart(told, types):
        names = [_name(_resolved(kind, types)) for kind in _members(told)]
        if any(name in NO_VALUES for name in names):
            yield (
                f"its field {path} may be {' or '.join(names)}, of which no value can be made; "
                "write it under one name each"
            )


def _fields(told: Mapping[str, Any], record: Column, types: Types) -> Iterator[tuple[str, Column]]:
    for field in _resolved(told, types)["fields"]:
        value = record.getField(field["name"])
        plain = _plain(field["type"], value, types)
        yield field["name"], value if plain is None else plain


def _plain(told: Any, value: Column, types: Types) -> Column | None:
    """The value without Spark's tables of types; None where it is as it should be."""
    members = [_resolved(kind, types) for kind in _members(told)]
    if _is_told_apart(told, types):
        each = (_text(kind, value.getField(f"member{n}")) for n, kind in enumerate(members))
        return F.coalesce(*each)
    if len(members) != 1 or not isinstance(members[0], Mapping):
        return None
    (kind,) = members
    if _name(kind) in ("record", "error"):
        fields = [*_fields(kind, value, types)]
        if not any(_has_union(field["type"], types) for field in kind["fields"]):
            return None
        whole = F.struct(*(column.alias(name) for name, column in fields))
        return F.when(value.isNotNull(), whole)
    if _name(kind) == "array" and _has_union(kind["items"], types):
        return F.transform(value, lambda one: _plain(kind["items"], one, types))
    if _name(kind) == "map" and _has_union(kind["values"], types):
        return F.transform_values(value, lambda _, one: _plain(kind["values"], one, types))
    return None


def _has_union(told: Any, types: Types) -> bool:
    if _is_told_apart(told, types):
        return True
    kinds = (_resolved(kind, types) for kind in _members(told))
    inner = (pair for kind in kinds if isinstance(kind, Mapping) for pair in _inside(kind))
    return any(_has_union(inside, types) for _, inside in inner)


def _is_told_apart(told: Any, types: Types) -> bool:
    """Whether Spark makes a table of it."""
    names = [_name(_resolved(kind, types)) for kind in _members(told)]
    return len(names) > 1 and {*names} not in ONE


def _members(told: Any) -> list[Any]:
    """The types that a value may be of, without null."""
    each = told if isinstance(told, list) else [told]
    return [kind for kind in each if _name(kind) != "null"]


def _inside(kind: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """What a type is made of, each part with its name."""
    if _name(kind) in ("record", "error"):
        yield from ((field["name"], field["type"]) for field in kind["fields"])
    for name in ("items", "values"):
        if name in kind and _name(kind) in ("array", "map"):
            yield "", kind[name]


def _resolved(kind: Any, types: Types) -> Any:
    """The type itself, where only its name is told; a name is told after its type."""
    if isinstance(kind, Mapping):
        if isinstance(kind.get("type"), Mapping | list):
            return _resolved(kind["type"], types)
        if "name" in kind:
            types[kind["name"].rpartition(".")[2]] = kind
        return kind
    return types.get(str(kind).rpartition(".")[2], kind)


def _name(kind: Any) -> str:
    return str(kind["type"] if isinstance(kind, Mapping) else kind)


def _text(kind: Any, value: Column) -> Column:
    is_moment = isinstance(kind, Mapping) and str(kind.get("logicalType")).startswith("timestamp")
    return F.date_format(value, MOMENT) if is_moment else value.cast("string")
