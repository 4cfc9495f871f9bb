"""Cutting: lines that hold several objects, as services post and export them, an object a row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pyspark.sql import DataFrame

from tactful.transforms.blanks import literal
from tactful.transforms.sources import canonical

BLANKS = " \t\r\n"
EMPTY = r"^\[[ \t\r\n]*\]\z"
OPENED = "substring(line, 1, char_length(line) - 1)"
# One sign for each byte, and the byte for each sign: so objects can be cut out of any bytes.
BYTES = "ISO-8859-1"
BETWEEN = r"\}[ \t\r\n]*,[ \t\r\n]*\{"
NONE: Mapping[str, Iterable[str]] = {}


def each_object(
    rows: DataFrame,
    *,
    max_row_bytes: int,
    wrappers: Mapping[str, Iterable[str]] = NONE,
    single: Iterable[str] = (),
) -> DataFrame:
    """Cut lines that are arrays into their objects.

    Where each piece between `},{` is one whole object, the pieces are the objects, byte for byte.
    In arrays that hold anything else, or such signs inside an object, Spark reads the entries, and
    writes them without blanks; a text of our own before the last bracket shows whether it read
    them all, for it takes the first array of a text and never looks behind it. A line that is no
    list passes through as it is, and so does one that is not whole.

    wrappers: names under which an object holds nothing but such an array, each with the names that
    may stand beside it; what those say is not read. single: names under which an object holds
    nothing but one object, which is read as if it stood alone.

    Keeps: one row an object; file, modified_at, and fault where rows have it. Changes: value.
    Adds: line_hash (of lists alone: the line's, with the object's number behind it where it was
    cut), is_cut, is_line_valid (of lists alone: UTF-8), is_empty (whether it is a list of nothing).
    """
    sealed = f"""concat({OPENED}, ',"', line_hash, '"]')"""
    entries = f"CASE WHEN is_array AND is_line_valid AND NOT is_exact THEN {sealed} END"
    is_read = "coalesce(try_element_at(entries, -1) = line_hash, false)"
    cut = """CASE
        WHEN is_array AND is_exact THEN transform(pieces, piece -> concat('{', piece, '}'))
        WHEN is_read THEN slice(entries, 1, size(entries) - 1)
        WHEN size(held) > 0 THEN held
        ELSE array(value)
    END"""
    kept = ("file", "modified_at", *(("fault",) if "fault" in rows.columns else ()))
    is_empty = f"coalesce(line RLIKE {literal(EMPTY)} OR size(held) = 0, false)"
    each = (
        rows.transform(_in_pieces, kept=kept, max_row_bytes=max_row_bytes, wrappers=wrappers,
                       single=tuple(single))
        .selectExpr("*", f"{canonical.strictly(entries, 'array<string>')} AS entries")
        .selectExpr("*", f"{is_read} AS is_read")
        .selectExpr(
            *kept, "line_hash", "is_line_valid", f"{is_empty} AS is_empty",
            "coalesce(is_array AND is_exact OR is_read OR size(held) > 0, false) AS is_cut",
            f"posexplode({cut}) AS (place, cut)",
        )
    )  # fmt: skip
    as_bytes = f"CAST(encode(cut, '{BYTES}') AS string)"
    own = f"CASE WHEN is_line_valid THEN coalesce(cut, 'null') ELSE {as_bytes} END"
    return each.selectExpr(
        *kept, "is_cut", "is_empty", "is_line_valid",
        f"CASE WHEN is_cut THEN {own} ELSE cut END AS value",
        "CASE WHEN is_cut THEN concat(line_hash, '/', place + 1) ELSE line_hash END AS line_hash",
    )  # fmt: skip


def as_signs(value: str, is_valid: str) -> str:
    """A text as it is; bytes that are none as a sign each."""
    return f"CASE WHEN {is_valid} THEN {value} ELSE decode(CAST({value} AS binary), '{BYTES}') END"


def _in_pieces(
    rows: DataFrame,
    *,
    kept: Iterable[str],
    max_row_bytes: int,
    wrappers: Mapping[str, Iterable[str]],
    single: tuple[str, ...],
) -> DataFrame:
    """Adds: line_hash, is_line_valid, line (null where it is no list or too long), is_array, pieces
    (what may be objects, without their braces), is_exact (whether all of them are), held (what a
    wrapper holds)."""
    quoted = (literal(f'"{name}"') for name in wrappers)
    named = " OR ".join(f"contains(value, {name})" for name in quoted) or "false"
    if single:
        # Only as its first name: others have an object of that name among their own.
        is_one = rf'^\{{[ \t\r\n]*"({"|".join(single)})"[ \t\r\n]*:'
        named += f" OR value RLIKE {literal(is_one)}"
    # Nearly all rows are one object, and cost no more than to see that.
    is_array = f"startswith(ltrim({literal(BLANKS)}, value), '[')"
    is_list = f"CASE WHEN startswith(value, '{{') THEN {named} ELSE {is_array} OR {named} END"
    is_fit = f"is_list AND octet_length(value) <= {max_row_bytes}"
    plain = as_signs("value", "is_line_valid")
    line = f"CASE WHEN {is_fit} THEN btrim({plain}, {literal(BLANKS)}) END"
    inside = f"btrim(substring({OPENED}, 2), {literal(BLANKS)})"
    # The braces of all objects are taken off and put back: a pattern that begins with a plain sign
    # is found many times as fast as one that looks behind.
    pieces = f"split(substring(inside, 2, char_length(inside) - 2), {literal(BETWEEN)})"
    is_object = "json_array_length(concat('[{', piece, '},0]')) <=> 2"
    return (
        rows.selectExpr("value", *kept, f"{is_list} AS is_list")
        .selectExpr(
            "value", *kept, "is_list",
            f"CASE WHEN is_list THEN {canonical.line_hash('value')} END AS line_hash",
            "CASE WHEN is_list THEN is_valid_utf8(value) END AS is_line_valid",
        )
        .selectExpr("*", f"{line} AS line")
        .selectExpr(
            "*", "coalesce(startswith(line, '[') AND endswith(line, ']'), false) AS is_array"
        )
        .selectExpr("*", f"CASE WHEN is_array THEN {inside} END AS inside")
        .selectExpr(
            "*",
            "CASE WHEN startswith(inside, '{') AND endswith(inside, '}') "
            f"THEN {pieces} END AS pieces",
        )
        .selectExpr("*", f"coalesce(forall(pieces, piece -> {is_object}), false) AS is_exact")
        .transform(_with_held, wrappers=wrappers, single=single)
    )  # fmt: skip


def _with_held(
    rows: DataFrame, *, wrappers: Mapping[str, Iterable[str]], single: tuple[str, ...]
) -> DataFrame:
    """Adds: held, the entries of the one array that an object wraps, or the one object; null where
    it does not."""
    if not wrappers:
        return rows.selectExpr("*", "CAST(NULL AS array<string>) AS held")
    is_one = "is_line_valid AND startswith(line, '{') AND endswith(line, '}')"
    # As with arrays, or what stands behind the object were lost.
    sealed = f"""concat({OPENED}, ',"', line_hash, '":0}}')"""
    whole = "try_element_at(wrapped, -1) = line_hash"
    held = []
    for name, beside in wrappers.items():
        known = ", ".join(map(literal, (name, *beside)))
        others = f"exists(wrapped, one -> one != line_hash AND NOT one IN ({known}))"
        once = f"size(filter(wrapped, one -> one = {literal(name)})) = 1"
        found = canonical.strictly("line", f"`{name}` array<string>, `_corrupt` string")
        held.append(f"CASE WHEN {whole} AND {once} AND NOT {others} THEN {found}.`{name}` END")
    for name in single:
        found = canonical.strictly("line", f"`{name}` string, `_corrupt` string")
        inside = f"CASE WHEN startswith({found}.`{name}`, '{{') THEN array({found}.`{name}`) END"
        held.append(f"CASE WHEN {whole} AND wrapped[0] = {literal(name)} AND size(wrapped) = 2 "
                    f"THEN {inside} END")  # fmt: skip
    return (
        rows.selectExpr("*", f"json_object_keys(CASE WHEN {is_one} THEN {sealed} END) AS wrapped")
        .selectExpr("*", f"coalesce({', '.join(held)}) AS held")
        .drop("wrapped")
    )
