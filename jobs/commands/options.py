"""The page of all options: made from the settings themselves, so that it lists what they read."""

from __future__ import annotations

import json
import typing
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from tactful.jobs.settings.config import described, further, model_in
from tactful.jobs.settings.layers import read_defaults
from tactful.jobs.settings.models import Config
from tactful.transforms.checks import CHECKS
from tactful.transforms.identity.sharing import SHARINGS
from tactful.transforms.identity.sharing.graph import Sharing
from tactful.transforms.options import Option, options_of
from tactful.transforms.rules import RULES
from tactful.transforms.sinks import SINKS
from tactful.transforms.sources import DIALECTS
from tactful.transforms.sources.dialect import Dialect
from tactful.transforms.triggers import TRIGGERS

HEAD = """# Every option

A file of TOML, named with `--conf`. What it is silent about is as said here. The environment
(`TACTFUL__CONSENT__DEFAULT=opt_out`) and `--set consent.default=opt_out` say more than the file.
Durations: `90s`, `30m`, `12h`, `7d`, `2w`. An unknown key is an error. Relative paths start at the
file; those of the environment and of `--set` in the working folder.
"""
COLUMNS = "| key | may be | if silent | what it does |\n|---|---|---|---|"
GIVEN = "has to be given"
UNITS = (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))
Line = tuple[str, str, str, str]
# Sections of which one key names a module that says everything of itself.
CHOICES: dict[tuple[str, ...], tuple[str, Mapping[str, Dialect | Sharing]]] = {
    ("sources",): ("Dialects", DIALECTS),
    ("identity",): ("A device of several customers, by `shared_devices`", SHARINGS),
}


def option_page() -> str:
    """Every section, key, rule and destination, in Markdown."""
    return "\n".join((HEAD, *_sections(Config, (), read_defaults())))


def _sections(model: type[BaseModel], place: tuple[str, ...], silent: Any) -> Iterator[str]:
    """The tables of a model: its own keys, then each table inside it."""
    plain = {n: f for n, f in model.model_fields.items() if model_in(f) is None}
    if place:
        yield f"## `{_heading(place)}`\n"
        yield _table(_line(name, field, silent) for name, field in plain.items())
    for name, field in model.model_fields.items():
        inner = model_in(field)
        if inner is not None:
            yield from _inside(inner, field, (*place, name), silent)
    if (more := further(model)) is not None:
        yield from _sections(more, (*place, more.__name__.upper()), {})


def _inside(
    inner: type[BaseModel], field: FieldInfo, place: tuple[str, ...], silent: Any
) -> Iterator[str]:
    """The section behind a key that holds a table, or a list or table of tables."""
    if place == ("suppress",):
        yield from _kinds(inner, "suppress", "when", _rules())
    elif place == ("activate",):
        yield from _kinds(inner, "activate", "when", _triggers())
        for name in ("content", "steps"):
            told = model_in(inner.model_fields[name]).model_fields
            yield f"### `[[activate.{name}]]`\n"
            yield _table(_line(key, field, {}) for key, field in told.items())
    elif place == ("destinations",):
        yield from _kinds(inner, "destinations", "kind", _destinations())
    elif typing.get_origin(field.annotation) is tuple:
        within = ".".join(part.strip("[]") for part in place)
        yield from _sections(inner, (f"[{within}]",), {})
    elif typing.get_origin(field.annotation) is dict:
        yield from _sections(inner, (*place, _names(field)), {})
    else:
        yield from _sections(inner, place, silent.get(place[-1], {}))
    if place in CHOICES:
        yield _choices(*CHOICES[place])


def _names(field: FieldInfo) -> str:
    """What tables of their own names may be called."""
    name = typing.get_args(field.annotation)[0]
    is_closed = typing.get_origin(name) is typing.Literal
    return "|".join(typing.get_args(name)) if is_closed else "NAME"


