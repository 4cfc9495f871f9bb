"""One event by: rows of a file that tell of one thing, such as an order's lines, are one event."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from tactful.transforms.blanks import is_blank, literal
from tactful.transforms.sources import canonical, names

# Under this name an event holds the rows that it was made of.
ROWS = "_rows"
MAP = "map<string,string>"
OF_ROW = ("value", "text", "is_valid", "line_hash", "fields", "said")


def one_row_each(rows: DataFrame, *, by: str, max_row_bytes: int) -> DataFrame:
    """Make one object of the rows of a file that say the same in a column.

    Of each column the first row that says something counts, in the order of the file: an order's
    export tells who bought only in its first row. A row that is no JSON object or no UTF-8, or says
    nothing in that column, stays as it is.

    Keeps: one row a file and value of the column. Adds: said (what the object says), listed (the
    rows that it was made of, likewise; null where it is a row as it came), is_sound, and what
    `whole_objects` does. Changes: value, with the rows themselves under ROWS.
    Expects: value (text), file, modified_at.
    """
    told = f"trim(try_element_at(said, {literal(by)}))"
    has_fault = "fault" in rows.columns
    of_row = ", ".join((*OF_ROW, "fault") if has_fault else OF_ROW)
    is_fit = "is_valid AND fault IS NULL" if has_fault else "is_valid"
    # What stands alone is grouped by its own number, so that all is read once.
    grouped = (
        canonical.whole_objects(rows, max_row_bytes=max_row_bytes)
        .withColumn("number", F.monotonically_increasing_id())
        .selectExpr("*", f"CASE WHEN fields IS NOT NULL THEN from_json(text, '{MAP}') END AS found")
        .selectExpr("*", f"{names.once_each('found')} AS said")
        .selectExpr("*", f"{told} AS told")
        .selectExpr("*", f"CASE WHEN {is_fit} AND NOT {is_blank('told')} THEN told END AS one")
        .selectExpr(
            "file",
            "modified_at",
            "one",
            "CASE WHEN one IS NULL THEN number END AS alone",
            f"CASE WHEN one IS NULL THEN struct({of_row}) END AS row",
            # As entries, which unlike maps have an order, so that Spark sorts them by itself.
            f"CASE WHEN one IS NOT NULL THEN struct(number, {_said(by)} AS said) END AS part",
        )
        .groupBy("file", "modified_at", "one", "alone")
        .agg(
            F.first("row", ignorenulls=True).alias("row"),
            F.sort_array(F.collect_list("part")).alias("parts"),
        )
    )
    new = "filter(part.said, entry -> NOT array_contains(known.key, entry.key))"
    first = "get(parts, 0).said"
    entries = (
        f"CASE WHEN size(parts) = 1 THEN {first} WHEN size(parts) > 1 THEN aggregate("
        f"slice(parts, 2, size(parts)), {first}, (known, part) -> concat(known, {new})) END"
    )
    return (
        grouped.selectExpr("*", f"map_from_entries({entries}) AS told")
        .selectExpr("*", "transform(parts, part -> map_from_entries(part.said)) AS made_of")
        .selectExpr(
            "*", f"to_json(map_concat(told, map('{ROWS}', to_json(made_of)))) AS made",
        )
        .selectExpr(
            "file",
            "modified_at",
            "coalesce(row.value, made) AS value",
            "coalesce(row.text, made) AS text",
            "coalesce(row.is_valid, true) AS is_valid",
            f"coalesce(row.line_hash, {canonical.line_hash('made')}) AS line_hash",
            "CASE WHEN row IS NULL THEN made_of END AS listed",
            "CASE WHEN row IS NULL THEN told ELSE row.said END AS said",
            f"CASE WHEN row IS NULL THEN concat(map_keys(told), array('{ROWS}')) "
            "ELSE row.fields END AS fields",
            f"CASE WHEN row IS NULL THEN octet_length(made) <= {max_row_bytes} "
            "ELSE row.said IS NOT NULL END AS is_sound",
            *(["row.fault AS fault"] if has_fault else []),
        )
    )  # fmt: skip


def _said(by: str) -> str:
    """What a row says, without what it leaves empty; blanks around what it is sorted by are none
    of it, or an id that is made of that would hold them."""
    is_told = f"told.key != '{ROWS}' AND NOT coalesce({is_blank('told.value')}, true)"
    bare = "named_struct('key', told.key, 'value', trim(told.value))"
    said = f"filter(map_entries(said), told -> {is_told})"
    return (
        f"transform({said}, told -> CASE WHEN told.key = {literal(by)} THEN {bare} ELSE told END)"
    )
