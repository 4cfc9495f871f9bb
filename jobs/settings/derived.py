"""Settings made from what rules and destinations say of themselves."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, Field, create_model

from tactful.transforms.options import Option, options_of

Model = TypeVar("Model", bound=BaseModel)


def with_options(
    base: type[Model], declared: Iterable[type], read_as: Mapping[type, Any]
) -> type[Model]:
    """Give a section every option that any of these dataclasses declares.

    Which of them an entry may use depends on what it is an entry of; `checks` looks after that.

    read_as: the annotation that reads a value of each plain type.
    """
    found: dict[str, list[Option]] = {}
    for kind in declared:
        for name, option in options_of(kind).items():
            found.setdefault(name, []).append(option)
    fields = {name: _field(_one(options), base, read_as) for name, options in found.items()}
    return create_model(f"{base.__name__}WithOptions", __base__=base, **fields)


def chosen(entry: BaseModel, declared: type) -> Any:
    """What an entry has chosen of the options that one dataclass declares."""
    given = {
        name: _plain(value, option)
        for name, option in options_of(declared).items()
        if (value := getattr(entry, name)) is not None
    }
    return declared(**given)


def _plain(value: Any, option: Option) -> Any:
    return chosen(value, option.kind) if isinstance(value, BaseModel) else value


def _one(options: list[Option]) -> Option:
    """One option for all that declare one of its name: of one type, with the values of all."""
    first = options[0]
    bounds = {(o.kind, o.above, o.at_least, o.at_most) for o in options}
    if len(bounds) > 1:
        raise TypeError(f"Option {first.name} has several types or bounds; name one of them anew.")
    allowed = tuple(dict.fromkeys(value for option in options for value in option.allowed))
    defaults = {option.default for option in options}
    return dataclasses.replace(
        first, allowed=allowed, default=first.default if len(defaults) == 1 else None
    )


def _field(option: Option, base: type[BaseModel], read_as: Mapping[type, Any]) -> tuple[Any, Any]:
    """An option as a field that need not be given."""
    arguments: dict[str, Any] = {"default": option.default}
    if option.kind is tuple:
        values = Literal[option.allowed] if option.allowed else str
        kind: Any = Annotated[tuple[values, ...], AfterValidator(_once)]  # type: ignore[valid-type]
    elif option.allowed:
        kind = Literal[option.allowed]
    elif option.kind is float or (option.kind is int and option.is_bounded):
        kind = option.kind
        arguments |= {
            "gt": option.above,
            "ge": option.at_least,
            "le": option.at_most,
            "strict": True,
        }
        arguments |= {"description": option.values}
    elif dataclasses.is_dataclass(option.kind):
        kind = _table(option, base, read_as)
    else:
        kind = read_as[option.kind]
    return (kind if option.default is not None else kind | None), Field(**arguments)


def _table(option: Option, base: type[BaseModel], read_as: Mapping[type, Any]) -> type[BaseModel]:
    """A table of options inside a section; of these some may have to be given."""
    fields = {}
    for inner in options_of(option.kind).values():
        kind, field = _field(inner, base, read_as)
        fields[inner.name] = (read_as[inner.kind], ...) if inner.is_required else (kind, field)
    return create_model(option.name.capitalize(), __base__=base.__base__, **fields)


def _once(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))
