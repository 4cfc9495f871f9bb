"""Four layers of configuration laid over each other, remembering where each value came from."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from tactful.jobs.errors import ConfigError, Problem

DEFAULTS = "conf/defaults.toml"
PREFIX = "TACTFUL__"
# Lists whose entries have names: an entry replaces the lower layer's entry of its name.
NAMED_LISTS = ("suppress", "activate", "caps", "destinations")

_LISTS = tuple((name,) for name in NAMED_LISTS)

Place = tuple[str | int, ...]


class Layers:
    """The merged values, and per value the file, variable or option that set it."""

    def __init__(self, home: Path | None = None) -> None:
        self.values: dict[str, Any] = {}
        self.problems: list[Problem] = []
        self._origins: dict[Place, str] = {}
        # Where paths begin that a file is silent about, or says; see `base`.
        self._home = Path.cwd() if home is None else home
        self._here = Path.cwd()
        self._files = {DEFAULTS}

    def origin(self, place: Place) -> str:
        """Where the value at a place was set; a missing value belongs to its nearest table."""
        for length in range(len(place), 0, -1):
            if place[:length] in self._origins:
                return self._origins[place[:length]]
        return self._origins.get((), DEFAULTS)

    def base(self, place: Place) -> Path:
        """Where a relative path at a place begins: what a file says, at that file.

        So does what it leaves to the defaults. Who types a path, as `--set` or as a variable of the
        environment, is in the working folder and means that.
        """
        return self._home if self.origin(place) in self._files else self._here

    def key(self, place: Place) -> str:
        """A place as a user writes it: entries of lists by their name, where they have one."""
        text = ""
        for depth, part in enumerate(place):
            if isinstance(part, str):
                text += f".{part}" if text else part
                continue
            name = self._entry_name(place[:depth], part)
            text += f".{name}" if name else f"[{part}]"
        return text

    def add_file(self, path: Path) -> None:
        """Lay the user's file over what is there."""
        self._files.add(str(path))
        self.add_table(read_file(path), str(path))

    def add_table(self, table: Mapping[str, Any], origin: str) -> None:
        """Lay a table of values over what is there; what is missing then is its to set."""
        self._origins[()] = origin
        self._merge(self.values, table, origin, ())

    def add_value(self, key: str, text: str, origin: str, *, fold_case: bool = False) -> None:
        """Lay one value over what is there; the key is dotted, and reaches into named lists."""
        parts = key.split(".")
        if not all(parts):
            allowed = "a dotted key such as attribution.window"
            self.problems.append(Problem(origin, key, "an empty part", allowed))
            return
        target: Any = self.values
        place: Place = ()
        for depth, part in enumerate(parts):
            step = self._step(target, part, fold_case=fold_case)
            if step is None:
                self.problems.append(self._not_an_entry(origin, place, part, target))
                return
            place = (*place, step)
            if depth == len(parts) - 1:
                target[step] = _value(text)
                self._mark(place, origin)
            elif isinstance(step, int):
                target = target[step]
            else:
                if not isinstance(target.get(step), dict | list):
                    target[step] = [] if place in _LISTS else {}
                    self._mark(place, origin)
                target = target[step]

    def _merge(self, into: dict, table: Mapping, origin: str, place: Place) -> None:
        for key, value in table.items():
            here = (*place, key)
            present = into.get(key)
            if isinstance(value, Mapping) and isinstance(present, dict):
                self._merge(present, value, origin, here)
            elif here in _LISTS and _is_list(value) and _is_list(present):
                self._merge_entries(present, value, origin, here)
            else:
                into[key] = _thawed(value)
                self._mark(here, origin)

    def _merge_entries(self, into: list, entries: Sequence, origin: str, place: Place) -> None:
        free = {_name(entry): at for at, entry in enumerate(into) if _name(entry)}
        for entry in entries:
            at = free.pop(_name(entry), None)
            if at is None:
                at = len(into)
                into.append(None)
            into[at] = _thawed(entry)
            self._mark((*place, at), origin)

    def _mark(self, place: Place, origin: str) -> None:
        stale = [known for known in self._origins if len(known) and known[: len(place)] == place]
        for known in stale:
            del self._origins[known]
        self._origins[place] = origin

    def _step(self, target: Any, part: str, *, fold_case: bool) -> str | int | None:
        """The key or index that one part of a dotted key means here."""
        fold = str.lower if fold_case else str
        if isinstance(target, list):
            names = [_name(entry) for entry in target]
            at = [i for i, name in enumerate(names) if name and fold(name) == fold(part)]
            return at[0] if at else None
        return next((key for key in target if fold(key) == fold(part)), fold(part))

    def _not_an_entry(self, origin: str, place: Place, part: str, target: list) -> Problem:
        names = [name for name in map(_name, target) if name]
        allowed = (
            "one of " + ", ".join(names) if names else "the name of an entry; the file has none"
        )
        return Problem(origin, f"{self.key(place)}.{part}", "no entry of that name", allowed)

    def _entry_name(self, place: Place, at: int) -> str | None:
        target: Any = self.values
        for part in place:
            target = target[part]
        name = _name(target[at])
        # Only a name that says which entry is meant.
        return name if [_name(entry) for entry in target].count(name) == 1 else None


