"""The parts of conditions: which columns they may ask, what these are, and what constants are."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from typing import Any

from tactful.schemas.customers import CUSTOMER_SCORES, CUSTOMERS
from tactful.transforms.blanks import literal
from tactful.transforms.sources.expressions import NotAnExpression
from tactful.transforms.triggers.trigger import EVENT

NUMBER, TEXT, FLAG, MOMENT, DAY, LIST = (
    "a number",
    "a text",
    "true or false",
    "a moment",
    "a day",
    "a list",
)
CUSTOMER = "customer"
KINDS = {"string": TEXT, "boolean": FLAG, "timestamp": MOMENT, "date": DAY}


@dataclass(frozen=True)
class Value:
    """A part of a condition: its SQL, what it is, of a quoted text that text, and of a constant
    what it is worth.
    """

    sql: str
    kind: str
    quoted: str | None = None
    constant: Any = None


def moment_of(value: Value, kind: str) -> str:
    """A moment or a day, or a quoted text that is one, as a moment; a day is its beginning, UTC."""
    if value.kind in (MOMENT, DAY):
        return value.sql if value.kind == kind else f"CAST({value.sql} AS timestamp)"
    if value.quoted is None:
        raise NotAnExpression(f"compares {kind} with {value.kind}")
    try:
        if kind == DAY:
            return f"DATE'{date.fromisoformat(value.quoted)}'"
        told = datetime.fromisoformat(value.quoted)
        whole = (told if told.tzinfo else told.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise NotAnExpression(f"has {value.quoted!r}, which is not {kind}") from None
    return f"TIMESTAMP'{whole.isoformat(sep=' ')}'"


def constant_of(value: Value, beside: Value) -> Any:
    """What a value is worth, compared with another; None where that depends on the row, or on how
    one is made of another kind.
    """
    if value.quoted is not None and beside.kind == DAY:
        return date.fromisoformat(value.quoted)
    if value.quoted is not None and beside.kind == MOMENT:
        told = datetime.fromisoformat(value.quoted)
        return told if told.tzinfo else told.replace(tzinfo=UTC)
    return value.constant if value.kind == beside.kind else None


def inside(sql: str, kind: str, part: str, name: str) -> tuple[str, str]:
    """What a map holds under a name, or a field of a struct."""
    if kind.startswith("map<"):
        return f"try_element_at({sql}, {literal(part)})", kind[len("map<string,") : -1]
    fields = fields_of(kind)
    if part in fields:
        return f"{sql}.`{part}`", fields[part]
    raise NotAnExpression(f"asks {name} for {part}; it holds {', '.join(fields) or 'nothing'}")


def fields_of(kind: str) -> dict[str, str]:
    """The fields of a struct with their types; none of anything else."""
    if not kind.startswith("struct<"):
        return {}
    parts = re.split(r",(?![^<(]*[>)])", kind[len("struct<") : -1])
    return dict(part.split(":", 1) for part in parts)


def as_value(sql: str, kind: str, name: str) -> Value:
    """A column as what can be compared; of an attribute its value is meant."""
    fields = fields_of(kind)
    if "value" in fields:
        sql, kind, fields = f"{sql}.value", fields["value"], {}
    if fields:
        raise NotAnExpression(f"lacks which of {', '.join(fields)} of {name} is meant")
    if kind.startswith("map<"):
        raise NotAnExpression(f"lacks of which entry of {name}, such as {name}['email']")
    told = KINDS.get(kind, LIST if kind.startswith("array<") else NUMBER)
    return Value(sql, told)


def is_outside(sql: str, values: Sequence[Any]) -> bool:
    """Whether a column that takes words of a closed list alone has none of these."""
    allowed = closed_lists().get(sql)
    return allowed is not None and not any(value in allowed for value in values)


@cache
def closed_lists() -> Mapping[str, tuple[str, ...]]:
    """The words that columns of customers take alone, by the columns' SQL."""
    both = (*CUSTOMERS.columns, *CUSTOMER_SCORES.columns)
    return {
        f"{CUSTOMER}.`{column.name}`": tuple(column.allowed)
        for column in both
        if column.allowed and column.type == "string"
    }


@cache
def customer_columns() -> Mapping[str, str]:
    """The columns of `customers` and `customer_scores` that conditions may ask, and their types."""
    apart = ("person_id", "as_of")
    both = (*CUSTOMERS.columns, *CUSTOMER_SCORES.columns)
    return {column.name: column.type for column in both if column.name not in apart}


@cache
def event_columns() -> Mapping[str, str]:
    """The columns of the causing event that conditions may ask, and their types."""
    return fields_of(EVENT)
