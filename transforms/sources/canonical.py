"""The canonical dialect: JSON rows that already use Tactful's own field names."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import timedelta
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from tactful.schemas.events import COMMON, FURTHER, REQUIRED, TYPES, wide_columns
from tactful.schemas.intake import POSITION
from tactful.schemas.table import Column as Described

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
    is_valid = F.is_valid_utf8("value")
    clean = F.when(is_valid, F.col("value")).otherwise(F.make_valid_utf8("value"))
    checked = rows.select(
        "value", "file", "modified_at", is_valid.alias("is_valid"), clean.alias("text")
    )
    whole = checked.transform(_with_outer_fields, max_row_bytes=max_row_bytes)
    readable = F.when(F.col("fields").isNotNull(), F.col("text"))
    parsed = whole.withColumn("loose", F.from_json(readable, f"{loose}, `_corrupt` string", STRICT))
    typed = parsed.select(
        "*",
        _is_sound().alias("is_sound"),
        _unknown_fields(set(fields)).alias("_extra"),
        F.when(
            F.col("loose.properties").isNotNull(), _last_of_each(F.col("loose.properties"))
        ).alias("_sent"),
        *(_typed(column).alias(f"_{name}") for name, column in fields.items()),
    )
    final = typed.select(
        F.lit(stream).alias("stream"),
        F.lit(source_name).alias("source_name"),
        F.struct(
            F.col("file"),
            F.col("modified_at"),
            F.substring(F.sha2(F.col("value"), 256), 1, 32).alias("line_hash"),
        )
        .cast(POSITION)
        .alias("source_position"),
        F.col("text").alias("raw"),
        F.when(~F.col("is_valid"), F.base64(F.col("value").cast("binary"))).alias("raw_base64"),
        _reasons(stream, fields, max_row_bytes=max_row_bytes, max_skew=max_skew).alias("reasons"),
        F.col("modified_at").alias("landed_at"),
        *(
            _properties().alias("properties")
            if name == "properties"
            else F.col(f"_{name}").alias(name)
            for name in fields
        ),
    )
    return _hashed(_widened(final, fields), stream)


def _with_outer_fields(rows: DataFrame, *, max_row_bytes: int) -> DataFrame:
    """Adds: fields, the names in the row's object; null where it is not one whole JSON object.

    Spark reads the first object of a text and never looks behind it, so of two events glued
    together one would vanish. So a field of our own is put before the last brace: only where
    that brace closes the first object does it turn up in it.
    """
    text = F.when(F.octet_length("value") <= max_row_bytes, F.col("text"))
    trimmed = F.rtrim(text, F.lit(" \t\r\n"))
    opened = F.substring(trimmed, F.lit(1), F.length(trimmed) - 1)
    sealed = F.concat(opened, F.lit(',"'), F.md5("value"), F.lit('":0}'))
    found = F.json_object_keys(F.when(trimmed.endswith("}"), sealed))
    is_last = F.try_element_at("fields", F.lit(-1)) == F.md5("value")
    names = F.slice("fields", F.lit(1), F.size("fields") - 1)
    empty = F.when(F.col("text").rlike(r"^\s*\{\s*\}\s*\z"), F.array().cast("array<string>"))
    return rows.withColumn("fields", found).withColumn(
        "fields", F.when(is_last, names).when(F.col("fields").isNull() & text.isNotNull(), empty)
    )


def _loose(kind: str) -> str:
    """The same shape with money and times as text, which would else turn the row into nulls."""
    return kind.replace("decimal(18,4)", "string").replace("timestamp", "string")


def _typed(column: Described) -> Column:
    value = F.col(f"loose.{column.name}")
    if column.type == "timestamp":
        return _instant(value)
    if _loose(column.type) == column.type:
        return value
    if column.name == "lines":
        return _cast_lines(value)
    return value.try_cast(column.type)


def _instant(value: Column) -> Column:
    # Spark wants the seconds that ISO 8601 lets one leave out.
    to_the_minute = F.concat(F.substring(value, 1, 16), F.lit(":00"), F.substring(value, 17, 6))
    whole = F.when(value.rlike(ISO_DAY + ISO_MINUTE + ISO_SECOND + ISO_ZONE), value).when(
        value.rlike(ISO_DAY + ISO_MINUTE + ISO_ZONE), to_the_minute
    )
    return whole.try_cast("timestamp")


def _cast_lines(lines: Column) -> Column:
    """Cast the order lines' amounts; a text that is no number becomes null and is reported."""
    return F.transform(
        lines,
        lambda line: F.struct(
            *(
                (line[name].try_cast("decimal(18,4)") if name in NUMBERS else line[name]).alias(
                    name
                )
                for name in ("line_id", "sku", "category", *NUMBERS)
            )
        ),
    )


