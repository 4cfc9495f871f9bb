"""How a text becomes a value: times, amounts, codes, and texts that say something."""

from __future__ import annotations

import re

from tactful.schemas.bounds import MONEY_WITHIN, QUANTITY_WITHIN
from tactful.schemas.currencies import CURRENCIES
from tactful.schemas.events import MONEY
from tactful.schemas.table import Column
from tactful.transforms.blanks import as_name, literal, trimmed

# Of the first and the last day only what stays within the years that every reader can hold.
WITHIN = r"(?!0000|0001-?01-?01.*\+|9999-?12-?31.*-\d{2}(?::?\d{2})?\z)"
# The form that nearly all senders use, and Spark reads as it is.
DAY = r"\d{4}-\d{2}-\d{2}"
USUAL_TIME = rf"^{WITHIN}{DAY}[T ]\d{{2}}:\d{{2}}:\d{{2}}(\.\d+)?(Z|[+-]\d{{2}}:?\d{{2}})\z"
# What else ISO 8601 allows: no separators, minutes or seconds left out, a comma, a zone of hours.
# Days of the year and of the week are not read.
ANY_DAY = rf"^{WITHIN}({DAY}|\d{{8}})"
ANY_CLOCK = r"(\d{2}(?::\d{2}){0,2}|\d{4}|\d{6})"
ANY_FRACTION = r"((?:(?<=:\d{2}:\d{2})|(?<=\d{6}))[.,]\d+)?"
ANY_ZONE = r"([Zz]|[+-]\d{2}(?::?\d{2})?)\z"
ANY_TIME = f"{ANY_DAY}[Tt ]{ANY_CLOCK}{ANY_FRACTION}{ANY_ZONE}"

NUMBERS = ("quantity", "unit_price", "discount", "amount")
# What JSON or a text calls a number, however large; Spark hands 1e999 over as "Infinity".
NUMBER = r'^\s*([+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|"-?Infinity")\s*\z'

# From 1 (bad) to 5 (good); as a text, or with an empty fraction, it is such a number, too.
STARS = r"^[1-5](\.0+)?\z"


def instant(value: str) -> str:
    """The moment that a text with its zone tells; null where it is none."""
    usual = f"{value} RLIKE {literal(USUAL_TIME)}"
    other = f"WHEN {value} IS NOT NULL THEN {_spelled(value)}"
    return f"TRY_CAST(CASE WHEN {usual} THEN {value} {other} END AS timestamp)"


def _spelled(value: str) -> str:
    """A time in another of ISO 8601's forms, in the usual one; null where it is none."""

    def part(number: int) -> str:
        return f"regexp_extract(written, {literal(ANY_TIME)}, {number})"

    day, zone = f"replace({part(1)}, '-', '')", f"upper({part(4)})"
    clock = f"rpad(replace({part(2)}, ':', ''), 6, '0')"
    offset = f"rpad(replace(substring({zone}, 2), ':', ''), 4, '0')"
    spelled = (
        f"substring({day}, 1, 4), '-', substring({day}, 5, 2), '-', substring({day}, 7, 2), 'T', "
        f"substring({clock}, 1, 2), ':', substring({clock}, 3, 2), ':', substring({clock}, 5, 2), "
        f"replace({part(3)}, ',', '.'), "
        f"CASE WHEN {zone} = 'Z' THEN 'Z' ELSE concat(left({zone}, 1), {offset}) END"
    )
    whole = f"CASE WHEN written RLIKE {literal(ANY_TIME)} THEN concat({spelled}) END"
    return rarely(value, whole)


def rarely(value: str, expression: str) -> str:
    """Work out an expression over `written`, apart from the code that is compiled for every row.

    A lambda is interpreted: where it is hardly ever needed, that is cheaper than code so long that
    the JVM leaves all around it uncompiled, too.
    """
    return once(value, "written", expression)


def once(value: str, name: str, then: str) -> str:
    """An expression over a value that is worked out once, and called by this name in it."""
    return f"get(transform(array({value}), {name} -> {then}), 0)"


def is_local_time(value: str) -> str:
    """Whether it is a time, or a day, that only lacks its zone."""
    zoned = (_spelled(f"concat({value}, '{rest}')") for rest in ("Z", "T00Z"))
    return " OR ".join(f"TRY_CAST({moment} AS timestamp) IS NOT NULL" for moment in zoned)


def money(value: str, *, within: str = MONEY_WITHIN) -> str:
    """An amount; null where it is no number, or out of bounds."""
    return f"TRY_CAST(TRY_CAST({value} AS {within}) AS {MONEY})"


def is_number(value: str) -> str:
    """Whether a text is a number at all, though it may be too large for any type."""
    return f"{value} RLIKE {literal(NUMBER)}"


def is_no_text(text: str) -> str:
    """Spark hands an object over as its text; a text that only quotes JSON stays a text."""
    is_json = f"json_object_keys({text}) IS NOT NULL OR json_array_length({text}) IS NOT NULL"
    opens = f"startswith({text}, '{{') OR startswith({text}, '[')"
    quoted = literal(r'"\s*[\[{]')
    # In an AND the last would be worked out for every row, since many fields ask it.
    return f"CASE WHEN ({opens}) AND ({is_json}) THEN NOT text RLIKE {quoted} ELSE false END"


def stars(value: str) -> str:
    """How content somebody was, a whole number from 1 to 5; null where it is none."""
    told = trimmed(value)
    return f"CASE WHEN {told} RLIKE {literal(STARS)} THEN CAST(left({told}, 1) AS int) END"


def currency(value: str) -> str:
    """The code in capitals, without blanks around it; null where nothing is said."""
    known = f"{value} IN ({codes()})"
    return f"CASE WHEN {known} THEN {value} ELSE nullif(upper({trimmed(value)}), '') END"


def codes() -> str:
    """Every code of ISO 4217, for IN."""
    return ", ".join(f"'{code}'" for code in sorted(CURRENCIES))


def texts(values: str) -> str:
    """A list of ids or names, without entries that say nothing."""
    return f"filter(transform({values}, entry -> {as_name('entry')}), entry -> entry IS NOT NULL)"


def record(value: str, column: Column) -> str:
    """An object with each of its values as its type."""
    fields = re.findall(r"(\w+):(string|decimal\(\d+,\d+\))", column.type)
    parts = (f"{_value(f'{value}.`{name}`', name, kind)} AS `{name}`" for name, kind in fields)
    return f"CASE WHEN {value} IS NOT NULL THEN struct({', '.join(parts)}) END"


def records(value: str, column: Column) -> str:
    """A list of objects, likewise."""
    return f"transform({value}, entry -> {record('entry', column)})"


def _value(value: str, name: str, kind: str) -> str:
    if name == "quantity":
        return money(value, within=QUANTITY_WITHIN)
    return as_name(value) if kind == "string" else money(value)
