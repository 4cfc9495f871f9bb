"""One event by: rows of a file that tell of one thing, such as an order's lines, are one event."""

from __future__ import annotations

from collections.abc import Iterable

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from tactful.transforms.blanks import is_blank, literal
from tactful.transforms.sources import canonical, names, values

# Under this name an event holds the rows that it was made of.
ROWS = "_rows"
MAP = "map<string,string>"
OF_ROW = ("value", "text", "is_valid", "line_hash", "fields", "said")
# What an event is refused for that may miss a row, and what its rows must not contradict.
UNREADABLE = "row_of_it_unreadable"
CONSTANT = ("event_id", "type", "order_id", "currency", "amount", "identifiers")
# What stands between the values of a row that could not be read, of whatever form, and around them.
BETWEEN, AROUND = r"[,;|:{}\t\r\n]", " \"'"
MOST_BYTES = 4096


def one_row_each(rows: DataFrame, *, by: str, max_row_bytes: int) -> DataFrame:
    """Make one object of the rows of a file that say the same in a column.

    Of each column the first row that says something counts, in the order of the file: an order's
    export tells who bought only in its first row. A row that is no JSON object or no UTF-8, or says
    nothing in that column, stays as it is. Where a row could not be read, an event may miss it:
    the event before or behind it that it names; if neither, whichever else it names, and both
    unless a word of it looks like a name of such an event (one whose rows all could not be read).

    Keeps: one row a file and value of the column. Adds: said (what the object says), listed (the
    rows that it was made of, likewise; null where it is a row as it came), is_sound, is_doubted
    (whether a row that could not be read may be its own), and what `whole_objects` does. Changes:
    value, with the rows themselves under ROWS.
    Expects: value (text), file, modified_at.
    """
    told = f"trim(try_element_at(said, {literal(by)}))"
    has_fault = "fault" in rows.columns
    of_row = ", ".join((*OF_ROW, "fault") if has_fault else OF_ROW)
    is_fit = "is_valid AND fault IS NULL" if has_fault else "is_valid"
    is_lost = "one IS NULL AND (NOT is_valid OR said IS NULL)"
    if has_fault:
        is_lost += (
            f" AND coalesce(fault, '') NOT IN ('repeated_header', '{canonical.FILE_NOT_READ}')"
        )
    in_order = "IGNORE NULLS OVER (PARTITION BY file, modified_at ORDER BY number)"
    # Nearly all rows can be read, and are not looked at again.
    named = (
        f"transform(split(substring(text, 1, {MOST_BYTES}), {literal(BETWEEN)}), "
        f"word -> btrim(word, {literal(AROUND)}))"
    )
    doubted = values.once(
        named, "words",
        "CASE WHEN arrays_overlap(words, beside) THEN array_intersect(beside, words) "
        f"WHEN exists(words, word -> exists(beside, one -> {_is_alike('one', 'word')})) "
        "THEN array_distinct(words) ELSE array_distinct(concat(beside, words)) END",
    )  # fmt: skip
    is_own = "one IS NULL AND of IS NULL"
    # What stands alone is grouped by its own number, so that all is read once.
    grouped = (
        canonical.whole_objects(rows, max_row_bytes=max_row_bytes)
        .withColumn("number", F.monotonically_increasing_id())
        .selectExpr("*", f"CASE WHEN fields IS NOT NULL THEN from_json(text, '{MAP}') END AS found")
        .selectExpr("*", f"{names.once_each('found')} AS said")
        .selectExpr("*", f"{told} AS told")
        .selectExpr("*", f"CASE WHEN {is_fit} AND NOT {is_blank('told')} THEN told END AS one")
        .selectExpr(
            "*",
            f"{is_lost} AS is_lost",
            f"array_compact(array(lag(one) {in_order}, lead(one) {in_order})) AS beside",
        )
        .selectExpr("*", f"CASE WHEN is_lost THEN {doubted} END AS doubted")
        .selectExpr("*", "explode(concat(array(CAST(NULL AS string)), "
                         "coalesce(doubted, array()))) AS of")
        .selectExpr(
            "file",
            "modified_at",
            "coalesce(of, one) AS one",
            "of IS NOT NULL AS is_doubted",
            f"CASE WHEN {is_own} THEN number END AS alone",
            f"CASE WHEN {is_own} THEN struct({of_row}) END AS row",
            # As entries, which unlike maps have an order, so that Spark sorts them by itself.
            f"CASE WHEN one IS NOT NULL THEN struct(number, {_said(by)} AS said) END AS part",
        )
        .groupBy("file", "modified_at", "one", "alone")
        .agg(
            F.first("row", ignorenulls=True).alias("row"),
            F.sort_array(F.collect_list("part")).alias("parts"),
            F.max("is_doubted").alias("is_doubted"),
        )
        # What a row that could not be read says need be nobody's name.
        .where("row IS NOT NULL OR size(parts) > 0")
    )  # fmt: skip
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
            "is_doubted",
            *(["row.fault AS fault"] if has_fault else []),
        )
    )  # fmt: skip


def _is_alike(one: str, other: str) -> str:
    """Whether two texts are of one pattern of digits and letters, and long enough to tell."""
    shape = "regexp_replace(regexp_replace({0}, '[0-9]', '0'), '[A-Za-z]', 'a')"
    return f"(char_length({one}) > 3 AND {shape.format(one)} = {shape.format(other)})"


def differs(text: str, columns: Iterable[str]) -> str:
    """Whether rows of one event contradict each other in what an expression reads.

    A row that leaves all its columns empty says nothing of it.

    text: the expression as SQL over `entry`, a row. columns: those that it reads.
    """
    told = [f"try_element_at(entry, {literal(column)})" for column in sorted(columns)]
    if not told:
        return "false"
    each = [f"size(array_distinct(transform(filter(listed, entry -> {one} IS NOT NULL), "
            f"entry -> trim({one})))) > 1" for one in told]  # fmt: skip
    says = f"filter(listed, entry -> coalesce({', '.join(told)}, NULL) IS NOT NULL)"
    meant = f"size(array_distinct(array_compact(transform({says}, entry -> {text})))) > 1"
    return f"size(listed) > 1 AND ({' OR '.join(each)}) AND {meant}"


def _said(by: str) -> str:
    """What a row says, without what it leaves empty; blanks around what it is sorted by are none
    of it, or an id that is made of that would hold them."""
    is_told = f"told.key != '{ROWS}' AND NOT coalesce({is_blank('told.value')}, true)"
    bare = "named_struct('key', told.key, 'value', trim(told.value))"
    said = f"filter(map_entries(said), told -> {is_told})"
    return (
        f"transform({said}, told -> CASE WHEN told.key = {literal(by)} THEN {bare} ELSE told END)"
    )
