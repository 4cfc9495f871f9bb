"""Keys of what a list names: each identifier in its normal form, hashed as those of events are."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
from collections.abc import Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cached_property, partial
from multiprocessing import get_context

from tactful.jobs.identity.phones import country_of, normalise_all
from tactful.jobs.identity.spellings import composed
from tactful.jobs.imports.lists import Said
from tactful.jobs.settings.models import Identity
from tactful.transforms.blanks import BLANKS
from tactful.transforms.identity.keys import DIGEST, EMAIL, KEY_LENGTH, ZEROS

# The end of a text has one name in patterns of Spark, and another in those of Python.
IS_EMAIL, IS_DIGEST, IS_ZEROS = (
    re.compile(p.replace(r"\z", r"\Z")) for p in (EMAIL, DIGEST, ZEROS)
)
# The rules of all countries' numbers are slow: more than so many are shared out over the cores.
FEW_NUMBERS = 10_000


@dataclass(frozen=True)
class Keyed:
    """Turns identifiers as people write them into keys, with the lake's secret."""

    identity: Identity
    secret: bytes

    def of_all(self, rows: Iterable[Said]) -> list[tuple[list[tuple[str, str]], list[str]]]:
        """The keys of each row (pairs of identifier type and value, as lists tell them) with their
        types, and the countries of its phone numbers, else where numbers without a country code
        are from.

        What cannot be an identifier of its type has no key.
        """
        told = list(rows)
        numbers = _dialled({value for row in told for value in _phones(row)}, self.identity)
        return [(self._of(row, numbers), self._countries(row, numbers)) for row in told]

    def _of(self, row: Said, numbers: Mapping[str, str | None]) -> list[tuple[str, str]]:
        forms = ((kind, self._normal(kind, value, numbers)) for kind, value in row)
        return list(dict.fromkeys((kind, self._key(*form)) for kind, form in forms if form))

    def _countries(self, row: Said, numbers: Mapping[str, str | None]) -> list[str]:
        dialled = (numbers.get(value) for value in _phones(row))
        known = ((number and country_of(number)) for number in dialled)
        return sorted({country or self.identity.phone_region for country in known}) or [
            self.identity.phone_region
        ]

    @cached_property
    def _blocked_hashes(self) -> frozenset[str]:
        return frozenset(_sha256(word) for word in self.identity.blocked)

    def _normal(
        self, kind: str, value: str, numbers: Mapping[str, str | None]
    ) -> tuple[str, str] | None:
        """The type that it is keyed as, and its normal form; None where it cannot be one."""
        text = (composed(value) if kind == "email" else value).strip(BLANKS)
        lowered = text.lower()
        if not text or self._is_blocked(lowered):
            return None
        if kind == "email":
            return ("email_sha256", _sha256(lowered)) if IS_EMAIL.match(lowered) else None
        if kind == "email_sha256":
            is_one = IS_DIGEST.match(lowered) and lowered not in self._blocked_hashes
            return (kind, lowered) if is_one else None
        if kind == "phone":
            number = numbers[value]
            return (kind, number) if number and not self._is_blocked(number) else None
        return kind, text

    def _is_blocked(self, text: str) -> bool:
        return text in self._blocked or IS_ZEROS.match(text) is not None

    @cached_property
    def _blocked(self) -> frozenset[str]:
        return frozenset(self.identity.blocked)

    def _key(self, kind: str, value: str) -> str:
        return hmac.digest(self.secret, f"{kind}:{value}".encode(), "sha256").hex()[:KEY_LENGTH]


def _phones(row: Said) -> list[str]:
    return [value for kind, value in row if kind == "phone"]


def _dialled(values: Iterable[str], identity: Identity) -> dict[str, str | None]:
    """Each phone number in its one form, None where it has none."""
    told = sorted(values)
    ask = partial(normalise_all, region=identity.phone_region)
    if len(told) <= FEW_NUMBERS:
        return ask(told)
    pieces = [told[at : at + FEW_NUMBERS] for at in range(0, len(told), FEW_NUMBERS)]
    # Started anew, since a copy of this process would have its threads' locks without the threads.
    workers = min(len(pieces), os.cpu_count() or 1)
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        return {value: number for found in pool.map(ask, pieces) for value, number in found.items()}


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
