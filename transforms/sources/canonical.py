"""The canonical dialect: JSON rows that already use Tactful's own field names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from tactful.schemas.bounds import FREE_TEXTS
from tactful.schemas.events import COMMON, FURTHER, MONEY, REQUIRED, wide_columns
from tactful.schemas.intake import POSITION
from tactful.schemas.table import Column as Described
from tactful.transforms.blanks import as_name, is_blank, literal, unless_blank
from tactful.transforms.sources import bounds, names, replies, values, words
from tactful.transforms.sources.dialect import Dialect

# JSON as the standard has it: Spark alone would let single quotes and NaN pass.
STRICT = {
    "columnNameOfCorruptRecord": "_corrupt",
    "allowSingleQuotes": "false",
    "allowNonNumericNumbers": "false",
}
BLANKS = " \t\r\n"
# A letter that is rare in texts first; as escapes, capitals begin with \u004 and \u005.
SEAL = "ZTACTFUL"
# What a row says that stands for a whole file.
FILE_NOT_READ = "file_not_read"
# What may be wrong with a line before it is a row: a CSV file's lines say more than "no JSON".
FAULTS = ("half_a_quote", "wrong_number_of_values", "repeated_header", FILE_NOT_READ)
FLAGGED = "loose._corrupt IS NOT NULL"


def parse_rows(
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
    A text of blanks says nothing, blanks around an id or a name are no part of it, and nothing is
    accepted beyond the bounds (`schemas/bounds.py`).

    Keeps: one row a landed row. Adds: the columns of `received`, `reasons` empty where the row
    may be accepted. Drops: `value` (kept as `raw`).
    Expects: value (text), file (string), modified_at (timestamp).
    """
    fields = fields_of(stream)
    loose = ", ".join(f"`{name}` {_loose(column)}" for name, column in fields.items())
    # All in SQL: of column objects it takes thousands, at several calls into the JVM each.
    whole = whole_objects(rows, max_row_bytes=max_row_bytes)
    told = "CASE WHEN fields IS NOT NULL THEN text END"
    parsed = whole.selectExpr("*", f"{strictly(told, f'{loose}, `_corrupt` string')} AS loose")
    understood = parsed.selectExpr(
        "*",
        f"{_is_sound()} AS is_sound",
        f"{names.unknown_outside(set(fields))} AS _extra",
        f"{names.unknown_inside(fields.values())} AS _inner",
    )
    return check_rows(
        understood,
        stream=stream,
        source_name=source_name,
        max_row_bytes=max_row_bytes,
        max_skew=max_skew,
    )


def lay_out(
    rows: DataFrame, *, stream: str, told: Mapping[str, str], extra: str | None = None
) -> DataFrame:
    """Lay the fields of another dialect's rows out as canonical ones, ready for `check_rows`.

    Adds: loose, _extra, _inner. Keeps: every row, all columns.
    rows: is_sound, beside what the expressions read. told: by the name of the canonical field, its
    text in SQL (of lists and truth values the value), null where the row does not say it. Fields
    that are not named here are null; what the canonical form does not name goes into `properties`.
    extra: further entries of `properties` (key, value), where a key may be said once more.
    """
    fields = fields_of(stream)
    strange = set(told) - set(fields)
    if strange:
        raise ValueError(f"{stream} has no fields {sorted(strange)}")
    each = ", ".join(
        f"CAST({told.get(name, 'NULL')} AS {_loose(column)}) AS `{name}`"
        for name, column in fields.items()
    )
    # Not a mere struct, which Spark would take apart and work out anew for every use of a field.
    laid = f"CASE WHEN is_sound THEN struct({each}, CAST(NULL AS string) AS _corrupt) END"
    return rows.selectExpr("*", f"{laid} AS loose", *names.nothing_unknown(extra))


