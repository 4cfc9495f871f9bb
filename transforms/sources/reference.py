"""Reference rows: what the retailer says of products and the like, checked like events."""

from __future__ import annotations

from collections.abc import Iterator

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from tactful.schemas.bounds import MAX_FIELDS, MAX_MONEY, MAX_RAIN, MAX_RATE, MAX_REPLENISH_DAYS
from tactful.schemas.intake import POSITION
from tactful.schemas.table import Column, Table
from tactful.transforms.blanks import literal, trimmed
from tactful.transforms.sources.values import DAY, codes, currency, instant, texts

# JSON as the standard has it: Spark alone would let single quotes and NaN pass.
STRICT = "map('allowSingleQuotes', 'false', 'allowNonNumericNumbers', 'false')"
NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\z"
OBJECT = r"^[\[{]"
# Years that every reader can hold.
DATE = rf"^(?!0000){DAY}\z"
TEXTS, LIST = "map<string,string>", "array<string>"
# Where a row stood: of two rows with one key in one file, the later one is the newer.
ORDER = ("modified_at", "file", "block", "line")
# What no type holds is beyond every bound.
BOUNDED = {
    "price": f"{{0}} >= 0 AND {{0}} < {MAX_MONEY}",
    "cost": f"{{0}} >= 0 AND {{0}} < {MAX_MONEY}",
    "rate": f"{{0}} > 0 AND {{0}} < {MAX_RATE}",
    "budget": f"{{0}} >= 0 AND {{0}} < {MAX_MONEY}",
    "holdout_share": "{0} >= 0 AND {0} <= 1",
    "temperature": "{0} BETWEEN -100 AND 100",
    "rain": f"{{0}} >= 0 AND {{0}} <= {MAX_RAIN}",
    "replenish_days": f"{{0}} > 0 AND {{0}} <= {MAX_REPLENISH_DAYS}",
}


def parse_rows(rows: DataFrame, *, table: Table, max_row_bytes: int) -> DataFrame:
    """Read each row of a reference file, and note everything that is wrong with it.

    A price below zero or a product that is bought again every 800,000 days is a slip, and would
    silence people for ever; such a row is refused whole, so that the last good one stays.

    Keeps: one row a row of the files. Adds: the columns of the table, texts without blanks around
    them, unknown fields in `attributes`; `reasons`, empty where the row may be used.
    Expects: value (text), file, modified_at, block, line.
    """
    text = "CASE WHEN is_valid_utf8(value) THEN value ELSE make_valid_utf8(value) END"
    read = rows.selectExpr("*", f"{text} AS text", "is_valid_utf8(value) AS is_valid")
    # What follows the object would be overlooked; inside a list, before a word that only this row
    # has, it cannot be.
    sealed = "concat('[', text, ',\"', md5(value), '\"]')"
    fit = f"octet_length(value) <= {max_row_bytes}"
    listed = read.selectExpr(
        "*", f"CASE WHEN {fit} THEN from_json({sealed}, 'array<string>', {STRICT}) END AS listed"
    )
    is_whole = (
        "size(listed) = 2 AND get(listed, 1) = md5(value) AND startswith(get(listed, 0), '{')"
    )
    parsed = listed.selectExpr(
        "*", f"CASE WHEN {is_whole} THEN from_json(text, '{TEXTS}', {STRICT}) END AS every"
    )
    is_sound = f"every IS NOT NULL AND size(every) <= {MAX_FIELDS}"
    said = parsed.selectExpr("*", f"CASE WHEN {is_sound} THEN {_last_of_each('every')} END AS said")
    texts = said.selectExpr("*", *(f"{_said(name)} AS `_{name}`" for name in table.names))
    typed = texts.selectExpr(
        "*", *(f"{_typed(column)} AS `{column.name}`" for column in table.columns)
    )
    checks = [
        (f"NOT {fit}", "oversized"),
        ("NOT is_valid", "invalid_utf8"),
        (f"{fit} AND every IS NULL", "malformed_json"),
        (f"size(every) > {MAX_FIELDS}", "too_many_fields"),
        *_checks(table),
    ]
    reasons = ", ".join(
        f"CASE WHEN coalesce({bad}, false) THEN '{reason}' END" for bad, reason in checks
    )
    names = ", ".join(f"'{name}'" for name in table.names)
    kept = f"map_filter(said, (name, _) -> name NOT IN ({names}))"
    own = "coalesce(attributes, CAST(map() AS map<string,string>))"
    beside = f"map_filter({own}, (name, _) -> NOT map_contains_key({kept}, name))"
    return typed.selectExpr(
        *(f"`{column.name}`" for column in table.columns if column.name != "attributes"),
        f"CASE WHEN said IS NOT NULL THEN map_concat({beside}, {kept}) END AS attributes",
        f"filter(array({reasons}), reason -> reason IS NOT NULL) AS reasons",
        "text AS raw",
        "CASE WHEN NOT is_valid THEN base64(CAST(value AS binary)) END AS raw_base64",
        "CAST(struct(file, modified_at, substring(sha2(value, 256), 1, 32) AS line_hash) "
        f"AS {POSITION}) AS source_position",
        *ORDER,
    )


