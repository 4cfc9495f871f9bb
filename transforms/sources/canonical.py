"""The canonical dialect: JSON rows that already use Tactful's own field names."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import timedelta

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from tactful.schemas.events import COMMON, FURTHER, REQUIRED, wide_columns
from tactful.schemas.intake import POSITION
from tactful.schemas.table import Column as Described
from tactful.transforms.sources import words

ISO_DAY = r"^\d{4}-\d{2}-\d{2}"
ISO_MINUTE = r"[T ]\d{2}:\d{2}"
ISO_SECOND = r":\d{2}(\.\d+)?"
ISO_ZONE = r"(Z|[+-]\d{2}:?\d{2})\z"
NUMBERS = ("quantity", "unit_price", "discount", "amount")
# JSON as the standard has it: Spark alone would let single quotes and NaN pass.
STRICT = {
    "columnNameOfCorruptRecord": "_corrupt",
    "allowSingleQuotes": "false",
    "allowNonNumericNumbers": "false",
}
BLANKS = " \t\r\n"
# A letter that is rare in texts first; as escapes, capitals begin with \u004 and \u005.
SEAL = "ZTACTFUL"
FLAGGED = "loose._corrupt IS NOT NULL"


def understand(
    rows: DataFrame,
    *,
    stream: str,
    source_name: str,
    max_row_bytes: int,
    max_skew: timedelta,
) -> DataFrame:
    """Read each landed row as an event, and note everything that is wrong with it.

    Every field is first read as text and then cast, so that a wrong type is named instead of
    turning the row into nulls. A row keeps all its reasons: fixing one must not uncover the next.

    Keeps: one row a landed row. Adds: the columns of `received`, `reasons` empty where the row
    may be accepted. Drops: `value` (kept as `raw`).
    Expects: value (text), file (string), modified_at (timestamp).
    """
    fields = {column.name: column for column in (*COMMON, *FURTHER[stream])}
    loose = ", ".join(f"`{name}` {_loose(column.type)}" for name, column in fields.items())
    # All in SQL: of column objects it takes thousands, at several calls into the JVM each.
    checked = rows.selectExpr(
        "value",
        "file",
        "modified_at",
        "is_valid_utf8(value) AS is_valid",
        "CASE WHEN is_valid_utf8(value) THEN value ELSE make_valid_utf8(value) END AS text",
    )
    whole = checked.transform(_with_outer_fields, max_row_bytes=max_row_bytes)
    readable = "CASE WHEN fields IS NOT NULL THEN text END"
    parsed = whole.selectExpr("*", f"{_strictly(readable, loose)} AS loose")
    sent = _last_of_each("loose.properties")
    typed = parsed.selectExpr(
        "*",
        f"{_is_sound()} AS is_sound",
        f"{_unknown_fields(set(fields))} AS _extra",
        f"CASE WHEN loose.properties IS NOT NULL THEN {sent} END AS _sent",
        *(f"{_typed(stream, column)} AS `_{name}`" for name, column in fields.items()),
    )
    # As one text first: that is compiled, where a list with gaps is interpreted row by row.
    reasons = _reasons(stream, fields, max_row_bytes=max_row_bytes, max_skew=max_skew)
    judged = typed.selectExpr("*", f"{reasons} AS _reasons")
    position = "file, modified_at, substring(sha2(value, 256), 1, 32) AS line_hash"
    final = judged.selectExpr(
        f"{_text(stream)} AS stream",
        f"{_text(source_name)} AS source_name",
        f"CAST(struct({position}) AS {POSITION}) AS source_position",
        "text AS raw",
        "CASE WHEN NOT is_valid THEN base64(CAST(value AS binary)) END AS raw_base64",
        "CASE WHEN _reasons = '' THEN CAST(array() AS array<string>) ELSE split(_reasons, ',') END "
        "AS reasons",
        "modified_at AS landed_at",
        f"{words.doubts(stream)} AS doubts",
        *(
            f"{_properties() if name == 'properties' else words.settled(stream, name)} AS `{name}`"
            for name in fields
        ),
    )
    return _hashed(_widened(final, fields), stream)


def _text(value: str) -> str:
    """A text in SQL; as its bytes where a setting of the session might read it otherwise."""
    if re.search(r"['\\$]|[^ -~]", value):
        return f"CAST(X'{value.encode().hex()}' AS string)"
    return f"'{value}'"


def _strictly(text: str, kind: str) -> str:
    """Parse a text as JSON of these fields; `_corrupt` where Spark finds fault with it."""
    options = ", ".join(_text(word) for pair in STRICT.items() for word in pair)
    return f"from_json({text}, {_text(f'{kind}, `_corrupt` string')}, map({options}))"


def _with_outer_fields(rows: DataFrame, *, max_row_bytes: int) -> DataFrame:
    """Adds: fields, the names in the row's object; null where it is not one whole JSON object.

    Spark reads the first object of a text and never looks behind it, so of two events glued
    together one would vanish. So a field of our own is put before the last brace: only where
    that brace closes the first object does it turn up in it. Its name is the same for nearly all
    rows, since the parser keeps every name it meets and is slowed down by many; where a row may
    hold that name itself, spelled out or in escapes, its hash takes the place.
    """
    is_fit = f"octet_length(value) <= {max_row_bytes}"
    held = " OR ".join(f"contains(text, {_text(part)})" for part in (SEAL, r"\u004", r"\u005"))
    # Cutting blanks off takes its time, and hardly a row ends in any.
    cut = f"CASE WHEN endswith(text, '}}') THEN text ELSE rtrim({_text(BLANKS)}, text) END"
    trimmed = f"CASE WHEN {is_fit} THEN {cut} END"
    # As bytes, which need not be counted one by one.
    opened = "CAST(substring(CAST(trimmed AS binary), 1, octet_length(trimmed) - 1) AS string)"
    sealed = f"""concat({opened}, ',"', seal, '":0}}')"""
    found = f"json_object_keys(CASE WHEN endswith(trimmed, '}}') THEN {sealed} END)"
    empty = _text(r"^\s*\{\s*\}\s*\z")
    names = f"""CASE
        WHEN try_element_at(fields, -1) = seal THEN slice(fields, 1, size(fields) - 1)
        WHEN fields IS NULL AND trimmed RLIKE {empty} THEN CAST(array() AS array<string>)
    END"""
    seal = f"CASE WHEN {held} THEN md5(value) ELSE '{SEAL}' END"
    return (
        rows.selectExpr("*", f"{seal} AS seal", f"{trimmed} AS trimmed")
        .withColumn("fields", F.expr(found))
        .withColumn("fields", F.expr(names))
        .drop("seal", "trimmed")
    )


def _loose(kind: str) -> str:
    """The same shape with money and times as text, which would else turn the row into nulls."""
    return kind.replace("decimal(18,4)", "string").replace("timestamp", "string")


def _typed(stream: str, column: Described) -> str:
    value = f"loose.`{column.name}`"
    if words.is_closed(stream, column.name):
        return words.read(stream, column.name, value)
    if column.type == "timestamp":
        return _instant(value)
    if _loose(column.type) == column.type:
        return value
    if column.name == "lines":
        return _cast_lines(value)
    return f"TRY_CAST({value} AS {column.type})"


def _instant(value: str) -> str:
    # Spark wants the seconds that ISO 8601 lets one leave out.
    to_the_minute = f"concat(substring({value}, 1, 16), ':00', substring({value}, 17, 6))"
    whole = f"""CASE
        WHEN {value} RLIKE {_text(ISO_DAY + ISO_MINUTE + ISO_SECOND + ISO_ZONE)} THEN {value}
        WHEN {value} RLIKE {_text(ISO_DAY + ISO_MINUTE + ISO_ZONE)} THEN {to_the_minute}
    END"""
    return f"TRY_CAST({whole} AS timestamp)"


def _cast_lines(lines: str) -> str:
    """Cast the order lines' amounts; a text that is no number becomes null and is reported."""
    values = ", ".join(
        f"TRY_CAST(line.{name} AS decimal(18,4)) AS {name}" if name in NUMBERS else f"line.{name}"
        for name in ("line_id", "sku", "category", *NUMBERS)
    )
    return f"transform({lines}, line -> struct({values}))"


