"""What is beyond the bounds at the door (`schemas/bounds.py`), each with its reason."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from tactful.schemas.bounds import (
    MAX_ENTRIES,
    MAX_MONEY,
    MAX_NAME_BYTES,
    max_bytes,
)
from tactful.schemas.events import MONEY
from tactful.schemas.table import Column
from tactful.transforms.sources import names
from tactful.transforms.sources.values import NUMBERS, codes, is_no_text, is_number

# A row that is no longer than a name may be holds no longer one, and need not be searched.
IS_LONG = f"octet_length(text) > {MAX_NAME_BYTES}"


def reasons(fields: Mapping[str, Column]) -> Iterator[tuple[str, str]]:
    """Conditions with the reason each gives.

    Expects `loose`, the typed `_field` of each field, `_inner`, `fields` and `text`.
    """
    yield names.has_too_many(), "too_many_fields"
    for name, column in fields.items():
        if name in MAX_ENTRIES:
            yield f"size(loose.{name}) > {MAX_ENTRIES[name]}", f"too_many:{name}"
        long = _too_long(column)
        if long:
            yield f"CASE WHEN {IS_LONG} THEN {long} END", f"too_long:{name}"
    yield from _beyond(fields)


def _beyond(fields: Mapping[str, Column]) -> Iterator[tuple[str, str]]:
    """What a row says that is out of bounds, as (condition, reason)."""
    for name, column in fields.items():
        if column.type == MONEY:
            large = f"loose.{name} IS NOT NULL AND _{name} IS NULL AND {is_number(f'loose.{name}')}"
            yield large, f"out_of_bounds:{name}"
    if "currency" in fields:
        is_text = f"NOT {is_no_text('loose.currency')}"
        yield f"NOT _currency IN ({codes()}) AND {is_text}", "unknown_currency"
    if "lines" in fields:
        beyond = f"({_cost_too_much()} OR {of_lines(is_number)})"
        yield beyond, "out_of_bounds:lines"


def of_lines(is_fault: Callable[[str], str]) -> str:
    """Whether a number of a line was not understood, and a condition holds of what was told.

    Spark names the halves of a pair after the fields they come from.
    """
    pairs = "arrays_zip(loose.lines, _lines)"
    lost = [f"(pair.lines.{x} IS NOT NULL AND pair._lines.{x} IS NULL)" for x in NUMBERS]
    wrong = [is_fault(f"pair.lines.{x}") for x in NUMBERS]
    faults = [f"({a} AND {b})" for a, b in zip(lost, wrong, strict=True)]
    # Nearly no row is looked at twice.
    return (
        f"CASE WHEN exists({pairs}, pair -> coalesce({' OR '.join(lost)}, false)) "
        f"THEN exists({pairs}, pair -> coalesce({' OR '.join(faults)}, false)) ELSE false END"
    )


def _cost_too_much() -> str:
    """Whether a line's quantity, price and discount make an amount beyond the bound."""
    costs = "abs(line.quantity * line.unit_price - coalesce(line.discount, 0))"
    return f"exists(_lines, line -> coalesce({costs} >= {MAX_MONEY}, false))"


def _too_long(column: Column) -> str:
    value, name = f"loose.`{column.name}`", column.name
    if column.type == "string":
        return _is_longer(value, name)
    if column.type == "array<string>":
        return f"exists({value}, entry -> {_is_longer('entry', name)})"
    if not names.holds_objects(column):
        return ""
    inside = [part for part in names.inner(column) if part not in NUMBERS]
    many = column.type.startswith("array")
    holder = "entry" if many else value
    long = " OR ".join(_is_longer(f"{holder}.`{part}`", name) for part in inside)
    return f"exists({value}, entry -> {long})" if many else f"({long})"


def _is_longer(value: str, name: str) -> str:
    return f"coalesce(octet_length({value}) > {max_bytes(name)}, false)"