def check_rows(
    rows: DataFrame,
    *,
    stream: str,
    source_name: str,
    max_row_bytes: int,
    max_skew: timedelta,
    also: Iterable[tuple[str, str]] = (),
) -> DataFrame:
    """Check events that are laid out, of whatever dialect, by the rules that all rows share.

    Keeps: one row a row. Adds: the columns of `received`. Drops: all others.
    rows: value (the event as it came), text (the same, valid UTF-8), is_valid (whether it was),
    file, modified_at, line_hash, fields (its names), is_sound (whether it is one whole object),
    and what `lay_out` adds; fault, where its line may be at fault (FAULTS). also: what else may be
    wrong, as condition and reason.
    """
    fields = fields_of(stream)
    typed = rows.selectExpr(
        "*", *(f"{_typed(stream, column)} AS `_{name}`" for name, column in fields.items())
    )
    # As one text first: that is compiled, where a list with gaps is interpreted row by row.
    reasons = _reasons(
        stream,
        fields,
        max_row_bytes=max_row_bytes,
        max_skew=max_skew,
        also=also,
        has_fault="fault" in rows.columns,
    )
    judged = typed.selectExpr("*", f"{reasons} AS _reasons")
    final = judged.selectExpr(
        f"{literal(stream)} AS stream",
        f"{literal(source_name)} AS source_name",
        f"CAST(struct(file, modified_at, line_hash) AS {POSITION}) AS source_position",
        "text AS raw",
        "CASE WHEN NOT is_valid THEN base64(CAST(value AS binary)) END AS raw_base64",
        "CASE WHEN _reasons = '' THEN CAST(array() AS array<string>) ELSE split(_reasons, ',') END "
        "AS reasons",
        "modified_at AS landed_at",
        f"{words.doubts(stream)} AS doubts",
        *(f"{_settled(stream, column)} AS `{column.name}`" for column in fields.values()),
    )
    return _hashed(_widened(final, fields), stream)


def fields_of(stream: str) -> dict[str, Described]:
    """What an event of a stream may say."""
    return {column.name: column for column in (*COMMON, *FURTHER[stream])}


def line_hash(text: str) -> str:
    """What stands for a text in `source_position`."""
    return f"substring(sha2({text}, 256), 1, 32)"


def strictly(text: str, kind: str) -> str:
    """Read a text as JSON of a type, whose field `_corrupt` tells where Spark finds fault."""
    options = ", ".join(literal(word) for pair in STRICT.items() for word in pair)
    return f"from_json({text}, {literal(kind)}, map({options}))"


def whole_objects(rows: DataFrame, *, max_row_bytes: int) -> DataFrame:
    """Look whether each landed row is one whole JSON object, and which names it has.

    rows: line_hash, where it was cut out of a line and has a place of its own.

    Adds: line_hash, is_valid (UTF-8), text (the row made valid), fields (see below).
    Keeps: one row a landed row, value, file, modified_at, and fault where rows have it. Drops: all
    other columns.
    """
    own_hash = line_hash("value")
    if "line_hash" in rows.columns:
        own_hash = f"coalesce(line_hash, {own_hash})"
    checked = rows.selectExpr(
        "value",
        "file",
        "modified_at",
        *(["fault"] if "fault" in rows.columns else []),
        f"{own_hash} AS line_hash",
        "is_valid_utf8(value) AS is_valid",
        "CASE WHEN is_valid_utf8(value) THEN value ELSE make_valid_utf8(value) END AS text",
    )
    return checked.transform(_with_outer_fields, max_row_bytes=max_row_bytes)


def _with_outer_fields(rows: DataFrame, *, max_row_bytes: int) -> DataFrame:
    """Adds: fields, the names in the row's object; null where it is not one whole JSON object.

    Spark reads the first object of a text and never looks behind it, so of two events glued
    together one would vanish. So a field of our own is put before the last brace: only where
    that brace closes the first object does it turn up in it. Its name is the same for nearly all
    rows, since the parser keeps every name it meets and is slowed down by many; where a row may
    hold that name itself, spelled out or in escapes, its hash takes the place.
    """
    is_fit = f"octet_length(value) <= {max_row_bytes}"
    held = " OR ".join(f"contains(text, {literal(part)})" for part in (SEAL, r"\u004", r"\u005"))
    # Cutting blanks off takes its time, and hardly a row ends in any.
    cut = f"CASE WHEN endswith(text, '}}') THEN text ELSE rtrim({literal(BLANKS)}, text) END"
    trimmed = f"CASE WHEN {is_fit} THEN {cut} END"
    # As bytes, which need not be counted one by one.
    opened = "CAST(substring(CAST(trimmed AS binary), 1, octet_length(trimmed) - 1) AS string)"
    sealed = f"""concat({opened}, ',"', seal, '":0}}')"""
    found = f"json_object_keys(CASE WHEN endswith(trimmed, '}}') THEN {sealed} END)"
    empty = literal(r"^\s*\{\s*\}\s*\z")
    names = f"""CASE
        WHEN try_element_at(fields, -1) = seal THEN slice(fields, 1, size(fields) - 1)
        WHEN fields IS NULL AND trimmed RLIKE {empty} THEN CAST(array() AS array<string>)
    END"""
    seal = f"CASE WHEN {held} THEN md5(value) ELSE '{SEAL}' END"
    return (
        rows.selectExpr("*", f"{seal} AS seal", f"{trimmed} AS trimmed")
        .withColumn("fields", F.expr(found))
        .withColumn("fields", F.expr(names))
        .drop("seal", "trimmed")
    )


