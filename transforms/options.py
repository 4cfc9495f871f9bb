"""Options: what may be chosen of a rule or destination, told once where it is used."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Sequence
from dataclasses import MISSING, dataclass
from types import NoneType
from typing import Any


@dataclass(frozen=True)
class Option:
    """One key that a user may set: what it does, and every value that it may take.

    `kind` is its Python type (timedelta, float, int, bool, str, tuple for a list of texts, or a
    dataclass of options for a table of its own). A number may be bounded: `above` exclusive,
    `at_least` and `at_most` inclusive. Without `default` it has to be given.
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
    needed: str = ""
    hint: str = ""

    @property
    def choices(self) -> str:
        """The allowed values as a sentence has them: a, b or c."""
        *others, last = self.allowed
        return f"{', '.join(others)} or {last}" if others else last


def option(
    doc: str,
    *,
    default: Any = MISSING,
    allowed: Sequence[str] = (),
    above: float | None = None,
    at_least: float | None = None,
    at_most: float | None = None,
    needed: str = "",
    hint: str = "",
) -> Any:
    """Declare one option as a field of a frozen dataclass (`kw_only`); see `Option`.

    needed, hint: what an error says is allowed where the option has to be given and is not, and
    what helps there; without it, its choices.
    """
    told = {
        "doc": doc, "allowed": tuple(allowed), "above": above, "at_least": at_least,
        "at_most": at_most, "needed": needed, "hint": hint,
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