def newest(rows: DataFrame, *, table: Table) -> DataFrame:
    """What was said last of each product or the like: by its file's time, then its place in it.

    Files of one time follow their names. Keeps: one row a key. Expects: the columns of
    `parse_rows`, only rows without reasons.
    """
    last = F.max_by(F.struct(*table.names), F.struct(*ORDER)).alias("last")
    return rows.groupBy(F.struct(*table.key).alias("_key")).agg(last).select("last.*")


def _said(name: str) -> str:
    """What a row says in a field, without blanks around it; null where it says nothing."""
    value = f"try_element_at(said, '{name}')"
    return f"nullif({trimmed(value)}, '')"


def _typed(column: Column) -> str:
    """A text as the column's type; null where it is none of it."""
    value = f"`_{column.name}`"
    if column.type == TEXTS:
        return _last_of_each(f"from_json({value}, '{TEXTS}', {STRICT})")
    if column.type == LIST:
        return texts(f"from_json({value}, '{LIST}', {STRICT})")
    if column.type == "boolean":
        return f"CASE {value} WHEN 'true' THEN true WHEN 'false' THEN false END"
    if column.type == "timestamp":
        return instant(value)
    if column.type == "date":
        return f"CASE WHEN {value} RLIKE {literal(DATE)} THEN TRY_CAST({value} AS date) END"
    if column.name == "currency":
        return currency(value)
    if column.type == "string":
        return value
    is_number = f"{value} RLIKE {literal(NUMBER)}"
    return f"CASE WHEN {is_number} THEN TRY_CAST({value} AS {column.type}) END"


def _checks(table: Table) -> Iterator[tuple[str, str]]:
    """What may be wrong with a field, and what it is called."""
    for column in table.columns:
        name, value = column.name, f"`_{column.name}`"
        if not column.nullable:
            yield f"said IS NOT NULL AND {value} IS NULL", f"missing:{name}"
        if column.type == LIST:
            listed = f"from_json({value}, '{LIST}', {STRICT})"
            yield (
                f"{value} IS NOT NULL AND ({listed} IS NULL OR NOT startswith({value}, '[') "
                f"OR exists({listed}, entry -> {_is_object('entry')}))",
                f"wrong_type:{name}",
            )
        elif column.type == "string":
            is_object = _is_object(value)
            yield is_object, f"wrong_type:{name}"
            if name == "currency":
                yield (
                    f"NOT `{name}` IN ({codes()}) AND NOT coalesce({is_object}, false)",
                    "unknown_currency",
                )
        elif name in BOUNDED:
            is_number = f"{value} RLIKE {literal(NUMBER)}"
            yield f"NOT {is_number}", f"wrong_type:{name}"
            within = BOUNDED[name].format(f"`{name}`")
            yield f"{is_number} AND NOT coalesce({within}, false)", f"out_of_bounds:{name}"
        else:
            yield f"{value} IS NOT NULL AND `{name}` IS NULL", f"wrong_type:{name}"


def _is_object(value: str) -> str:
    """Whether a text is a list or an object where a name should stand."""
    is_json = f"json_object_keys({value}) IS NOT NULL OR json_array_length({value}) >= 0"
    return f"({value} RLIKE {literal(OBJECT)} AND ({is_json}))"


def _last_of_each(pairs: str) -> str:
    """Of a name that a JSON object says twice the last value counts; Spark would keep both."""
    names = f"map_keys({pairs})"
    later = f"slice({names}, place + 2, size({names}))"
    is_last = f"(entry, place) -> NOT array_contains({later}, entry.key)"
    last = f"map_from_entries(filter(map_entries({pairs}), {is_last}))"
    twice = f"size({names}) > size(array_distinct({names}))"
    return f"CASE WHEN {twice} THEN {last} ELSE {pairs} END"
