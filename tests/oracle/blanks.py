"""What nobody sees in a text, by the categories that Unicode gives each sign."""

from __future__ import annotations

import unicodedata

CATEGORIES = ("Cc", "Cf", "Zs", "Zl", "Zp")
# Drawn, though of category Cf: signs before Arabic and other numbers.
DRAWN = {0x600, 0x601, 0x602, 0x603, 0x604, 0x605, 0x6DD, 0x890, 0x891, 0x8E2}
# Not drawn, though letters, marks or symbols: a joiner, fillers, vowels without a sound, selectors
# of a variant, and a Braille pattern without a dot.
UNSEEN = {
    0x34F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180B, 0x180C, 0x180D, 0x180F, 0x2800, 0x3164, 0xFFA0,
    *range(0xFE00, 0xFE10),
}  # fmt: skip


def is_unseen(sign: str) -> bool:
    """Whether a sign is blank or invisible; those beyond the first 65,536 are not looked at."""
    point = ord(sign)
    named = unicodedata.category(sign) in CATEGORIES and point not in DRAWN
    return point < 0x10000 and (named or point in UNSEEN)


def trim(text: str) -> str:
    """The text without blanks at both ends."""
    seen = [at for at, sign in enumerate(text) if not is_unseen(sign)]
    return text[seen[0] : seen[-1] + 1] if seen else ""


def holds_blanks(text: str) -> bool:
    """Whether any sign of it is blank."""
    return any(map(is_unseen, text))