def _loose(column: Described) -> str:
    """The same shape with money and times as text, which would else turn the row into nulls."""
    kind = "string" if column.name == "satisfaction" else column.type
    return kind.replace(MONEY, "string").replace("timestamp", "string")


def _typed(stream: str, column: Described) -> str:
    value = f"loose.`{column.name}`"
    if column.name == "type" and stream == replies.STREAM:
        known = words.read(stream, column.name, value)
        said = replies.meaning(names.properties())
        return f"CASE WHEN {replies.is_reply(value)} THEN {said} ELSE {known} END"
    if words.is_closed(stream, column.name):
        return words.read(stream, column.name, value)
    if column.type == "timestamp":
        return values.instant(value)
    if column.type == MONEY:
        return values.money(value)
    if column.name == "currency":
        return values.currency(value)
    if column.name == "satisfaction":
        return values.stars(value)
    if column.type == "string":
        return unless_blank(value) if column.name in FREE_TEXTS else as_name(value)
    if column.type == "array<string>":
        return values.texts(value)
    # Identifiers stay as sent: what they are worth, `keys` says.
    if names.holds_objects(column) and column.name != "identifiers":
        read = values.records if column.type.startswith("array") else values.record
        return read(value, column)
    return value


def _settled(stream: str, column: Described) -> str:
    """What a field finally says, now that the row's type is known."""
    if column.name == "properties":
        return names.properties()
    value = words.settled(stream, column.name)
    if column.type != "string" or words.is_closed(stream, column.name):
        return value
    return words.without_faults(stream, value, values.is_no_text(f"loose.`{column.name}`"))


def _is_sound() -> str:
    """Whether the row is one JSON object; where Spark finds fault, it may only be with a type."""
    faulty = f"CASE WHEN {FLAGGED} THEN {refused('_none', 'string')} ELSE false END"
    return f"(fields IS NOT NULL AND NOT {faulty})"


def _reasons(
    stream: str,
    fields: dict[str, Described],
    *,
    max_row_bytes: int,
    max_skew: timedelta,
    also: Iterable[tuple[str, str]],
    has_fault: bool,
) -> str:
    """All that is wrong with a row, with commas between."""
    faults = [(f"fault = '{word}'", word) for word in FAULTS] if has_fault else []
    no_fault = " AND fault IS NULL" if has_fault else ""
    raw_time, time = "loose.occurred_at", "_occurred_at"
    oversized = f"octet_length(value) > {max_row_bytes}"
    has_time = f"is_sound AND NOT {is_blank(raw_time)}"
    # Nearly all times are such, and are not looked at again.
    unzoned = f"CASE WHEN {time} IS NULL THEN {values.is_local_time(raw_time)} ELSE false END"
    is_reply = replies.is_reply("loose.type") if stream == replies.STREAM else "false"
    odd_type = (
        f"NOT {is_blank('loose.type')} AND _type IS NULL AND NOT {_mistyped(fields['type'])} "
        f"AND NOT {is_reply}"
    )
    skew = f"INTERVAL {max_skew // timedelta(microseconds=1)} MICROSECONDS"
    checks = [
        (oversized, "oversized"),
        ("NOT is_valid", "invalid_utf8"),
        *also,
        *faults,
        (f"NOT {oversized} AND NOT is_sound{no_fault}", "malformed_json"),
    ]
    for name in ("event_id", "type", *REQUIRED[stream], "occurred_at"):
        missing = is_blank(f"loose.`{name}`")
        if name == "message_id":
            own = f"{missing} AND {words.is_own_word(stream)}"
            nobody = f"CASE WHEN {own} THEN NOT {words.names_somebody()} ELSE false END"
            checks.append((f"is_sound AND {nobody}", "missing:identifiers"))
            missing = f"{missing} AND NOT {words.is_own_word(stream)} AND NOT {is_reply}"
        checks.append((f"is_sound AND {missing}", f"missing:{name}"))
    checks += [
        (f"is_sound AND {odd_type}", "unknown_type"),
        (f"is_sound AND _type IS NULL AND {is_reply}", replies.NO_WORD),
        (f"{has_time} AND {unzoned}", "occurred_at_without_zone"),
        (f"{has_time} AND NOT {unzoned} AND {time} IS NULL", "occurred_at_not_a_time"),
        # Zones and clocks that run a little behind make of a zero the year before.
        (f"year({time}) BETWEEN 1969 AND 1970", "occurred_at_at_epoch"),
        (f"year({time}) < 1969", "occurred_at_long_ago"),
        (f"{time} > modified_at + {skew}", "occurred_at_in_future"),
    ]
    wrong = [(_mistyped(c), f"wrong_type:{name}") for name, c in fields.items()]
    for bad, reason in (*wrong, *words.reasons(stream), *bounds.reasons(fields)):
        if reason != "wrong_type:occurred_at":
            anyhow = words.is_understood_anyhow(stream, reason)
            checks.append((f"is_sound AND NOT {anyhow} AND {bad}", reason))
    told = (f"CASE WHEN coalesce({bad}, false) THEN {literal(word)} END" for bad, word in checks)
    return f"concat_ws(',', {', '.join(told)})"


