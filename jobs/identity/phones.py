"""Phone numbers in one form: +, country code, number, whatever way somebody typed them.

The one library that knows every country's rules exists in Python only, so a job calls this over
the distinct values of a batch, never row by row on an executor (G9).
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

import phonenumbers


@lru_cache(maxsize=100_000)
def normalise(value: str | None, region: str | None) -> str | None:
    """A phone number as E.164 (+442071234567), or None where it is not a valid one.

    `region` (ISO 3166-1 alpha-2) is read into numbers written the national way. Without it only
    international numbers are taken: a country is never guessed. A leading 00 is read as +
    everywhere, also where people dial 011 or 810.
    """
    text = (value or "").strip()
    if text.startswith("00"):
        text = "+" + text[2:].lstrip()
    try:
        number = phonenumbers.parse(text, region or None)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def normalise_all(values: Iterable[str], *, region: str | None) -> dict[str, str | None]:
    """Each distinct value with its E.164 form, None where it has none."""
    return {value: normalise(value, region) for value in set(values)}


def country_of(number: str) -> str | None:
    """The country (ISO 3166-1 alpha-2) of a number in E.164; None where it is no country's."""
    found = phonenumbers.region_code_for_number(phonenumbers.parse(number))
    return found if found and found.isalpha() else None
