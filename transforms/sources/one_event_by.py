"""One event by: rows of a file that tell of one thing, such as an order's lines, are one event."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from tactful.transforms.blanks import is_blank, literal
from tactful.transforms.sources import canonical, names

# Under this name an event holds the rows that it was made of.
ROWS = "_rows"
MAP = "map<string,string>"
# By their numbers alone: maps have no order.
IN_ORDER = "array_sort(_listed, (one, other) -> CAST(signum(one.number - other.number) AS int))"


def one_row_each(rows: DataFrame, *, by: str, max_row_bytes: int) -> DataFrame:
    """Make one row of those of a file that say the same in a column.

    Of each column the first row that says something counts, in the order of the file: an order's
    export tells who bought only in its first row. A row that is no JSON object, or says nothing in
    that column, stays as it is.

    Keeps: one row a file and value of the column. Changes: value, with the rows themselves under
    ROWS. Drops: all but value, file, modified_at. Expects: value (text), file, modified_at.
    """
    told = f"CASE WHEN fields IS NOT NULL THEN from_json(text, '{MAP}') END"
    own = f"map_filter({names.once_each('found')}, (name, told) -> name != '{ROWS}')"
    told_rows = (
        canonical.whole_objects(rows, max_row_bytes=max_row_bytes)
        .withColumn("number", F.monotonically_increasing_id())
        .selectExpr("value", "file", "modified_at", "number", f"{told} AS found")
        .selectExpr("*", f"CASE WHEN found IS NOT NULL THEN {own} END AS said")
        .selectExpr("*", f"try_element_at(said, {literal(by)}) AS told")
        .selectExpr("*", f"NOT {is_blank('told')} AS is_told")
    )
    is_one = "coalesce(is_told, false)"
    alone = told_rows.where(f"NOT {is_one}").select("value", "file", "modified_at")
    new = "map_filter(row.said, (name, told) -> NOT map_contains_key(known, name))"
    merged = f"aggregate(listed, CAST(map() AS {MAP}), (known, row) -> map_concat(known, {new}))"
    each = "to_json(transform(listed, row -> row.said))"
    grouped = (
        told_rows.where(is_one)
        .selectExpr("file", "modified_at", "trim(told) AS told", "number", f"{_said()} AS said")
        .groupBy("file", "modified_at", "told")
        .agg(F.collect_list(F.struct("number", "said")).alias("_listed"))
        .selectExpr("*", f"{IN_ORDER} AS listed")
        .selectExpr(
            f"to_json(map_concat({merged}, map('{ROWS}', {each}))) AS value", "file", "modified_at"
        )
    )
    return alone.unionByName(grouped)


def _said() -> str:
    """What a row says, without what it leaves empty."""
    return f"map_filter(said, (name, told) -> NOT coalesce({is_blank('told')}, true))"
