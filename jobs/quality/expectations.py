"""Expectations: what must hold of each table's rows, as its schema and the user's files say."""

from __future__ import annotations

import difflib
import inspect
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tactful.jobs.errors import ConfigError, Problem, QualityUnavailable
from tactful.jobs.settings.layers import read_file, shown
from tactful.schemas.catalog import APPENDED, PUBLISHED
from tactful.schemas.quality import QUALITY, SEVERITIES
from tactful.schemas.table import Table

# What people read; logs are what jobs write for themselves.
TABLES = {table.name: table for table in (*APPENDED, *PUBLISHED) if table is not QUALITY}
OWN = "tactful"
# Columns of an expectation are named by these.
NAMES_COLUMNS = ("column", "column_A", "column_B", "column_list", "column_set")
OF_AN_ENTRY = {"table", "type", "severity"}
# What Java's regular expressions have and Python's do not.
OF_JAVA = re.compile(r"\\[pPhHRzXQ]|\(\?<[A-Za-z]|[*+?}]\+|&&")
# What every expectation has of Great Expectations' own, which no file of ours sets.
NOT_SET = {
    "id", "meta", "notes", "result_format", "description", "catch_exceptions", "rendered_content",
    "severity", "windows", "batch_id", "row_condition", "condition_parser",
}  # fmt: skip


@dataclass(frozen=True)
class Expectation:
    """What is expected of one table: the kind, its arguments, how bad it is, and who says so."""

    table: Table
    kind: str
    arguments: Mapping[str, Any]
    suite: str = OWN
    severity: str = SEVERITIES[0]

    @property
    def columns(self) -> list[str]:
        """The columns it names."""
        return columns_in(self.arguments)


def columns_in(arguments: Mapping[str, Any]) -> list[str]:
    """The columns that the arguments of an expectation name."""
    named: list[str] = []
    for name in NAMES_COLUMNS:
        value = arguments.get(name)
        named += value if isinstance(value, list) else [value] if value is not None else []
    return named


def of_every_lake() -> list[Expectation]:
    """What holds in every lake: keys are single, what must be there is there, words are known."""
    return [
        Expectation(table, told["type"], told["kwargs"])
        for table in TABLES.values()
        for told in table.expectations()
    ]


def of_files(place: str | None) -> list[Expectation]:
    """What a business expects beside that, from each TOML file of a folder, or from one file.

    A file has entries `[[expect]]` with table, type (a kind of Great Expectations), severity, and
    the kind's own arguments. Raises: ConfigError with everything that is wrong in any of them.
    """
    if place is None:
        return []
    problems: list[Problem] = []
    found = [one for path in _files(place) for one in _of_file(path, problems)]
    if problems:
        raise ConfigError(problems)
    return found


def _files(place: str) -> list[Path]:
    path = Path(place)
    found = sorted(path.glob("*.toml")) if path.is_dir() else [path]
    if not found or not all(one.is_file() for one in found):
        allowed = "a TOML file, or a folder with some"
        raise ConfigError([Problem(place, "quality.suites", "no TOML file there", allowed)])
    return found


def _of_file(path: Path, problems: list[Problem]) -> Iterator[Expectation]:
    try:
        told = read_file(path)
    except ConfigError as error:
        problems.extend(error.problems)
        return
    entries = told.pop("expect", None)
    for key in told:
        problems.append(Problem(str(path), key, shown(told[key]), "entries [[expect]] alone"))
    if not isinstance(entries, list) or not entries:
        problems.append(Problem(str(path), "expect", shown(entries), "entries [[expect]]"))
        return
    for number, entry in enumerate(entries):
        wrong = [
            Problem(str(path), f"expect[{number}].{key}" if key else f"expect[{number}]", *said)
            for key, *said in _faults(entry)
        ]
        problems.extend(wrong)
        if not wrong:
            yield Expectation(
                TABLES[entry["table"]],
                entry["type"],
                {key: value for key, value in entry.items() if key not in OF_AN_ENTRY},
                path.name,
                entry.get("severity", SEVERITIES[0]),
            )


