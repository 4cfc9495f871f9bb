"""Expressions: how a configuration says where a field comes from, without any code.

A column by its name (`sold_at`, `customer.email`, in backquotes where it has other signs), a text
in quotes, a number, or a function of FUNCTIONS over such. Whatever is not on that list is refused
here, so nothing of a configuration reaches Spark as SQL of its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from tactful.transforms.blanks import literal

TOKEN = re.compile(
    r"\s*(?:(?P<quoted>'(?:[^']|'')*')|(?P<back>`[^`]+`)|(?P<number>-?\d+(?:\.\d+)?)"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*)|(?P<sign>[(),]))"
)
DEEPEST = 20
# Stands for the decimal sign, whichever it is, while a number is read.
POINT = "\x01"
# Between thousands: a dot, a comma, an apostrophe, or one of the blanks that people take.
APART = "[.,' \u2019\u00a0\u2009\u202f]"
DIGITS = rf"(?:\d{{1,3}}(?:({APART})\d{{3}}(?:\{{group}}\d{{3}})*)?|\d+)(?:{POINT}\d*)?|{POINT}\d+"
NUMBER = (
    rf"^\s*(?:[+\u2212-]?(?:{DIGITS.replace('{group}', '1')})"
    rf"|\((?:{DIGITS.replace('{group}', '2')})\))\s*\z"
)
LESS = r"^\s*[(\u2212-]"
# What a pattern of `time` may hold: each letter with how often it may stand in a row.
RUN = re.compile(
    "y{1,6}|[ML]{1,4}|[dHhKkms]{1,2}|D{1,3}|S{1,9}|a|G{1,4}|z{1,4}|VV|O|OOOO|[Xx]{1,5}|Z{1,5}"
)
QUOTED = re.compile(r"'(?:[^']|'')*'")
ZONE = "zVOXxZ"
LETTERS = (
    "y M d D H h K k m s S a G, of a zone Z (+0100) XXX (+01:00) x O z VV, signs, and words in "
    "doubled quotes (''T'')"
)
MOMENT = "yyyy-MM-dd HH:mm:ss.SSSSSS"
UTC_MOMENT = MOMENT + "'Z'"
# An epoch beyond the year 9999 tells no time that anybody can hold.
SECONDS_WITHIN = 253_402_300_800
T = TypeVar("T")


class NotAnExpression(ValueError):
    """Raised for a text that is none; its message says where and what may stand there."""


@dataclass(frozen=True)
class Expression:
    """What a text of the configuration means: its SQL over `said`, and the columns it reads."""

    sql: str
    columns: frozenset[str]


@dataclass(frozen=True)
class Function:
    """A function by how many arguments it takes, which those may be, and its SQL."""

    least: int
    most: int
    sql: Callable[[Sequence[str]], str]
    # Why it cannot take these arguments; empty where it can.
    fault: Callable[[Sequence[str]], str] = lambda given: ""


def _plain(name: str, least: int, most: int) -> Function:
    return Function(least, most, lambda given: f"{name}({', '.join(given)})")


def _number(given: Sequence[str]) -> str:
    """A number as it is written in other countries: by its decimal sign.

    Only what is surely one: a sign, or brackets for minus; thousands in groups of three, all with
    one other mark between; no letters. Anything else is no number, which its field is refused for.
    """
    mark = given[1] if len(given) > 1 else literal(",")
    written = f"replace({given[0]}, {mark}, {literal(POINT)})"
    digits = f"regexp_replace({written}, {literal(f'[^0-9{POINT}]')}, '')"
    is_less = f"{written} RLIKE {literal(LESS)}"
    return (
        f"CASE WHEN {written} RLIKE {literal(NUMBER)} THEN concat(CASE WHEN {is_less} "
        f"THEN '-' ELSE '' END, replace({digits}, {literal(POINT)}, '.')) "
        f"WHEN {given[0]} IS NOT NULL THEN '' END"
    )


def _time(given: Sequence[str]) -> str:
    """A time by its pattern; where that has a letter for the zone, the moment itself.

    Else it is what a clock showed, which the source's `time_zone` makes a moment of.
    """
    value, pattern = given
    letters = QUOTED.sub("", told_text(pattern) or "")
    shown = UTC_MOMENT if any(letter in ZONE for letter in letters) else MOMENT
    return f"date_format(try_to_timestamp(trim({value}), {pattern}), {literal(shown)})"


def _epoch(per_second: int) -> Callable[[Sequence[str]], str]:
    """A number of seconds, or of parts of them, since 1970, as the moment it is."""

    def sql(given: Sequence[str]) -> str:
        number = f"TRY_CAST(trim({given[0]}) AS decimal(24,6))"
        micros = f"CAST({number} * {1_000_000 // per_second} AS bigint)"
        is_fit = f"abs({number}) < {SECONDS_WITHIN * per_second}"
        moment = f"date_format(timestamp_micros({micros}), {literal(UTC_MOMENT)})"
        return f"CASE WHEN {is_fit} THEN {moment} END"

    return sql


def _no_pattern(given: Sequence[str]) -> str:
    """Why the second argument of `time` is no pattern; empty where it is one."""
    pattern = told_text(given[1])
    if pattern is None:
        return "gives time no pattern in quotes"
    bare = QUOTED.sub(" ", pattern)
    runs = [found[0] for found in re.finditer(r"([A-Za-z])\1*", bare)]
    if runs and all(map(RUN.fullmatch, runs)) and not any(sign in bare for sign in "'#{}"):
        return ""
    return f'gives time the pattern "{pattern}"; it may hold {LETTERS}'


def told_text(sql: str) -> str | None:
    """The text that an argument is, in quotes; None where it is worked out of a row."""
    if found := re.fullmatch(r"CAST\(X'([0-9a-f]*)' AS string\)", sql):
        return bytes.fromhex(found[1]).decode()
    return sql[1:-1] if re.fullmatch(r"'[^']*'", sql) else None


def _whole(given: Sequence[str]) -> Sequence[str]:
    return [f"TRY_CAST({each} AS int)" for each in given]


FUNCTIONS: dict[str, Function] = {
    "coalesce": _plain("coalesce", 1, 50),
    "concat": _plain("concat", 1, 50),
    "concat_ws": _plain("concat_ws", 2, 50),
    "decode": _plain("decode", 3, 101),
    "epoch_milliseconds": Function(1, 1, _epoch(1000)),
    "epoch_seconds": Function(1, 1, _epoch(1)),
    "left": Function(2, 2, lambda a: f"left({a[0]}, {_whole(a[1:])[0]})"),
    "lower": _plain("lower", 1, 1),
    "lpad": Function(3, 3, lambda a: f"lpad({a[0]}, {_whole(a[1:2])[0]}, {a[2]})"),
    "nullif": _plain("nullif", 2, 2),
    "number": Function(1, 2, _number),
    "replace": _plain("replace", 3, 3),
    "right": Function(2, 2, lambda a: f"right({a[0]}, {_whole(a[1:])[0]})"),
    "split_part": Function(3, 3, lambda a: f"try_element_at(split({a[0]}, concat('\\\\Q', {a[1]}, "
                                           f"'\\\\E')), nullif(TRY_CAST({a[2]} AS int), 0))"),
    "substring": Function(2, 3, lambda a: f"substring({a[0]}, {', '.join(_whole(a[1:]))})"),
    "time": Function(2, 2, _time, _no_pattern),
    "trim": _plain("trim", 1, 1),
    "upper": _plain("upper", 1, 1),
}  # fmt: skip


def known_function(name: str, functions: Mapping[str, Function]) -> Function:
    """The function of a name, in whatever case.

    Raises: NotAnExpression.
    """
    function = functions.get(name.lower())
    if function is None:
        raise NotAnExpression(f"has the function {name}; allowed: {', '.join(functions)}")
    return function


def parse(text: str, *, said: str = "said") -> Expression:
    """Read an expression. said: the object whose columns it names, in SQL.

    Raises: NotAnExpression.
    """
    return _Parser(text, said).whole()


class Reader:
    """A text taken apart into its signs and words, to be read from the left."""

    token = TOKEN

    def __init__(self, text: str) -> None:
        self.tokens: list[tuple[str, str]] = []
        at, text = 0, text.rstrip()
        while at < len(text):
            found = self.token.match(text, at)
            if not found:
                raise NotAnExpression(f"cannot be read from {text[at : at + 20]!r} on")
            self.tokens.append((str(found.lastgroup), found[str(found.lastgroup)]))
            at = found.end()

    def _next(self) -> tuple[str, str]:
        if not self.tokens:
            raise NotAnExpression("ends too early")
        return self.tokens.pop(0)

    def _is_sign(self, sign: str) -> bool:
        """Whether that sign comes next."""
        return self.tokens[:1] == [("sign", sign)]

    def _given(self, name: str, function: Function, read: Callable[[], T]) -> list[T]:
        """What stands in the brackets behind a function's name, read one by one."""
        self._next()
        given = [] if self._is_sign(")") else [read()]
        while self._is_sign(","):
            self._next()
            given.append(read())
        if self._next() != ("sign", ")"):
            raise NotAnExpression(f"lacks the bracket that closes {name}(")
        if not function.least <= len(given) <= function.most:
            count = f"{len(given)} argument{'s' if len(given) != 1 else ''}"
            fits = f"{function.least} to {function.most}"
            if function.least == function.most:
                fits = str(function.least)
            raise NotAnExpression(f"gives {name} {count}; it takes {fits}")
        return given


