"""The dialect of a house: any JSON, CSV or Parquet, by a table of the configuration.

`[sources.x.fields]` says of each canonical field which column it comes from, or which small expression
(`expressions.py`). Fields that are tables themselves are written as such: `identifiers.email = "mail"`,
`device.os`, `geo.country`, and `line.sku` of an order whose row has one product; with `line.each = "items"`
an order has a line for each entry of that list, and the other `line.…` are read in it. A list such as
`coupons` is a JSON list, or one text. A row is one event; columns that no field reads are kept in
`properties`. With `one_event_by = "Name"` all rows of a file that say the same in that column are one
event: each is a line of it, and of what else they say the first that says it counts (`one_event_by.py`). Times without a zone are in the source's `time_zone`, if it names one; what the clock shows
twice in autumn is the first of both.
"""  # noqa: E501

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from pyspark.sql import DataFrame

from tactful.schemas.events import LINE, TYPES
from tactful.schemas.table import Column
from tactful.transforms.blanks import SEPARATORS, is_blank, literal
from tactful.transforms.sources import canonical, names, replies, values
from tactful.transforms.sources.dialect import Dialect
from tactful.transforms.sources.expressions import Expression, NotAnExpression, parse
from tactful.transforms.sources.one_event_by import (
    CONSTANT,
    ROWS,
    UNREADABLE,
    differs,
    one_row_each,
)
from tactful.transforms.sources.words import closed_words

Fields = Mapping[str, str | Mapping[str, str]]
LINE_PARTS = names.inner(Column("line", LINE, ""))
NOT_MAPPED = ("properties", "lines")
# In SQL, what no field takes.
STRANGE = "'?'"
# An expression that says the same of every row.
CONSTANT_WORD = re.compile(r"\s*'([^'\\]*)'\s*\Z")
LOCAL = r"^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}([.]\d{1,9})?)?)?$"


def parse_rows(
    rows: DataFrame,
    *,
    stream: str,
    source_name: str,
    max_row_bytes: int,
    max_skew: timedelta,
    fields: Fields,
    time_zone: str | None = None,
    one_event_by: str | None = None,
) -> DataFrame:
    """Read each landed row as one event, by what the configuration says of its fields.

    one_event_by: the column that is the same in all rows of one event.
    Keeps: one row a landed row, or a file and value of that column. Adds: the columns of
    `received`. Drops: `value` (kept as `raw`).
    Expects: value (text), file (string), modified_at (timestamp).
    """
    if one_event_by is not None:
        objects = one_row_each(rows, by=one_event_by, max_row_bytes=max_row_bytes)
    else:
        objects = _each_row(rows, max_row_bytes=max_row_bytes)
    told, read = _told(stream, fields, time_zone, has_rows=one_event_by is not None)
    left = (
        f"map_filter(said, (name, told) -> NOT name IN ({', '.join(map(literal, sorted(read)))}))"
    )
    told["properties"] = left if read else "said"
    return canonical.check_rows(
        canonical.lay_out(objects, stream=stream, told=told),
        stream=stream,
        source_name=source_name,
        max_row_bytes=max_row_bytes,
        max_skew=max_skew,
        also=tuple(_contradictions(fields)) if one_event_by is not None else (),
    )


def _contradictions(fields: Fields) -> Iterable[tuple[str, str]]:
    """What is wrong with an event of several rows: one is missing, or they are not of one event."""
    yield "is_doubted", UNREADABLE
    in_lines = columns("purchases", {name: told for name, told in fields.items() if name == "line"})
    for name in CONSTANT:
        given = fields.get(name, {})
        each = [given] if isinstance(given, str) else given.values()
        read = [parse(text, said="entry") for text in each]
        own = [one for one in read if not set(one.columns) & set(in_lines)]
        if own:
            yield " OR ".join(f"({differs(one.sql, one.columns)})" for one in own), (
                f"rows_contradict:{name}")  # fmt: skip


def _each_row(rows: DataFrame, *, max_row_bytes: int) -> DataFrame:
    """Adds: said (what the row says, each name once), is_sound, and what `whole_objects` does."""
    found = "CASE WHEN fields IS NOT NULL THEN from_json(text, 'map<string,string>') END"
    return (
        canonical.whole_objects(rows, max_row_bytes=max_row_bytes)
        .selectExpr("*", f"{found} AS found")
        .selectExpr("*", f"{names.once_each('found')} AS said", "found IS NOT NULL AS is_sound")
    )


def faults(stream: str, fields: Any) -> Iterable[tuple[str, str, str]]:
    """What is wrong with a table of fields: the key, what was found, what is allowed."""
    known = canonical.fields_of(stream)
    flat = [name for name in known if name not in NOT_MAPPED] + ["line"] * ("lines" in known)
    for name, told in fields.items():
        if name not in flat:
            yield name, name, ", ".join(flat)
            continue
        is_table = name == "line" or names.holds_objects(known[name])
        if is_table != isinstance(told, Mapping):
            yield name, str(told), "a table, such as " + name + '.… = "column"' if is_table else (
                "a column or an expression")  # fmt: skip
            continue
        parts = told if is_table else {"": told}
        allowed = [] if name == "identifiers" else _parts(known, name)
        for part, text in parts.items():
            key = f"{name}.{part}".rstrip(".")
            if allowed and part and part not in allowed:
                yield key, part, ", ".join(allowed)
                continue
            try:
                parse(text)
            except NotAnExpression as error:
                yield key, text, f"a column or an expression; this {error}"
                continue
            if (
                key == "type"
                and (word := CONSTANT_WORD.match(text))
                and not _is_type(stream, word[1])
            ):
                yield key, word[1], ", ".join(TYPES[stream])