def _faults(entry: Any) -> Iterator[tuple[str, str, str, str]]:
    """What is wrong with one entry: key, what was found, what is allowed, a hint."""
    if not isinstance(entry, Mapping):
        yield "", shown(entry), "a table with table, type and the kind's arguments", ""
        return
    table, kind = entry.get("table"), entry.get("type")
    if table not in TABLES:
        yield "table", shown(table), "a table of the lake", _like(table, TABLES)
    if entry.get("severity", SEVERITIES[0]) not in SEVERITIES:
        yield "severity", shown(entry["severity"]), ", ".join(SEVERITIES), ""
    known = _kinds()
    if kind not in known:
        yield "type", shown(kind), "a kind of expectation of a table", _like(kind, known)
        return
    arguments = {key: value for key, value in entry.items() if key not in OF_AN_ENTRY}
    takes = [name for name in known[kind].__fields__ if name not in NOT_SET]
    for key in arguments.keys() - takes:
        yield key, shown(arguments[key]), "one of " + ", ".join(takes), ""
    if table in TABLES:
        names = TABLES[table].names
        for name in columns_in(arguments):
            if name not in names:
                yield "column", shown(name), f"a column of {table}", _like(name, names)
    if arguments.keys() <= set(takes):
        yield from _refused(known[kind], arguments)
        yield from _without_meaning(kind, arguments)


def _without_meaning(
    kind: str, arguments: Mapping[str, Any]
) -> Iterator[tuple[str, str, str, str]]:
    """What the library takes, and which would always be met, never, or fail when it is asked."""
    if arguments.get("mostly") == 0:
        yield "mostly", "0", "more than 0, up to 1", "with 0 it is met whatever the rows hold"
    least, most = arguments.get("min_value"), arguments.get("max_value")
    with suppress(TypeError):
        if least is not None and most is not None and least > most:
            yield "min_value", shown(least), f"at most max_value, {shown(most)}", "none is between"
    if kind.endswith("_count_to_be_between") and not least and most is None:
        yield "min_value", shown(least), "1 or more, or a max_value", "no count is less than 0"
    patterns = arguments.get("regex_list", [arguments.get("regex")])
    for pattern in patterns if isinstance(patterns, list) else ():
        if isinstance(pattern, str) and (why := _no_pattern(pattern)):
            yield "regex", shown(pattern), "a regular expression", why


def _no_pattern(pattern: str) -> str | None:
    """Why a text is no regular expression; of what only Java reads, the run has to tell."""
    try:
        re.compile(pattern)
    except re.error as error:
        return None if OF_JAVA.search(pattern) else str(error)
    return None


def _refused(kind: Any, arguments: Mapping[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    """What the library itself says against these arguments."""
    try:
        kind(**arguments)
    except Exception as error:
        told = error.errors() if hasattr(error, "errors") else [{"loc": (), "msg": str(error)}]
        for one in told:
            key = next((str(part) for part in one["loc"] if not str(part).startswith("_")), "")
            found = shown(arguments[key]) if key in arguments else "nothing"
            yield key, found, one["msg"].splitlines()[0], ""


@cache
def _kinds() -> dict[str, Any]:
    """The kinds of expectations by their names, each a class."""
    library = expectations_library()
    classes = (value for value in vars(library.expectations).values() if inspect.isclass(value))
    return {
        kind.expectation_type: kind
        for kind in classes
        if getattr(kind, "expectation_type", None) and kind.__name__.startswith("Expect")
    }


def expectations_library() -> Any:
    """Great Expectations, which tells nobody that it is used. Raises: QualityUnavailable."""
    # Else it reports each start to its makers.
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    try:
        import great_expectations
    except ImportError as error:
        raise QualityUnavailable(
            "tactful quality needs Great Expectations, which is not installed; install "
            "tactful[quality]."
        ) from error
    return great_expectations


def _like(given: Any, known: Mapping[str, Any] | list[str]) -> str:
    near = difflib.get_close_matches(str(given), list(known), n=1)
    return f"perhaps {near[0]}" if near else ""
