"""Spellings that only Python's libraries read: phone numbers, and accents of email addresses.

A job calls this over the distinct values of a batch, never row by row on an executor (G9).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping

from tactful.jobs.identity.phones import normalise_all


def composed(text: str) -> str:
    """A text in Unicode's form NFC, an accent in one sign with its letter.

    Some systems write é as one sign and some as two, which look the same. RFC 6532 wants addresses
    in this form.
    """
    return unicodedata.normalize("NFC", text)


def read_all(told: Iterable[tuple[str, str]], *, region: str) -> Mapping[tuple[str, str], str]:
    """The normal form of each pair of type and value; of a phone number that is none: none."""
    pairs = set(told)
    phones = normalise_all((v for kind, v in pairs if kind == "phone"), region=region)
    return {
        **{("phone", value): e164 for value, e164 in phones.items() if e164 is not None},
        **{(kind, value): composed(value) for kind, value in pairs if kind != "phone"},
    }