def _is_sound() -> Column:
    """Whether the row is one JSON object; where Spark finds fault, it may only be with a type."""
    flagged = F.col("loose._corrupt").isNotNull()
    faulty = F.when(flagged, _refused("_none", "string")).otherwise(False)
    return F.col("fields").isNotNull() & ~faulty


def _reasons(
    stream: str, fields: dict[str, Described], *, max_row_bytes: int, max_skew: timedelta
) -> Column:
    oversized = F.octet_length("value") > max_row_bytes
    understood = F.col("is_sound")
    raw_time, time = F.col("loose.occurred_at"), F.col("_occurred_at")
    missing_time = F.coalesce(F.trim(raw_time), F.lit("")) == ""
    is_local = raw_time.rlike(f"{ISO_DAY}({ISO_MINUTE}({ISO_SECOND})?)?\\z")
    unzoned = F.when(is_local, raw_time.try_cast("timestamp").isNotNull()).otherwise(False)
    known = F.col("loose.type").isin(*TYPES[stream])
    odd_type = (F.trim("loose.type") != "") & ~known & ~_mistyped(fields["type"])
    checks: list[tuple[Column, str]] = [
        (oversized, "oversized"),
        (~F.col("is_valid"), "invalid_utf8"),
        (~oversized & ~understood, "malformed_json"),
    ]
    for name in ("event_id", "type", *REQUIRED[stream]):
        absent = F.coalesce(F.trim(F.col(f"loose.{name}")), F.lit("")) == ""
        checks.append((understood & absent, f"missing:{name}"))
    checks += [
        (understood & missing_time, "missing:occurred_at"),
        (understood & odd_type, "unknown_type"),
        (understood & ~missing_time & unzoned, "occurred_at_without_zone"),
        (understood & ~missing_time & ~unzoned & time.isNull(), "occurred_at_not_a_time"),
        (F.year(time) < 1971, "occurred_at_at_epoch"),
        (time > F.col("modified_at") + F.lit(max_skew), "occurred_at_in_future"),
    ]
    for name, column in fields.items():
        if name != "occurred_at":
            checks.append((understood & _mistyped(column), f"wrong_type:{name}"))
    return F.array_compact(
        F.array(*(F.when(F.coalesce(bad, F.lit(False)), F.lit(word)) for bad, word in checks))
    )


def _mistyped(column: Described) -> Column:
    value, typed = F.col(f"loose.{column.name}"), F.col(f"_{column.name}")
    wrong = _objects_for_texts(value, column.type)
    if column.name == "lines":
        wrong.append(_no_number(value, typed))
    elif _loose(column.type) != column.type:
        wrong.append(value.isNotNull() & typed.isNull())
    if column.type != "string":
        # Only a row that Spark flagged pays for a second look at its text.
        flagged = F.col("loose._corrupt").isNotNull()
        wrong.append(F.when(flagged, _refused(column.name, _loose(column.type))))
    return _any(wrong)


def _refused(name: str, kind: str) -> Column:
    """Whether Spark finds fault with this one field; with none of that name, with the JSON."""
    alone = F.from_json(F.col("text"), f"`{name}` {kind}, `_corrupt` string", STRICT)
    return alone["_corrupt"].isNotNull()