def columns(stream: str, fields: Fields) -> Mapping[str, str]:
    """The columns of a row that a table of fields reads, each with the first field that does.

    What is read in the entries of a list is no column of the row.
    """
    found: dict[str, str] = {}
    for name, told in fields.items():
        is_inside = isinstance(told, Mapping) and "each" in told
        parts = told.items() if isinstance(told, Mapping) else [("", told)]
        for part, text in parts:
            if not is_inside or part == "each":
                for column in sorted(parse(text).columns):
                    found.setdefault(column, f"{name}.{part}".rstrip("."))
    return found


def _is_type(stream: str, word: str) -> bool:
    """Whether rows of a stream may say this of their type, in whatever spelling."""
    bare = re.sub(SEPARATORS, "", word.lower())
    is_reply = stream == replies.STREAM and bare in replies.REPLIED
    return is_reply or bare in closed_words(stream, "type")


def _parts(known: Mapping[str, Column], name: str) -> list[str]:
    return [*LINE_PARTS, "each"] if name == "line" else names.inner(known[name])


def _told(
    stream: str, fields: Fields, time_zone: str | None, *, has_rows: bool
) -> tuple[dict[str, str], set[str]]:
    """The canonical fields, each as SQL, and the columns that they read."""
    known, read, told = canonical.fields_of(stream), {ROWS} if has_rows else set[str](), {}

    def sql(text: str, said: str = "said") -> str:
        expression: Expression = parse(text, said=said)
        if said == "said" or has_rows:
            read.update(expression.columns)
        return expression.sql

    for name, given in fields.items():
        if name == "line":
            told["lines"] = _lines(dict(given), sql, has_rows=has_rows)  # type: ignore[arg-type]
        elif name == "identifiers":
            each = ", ".join(
                f"struct({literal(kind)} AS type, {sql(text)} AS value)"
                for kind, text in given.items()  # type: ignore[union-attr]
            )
            told[name] = f"filter(array({each}), entry -> entry.value IS NOT NULL)"
        elif isinstance(given, Mapping):
            parts = (sql(given[p]) if p in given else "NULL" for p in names.inner(known[name]))
            told[name] = f"struct({', '.join(parts)})"
        elif known[name].type == "timestamp":
            written = f"trim({sql(given)})"
            if name == "occurred_at":
                written = _or_strange(written, given)
            told[name] = moment(written, time_zone)
        elif known[name].type == "array<string>":
            text = sql(given)
            told[name] = (
                f"CASE WHEN startswith({text}, '[') THEN from_json({text}, 'array<string>') "
                f"WHEN {text} IS NOT NULL THEN array({text}) END"
            )
        elif known[name].type == "boolean":
            told[name] = f"TRY_CAST({sql(given)} AS boolean)"
        elif name == "type":
            told[name] = _or_strange(sql(given), given)
        else:
            told[name] = sql(given)
    return told, read


def _or_strange(value: str, given: str) -> str:
    """The value; where its columns say something that it is not made for, what no field takes.

    A date in another form, or a word that `decode` does not know, is not missing: it is wrong.
    """
    columns = sorted(parse(given).columns)
    if not columns:
        return value
    each = ", ".join(f"nullif(trim(try_element_at(said, {literal(name)})), '')" for name in columns)
    return f"coalesce({value}, concat({STRANGE}, coalesce({each}, NULL)))"


def _lines(given: dict[str, str], sql: Any, *, has_rows: bool) -> str:
    """One line of the row's own columns, one for each row of an event, or each entry of a list."""
    each = given.pop("each", None)
    said = "entry" if each or has_rows else "said"

    def line() -> str:
        parts = (f"{sql(given[p], said) if p in given else 'CAST(NULL AS string)'} AS {p}"
                 for p in LINE_PARTS)  # fmt: skip
        return f"struct({', '.join(parts)})"

    if has_rows:
        return f"transform(coalesce(listed, array(said)), entry -> {line()})"
    if each is None:
        return f"array({line()})"
    whole = "_listed IS NOT NULL AND NOT exists(_listed, entry -> entry IS NULL)"
    lines = f"""CASE WHEN {is_blank("_list")} THEN NULL
        WHEN {whole} THEN transform(_listed, entry -> {line()}) ELSE array({_strange_line()}) END"""
    listed = values.once("from_json(_list, 'array<map<string,string>>')", "_listed", lines)
    return values.once(sql(each), "_list", listed)


def _strange_line() -> str:
    """What no line is: where a list is none, or not of objects alone, its row is refused for it."""
    parts = (f"{STRANGE if p in values.NUMBERS else 'CAST(NULL AS string)'} AS {p}"
             for p in LINE_PARTS)  # fmt: skip
    return f"struct({', '.join(parts)})"


def moment(text: str, time_zone: str | None) -> str:
    """The time as it is told; one without zone as the source's clock shows it, in UTC."""
    if time_zone is None:
        return text
    shown = "TRY_CAST(written AS timestamp_ntz)"
    local = f"concat(CAST(convert_timezone({literal(time_zone)}, 'UTC', {shown}) AS string), 'Z')"
    either = f"CASE WHEN written RLIKE {literal(LOCAL)} THEN {local} ELSE written END"
    return values.rarely(text, either)


DIALECT = Dialect(
    name="mapped",
    doc="Any form, by a table of the configuration: which column each field comes from.",
    parse=parse_rows,
    type_field="type",
    faults=faults,
    columns=columns,
)
