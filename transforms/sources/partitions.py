"""Partitions: what the folders of a landing file are named after, as fields of its rows."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

BLANKS = " \t\r\n"
# What Hive calls the folder of rows that have no value.
NO_VALUE = "__HIVE_DEFAULT_PARTITION__"


def with_partitions(rows: DataFrame, *, names: Sequence[str], root: str) -> DataFrame:
    """Give each row the day, shop or the like that its folder is named after, as `day=2026-11-01`.

    What the row itself says of such a field wins: it stands behind, and of a field that a JSON
    object says twice the last counts. Of folders in each other that name the same field the inner
    one does. A row that is no JSON object stays as it came.

    Keeps: one row a row, all columns. Adds: texts in front of the other fields of `value`.
    names: the fields, of letters, digits and _. root: the source's own folder, as `file` has it.
    Expects: value (text), file (an encoded URI).
    """
    file = F.col("file")
    inside = F.substr(file, F.locate(root, file) + F.lit(len(root)))
    fields = F.to_json(F.struct(*(_named(inside, name).alias(name) for name in names)))
    inner = F.substr(fields, F.lit(2), F.length(fields) - F.lit(2))
    opened = F.ltrim("value", F.lit(BLANKS))
    rest = F.substr(opened, F.lit(2))
    comma = F.when(F.startswith(F.ltrim(rest, F.lit(BLANKS)), F.lit("}")), "").otherwise(",")
    is_object = F.startswith(opened, F.lit("{")) & (inner != "")
    value = F.when(is_object, F.concat(F.lit("{"), inner, comma, rest)).otherwise(F.col("value"))
    return rows.withColumn("value", value)


def _named(inside: Column, name: str) -> Column:
    """The value of the innermost folder `name=value`; null where there is none."""
    pattern = rf"^.*/{name}=([^/]*)/"
    found = F.regexp_extract(inside, pattern, 1)
    value = _decoded(_decoded(found))  # once from the URI, once as Hive writes special signs
    return F.when((value != "") & (value != NO_VALUE), value)


def _decoded(text: Column) -> Column:
    # In a path a plus is a plus.
    return F.coalesce(F.try_url_decode(F.replace(text, F.lit("+"), F.lit("%2B"))), text)