def _is_sound() -> str:
    """Whether the row is one JSON object; where Spark finds fault, it may only be with a type."""
    faulty = f"CASE WHEN {FLAGGED} THEN {_refused('_none', 'string')} ELSE false END"
    return f"(fields IS NOT NULL AND NOT {faulty})"


def _reasons(
    stream: str, fields: dict[str, Described], *, max_row_bytes: int, max_skew: timedelta
) -> str:
    """All that is wrong with a row, with commas between."""
    raw_time, time = "loose.occurred_at", "_occurred_at"
    oversized = f"octet_length(value) > {max_row_bytes}"
    local = _text(f"{ISO_DAY}({ISO_MINUTE}({ISO_SECOND})?)?\\z")
    is_time = f"TRY_CAST({raw_time} AS timestamp) IS NOT NULL"
    unzoned = f"CASE WHEN {raw_time} RLIKE {local} THEN {is_time} ELSE false END"
    has_time = f"is_sound AND NOT {_is_missing('occurred_at')}"
    odd_type = f"trim(loose.type) != '' AND _type IS NULL AND NOT {_mistyped(fields['type'])}"
    skew = f"INTERVAL {max_skew // timedelta(microseconds=1)} MICROSECONDS"
    checks = [
        (oversized, "oversized"),
        ("NOT is_valid", "invalid_utf8"),
        (f"NOT {oversized} AND NOT is_sound", "malformed_json"),
    ]
    for name in ("event_id", "type", *REQUIRED[stream], "occurred_at"):
        checks.append((f"is_sound AND {_is_missing(name)}", f"missing:{name}"))
    checks += [
        (f"is_sound AND {odd_type}", "unknown_type"),
        (f"{has_time} AND {unzoned}", "occurred_at_without_zone"),
        (f"{has_time} AND NOT {unzoned} AND {time} IS NULL", "occurred_at_not_a_time"),
        (f"year({time}) < 1971", "occurred_at_at_epoch"),
        (f"{time} > modified_at + {skew}", "occurred_at_in_future"),
    ]
    for name, column in fields.items():
        if name != "occurred_at":
            wrong = f"is_sound AND NOT {words.is_understood_anyhow(stream, name)}"
            checks.append((f"{wrong} AND {_mistyped(column)}", f"wrong_type:{name}"))
    checks += [(f"is_sound AND {bad}", reason) for bad, reason in words.reasons(stream)]
    told = (f"CASE WHEN coalesce({bad}, false) THEN {_text(word)} END" for bad, word in checks)
    return f"concat_ws(',', {', '.join(told)})"


