"""Objects: feeds of JSON objects of one sender, whose rows are of several streams."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import reduce

from pyspark.sql import DataFrame

from tactful.schemas.bounds import MAX_NAME_BYTES
from tactful.transforms.blanks import SEPARATORS, is_blank, literal
from tactful.transforms.sources import canonical, values
from tactful.transforms.sources.cutting import each_object

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Reading:
    """How the objects of one stream are read.

    `is_mine` whether an object is of this stream, in SQL over `value` alone: cheap, since every
              stream asks it of every row, and true for just one of them.
    `prepare` objects → events, with the columns that the others read; it may make several of one.
    `told`    the canonical fields, each as SQL.
    `extra`   what else goes into `properties`, as entries of key and value.
    `also`    what else may be wrong, as condition and reason.
    """

    is_mine: str
    prepare: Callable[[DataFrame], DataFrame]
    told: Mapping[str, str]
    extra: str | None = None
    also: Pairs = field(default=())


def parse_objects(
    rows: DataFrame,
    *,
    shape: str,
    readings: Mapping[str, Reading],
    source_name: str,
    max_row_bytes: int,
    max_skew: timedelta,
    wrappers: Mapping[str, Iterable[str]],
    single: Iterable[str] = (),
    plain: str = "text",
) -> DataFrame:
    """Read each landed row as an object of this shape, or as an array of them (see `each_object`),
    by the reading of its stream.

    plain: the text that is read, in SQL; the row's own, but for how it writes some values.
    Keeps: one row an event. Adds: the columns of `received`. Drops: `value` (kept as `raw`).
    Expects: value (text), file (string), modified_at (timestamp).
    """

    def read(stream: str, reading: Reading) -> DataFrame:
        objects = (
            rows.transform(
                each_object, max_row_bytes=max_row_bytes, wrappers=wrappers, single=single
            )
            .where(reading.is_mine)
            .transform(canonical.whole_objects, max_row_bytes=max_row_bytes)
            .transform(_with_said, shape=shape, plain=plain)
        )
        laid = canonical.lay_out(
            reading.prepare(objects), stream=stream, told=reading.told, extra=reading.extra
        )
        return canonical.check_rows(
            laid,
            stream=stream,
            source_name=source_name,
            max_row_bytes=max_row_bytes,
            max_skew=max_skew,
            also=reading.also,
        )

    return reduce(DataFrame.unionByName, (read(*pair) for pair in readings.items()))


def _with_said(objects: DataFrame, *, shape: str, plain: str) -> DataFrame:
    """Adds: said (the object), is_sound (whether it is one), is_odd (whether a field is not of its
    type; that field is null)."""
    told = f"CASE WHEN fields IS NOT NULL THEN {plain} END"
    read = canonical.strictly(told, f"{shape}, `_corrupt` string")
    faulty = f"CASE WHEN said._corrupt IS NOT NULL THEN {canonical.refused('_none', 'string')} END"
    return (
        objects.selectExpr("*", f"{read} AS said")
        .selectExpr("*", f"fields IS NOT NULL AND NOT coalesce({faulty}, false) AS is_sound")
        .selectExpr("*", "is_sound AND said._corrupt IS NOT NULL AS is_odd")
    )


def is_odd(name: str) -> str:
    """Whether a field of the object is not of its type; some senders write [] for nothing."""
    written = f"coalesce(get_json_object(text, '$.{name}'), '[]')"
    is_wrong = f"said.{name} IS NULL AND {written} NOT IN ('[]', '')"
    return f"CASE WHEN is_odd THEN {is_wrong} ELSE false END"


def several(events: DataFrame, *, keep: Iterable[str], entries: str) -> DataFrame:
    """Make several events of one row: the first keeps the row's text, each other has its own.

    Keeps: one row an entry; what every dialect needs, and `keep`. Adds: entry. Changes: value,
    text, line_hash (with the number of the event behind it, where there are several).
    entries: a list of objects, in SQL; `raw` is an event's own text, null for the row's.
    """
    kept = ("file", "modified_at", "line_hash", "fields", "is_sound", "is_odd", "is_valid", *keep)
    kept += ("fault",) if "fault" in events.columns else ()
    # Only the first carries the row through the explode, or a long one were copied many times.
    whole = (
        "transform(_entries, (entry, at) -> named_struct('value', CASE WHEN at = 0 THEN value END, "
    )
    whole += "'text', CASE WHEN at = 0 THEN text END, 'entry', entry))"
    return (
        events.selectExpr("*", f"{entries} AS _entries")
        .selectExpr(*kept, "size(_entries) AS _count", f"posexplode({whole}) AS (_at, _told)")
        .selectExpr(
            *(name for name in kept if name != "line_hash"),
            "coalesce(_told.value, _told.entry.raw) AS value",
            "coalesce(_told.text, _told.entry.raw) AS text",
            "_told.entry AS entry",
            "CASE WHEN _count > 1 THEN concat(line_hash, '/', _at + 1) ELSE line_hash END "
            "AS line_hash",
        )
    )


def squeezed(text: str, known: Iterable[str]) -> str:
    """A name without case, blanks and separators; `known` are spellings that hardly need it."""
    plain = f"{text} IN ({listed(known)})"
    quick = f"replace(lower({text}), ' ', '')"
    return (
        f"CASE WHEN {plain} THEN {quick} "
        f"ELSE regexp_replace(lower({text}), {literal(SEPARATORS)}, '') END"
    )


def is_plain(text: str) -> str:
    """Whether a sender's own value can be a name: else it is kept as it is, and refuses nothing."""
    return (
        f"(NOT {is_blank(text)} AND octet_length({text}) <= {MAX_NAME_BYTES} "
        f"AND NOT {values.is_no_text(text)})"
    )


def if_plain(text: str) -> str:
    """The value where it can be a name."""
    return f"CASE WHEN {is_plain(text)} THEN {text} END"


def identifiers(each: Iterable[tuple[str, str]]) -> str:
    """Pairs of type and value as a list of those that are said."""
    entries = ", ".join(f"struct('{kind}' AS type, {value} AS value)" for kind, value in each)
    return f"array_distinct(filter(array({entries}), entry -> entry.value IS NOT NULL))"


def listed(words: Iterable[str]) -> str:
    """Texts for IN."""
    return ", ".join(literal(word) for word in words)
