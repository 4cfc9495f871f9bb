"""What an identifier is at an ad network: two of ours may be one there (DESIGN 6, destinations)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from hashlib import sha256
from typing import Any

from tests.oracle.config import destinations
from tests.oracle.identifiers import Form

ADVERTISING_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.I)
NO_ID = "00000000-0000-0000-0000-000000000000"


def network_values(config: Mapping[str, Any], forms: Iterable[Form]) -> Iterator[dict[str, Any]]:
    """By network and identifier each value that stands for it there, and which is its best form."""
    forms = sorted(forms, key=lambda form: (form.key, form.type))
    for network in destinations(config):
        if network["kind"] not in KINDS:
            continue
        taken = {*network["identifiers"]}
        taken |= {"email_sha256"} if "email" in taken else set()
        best: dict[str, str] = {}
        for form in forms:
            best.setdefault(form.key, form.type)
            written = KINDS[network["kind"]].get(form.type)
            value = written and form.type in taken and written(form.value)
            if value:
                yield {"destination": network["name"], "identifier_key": form.key, "value": value,
                       "is_best": best[form.key] == form.type}  # fmt: skip


def _hashed(value: str) -> str:
    return f"hash {sha256(value.encode()).hexdigest()}"


def _google_email(value: str) -> str | None:
    """Gmail reads no dots, and nothing from a + on."""
    mailbox, _, domain = value.partition("@")
    if domain in ("gmail.com", "googlemail.com"):
        mailbox = mailbox.split("+")[0].replace(".", "")
    return _hashed(f"{mailbox}@{domain}") if mailbox else None


def _advertising_id(value: str) -> str | None:
    return value if ADVERTISING_ID.fullmatch(value) and value != NO_ID else None


def _any_case(value: str) -> str | None:
    told = _advertising_id(value)
    return told.lower() if told else None


KINDS: dict[str, dict[str, Callable[[str], str | None]]] = {
    "google_data_manager": {
        "email": _google_email,
        "email_sha256": lambda value: f"hash {value}",
        "phone": str,
        "device_id": _advertising_id,
    },
    "meta_custom_audience": {
        "customer_id": lambda value: f"number {value}",
        "email": _hashed,
        "email_sha256": lambda value: f"hash {value}",
        "phone": str,
        "device_id": _any_case,
    },
}