def _is_missing(name: str) -> str:
    return f"coalesce(trim(loose.`{name}`), '') = ''"


def _mistyped(column: Described) -> str:
    value, typed = f"loose.`{column.name}`", f"`_{column.name}`"
    wrong = _objects_for_texts(value, column.type)
    if column.name == "lines":
        wrong.append(_no_number(value, typed))
    elif _loose(column.type) != column.type:
        wrong.append(f"{value} IS NOT NULL AND {typed} IS NULL")
    if column.type != "string":
        # Only a row that Spark flagged pays for a second look at its text.
        wrong.append(f"CASE WHEN {FLAGGED} THEN {_refused(column.name, _loose(column.type))} END")
    return _any(wrong)


def _refused(name: str, kind: str) -> str:
    """Whether Spark finds fault with this one field; with none of that name, with the JSON."""
    return f"{_strictly('text', f'`{name}` {kind}')}._corrupt IS NOT NULL"


def _objects_for_texts(value: str, kind: str) -> list[str]:
    """Where a field wants a text, an object or a list is wrong, also deeper inside the field."""
    names = re.findall(r"(\w+):string", kind)
    if kind == "string":
        return [_is_no_text(value)]
    if kind == "array<string>":
        return [f"exists({value}, entry -> {_is_no_text('entry')})"]
    if kind.startswith("array"):
        wrong = _any(_is_no_text(f"entry.`{name}`") for name in names)
        return [f"exists({value}, entry -> {wrong})"]
    return [_is_no_text(f"{value}.`{name}`") for name in names]