def _objects_for_texts(value: Column, kind: str) -> list[Column]:
    """Where a field wants a text, an object or a list is wrong, also deeper inside the field."""
    names = re.findall(r"(\w+):string", kind)
    if kind == "string":
        return [_is_no_text(value)]
    if kind == "array<string>":
        return [F.exists(value, _is_no_text)]
    if kind.startswith("array"):
        return [F.exists(value, lambda entry: _any(_is_no_text(entry[name]) for name in names))]
    return [_is_no_text(value[name]) for name in names]


def _is_no_text(text: Column) -> Column:
    """Spark hands an object over as its text; a text that only quotes JSON stays a text."""
    is_json = F.json_object_keys(text).isNotNull() | F.json_array_length(text).isNotNull()
    quoted = F.col("text").rlike(r'"\s*[\[{]')
    return (text.startswith("{") | text.startswith("[")) & is_json & ~quoted


def _no_number(lines: Column, typed: Column) -> Column:
    return F.exists(
        F.arrays_zip(lines.alias("loose"), typed.alias("typed")),
        lambda pair: _any(
            pair["loose"][name].isNotNull() & pair["typed"][name].isNull() for name in NUMBERS
        ),
    )


def _any(conditions: Iterable[Column]) -> Column:
    unsure_is_no = (F.coalesce(condition, F.lit(False)) for condition in conditions)
    return reduce(Column.__or__, unsure_is_no, F.lit(False))


def _unknown_fields(known: set[str]) -> Column:
    """Fields that the canonical form does not name; null where there are none, as usual.

    A column of its own: inside the next expression it would be worked out again for every use.
    """
    names = F.array(*(F.lit(name) for name in sorted(known)))
    unknown = F.array_except("fields", names)
    as_map = F.from_json(F.col("text"), "map<string,string>")
    return F.when(
        F.size(unknown) > 0,
        _last_of_each(F.map_filter(as_map, lambda key, _: F.array_contains(unknown, key))),
    )


def _properties() -> Column:
    """Fields that the canonical form does not name, beside the properties sent as such."""
    sent, extra = F.col("_sent"), F.col("_extra")
    kept = F.map_filter(
        F.coalesce(sent, F.create_map().cast("map<string,string>")),
        lambda key, _: ~F.map_contains_key(extra, key),
    )
    return F.when(extra.isNull(), sent).otherwise(F.map_concat(kept, extra))


def _last_of_each(pairs: Column) -> Column:
    """Of a name that a JSON object says twice the last value counts; Spark would keep both."""
    names, entries = F.map_keys(pairs), F.map_entries(pairs)
    last = F.filter(
        entries,
        lambda entry, place: (
            ~F.array_contains(F.slice(names, place + 2, F.size(names)), entry["key"])
        ),
    )
    twice = F.size(names) > F.size(F.array_distinct(names))
    return F.when(twice, F.map_from_entries(last)).otherwise(pairs)


def _widened(frame: DataFrame, fields: dict[str, Described]) -> DataFrame:
    missing = [column for column in wide_columns() if column.name not in fields]
    return frame.withColumns({c.name: F.lit(None).cast(c.type) for c in missing})


def _hashed(frame: DataFrame, stream: str) -> DataFrame:
    """Adds: event_hash and payload_hash, 16 bytes each."""
    ignored = ("received_at", "source")
    payload = [column.name for column in wide_columns() if column.name not in ignored]
    has_properties = F.col("properties").isNotNull()
    ordered = [
        F.when(has_properties, F.array_sort(F.map_entries("properties"))).alias("properties")
        if name == "properties"
        else F.col(name)
        for name in payload
    ]
    identity = F.concat(F.lit(f"{stream}\x00"), F.col("event_id"))
    return frame.withColumns(
        {
            "event_hash": _sixteen_bytes(identity),
            "payload_hash": _sixteen_bytes(F.to_json(F.struct(*ordered))),
        }
    )


def _sixteen_bytes(value: Column) -> Column:
    return F.unhex(F.substring(F.sha2(value, 256), 1, 32))
