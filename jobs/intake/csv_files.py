"""CSV files as they land: each read by its own header, a line a row, never shifted columns."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from py4j.protocol import Py4JJavaError
from pyspark.sql import DataFrame, SparkSession
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


def rows(
    spark: SparkSession, files: Sequence[File], form: CsvForm
) -> tuple[list[DataFrame], dict[str, str], dict[str, str]]:
    """Read every line of these files as a JSON text of its columns, as if it had landed as one.

    Files with the same first line are read together. A line of more or fewer values than its file
    has columns, with half a quote, or of the names once more, stays as it is, which is no JSON, so
    it is refused as a row. An empty value says nothing. A row is one line; one with bytes that are
    no UTF-8 keeps them, and is refused for it.

    Returns frames of value and PLACE, of each file that has no usable names why not, and which of
    the others lack columns that somebody reads, with their names.

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
                if why := _fault(names):
                    unfit[file.path] = why
                else:
                    alike[names].append(file)
    # Else Spark would split only as many values as are asked for, and count no others.
    spark.conf.set("spark.sql.csv.parser.columnPruning.enabled", "false")
    lacking = {
        file.path: f"it has no column {', '.join(lost)}"
        for names, group in alike.items()
        if (lost := [_quoted(name) for name in form.needed if name not in names])
        for file in group
    }
    return [_read(spark, group, names, form) for names, group in alike.items()], unfit, lacking


def _quoted(name: str) -> str:
    return f'"{name}"'


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
    names = [name.encode().decode(BYTES) for name in names]
    columns = [f"c{n}" for n in range(len(names))]
    schema = ", ".join(f"{column} string" for column in (*columns, CORRUPT))
    table = spark.read.options(**AS_NAMED).csv(
        [file.path for file in files],
        schema=schema,
        encoding=BYTES,
        sep=form.delimiter,
        quote=form.quote,
        escape=form.quote,
        header=not form.columns,
        mode="PERMISSIVE",
        columnNameOfCorruptRecord=CORRUPT,
        enforceSchema=True,
    )
    told = [F.col(column).alias(name) for column, name in zip(columns, names, strict=True)]
    mark = form.quote.replace("'", "''")
    halves = " OR ".join(
        f"coalesce((length({c}) - length(replace({c}, '{mark}', ''))) % 2 = 1, false)"
        for c in columns
    )
    again = F.lit(True)
    for column, name in zip(columns, names, strict=True):
        again = again & (F.trim(F.col(column)) == name)
    line = F.concat_ws(form.delimiter, *(F.coalesce(F.col(c), F.lit("")) for c in columns))
    is_line = F.expr(halves) | (F.coalesce(again, F.lit(False)) & F.lit(not form.columns))
    value = (
        F.when(F.col(CORRUPT).isNotNull(), F.col(CORRUPT))
        .when(is_line, line)
        .otherwise(F.to_json(F.struct(*told)))
    )
    as_read = F.encode(value, BYTES).cast("string")
    return table.select(as_read.alias("value"), *map(F.expr, PLACE))
