"""Conditions: for whom something is meant, as a configuration says it, without any code.

    orders >= 2 and event.category in ('shoes', 'belts') and not valued
    attributes['city'] = 'Leeds' or response_rates.email is null

Over the columns of `customers` and `customer_scores` by their names, and of the causing event as
event.NAME: comparisons, in, between, is null, and, or, not, brackets, contains(list, text) and
size(list), and the functions that a source's fields may use (`transforms/sources/expressions.py`).
Numbers, texts, moments and days are compared with their like alone, so that no row can make a
comparison fail. What is unknown is neither true nor false, as in SQL.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from decimal import Decimal
from difflib import get_close_matches
from functools import cache

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from tactful.transforms import possible
from tactful.transforms.blanks import literal
from tactful.transforms.condition_values import (
    CUSTOMER,
    DAY,
    FLAG,
    LIST,
    MOMENT,
    NUMBER,
    TEXT,
    Value,
    as_value,
    constant_of,
    customer_columns,
    event_columns,
    inside,
    is_outside,
    moment_of,
)
from tactful.transforms.possible import FLIPPED, Implied
from tactful.transforms.sources.expressions import (
    DEEPEST,
    FUNCTIONS,
    Function,
    NotAnExpression,
    Reader,
    known_function,
)

TOKEN = re.compile(
    r"\s*(?:(?P<quoted>'(?:[^']|'')*')|(?P<number>-?\d+(?:\.\d+)?)"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*)"
    r"|(?P<field>\.[A-Za-z_][A-Za-z0-9_]*)|(?P<compare><=|>=|<>|!=|=|<|>)|(?P<sign>[(),\[\]]))"
)
WORDS = ("and", "or", "not", "in", "is", "null", "between", "true", "false")
LONGEST_NUMBER = 18
OPERATORS = {"<>": "!="}
# Of a list; all else takes texts, and numbers as they are written.
OF_LISTS = {
    "contains": Function(2, 2, lambda a: f"array_contains({a[0]}, {a[1]})"),
    "size": Function(1, 1, lambda a: f"array_size({a[0]})"),
}
# A pattern of time that is none fails where it is met, and times are compared as they are.
OF_TEXTS = {name: function for name, function in FUNCTIONS.items() if name != "time"}
EVENT_SAID = "event"


@dataclass(frozen=True)
class Condition:
    """What a text of the configuration means: SQL over the structs `customer` and `event`.

    columns: those of `customers` and `customer_scores` that it reads. names: whatever it may name
    an attribute by: the parts of its paths, and its texts. is_never: whether it can never be true,
    as far as that is certain.
    """

    sql: str
    columns: frozenset[str]
    names: frozenset[str]
    is_never: bool = False


@dataclass(frozen=True)
class Chosen:
    """Whom a policy is for, and what is said to whom in each of its steps.

    where: None: everybody. contents: of each step what may be said, each with whom it is for (None:
    everybody); the first that is true wins.
    """

    where: str | None
    contents: tuple[tuple[tuple[str | None, str], ...], ...]

    @property
    def columns(self) -> frozenset[str]:
        """The columns of `customers` and `customer_scores` that it reads."""
        told = [self.where, *(where for step in self.contents for where, _ in step)]
        return frozenset().union(*(parse(text).columns for text in told if text is not None))


def with_conditions(
    proposals: DataFrame, customers: DataFrame, *, chosen: Mapping[str, Chosen]
) -> DataFrame:
    """Say of every proposal whether it is meant for its person, and what is to be said.

    Adds: is_wanted (null where that is unknown), content_id (null where none is for them, and where
    the policy names none). Keeps: one row a proposal.
    customers: person_id and the columns that the conditions read (see `Chosen.columns`), one row a
    person; of who is missing there all is unknown. chosen: by policy; each has to be there.
    """
    needed = frozenset().union(*(one.columns for one in chosen.values()))
    both = with_customer(proposals, customers, columns=needed)
    wanted = _case("policy", {name: _sql(one.where) for name, one in chosen.items()})
    content = _case("policy", {name: _content(one) for name, one in chosen.items()})
    told = both.withColumns(
        {"is_wanted": wanted.cast("boolean"), "content_id": content.cast("string")}
    )
    return told.drop(CUSTOMER)


def with_customer(rows: DataFrame, customers: DataFrame, *, columns: Set[str]) -> DataFrame:
    """Put beside each row what conditions ask of its person.

    Adds: customer (null of who is unknown), where any column is asked. Keeps: all rows.
    """
    known = customers.select("person_id", F.struct(F.lit(1), *sorted(columns)).alias(CUSTOMER))
    return rows.join(known, "person_id", "left") if columns else rows


def _sql(where: str | None) -> str:
    return "true" if where is None else parse(where).sql


def _content(one: Chosen) -> str:
    def first(step: Sequence[tuple[str | None, str]]) -> str:
        cases = "".join(f" WHEN {_sql(where)} THEN {literal(said)}" for where, said in step)
        return f"CASE{cases} END" if cases else "CAST(NULL AS string)"

    steps = "".join(f" WHEN {n} THEN {first(s)}" for n, s in enumerate(one.contents, start=1))
    return f"CASE step{steps} END" if steps else "CAST(NULL AS string)"


def _case(name: str, values: Mapping[str, str]) -> Column:
    cases = "".join(f" WHEN {literal(key)} THEN {sql}" for key, sql in values.items())
    return F.expr(f"CASE {name}{cases} END")


@cache
def parse(text: str) -> Condition:
    """Read a condition.

    Raises: NotAnExpression, saying where it cannot be read and what may stand there.
    """
    return _Condition(text).whole()


class _Condition(Reader):
    token = TOKEN

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.columns: set[str] = set()
        self.names: set[str] = set()
        self.flags: set[str] = set()
        # Of parts, by their SQL, what must hold where they are true.
        self.implied: dict[str, Implied] = {}

    def whole(self) -> Condition:
        sql = self._either(0)
        if self.tokens:
            raise NotAnExpression(f"ends before {self.tokens[0][1]!r}")
        is_never = self.implied.get(sql, possible.NOTHING).is_never
        return Condition(sql, frozenset(self.columns), frozenset(self.names), is_never)

    def _implies(self, sql: str, implied: Implied) -> str:
        self.implied[sql] = implied
        return sql

    def _of(self, parts: Sequence[str]) -> list[Implied]:
        return [self.implied.get(sql, possible.NOTHING) for sql in parts]

    def _takes(self, word: str) -> bool:
        """Whether that word comes next; it is passed over if so."""
        is_next = bool(self.tokens) and self.tokens[0][0] == "name" and _is(self.tokens[0][1], word)
        if is_next:
            self._next()
        return is_next

    def _either(self, depth: int) -> str:
        parts = [self._all(depth)]
        while self._takes("or"):
            parts.append(self._all(depth))
        whole = parts[0] if len(parts) == 1 else f"({' OR '.join(parts)})"
        return self._implies(whole, possible.any_of(self._of(parts)))

    def _all(self, depth: int) -> str:
        parts = [self._one(depth)]
        while self._takes("and"):
            parts.append(self._one(depth))
        whole = parts[0] if len(parts) == 1 else f"({' AND '.join(parts)})"
        return self._implies(whole, possible.all_of(self._of(parts)))

    def _one(self, depth: int) -> str:
        if depth > DEEPEST:
            raise NotAnExpression(f"is nested deeper than {DEEPEST}")
        if self._takes("not"):
            inner = self._one(depth + 1)
            is_flag = inner in self.flags
            told = possible.compared(inner, "=", False) if is_flag else possible.NOTHING
            told = possible.NEVER if inner == "true" else told
            return self._implies(f"(NOT {inner})", told)
        if self._is_sign("("):
            self._next()
            inner = self._either(depth + 1)
            self._expect(")")
            return inner
        return self._comparison(self._value(depth))

    def _comparison(self, left: Value) -> str:
        if self._takes("is"):
            sign = "IS NOT NULL" if self._takes("not") else "IS NULL"
            if not self._takes("null"):
                raise NotAnExpression("has is without null")
            told = possible.null(left.sql, is_null=sign == "IS NULL")
            return self._implies(f"({left.sql} {sign})", told)
        is_not = self._takes("not")
        if self._takes("in"):
            listed, told = self._among(left)
            whole = f"({'NOT ' * is_not}{listed})"
            return self._implies(whole, possible.NOTHING if is_not else told)
        if self._takes("between"):
            low, high = self._bounds(left)
            told = possible.all_of(self._of((low, high)))
            whole = f"({'NOT ' * is_not}({low} AND {high}))"
            return self._implies(whole, possible.NOTHING if is_not else told)
        if is_not:
            raise NotAnExpression("has not where in or between stands")
        if self.tokens and self.tokens[0][0] == "compare":
            return self._compared(left, self._next()[1], self._value(0))
        if left.kind != FLAG:
            raise NotAnExpression(f"has {left.kind} where a comparison stands")
        if left.constant is not None:
            return self._implies(left.sql, possible.NOTHING if left.constant else possible.NEVER)
        self.flags.add(left.sql)
        return self._implies(left.sql, possible.compared(left.sql, "=", True))

    def _among(self, left: Value) -> tuple[str, Implied]:
        self._expect("(")
        told = [self._value(0)]
        while self._is_sign(","):
            self._next()
            told.append(self._value(0))
        self._expect(")")
        if len({one.kind for one in told}) > 1:
            raise NotAnExpression("has values of several kinds in one list")
        pairs = [self._like(left, one) for one in told]
        values = [constant_of(one, left) for one in told]
        is_told = left.constant is None and None not in values
        one = pairs[0][0]
        implied = possible.among(one, values) if is_told else possible.NOTHING
        implied = possible.NEVER if is_told and is_outside(one, values) else implied
        return f"{one} IN ({', '.join(sql for _, sql in pairs)})", implied

    def _bounds(self, left: Value) -> tuple[str, str]:
        low = self._compared(left, ">=", self._value(0))
        if not self._takes("and"):
            raise NotAnExpression("has between without and")
        return low, self._compared(left, "<=", self._value(0))

    def _compared(self, left: Value, sign: str, right: Value) -> str:
        if FLAG in (left.kind, right.kind) and sign not in ("=", "<>", "!="):
            raise NotAnExpression(f"has true or false beside {sign}")
        one, other = self._like(left, right)
        values = constant_of(left, right), constant_of(right, left)
        told = possible.NOTHING
        if None not in values:
            told = possible.constants(values[0], sign, values[1])
        elif values[1] is not None:
            told = possible.compared(one, sign, values[1])
            told = possible.NEVER if sign == "=" and is_outside(one, values[1:]) else told
        elif values[0] is not None:
            told = possible.compared(other, FLIPPED[sign], values[0])
        return self._implies(f"({one} {OPERATORS.get(sign, sign)} {other})", told)

    def _like(self, left: Value, right: Value) -> tuple[str, str]:
        """Both as values that can be compared whatever the rows hold."""
        kinds = {left.kind, right.kind}
        if LIST in kinds:
            raise NotAnExpression("compares a list; ask contains(list, text) or size(list)")
        if len(kinds) == 1:
            return left.sql, right.sql
        if kinds & {MOMENT, DAY}:
            kind = MOMENT if MOMENT in kinds else DAY
            one, other = (moment_of(side, kind) for side in (left, right))
            return one, other
        if kinds == {NUMBER, TEXT}:
            one, other = (
                side.sql if side.kind == NUMBER else f"TRY_CAST({side.sql} AS double)"
                for side in (left, right)
            )
            return one, other
        raise NotAnExpression(f"compares {left.kind} with {right.kind}")

    def _value(self, depth: int) -> Value:
        if depth > DEEPEST:
            raise NotAnExpression(f"is nested deeper than {DEEPEST}")
        kind, told = self._next()
        if kind == "quoted":
            text = told[1:-1].replace("''", "'")
            self.names.add(text)
            return Value(literal(text), TEXT, text, text)
        if kind == "number":
            if len(told) > LONGEST_NUMBER:
                raise NotAnExpression(f"has a number of more than {LONGEST_NUMBER} signs")
            return Value(told, NUMBER, constant=Decimal(told))
        if kind == "name" and self._is_sign("("):
            return self._call(told, depth)
        if kind == "name" and told.lower() in ("true", "false"):
            return Value(told.lower(), FLAG, constant=_is(told, "true"))
        if kind == "name" and told.lower() not in WORDS:
            return self._column(told)
        raise NotAnExpression(f"has {told!r} where a column, a value or a function stands")

    def _column(self, name: str) -> Value:
        first, *path = name.split(".")
        if first == EVENT_SAID and path:
            first, path, known, of = path[0], path[1:], event_columns(), EVENT_SAID
        else:
            known, of = customer_columns(), CUSTOMER
        if first not in known:
            near = get_close_matches(first, known, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            where = "the causing event" if of == EVENT_SAID else "customers or customer_scores"
            raise NotAnExpression(f"names {first}, which is no column of {where}{hint}")
        if of == CUSTOMER:
            self.columns.add(first)
        sql, kind = f"{of}.`{first}`", known[first]
        while self._is_sign("[") or (self.tokens and self.tokens[0][0] == "field"):
            opening, field = self._next()
            if opening == "field":
                path.append(field[1:])
                continue
            said, key = self._next()
            if said != "quoted":
                raise NotAnExpression(f"has {key!r} where a text in quotes stands")
            self._expect("]")
            path.append(key[1:-1].replace("''", "'"))
        self.names.update(path)
        for part in path:
            sql, kind = inside(sql, kind, part, name)
        return as_value(sql, kind, name)

    def _call(self, name: str, depth: int) -> Value:
        functions = {**OF_TEXTS, **OF_LISTS}
        function = known_function(name, functions)
        given = self._given(name, function, lambda: self._value(depth + 1))
        if name.lower() in OF_LISTS:
            if given[0].kind != LIST or any(one.kind != TEXT for one in given[1:]):
                raise NotAnExpression(f"has {name} of {given[0].kind}; it takes a list")
            kind = FLAG if name.lower() == "contains" else NUMBER
            return Value(function.sql([one.sql for one in given]), kind)
        if any(one.kind == LIST for one in given):
            raise NotAnExpression(f"gives {name} a list; it takes texts")
        texts = [one.sql if one.kind == TEXT else f"CAST({one.sql} AS string)" for one in given]
        return Value(function.sql(texts), TEXT)

    def _expect(self, sign: str) -> None:
        kind, told = self._next()
        if (kind, told) != ("sign", sign):
            raise NotAnExpression(f"has {told!r} where {sign} stands")


def _is(told: str, word: str) -> bool:
    return told.lower() == word
