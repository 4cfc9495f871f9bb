"""Blanks: what a text may hold that nobody sees, and what is left of a text without it."""

from __future__ import annotations

import re

# From the first to the last code point of each run, as Unicode 16 has them.
SPACES = (
    (0x0009, 0x000D), (0x0020, 0x0020), (0x0085, 0x0085), (0x00A0, 0x00A0), (0x1680, 0x1680),
    (0x2000, 0x200A), (0x2028, 0x2029), (0x202F, 0x202F), (0x205F, 0x205F), (0x3000, 0x3000),
)  # fmt: skip
CONTROLS = ((0x0000, 0x0008), (0x000E, 0x001F), (0x007F, 0x0084), (0x0086, 0x009F))
# Of no width, or drawn as nothing: soft hyphen, joiners and zero-width spaces, marks and
# embeddings of writing direction, byte order mark, annotation marks, variation selectors, vowels
# that only shape others, letters that fill a place (Hangul), the empty Braille pattern.
INVISIBLE = (
    (0x00AD, 0x00AD), (0x034F, 0x034F), (0x061C, 0x061C), (0x070F, 0x070F), (0x115F, 0x1160),
    (0x17B4, 0x17B5), (0x180B, 0x180F), (0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x2064),
    (0x2066, 0x206F), (0x2800, 0x2800), (0x3164, 0x3164), (0xFE00, 0xFE0F), (0xFEFF, 0xFEFF),
    (0xFFA0, 0xFFA0), (0xFFF9, 0xFFFB),
)  # fmt: skip
# Spark's `trim` knows the plain space only; exports and pasted texts bring all of these.
BLANKS = "".join(
    chr(point)
    for first, last in (*SPACES, *CONTROLS, *INVISIBLE)
    for point in range(first, last + 1)
)
# The same as a class of a regular expression, in escapes that Java and Python both read.
BLANK_CLASS = "".join(
    f"\\u{first:04x}-\\u{last:04x}" for first, last in (*SPACES, *CONTROLS, *INVISIBLE)
)
# What makes no difference inside a word.
SEPARATORS = f"[{BLANK_CLASS}_./-]"


def literal(value: str) -> str:
    """A text in SQL; as its bytes where a setting of the session might read it otherwise."""
    if re.search(r"['\\$]|[^ -~]", value):
        return f"CAST(X'{value.encode().hex()}' AS string)"
    return f"'{value}'"


def trimmed(text: str) -> str:
    """The text in SQL without blanks at both ends; null stays null."""
    return f"btrim({text}, {literal(BLANKS)})"


def as_name(text: str) -> str:
    """The text in SQL without blanks at both ends; null where it says nothing."""
    # Nearly every name begins and ends with a sign of ASCII; looking for blanks takes its time.
    last = f"substring(CAST({text} AS binary), -1, 1)"
    plain = f"{_begins_plainly(text)} AND {last} > X'20' AND {last} < X'7F'"
    return f"CASE WHEN {plain} THEN {text} ELSE nullif({trimmed(text)}, '') END"


def is_blank(text: str) -> str:
    """Whether the text in SQL is null, empty, or of blanks only: it says nothing."""
    return f"coalesce(NOT {_is_said(text)}, true)"


def unless_blank(text: str) -> str:
    """The text in SQL as it is, null where it says nothing."""
    return f"CASE WHEN {_is_said(text)} THEN {text} END"


def _is_said(text: str) -> str:
    # Nearly every text begins with a sign of ASCII, and comparing is quicker than searching.
    plainly = _begins_plainly(text)
    return f"CASE WHEN {plainly} THEN true ELSE ltrim({literal(BLANKS)}, {text}) != '' END"


def _begins_plainly(text: str) -> str:
    return f"({text} >= '!' AND {text} < {literal(chr(0x7F))})"
