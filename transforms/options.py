"""Options: what may be chosen of a rule or destination, told once where it is used."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Sequence
from dataclasses import MISSING, dataclass
from datetime import timedelta
from types import NoneType
from typing import Any


@dataclass(frozen=True)
class Option:
    """One key that a user may set: what it does, and every value that it may take.

    `kind` is its Python type (timedelta, float, int, bool, str, tuple for a list of texts, or a
    dataclass of options for a table of its own). A number may be bounded: `above` exclusive,
    `at_least` and `at_most` inclusive. Without `default` it has to be given. A text that must look
    a certain way has a `pattern`, and `looks` says which way that is.
    """

    name: str
    doc: str
    kind: type
    default: Any = None
    is_required: bool = False
    allowed: tuple[str, ...] = ()
    above: float | None = None
    at_least: float | None = None
    at_most: float | None = None
    pattern: str = ""
    looks: str = ""
    needed: str = ""
    hint: str = ""

    @property
    def values(self) -> str:
        """What it may be, as a sentence has it: "a, b or c", or "a number from 0 to 1"."""
        if self.allowed and self.kind is not tuple:
            *others, last = self.allowed
            return f"{', '.join(others)} or {last}" if others else last
        if self.looks:
            return self.looks
        if self.kind in (int, float):
            return self._number()
        if self.kind is tuple:
            return f"a list of {', '.join(self.allowed) or 'texts'}"
        words = {timedelta: "a duration such as 30d", bool: "true or false", str: "a text"}
        return words.get(self.kind, "a table")

    @property
    def is_bounded(self) -> bool:
        """Whether it says itself between which numbers it lies."""
        return (self.above, self.at_least, self.at_most) != (None, None, None)

    def _number(self) -> str:
        what = "a whole number" if self.kind is int else "a number"
        least = 1 if self.kind is int and not self.is_bounded else self.at_least
        if self.above is not None:
            most = f", at most {self.at_most:g}" if self.at_most is not None else ""
            return f"{what} above {self.above:g}{most}"
        from_least = "" if least is None else f" from {least:g}"
        return f"{what}{from_least}" + (f" to {self.at_most:g}" if self.at_most is not None else "")


def option(
    doc: str,
    *,
    default: Any = MISSING,
    allowed: Sequence[str] = (),
    above: float | None = None,
    at_least: float | None = None,
    at_most: float | None = None,
    pattern: str = "",
    looks: str = "",
    needed: str = "",
    hint: str = "",
) -> Any:
    """Declare one option as a field of a frozen dataclass (`kw_only`); see `Option`.

    needed, hint: what an error says is allowed where the option has to be given and is not, and
    what helps there ({kind} stands for what the entry is one of); else what it may be.
    """
    told = {
        "doc": doc, "allowed": tuple(allowed), "above": above, "at_least": at_least,
        "at_most": at_most, "pattern": pattern, "looks": looks, "needed": needed, "hint": hint,
    }  # fmt: skip
    return dataclasses.field(default=default, metadata={"option": told})


def options_of(declared: type) -> dict[str, Option]:
    """Every option that a dataclass declares, by its name and in its order."""
    hints = typing.get_type_hints(declared)
    return {
        field.name: Option(
            name=field.name,
            kind=_kind(hints[field.name]),
            default=None if field.default is MISSING else field.default,
            is_required=field.default is MISSING,
            **field.metadata["option"],
        )
        for field in dataclasses.fields(declared)
    }


def _kind(hint: Any) -> type:
    """The type that a value has where there is one: tuple for tuple[str, ...] | None."""
    given = [part for part in typing.get_args(hint) if part is not NoneType]
    is_optional = NoneType in typing.get_args(hint)
    inner = given[0] if is_optional else hint
    return typing.get_origin(inner) or inner