def read_defaults() -> dict[str, Any]:
    """What holds where nothing else is said."""
    return tomllib.loads((files("tactful.conf") / "defaults.toml").read_text(encoding="utf-8"))


def read_file(path: Path) -> dict[str, Any]:
    """The user's file; whatever keeps it from being read is one problem."""
    readable = "a readable TOML file in UTF-8"
    try:
        # Some editors put a mark in front of a text; it is no part of it.
        return tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except tomllib.TOMLDecodeError as error:
        reason = str(error)[:1].lower() + str(error)[1:]
        raise ConfigError([Problem(str(path), "", f"a fault: {reason}", "valid TOML")]) from error
    except UnicodeDecodeError as error:
        found = f"a byte that is not UTF-8 at position {error.start}"
        raise ConfigError([Problem(str(path), "", found, readable)]) from error
    except OSError as error:
        found = (error.strerror or type(error).__name__).lower()
        raise ConfigError([Problem(str(path), "", found, readable)]) from error


def layered(
    path: Path | None,
    settings: Sequence[str],
    environ: Mapping[str, str],
    overrides: Mapping[str, Any] | None,
) -> Layers:
    """Defaults, then the user's file, the environment, `--set`, and a caller's overrides."""
    layers = Layers(_home(path))
    layers.add_table(read_defaults(), DEFAULTS)
    if path is not None:
        layers.add_file(path)
    for variable in sorted(name for name in environ if name.startswith(PREFIX)):
        key = variable.removeprefix(PREFIX).replace("__", ".")
        origin = f"environment variable {variable}"
        layers.add_value(key, environ[variable], origin, fold_case=True)
    for setting in settings:
        key, equals, text = setting.partition("=")
        if equals:
            layers.add_value(key.strip(), text.strip(), f"--set {key.strip()}")
        else:
            problem = Problem("--set", setting, "no =", "key=value, such as attribution.window=7d")
            layers.problems.append(problem)
    if overrides:
        layers.add_table(overrides, "overrides")
    return layers


def _home(path: Path | None) -> Path | None:
    """The folder of the user's file; a pipe such as /dev/stdin has none."""
    return path.absolute().parent if path is not None and path.is_file() else None


def shown(value: Any) -> str:
    """A value as TOML would write it, short enough for one line."""
    if isinstance(value, Mapping):
        return "a table"
    try:
        text = json.dumps(value, ensure_ascii=False)
    except TypeError:
        text = str(value)
    return text if len(text) <= 60 else text[:57] + "…"


def _value(text: str) -> Any:
    """Read a variable or option as TOML where that gives a scalar or list, else as plain text."""
    try:
        value = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    if len(value) == 1 and isinstance(value["value"], bool | int | float | str | list | dict):
        return value["value"]
    return text


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple)


def _name(entry: Any) -> str | None:
    name = entry.get("name") if isinstance(entry, Mapping) else None
    return name if isinstance(name, str) else None


def _thawed(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _thawed(inner) for key, inner in value.items()}
    if _is_list(value):
        return [_thawed(inner) for inner in value]
    return value