class _Parser(Reader):
    def __init__(self, text: str, said: str) -> None:
        super().__init__(text)
        self.said = said
        self.columns: set[str] = set()

    def whole(self) -> Expression:
        sql = self._value(0)
        if self.tokens:
            raise NotAnExpression(f"ends before {self.tokens[0][1]!r}")
        return Expression(sql, frozenset(self.columns))

    def _value(self, depth: int) -> str:
        if depth > DEEPEST:
            raise NotAnExpression(f"is nested deeper than {DEEPEST}")
        kind, told = self._next()
        if kind == "quoted":
            return literal(told[1:-1].replace("''", "'"))
        if kind == "number":
            return literal(told)
        if kind == "back":
            return self._column(told[1:-1], ())
        if kind == "name" and self._is_sign("("):
            return self._call(told, depth)
        if kind == "name":
            first, *path = told.split(".")
            return self._column(first, path)
        raise NotAnExpression(f"has {told!r} where a column, a text or a function stands")

    def _column(self, name: str, path: Sequence[str]) -> str:
        if not path:
            self.columns.add(name)
        value = f"try_element_at({self.said}, {literal(name)})"
        return f"get_json_object({value}, {literal('$.' + '.'.join(path))})" if path else value

    def _call(self, name: str, depth: int) -> str:
        function = known_function(name, FUNCTIONS)
        given = self._given(name, function, lambda: self._value(depth + 1))
        if why := function.fault(given):
            raise NotAnExpression(why)
        return function.sql(given)