def _is_no_text(text: str) -> str:
    """Spark hands an object over as its text; a text that only quotes JSON stays a text."""
    is_json = f"json_object_keys({text}) IS NOT NULL OR json_array_length({text}) IS NOT NULL"
    opens = f"startswith({text}, '{{') OR startswith({text}, '[')"
    quoted = _text(r'"\s*[\[{]')
    # In an AND the last would be worked out for every row, since many fields ask it.
    return f"CASE WHEN ({opens}) AND ({is_json}) THEN NOT text RLIKE {quoted} ELSE false END"


def _no_number(lines: str, typed: str) -> str:
    # Spark names the halves of a pair after the fields they come from.
    wrong = _any(
        f"pair.lines.{name} IS NOT NULL AND pair._lines.{name} IS NULL" for name in NUMBERS
    )
    return f"exists(arrays_zip({lines}, {typed}), pair -> {wrong})"


def _any(conditions: Iterable[str]) -> str:
    unsure_is_no = (f"coalesce({condition}, false)" for condition in conditions)
    return f"({' OR '.join(('false', *unsure_is_no))})"


def _unknown_fields(known: set[str]) -> str:
    """Fields that the canonical form does not name; null where there are none, as usual.

    A column of its own: inside the next expression it would be worked out again for every use.
    """
    unknown = f"array_except(fields, array({', '.join(map(_text, sorted(known)))}))"
    as_map = "from_json(text, 'map<string,string>')"
    extra = f"map_filter({as_map}, (name, told) -> array_contains({unknown}, name))"
    return f"CASE WHEN size({unknown}) > 0 THEN {_last_of_each(extra)} END"


def _properties() -> str:
    """Fields that the canonical form does not name, beside the properties sent as such."""
    sent = "coalesce(_sent, CAST(map() AS map<string,string>))"
    kept = f"map_filter({sent}, (name, told) -> NOT map_contains_key(_extra, name))"
    return f"CASE WHEN _extra IS NULL THEN _sent ELSE map_concat({kept}, _extra) END"


def _last_of_each(pairs: str) -> str:
    """Of a name that a JSON object says twice the last value counts; Spark would keep both."""
    names = f"map_keys({pairs})"
    later = f"slice({names}, place + 2, size({names}))"
    is_last = f"(entry, place) -> NOT array_contains({later}, entry.key)"
    last = f"map_from_entries(filter(map_entries({pairs}), {is_last}))"
    twice = f"size({names}) > size(array_distinct({names}))"
    return f"CASE WHEN {twice} THEN {last} ELSE {pairs} END"


def _widened(frame: DataFrame, fields: dict[str, Described]) -> DataFrame:
    missing = [column for column in wide_columns() if column.name not in fields]
    return frame.selectExpr("*", *(f"CAST(NULL AS {c.type}) AS `{c.name}`" for c in missing))


def _hashed(frame: DataFrame, stream: str) -> DataFrame:
    """Adds: event_hash and payload_hash, 16 bytes each."""
    ignored = ("received_at", "source")
    ordered = "CASE WHEN properties IS NOT NULL THEN array_sort(map_entries(properties)) END"
    payload = ", ".join(
        f"{ordered} AS properties" if column.name == "properties" else f"`{column.name}`"
        for column in wide_columns()
        if column.name not in ignored
    )
    told = _text(f"{stream}\x00")
    return frame.selectExpr(
        "*",
        f"{_sixteen_bytes(f'concat({told}, event_id)')} AS event_hash",
        f"{_sixteen_bytes(f'to_json(struct({payload}))')} AS payload_hash",
    )


def _sixteen_bytes(value: str) -> str:
    return f"unhex(substring(sha2({value}, 256), 1, 32))"