def _mistyped(column: Described) -> str:
    value, typed = f"loose.`{column.name}`", f"`_{column.name}`"
    wrong = _objects_for_texts(value, column)
    if column.name == "lines":
        wrong.append(bounds.of_lines(lambda told: f"NOT {values.is_number(told)}"))
    elif column.type == MONEY:
        no_number = f"NOT {values.is_number(value)}"
        wrong.append(f"CASE WHEN {value} IS NOT NULL AND {typed} IS NULL THEN {no_number} END")
    elif column.type == "timestamp":
        wrong.append(f"NOT {is_blank(value)} AND {typed} IS NULL")
    if column.type != "string":
        # Only a row that Spark flagged pays for a second look at its text.
        wrong.append(f"CASE WHEN {FLAGGED} THEN {refused(column.name, _loose(column))} END")
    return _any(wrong)


def refused(name: str, kind: str) -> str:
    """Whether Spark finds fault with this one field; with none of that name, with the JSON."""
    return f"{strictly('text', f'`{name}` {kind}, `_corrupt` string')}._corrupt IS NOT NULL"


def _objects_for_texts(value: str, column: Described) -> list[str]:
    """Where a field wants a text, an object or a list is wrong, also deeper inside the field."""
    if column.type == "string":
        return [values.is_no_text(value)]
    if column.type == "array<string>":
        return [f"exists({value}, entry -> {values.is_no_text('entry')})"]
    if not names.holds_objects(column):
        return []
    inside = [name for name in names.inner(column) if name not in values.NUMBERS]
    if column.type.startswith("array"):
        wrong = _any(values.is_no_text(f"entry.`{name}`") for name in inside)
        return [f"exists({value}, entry -> {wrong})"]
    return [values.is_no_text(f"{value}.`{name}`") for name in inside]


def _any(conditions: Iterable[str]) -> str:
    unsure_is_no = (f"coalesce({condition}, false)" for condition in conditions)
    return f"({' OR '.join(('false', *unsure_is_no))})"


def _widened(frame: DataFrame, fields: dict[str, Described]) -> DataFrame:
    missing = [column for column in wide_columns() if column.name not in fields]
    return frame.selectExpr("*", *(f"CAST(NULL AS {c.type}) AS `{c.name}`" for c in missing))


def _hashed(frame: DataFrame, stream: str) -> DataFrame:
    """Adds: event_hash and payload_hash, 16 bytes each."""
    ignored = ("received_at", "source")
    ordered = "CASE WHEN properties IS NOT NULL THEN array_sort(map_entries(properties)) END"
    payload = ", ".join(
        f"{ordered} AS properties" if column.name == "properties" else f"`{column.name}`"
        for column in wide_columns()
        if column.name not in ignored
    )
    told = literal(f"{stream}\x00")
    return frame.selectExpr(
        "*",
        f"{_sixteen_bytes(f'concat({told}, event_id)')} AS event_hash",
        f"{_sixteen_bytes(f'to_json(struct({payload}))')} AS payload_hash",
    )


def _sixteen_bytes(value: str) -> str:
    return f"unhex(substring(sha2({value}, 256), 1, 32))"


DIALECT = Dialect(
    name="canonical",
    doc="Rows that already use Tactful's own field names.",
    parse=parse_rows,
)
