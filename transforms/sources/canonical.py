"""The canonical dialect: JSON rows that already use Tactful's own field names."""

from __future__ import annotations

from datetime import timedelta

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from tactful.schemas.events import COMMON, FURTHER, REQUIRED, TYPES, wide_columns
from tactful.schemas.intake import POSITION
from tactful.schemas.table import Column as Described

ISO_LOCAL = r"^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}(:\d{2}([.,]\d+)?)?"
ISO_ZONE = r"([Zz]|[+-]\d{2}:?\d{2})$"
STRUCTURED = ("array", "map", "struct")
IDS = ("event_id", "type", "order_id", "message_id", "line_id")


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
    readable = (F.octet_length("value") <= max_row_bytes) & F.is_valid_utf8("value")
    text = F.when(readable, F.col("value"))
    parsed = rows.select(
        "value",
        "file",
        "modified_at",
        F.from_json(
            text, f"{loose}, `_corrupt` string", {"columnNameOfCorruptRecord": "_corrupt"}
        ).alias("loose"),
        F.json_object_keys(text).alias("fields"),
    )
    typed = parsed.select(
        "*",
        *(_typed(column).alias(f"_{name}") for name, column in fields.items()),
    )
    clean = F.make_valid_utf8("value")
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
        clean.alias("raw"),
        F.when(~F.is_valid_utf8("value"), F.base64(F.col("value").cast("binary"))).alias(
            "raw_base64"
        ),
        _reasons(stream, fields, max_row_bytes=max_row_bytes, max_skew=max_skew).alias("reasons"),
        F.col("modified_at").alias("landed_at"),
        *(
            _properties(set(fields)).alias("properties")
            if name == "properties"
            else F.col(f"_{name}").alias(name)
            for name in fields
        ),
    )
    return _hashed(_widened(final, fields), stream)


def _loose(kind: str) -> str:
    """The same shape with every scalar as text."""
    text = kind
    for scalar in ("decimal(18,4)", "timestamp", "boolean", "int"):
        text = text.replace(scalar, "string")
    return text


def _typed(column: Described) -> Column:
    value = F.col(f"loose.{column.name}")
    if column.type == "timestamp":
        return _instant(value)
    if _loose(column.type) == column.type:
        return value
    if column.type.startswith(STRUCTURED):
        return _cast_lines(value)
    return value.try_cast(column.type)


def _instant(value: Column) -> Column:
    zoned = F.when(value.rlike(ISO_LOCAL + ISO_ZONE), value)
    colon = F.regexp_replace(zoned, r"([+-]\d{2})(\d{2})$", "$1:$2")
    return F.regexp_replace(F.upper(colon), ",", ".").try_cast("timestamp")


def _cast_lines(lines: Column) -> Column:
    """Cast the order lines' amounts; a text that is no number becomes null and is reported."""
    numbers = ("quantity", "unit_price", "discount", "amount")
    return F.transform(
        lines,
        lambda line: F.struct(
            *(
                (line[name].try_cast("decimal(18,4)") if name in numbers else line[name]).alias(
                    name
                )
                for name in ("line_id", "sku", "category", *numbers)
            )
        ),
    )


def _reasons(
    stream: str, fields: dict[str, Described], *, max_row_bytes: int, max_skew: timedelta
) -> Column:
    oversized = F.octet_length("value") > max_row_bytes
    invalid = ~F.is_valid_utf8("value")
    unreadable = oversized | invalid
    malformed = ~unreadable & F.col("fields").isNull()
    understood = ~unreadable & F.col("fields").isNotNull()
    raw_time = F.col("loose.occurred_at")
    time = F.col("_occurred_at")
    missing_time = F.coalesce(F.trim(raw_time), F.lit("")) == ""
    looks_local = raw_time.rlike(ISO_LOCAL + "$")
    checks: list[tuple[Column, str]] = [
        (oversized, "oversized"),
        (invalid, "invalid_utf8"),
        (malformed, "malformed_json"),
    ]
    for name in ("event_id", "type", *REQUIRED[stream]):
        absent = F.coalesce(F.trim(F.col(f"loose.{name}")), F.lit("")) == ""
        checks.append((understood & absent, f"missing:{name}"))
    known = F.col("loose.type").isin(*TYPES[stream])
    checks += [
        (understood & missing_time, "missing:occurred_at"),
        (understood & (F.trim("loose.type") != "") & ~known, "unknown_type"),
        (understood & ~missing_time & looks_local, "occurred_at_without_zone"),
        (understood & ~missing_time & ~looks_local & time.isNull(), "occurred_at_not_a_time"),
        (F.year(time) < 1971, "occurred_at_at_epoch"),
        (time > F.col("modified_at") + F.lit(max_skew), "occurred_at_in_future"),
    ]
    for name, column in fields.items():
        checks.append((understood & _mistyped(name, column.type), f"wrong_type:{name}"))
    return F.array_compact(
        F.array(*(F.when(F.coalesce(bad, F.lit(False)), F.lit(word)) for bad, word in checks))
    )


def _mistyped(name: str, kind: str) -> Column:
    value = F.col(f"loose.{name}")
    if name == "occurred_at":
        return F.lit(False)
    if name in IDS:
        return F.trim(value).rlike(r"^[\[{]")
    broken = F.lit(False)
    if kind.startswith(STRUCTURED):
        # Only a row that Spark flagged pays for the second look at its text.
        present = F.get_json_object(F.col("value"), f"$.{name}").isNotNull()
        broken = F.when(
            F.col("loose._corrupt").isNotNull(), F.col(f"_{name}").isNull() & present
        ).otherwise(F.lit(False))
    if name == "lines":
        numbers = ("quantity", "unit_price", "discount", "amount")
        bad = F.exists(
            F.arrays_zip(value.alias("loose"), F.col("_lines").alias("typed")),
            lambda pair: F.array_contains(
                F.array(
                    *(pair["loose"][n].isNotNull() & pair["typed"][n].isNull() for n in numbers)
                ),
                True,
            ),
        )
        return broken | F.coalesce(bad, F.lit(False))
    if _loose(kind) != kind:
        return value.isNotNull() & F.col(f"_{name}").isNull()
    return broken


def _properties(known: set[str]) -> Column:
    """Fields that the canonical form does not name, beside the properties sent as such."""
    names = F.array(*(F.lit(name) for name in sorted(known)))
    unknown = F.array_except("fields", names)
    as_map = F.from_json(F.col("value"), "map<string,string>")
    extra = F.when(
        F.size(unknown) > 0,
        F.map_filter(as_map, lambda key, _: F.array_contains(unknown, key)),
    )
    sent = F.col("loose.properties")
    kept = F.map_filter(
        F.coalesce(sent, F.create_map().cast("map<string,string>")),
        lambda key, _: ~F.coalesce(F.map_contains_key(extra, key), F.lit(False)),
    )
    return F.when(extra.isNull(), sent).otherwise(F.map_concat(kept, extra))


def _widened(frame: DataFrame, fields: dict[str, Described]) -> DataFrame:
    missing = [column for column in wide_columns() if column.name not in fields]
    return frame.withColumns({c.name: F.lit(None).cast(c.type) for c in missing})


def _hashed(frame: DataFrame, stream: str) -> DataFrame:
    """Adds: event_hash and payload_hash, 16 bytes each."""
    ignored = ("received_at", "source")
    payload = [column.name for column in wide_columns() if column.name not in ignored]
    ordered = [
        F.array_sort(F.map_entries("properties")).alias("properties")
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
