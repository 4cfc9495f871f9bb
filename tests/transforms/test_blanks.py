"""A text of blanks says nothing, whichever of Unicode's blanks they are."""

from __future__ import annotations

import re

from tactful.transforms.blanks import BLANK_CLASS, BLANKS, as_name, is_blank, trimmed, unless_blank
from tests.oracle.blanks import is_unseen

TEXTS = (
    "a", " a", "ä", "\u200ba b\u3000", "", " ", "\t\n", "\u00a0\u200b\u2060\ufeff", "\x00", "\x7f",
    "\x7fa", "!", "~", "☃", "\U0001f6d2", "a ", "a\u200b", "a\x7f", "☃\u00a0", "a  b", "aä", None,
)  # fmt: skip


def test_blanks_are_what_unicode_says_of_each_sign():
    unseen = {chr(point) for point in range(0x10000) if is_unseen(chr(point))}
    assert set(BLANKS) == unseen
    assert {chr(p) for p in range(0x10000) if re.match(f"[{BLANK_CLASS}]", chr(p))} == unseen


def test_a_text_of_blanks_is_none(spark):
    rows = spark.createDataFrame([(text,) for text in TEXTS], "text string")
    found = rows.selectExpr(f"{is_blank('text')} AS blank", f"{trimmed('text')} AS trimmed",
                            f"{unless_blank('text')} AS said",
                            f"{as_name('text')} AS name")  # fmt: skip
    for text, row in zip(TEXTS, found.collect(), strict=True):
        left = None if text is None else text.strip(BLANKS)
        assert (row.blank, row.trimmed) == (not left, left), ascii(text)
        assert row.said == (text if left else None), ascii(text)
        assert row.name == (left or None), ascii(text)
