"""Names that the canonical form does not know: each is kept in `properties`, wherever it stood."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from tactful.schemas.bounds import MAX_FIELDS
from tactful.schemas.table import Column
from tactful.transforms.blanks import literal
from tactful.transforms.sources.values import once

NO_ENTRIES = "CAST(array() AS array<struct<key:string,value:string>>)"


def holds_objects(column: Column) -> bool:
    """Whether a field is an object, or a list of objects, with names of its own."""
    return "struct<" in column.type


def inner(column: Column) -> list[str]:
    """The names that the canonical form knows inside a field."""
    return re.findall(r"(\w+):", column.type)


def unknown_outside(known: Iterable[str]) -> str:
    """Fields of the row that the canonical form does not name; null where there are none, as usual.

    A column of its own: inside the next expression it would be worked out again for every use.
    """
    names = ", ".join(map(literal, sorted(known)))
    more = f"size(fields) <= {MAX_FIELDS} AND size(array_except(fields, array({names}))) > 0"
    said = "map_entries(from_json(text, 'map<string,string>'))"
    extra = f"filter({said}, entry -> entry.key NOT IN ({names}))"
    return f"CASE WHEN {more} THEN {extra} END"


def unknown_inside(columns: Iterable[Column]) -> str:
    """What objects inside the row say beyond the canonical form; null where they are as usual.

    The names tell where it stood, as `device.model` or `lines[0].colour`. Whether there are any
    shows in the number of names: only where the row has not just those that were understood, it
    is read once more, with every name.

    A struct of entries (key, value) and has_too_many (more names in an object than the bound).
    """
    columns = [column for column in columns if holds_objects(column)]
    shape = ", ".join(f"`{column.name}` {_as_map(column.type)}" for column in columns)
    every = ", ".join(f"coalesce({_unknown_in(column)}, {NO_ENTRIES})" for column in columns)
    many = " OR ".join(f"coalesce({_has_too_many(column)}, false)" for column in columns)
    found = f"struct(concat({every}) AS entries, {many} AS has_too_many)"
    # As a lambda it is worked out once, and only where it is needed (see `values.rarely`).
    rest = once(f"from_json(text, {literal(shape)})", "deep", found)
    return f"CASE WHEN {_written_names()} != {_understood_names(columns)} THEN {rest} END"


def nothing_unknown(extra: str | None = None) -> tuple[str, str]:
    """The same two columns of a row whose fields were laid out by hand: it has no others.

    extra: what it has all the same, as entries of key and value.
    """
    found = "struct<entries:array<struct<key:string,value:string>>,has_too_many:boolean>"
    entries = "array<struct<key:string,value:string>>"
    told = extra or "NULL"
    return f"CAST({told} AS {entries}) AS _extra", f"CAST(NULL AS {found}) AS _inner"


def properties() -> str:
    """What the canonical form does not name, beside the properties sent as such.

    Expects: _extra and _inner (see above); loose.properties.
    """
    sent, inside = "map_entries(loose.properties)", "_inner.entries"
    every = ", ".join(f"coalesce({some}, {NO_ENTRIES})" for some in (sent, inside, "_extra"))
    is_plain = f"_extra IS NULL AND coalesce(size({inside}), 0) = 0"
    return f"""CASE
        WHEN {is_plain} AND (loose.properties IS NULL OR NOT {_says_twice(sent)})
        THEN loose.properties
        ELSE map_from_entries({_last_of_each(f"concat({every})")})
    END"""


def once_each(said: str) -> str:
    """An object as a map with each of its names once: the last counts, as anywhere in JSON."""
    keys = f"map_keys({said})"
    last = f"map_from_entries({_last_of_each(f'map_entries({said})')})"
    return f"CASE WHEN size({keys}) > size(array_distinct({keys})) THEN {last} ELSE {said} END"


def has_too_many() -> str:
    """Whether any object of the row says more names than the bound."""
    return (
        f"(size(fields) > {MAX_FIELDS} OR coalesce(size(loose.properties) > {MAX_FIELDS}, false) "
        "OR coalesce(_inner.has_too_many, false))"
    )


def _last_of_each(entries: str) -> str:
    """Of entries with one key the last, since that is what counts in a JSON object.

    Sorted, so that many cost little more each than few; Spark would keep both, or fail.
    """
    placed = f"transform({entries}, (entry, at) -> struct(entry.key, at, entry.value))"
    in_order = f"array_sort({placed})"
    beside = f"arrays_zip({in_order}, slice({in_order}, 2, greatest(size({entries}), 1)))"
    last = f"filter({beside}, pair -> NOT pair.`0`.key <=> pair.`1`.key)"
    kept = f"transform({last}, pair -> struct(pair.`0`.key, pair.`0`.value))"
    return f"CASE WHEN {_says_twice(entries)} THEN {kept} ELSE {entries} END"


def _says_twice(entries: str) -> str:
    return f"size({entries}) > size(array_distinct(transform({entries}, entry -> entry.key)))"


def _written_names() -> str:
    """How often a name seems to stand in the row, at any depth."""
    return "(octet_length(text) - octet_length(replace(text, '\":', ''))) DIV 2"


def _understood_names(columns: Sequence[Column]) -> str:
    """How many names it has if they are all known and none is said to be null."""
    parts = ["size(fields)", "coalesce(size(loose.properties), 0)"]
    for column in columns:
        value, names = f"loose.`{column.name}`", inner(column)
        if column.name == "identifiers":
            parts.append(f"coalesce({len(names)} * size({value}), 0)")
        elif column.type.startswith("array"):
            known = " + ".join(f"CAST(entry.{name} IS NOT NULL AS int)" for name in names)
            parts.append(f"coalesce(aggregate({value}, 0, (count, entry) -> count + {known}), 0)")
        else:
            parts += [f"CAST({value}.{name} IS NOT NULL AS int)" for name in names]
    return f"({' + '.join(parts)})"


def _as_map(kind: str) -> str:
    return re.sub(r"struct<[^>]*>", "map<string,string>", kind)


def _has_too_many(column: Column) -> str:
    value = f"deep.`{column.name}`"
    if column.type.startswith("array"):
        return f"exists({value}, entry -> size(entry) > {MAX_FIELDS})"
    return f"size({value}) > {MAX_FIELDS}"


def _unknown_in(column: Column) -> str:
    """What objects of this column hold under names that nobody knows, each by its path."""
    names = ", ".join(f"'{name}'" for name in inner(column))
    value = f"deep.`{column.name}`"

    def named(entry: str, prefix: str) -> str:
        unknown = f"filter(map_entries({entry}), said -> said.key NOT IN ({names}))"
        key = f"concat({prefix}, '.', said.key) AS key"
        return f"transform({unknown}, said -> struct({key}, said.value AS value))"

    if not column.type.startswith("array"):
        return named(value, f"'{column.name}'")
    place = f"'{column.name}[', at, ']'"
    each = f"coalesce({named('entry', place)}, {NO_ENTRIES})"
    return f"flatten(transform({value}, (entry, at) -> {each}))"
