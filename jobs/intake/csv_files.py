"""CSV files as they land: each read by its own header, a line a row, never shifted columns."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from py4j.protocol import Py4JJavaError
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from tactful.jobs.intake.parquet_files import (
    AS_NAMED,
    FOOTER_THREADS,
    PLACE,
    NotRead,
    opened,
    raw_conf,
)
from tactful.jobs.lake.listing import File
from tactful.jobs.settings.csv_form import CsvForm

CORRUPT = "_tactful_corrupt"
BYTES = "ISO-8859-1"
# Separate and quote nothing, so that a line stays one value as it is; not NUL, which UTF-16 brings.
NO_SIGN, NO_QUOTE = "\x01", "\x02"
# What else stands between values.
SIGNS = (";", "\t", "|", ",")


def rows(
    spark: SparkSession, files: Sequence[File], form: CsvForm
) -> tuple[list[DataFrame], dict[str, str], dict[str, str]]:
    """Read every line of these files as a JSON text of its columns, as if it had landed as one.

    Files with the same first line are read together. A line of more or fewer values than its file
    has columns, with half a quote, or of the names once more, stays as it is and is refused as a
    row, for what `fault` says (see `canonical.FAULTS`). An empty value says nothing. A row is one
    line; one with bytes that are no UTF-8 keeps them, and is refused for it.

    Returns frames of value, PLACE and fault, of each file that has no usable names why not, and
    which of the others lack columns that somebody reads, with their names.

    Raises: NotRead.
    """
    alike: dict[tuple[str, ...], list[File]] = defaultdict(list)
    unfit: dict[str, str] = {}
    if form.columns:
        alike[form.columns] = list(files)
    else:
        with ThreadPoolExecutor(FOOTER_THREADS) as pool:
            heads = pool.map(lambda file: _first_line(spark, file.path), files)
            for file, head in zip(files, heads, strict=True):
                names = _names(head, form)
                if why := _packed(head) or _fault(names):
                    unfit[file.path] = why
                else:
                    alike[names].append(file)
    # Else Spark would split only as many values as are asked for, and count no others.
    spark.conf.set("spark.sql.csv.parser.columnPruning.enabled", "false")
    lacking = {
        file.path: f"it has no column {', '.join(lost)}{_other_sign(names, form)}"
        for names, group in alike.items()
        if (lost := [_quoted(name) for name in form.needed if name not in names])
        for file in group
    }
    return [_read(spark, group, names, form) for names, group in alike.items()], unfit, lacking


def _other_sign(names: Sequence[str], form: CsvForm) -> str:
    """A hint where a first line looks as if another sign stood between its values."""
    found = [sign for sign in SIGNS if len(names) == 1 and sign in names[0]]
    if not found:
        return ""
    return f"; is its delimiter {_quoted(found[0])}, not {_quoted(form.delimiter)}?"


def _quoted(name: str) -> str:
    return f'"{name}"'


def _packed(head: str) -> str:
    """What to do about a file that is packed, though its name does not say so."""
    if head.startswith("\x1f\ufffd"):
        return "it is packed by gzip, and its name does not end in .gz"
    if head.startswith("PK\x03\x04"):
        return "it is a zip archive (or a spreadsheet); unpack it (or save it as CSV)"
    return ""


def _fault(names: Sequence[str]) -> str:
    if any(sign in name for name in names for sign in ("\ufffd", "\x00")):
        return "its first line is no UTF-8 (such as UTF-16 or Latin-1); write it as UTF-8"
    if not any(names):
        return "its first line names no columns"
    if "" in names:
        return "its first line has a column without a name"
    if len({name.lower() for name in names}) < len(names):
        return "its first line names a column twice"
    return ""


def _names(head: str, form: CsvForm) -> tuple[str, ...]:
    line = head.removeprefix("\ufeff").rstrip("\r\n")
    found = next(csv.reader([line], delimiter=form.delimiter, quotechar=form.quote), [])
    return tuple(name.strip() for name in found)


def _first_line(spark: SparkSession, path: str) -> str:
    """The first line of a file, packed or not."""
    jvm: Any = spark._jvm
    conf, place = raw_conf(spark), jvm.org.apache.hadoop.fs.Path(path)
    try:
        with opened(spark, conf, path) as stream:
            codec = jvm.org.apache.hadoop.io.compress.CompressionCodecFactory(conf).getCodec(place)
            plain = codec.createInputStream(stream) if codec else stream
            reader = jvm.java.io.BufferedReader(jvm.java.io.InputStreamReader(plain, "UTF-8"))
            return reader.readLine() or ""
    except Py4JJavaError as error:
        raise NotRead(path, str(error.java_exception)) from error


def _read(
    spark: SparkSession, files: Sequence[File], names: Sequence[str], form: CsvForm
) -> DataFrame:
    """Read files of the same columns; all values are texts."""
    # Each byte as one sign, or what is no UTF-8 would be replaced before anybody sees it.
    delimiter, quote = form.delimiter, form.quote
    names = [name.encode().decode(BYTES) for name in names]
    columns = [f"c{n}" for n in range(len(names))]
    # The line as it stands first, since whoever splits it does not keep its quotes.
    table = spark.read.options(**AS_NAMED).csv(
        [file.path for file in files],
        schema=f"line string, {CORRUPT} string",
        encoding=BYTES,
        sep=NO_SIGN,
        quote=NO_QUOTE,
        escape=NO_QUOTE,
        header=not form.columns,
        mode="PERMISSIVE",
        columnNameOfCorruptRecord=CORRUPT,
        enforceSchema=True,
    )
    schema = ", ".join(f"{column} string" for column in (*columns, CORRUPT))
    options = {
        "sep": delimiter,
        "quote": quote,
        "escape": quote,
        "mode": "PERMISSIVE",
        "columnNameOfCorruptRecord": CORRUPT,
    }
    split = table.select(F.coalesce(CORRUPT, "line").alias("line"), *map(F.expr, PLACE)).withColumn(
        "split", F.from_csv("line", schema, options)
    )
    values = {name: F.col(f"split.{c}") for c, name in zip(columns, names, strict=True)}
    again = F.lit(not form.columns)
    for name, told in values.items():
        again = again & F.coalesce(F.trim(told) == name, F.lit(False))
    half = _is_odd(F.col("line"), quote)
    for told in values.values():
        # A sign that is doubled within quotes belongs to the value.
        doubled = F.replace(told, F.lit(quote), F.lit(quote * 2))
        whole = F.concat(F.lit(delimiter + quote), doubled, F.lit(quote + delimiter))
        line = F.concat(F.lit(delimiter), F.col("line"), F.lit(delimiter))
        half = half | (_is_odd(told, quote) & ~F.contains(line, whole))
    fault = (
        F.when(half, "half_a_quote")
        .when(F.col(f"split.{CORRUPT}").isNotNull(), "wrong_number_of_values")
        .when(again, "repeated_header")
    )
    told = F.to_json(F.struct(*(value.alias(name) for name, value in values.items())))
    return (
        split.withColumn("fault", fault)
        .withColumn("value", F.when(F.col("fault").isNull(), told).otherwise(F.col("line")))
        .select(
            F.encode("value", BYTES).cast("string").alias("value"),
            "file",
            "modified_at",
            "block",
            "fault",
        )
    )


def _is_odd(text: Column, sign: str) -> Column:
    """Whether the sign stands an odd number of times in a text."""
    without = F.replace(text, F.lit(sign), F.lit(""))
    return F.coalesce((F.length(text) - F.length(without)) % 2 == 1, F.lit(False))