def _kinds(
    model: type[BaseModel], section: str, key: str, kinds: dict[str, tuple[str, type]]
) -> Iterator[str]:
    """A list of entries of several kinds: the keys of all, then each kind's own."""
    own = {name for _, declared in kinds.values() for name in options_of(declared)}
    shared = {name: field for name, field in model.model_fields.items() if name not in own}
    yield f"## `[[{section}]]`\n"
    yield _table(_line(name, field, {}) for name, field in shared.items())
    for kind, (doc, declared) in kinds.items():
        yield f'### `{key} = "{kind}"`\n\n{doc}\n'
        if lines := list(_option_lines(options_of(declared).values())):
            yield _table(lines)


def _rules() -> dict[str, tuple[str, type]]:
    return {
        when: (f"{rule.doc} Caused by events of the stream {rule.stream}.", rule.options)
        for when, rule in RULES.items()
    } | {
        when: (f"{check.doc} Asked of each message.", check.options)
        for when, check in CHECKS.items()
    }


def _triggers() -> dict[str, tuple[str, type]]:
    found = {}
    for when, trigger in TRIGGERS.items():
        after = "has to be given" if trigger.after is None else _written(trigger.after)
        ends = "none" if trigger.expires is None else _written(trigger.expires)
        cancels = ", ".join(trigger.cancel_on) or "none"
        silent = (
            f"`after` counts from {trigger.counts_from}. If silent: `after` {after}, `expires` "
            f"{ends}, `cancel_on` {cancels}; it may be {', '.join(trigger.cancels)}. Topic "
            f"{trigger.topic or 'none'}, purpose {trigger.purpose}."
        )
        found[when] = (f"{trigger.doc} {silent}", trigger.options)
    return found


def _destinations() -> dict[str, tuple[str, type]]:
    found = {}
    for kind, sink in SINKS.items():
        of = ", ".join(sink.offered) or "any"
        limits = f"Identifiers: {of}. At most {sink.batch_limit:,} records a file or request."
        consent = " Only persons who consented to ads are told to it." * sink.needs_ad_consent
        found[kind] = (f"{sink.doc} {limits}{consent}", sink.options)
    return found


def _choices(title: str, registry: Mapping[str, Dialect | Sharing]) -> str:
    rows = (f"- `{name}`: {one.doc}" for name, one in registry.items())
    return "\n".join((f"{title}:\n", *rows, ""))


def _option_lines(options: Iterable[Option], within: str = "") -> Iterator[Line]:
    for option in options:
        default = GIVEN if option.is_required else _written(option.default)
        yield f"{within}{option.name}", option.values, default, option.doc
        if option.values == "a table":
            yield from _option_lines(options_of(option.kind).values(), f"{within}{option.name}.")


def _line(name: str, field: FieldInfo, silent: Any) -> Line:
    silence = field.get_default(call_default_factory=True)
    value = silent.get(name) if name in silent else silence
    needs = field.is_required() and name not in silent
    # What a destination is silent about follows from its kind, and the last column says so.
    is_implied = "silent:" in (field.title or "")
    default = "" if is_implied else GIVEN if needs else _written(value)
    return name, described(field), default, field.title or ""


def _table(lines: Iterable[Line]) -> str:
    rows = ["| " + " | ".join((f"`{key}`", *map(_cell, rest))) + " |" for key, *rest in lines]
    return "\n".join((COLUMNS, *rows, ""))


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _heading(place: tuple[str, ...]) -> str:
    return f"[{'.'.join(place)}]"


def _written(value: Any) -> str:
    """A value as the file would have it; empty for none."""
    if value is None:
        return ""
    if isinstance(value, timedelta):
        seconds = int(value.total_seconds())
        unit, size = next((u, n) for u, n in UNITS if seconds % n == 0)
        return f'`"{seconds // size}{unit}"`'
    return f"`{json.dumps(value, ensure_ascii=False)}`"
