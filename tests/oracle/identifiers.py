"""What an identifier is worth: normalised, keyed, and never linking when it is junk."""

from __future__ import annotations

import hashlib
import hmac
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import phonenumbers

from tests.oracle.blanks import holds_blanks, is_unseen, trim
from tests.oracle.config import identifier_types

EMAIL = re.compile(r"[^@]+@[^@]+\.[^@]+")
ZEROS = re.compile(r"[0-]*")


@dataclass(frozen=True, order=True)
class Identifier:
    """One identifier of an event; they sort by priority, then key."""

    priority: int
    key: str
    type: str
    value: str

    @property
    def name(self) -> str:
        """As the identity cases name it: `hem:<sha256>`, `phone:+1…`, `type:value`."""
        return f"{'hem' if self.type == 'email' else self.type}:{self.value}"


@dataclass(frozen=True)
class Form:
    """One form of an identifier: an email is known by its address, by a hash, or by both."""

    key: str
    type: str
    value: str


@dataclass(frozen=True)
class Known:
    """The identifiers of an event, each once: those that count, those blocked, what was dropped."""

    valid: tuple[Identifier, ...]
    blocked: tuple[Identifier, ...]
    dropped: tuple[str, ...]


@dataclass(frozen=True)
class Normaliser:
    """Turns raw identifiers into keys, under one configuration and the lake's secret."""

    config: Mapping[str, Any]
    secret: bytes

    @cached_property
    def types(self) -> dict[str, dict[str, Any]]:
        return identifier_types(self.config)

    @cached_property
    def blocked_values(self) -> frozenset[str]:
        return frozenset(self.config["identity"]["blocked"])

    @cached_property
    def blocked_hashes(self) -> frozenset[str]:
        """An email and its hash meet in one key, so the hash of a blocked email is blocked too."""
        return frozenset(_sha256(value) for value in self.blocked_values)

    def read(self, identifiers: Iterable[Mapping[str, Any] | None] | None) -> Known:
        """Sort an event's identifiers into valid, blocked and dropped."""
        valid, blocked, dropped = set(), set(), []
        for entry in identifiers or ():
            kind = self._named((entry or {}).get("type"))
            state, said = self._judge(kind, _told(kind, (entry or {}).get("value")))
            if state == "valid":
                valid.add(self._identifier(kind, said))
            elif state == "blocked":
                blocked.add(self._identifier(kind, said))
            else:
                dropped.append(f"{kind}:{state}")
        return Known(tuple(sorted(valid)), tuple(sorted(blocked)), tuple(sorted(dropped)))

    def forms(self, identifiers: Iterable[Mapping[str, Any] | None] | None) -> set[Form]:
        """In which forms an event tells its identifiers: an email as such, or only its hash."""
        found = set()
        for entry in identifiers or ():
            told = entry or {}
            kind = self._named(told.get("type"))
            value = _told(kind, told.get("value"))
            state, said = self._judge(kind, value)
            if state in ("valid", "blocked"):
                form = value.lower() if kind == "email" else said
                found.add(Form(self._identifier(kind, said).key, kind, form))
        return found

    def _named(self, said: str | None) -> str:
        """The type that is meant, however it is spelled."""
        names = [*self.types, "email_sha256"]
        bare = "".join(c for c in (said or "").lower() if not is_unseen(c) and c not in "-_./")
        bare = {"emailaddress": "email", "phonenumber": "phone"}.get(bare, bare)
        meant = [name for name in names if name.replace("_", "").lower() == bare]
        return (said if said in names else None) or (meant or [said or ""])[0]

    def _judge(self, kind: str, value: str) -> tuple[str, str]:
        """Its state (valid, blocked, or the reason it is dropped) and its normalised value."""
        if _identity_type(kind) not in self.types:
            return "unknown_type", value
        if not value:
            return "empty", value
        junk = self._is_blocked(value)
        if kind == "email":
            state = "valid" if EMAIL.fullmatch(value) and not holds_blanks(value) else "invalid"
            return "blocked" if junk else state, _sha256(value.lower())
        if kind == "email_sha256":
            value = value.lower()
            state = "valid" if re.fullmatch(r"[0-9a-f]{64}", value) else "invalid"
            return "blocked" if junk or value in self.blocked_hashes else state, value
        if kind == "phone" and not junk:
            return self._phone(value)
        return "blocked" if junk else "valid", value

    def _phone(self, value: str) -> tuple[str, str]:
        try:
            number = phonenumbers.parse(value, self.config["identity"]["phone_region"])
        except phonenumbers.NumberParseException:
            return "invalid", value
        if not phonenumbers.is_valid_number(number):
            return "invalid", value
        e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
        return "blocked" if self._is_blocked(e164) else "valid", e164

    def _is_blocked(self, value: str) -> bool:
        return value.lower() in self.blocked_values or bool(ZEROS.fullmatch(value))

    def _identifier(self, kind: str, value: str) -> Identifier:
        type_ = _identity_type(kind)
        keyed = "email_sha256" if type_ == "email" else type_
        said = f"{keyed}:{value}".encode()
        key = hmac.new(self.secret, said, hashlib.sha256).hexdigest()[:32]
        return Identifier(self.types[type_]["priority"], key, type_, value)


def _told(kind: str, value: str | None) -> str:
    """A value without its blanks; of an address the accents are one sign with their letters."""
    return trim(unicodedata.normalize("NFC", value or "") if kind == "email" else value or "")


def _identity_type(kind: str) -> str:
    return "email" if kind == "email_sha256" else kind


def _sha256(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()
