"""Possible: whether a condition can be true at all, as far as its comparisons with constants show.

Only what is certain is said, whatever a row holds: numbers may be compared exactly or as doubles.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import combinations
from typing import Any

# A comparison of some value with constants: its sign, and these (of `in` a tuple).
Compared = tuple[str, Any]
IN, NULL, KNOWN = "in", "null", "known"
FLIPPED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "=", "!=": "!=", "<>": "<>"}


@dataclass(frozen=True)
class Implied:
    """What must hold where a part of a condition is true.

    of: by a value's SQL, how it is compared. is_never: whether it can never be true.
    """

    of: Mapping[str, tuple[Compared, ...]] = field(default_factory=dict)
    is_never: bool = False


NOTHING, NEVER = Implied(), Implied(is_never=True)


def compared(sql: str, sign: str, constant: Any) -> Implied:
    """A value beside a constant."""
    if sign == "=":
        return Implied({sql: ((IN, (constant,)),)})
    return Implied({sql: (("!=" if sign == "<>" else sign, constant),)})


def among(sql: str, constants: Iterable[Any]) -> Implied:
    return Implied({sql: ((IN, tuple(constants)),)})


def null(sql: str, *, is_null: bool) -> Implied:
    return Implied({sql: ((NULL if is_null else KNOWN, None),)})


def constants(one: Any, sign: str, other: Any) -> Implied:
    """Two constants of one kind beside each other."""
    clashes = _clash((IN, (one,)), ("!=" if sign == "<>" else sign, other))
    if sign == "=":
        clashes = _differ(one, other)
    return NEVER if clashes else NOTHING


def all_of(parts: Iterable[Implied]) -> Implied:
    """What holds where all of them are true."""
    of: dict[str, tuple[Compared, ...]] = {}
    is_never = False
    for part in parts:
        is_never = is_never or part.is_never
        for sql, those in part.of.items():
            of[sql] = (*of.get(sql, ()), *those)
    return Implied(of, is_never or any(map(_never, of.values())))


def any_of(parts: Iterable[Implied]) -> Implied:
    """What holds where one of them is true."""
    told = [*parts]
    if len(told) == 1:
        return told[0]
    return NEVER if all(part.is_never for part in told) else NOTHING


def _never(told: tuple[Compared, ...]) -> bool:
    """Whether no value at all compares so."""
    if any(_clash(one, other) for one, other in combinations(told, 2)):
        return True
    listed = [values for sign, values in told if sign == IN]
    return any(
        all(any(_clash((IN, (v,)), other) for other in told) for v in values) for values in listed
    )


def _clash(one: Compared, other: Compared) -> bool:
    """Whether nothing can compare both ways."""
    (sign, value), (beside, another) = one, other
    if NULL in (sign, beside):
        return sign != beside
    if KNOWN in (sign, beside):
        return False
    if beside == IN and sign != IN:
        return _clash(other, one)
    if sign == IN:
        return all(_excludes(v, beside, another) for v in value)
    if sign[0] == "<" and beside[0] == ">":
        return _is_crossed(another, value, is_open=len(sign) == 1 or len(beside) == 1)
    if sign[0] == ">" and beside[0] == "<":
        return _is_crossed(value, another, is_open=len(sign) == 1 or len(beside) == 1)
    return False


def _excludes(value: Any, sign: str, constant: Any) -> bool:
    """Whether a value that is this one does not compare so."""
    if sign == IN:
        return all(_differ(value, each) for each in constant)
    if sign == "!=":
        return value == constant
    is_open = len(sign) == 1
    if sign[0] == "<":
        return _is_crossed(value, constant, is_open=is_open)
    return _is_crossed(constant, value, is_open=is_open)


def _is_crossed(low: Any, high: Any, *, is_open: bool) -> bool:
    """Whether nothing lies from the one to the other."""
    return low >= high if is_open else _is_less(high, low)


def _differ(one: Any, other: Any) -> bool:
    return _is_less(one, other) or _is_less(other, one)


def _is_less(one: Any, other: Any) -> bool:
    """Whether it is the smaller one however numbers are compared."""
    is_number = isinstance(one, Decimal)
    return one < other and (not is_number or float(one) < float(other))
