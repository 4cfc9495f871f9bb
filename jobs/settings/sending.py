"""What must hold of a destination whose files are sent, before any of them is.

A credential is a reference, never the value itself; an endpoint that this machine's own network
answers, or that is spoken to without TLS, is refused unless somebody says that it may be.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import SplitResult, urlsplit

from tactful.jobs import references
from tactful.jobs.settings.layers import Place, shown
from tactful.jobs.settings.places import Finding
from tactful.transforms.sinks import Sink

# What only a destination that is sent has any use for.
OF_SENDING = ("endpoint", "credential", "allow_private", "give_up_after")
LOCAL_NAMES = ("localhost", ".localhost", ".local", ".internal", ".lan", ".home.arpa")


def faults(place: Place, entry: Mapping[str, Any], sink: Sink) -> Iterator[Finding]:
    """Everything wrong with how one destination is to be sent to, but for what the machine has."""
    if entry.get("deliver", "outbox") != "http":
        for key in OF_SENDING:
            if key in entry:
                allowed = 'no such key unless deliver = "http"'
                found = HIDDEN if key == "credential" else shown(entry[key])
                yield (*place, key), found, allowed, ""
        return
    if sink.http is None:
        hint = f"{sink.kind} is a file for somebody to take, and calls nobody"
        yield (*place, "deliver"), shown("http"), '"outbox"', hint
        return
    yield from _credential(place, entry.get("credential"))
    endpoint = entry.get("endpoint")
    if endpoint is None and not sink.http.base:
        yield (*place, "endpoint"), "nothing", f"the URL of your own {sink.kind}", ""
    if isinstance(endpoint, str):
        yield from _endpoint(place, endpoint, may_be_private=entry.get("allow_private") is True)


HIDDEN = "a value that is not shown"


def _credential(place: Place, told: Any) -> Iterator[Finding]:
    allowed = 'a reference such as "env:KLAVIYO_KEY" or "databricks:scope/key"'
    if told is None:
        yield (*place, "credential"), "nothing", allowed, ""
    elif not references.is_reference(told):
        # Whoever writes the key itself into the file must not find it in a log as well.
        yield (*place, "credential"), HIDDEN, allowed, "the file names it, the environment has it"


def unset(
    place: Place, entry: Mapping[str, Any], sink: Sink, environ: Mapping[str, str]
) -> Iterator[Finding]:
    """A credential that is not where it is looked for, or that no call could carry."""
    if entry.get("deliver") == "http" and (
        wrong := unusable(entry.get("credential"), sink, environ)
    ):
        yield (*place, "credential"), *wrong


def unusable(told: Any, sink: Sink, environ: Mapping[str, str]) -> tuple[str, str, str] | None:
    """What is wrong with what a reference leads to: what was found, what is allowed, and a hint."""
    value = references.find(told, environ)
    if not value.strip():
        return references.missing(told, environ)
    name = told.partition(":")[2]
    if what := unfit(value):
        hint = "such as a line end behind the key, which no call could carry"
        return f"{name} with {what} in it", "a key without any", hint
    if sink.http is not None and (wrong := sink.http.unfit(value)):
        found, allowed = wrong
        return f"{name} with {found}", allowed, ""
    return None


def unfit(credential: str) -> str | None:
    """What it has that no header may, if anything; a credential in JSON may have it."""
    if credential.lstrip().startswith("{"):
        return None
    if any(ord(letter) < 0x20 or ord(letter) == 0x7F for letter in credential):
        return "a control character"
    return None if credential.isascii() else "a letter that is not ASCII"


def _endpoint(place: Place, endpoint: str, *, may_be_private: bool) -> Iterator[Finding]:
    try:
        parts = urlsplit(endpoint)
        host = parts.hostname or ""
    except ValueError:
        parts, host = SplitResult("", "", "", "", ""), ""
    key = (*place, "endpoint")
    if parts.scheme not in ("https", "http") or not host:
        yield key, shown(endpoint), "a URL such as https://example.com/hook", ""
    elif parts.username or parts.password:
        yield key, HIDDEN, "a URL without a user and a password", "credential has its place"
    elif parts.scheme == "http" and not may_be_private:
        hint = "without TLS anybody on the way reads who is told of; allow_private = true allows it"
        yield key, shown(endpoint), "a URL that begins with https://", hint
    elif is_private_name(host) and not may_be_private:
        hint = "allow_private = true allows it"
        yield key, shown(endpoint), "a host outside of your own network", hint


def is_private_name(host: str) -> bool:
    """Whether a host's name or address says itself that it lies in a private network."""
    bare = host.rstrip(".").lower()
    try:
        return not ipaddress.ip_address(bare).is_global
    except ValueError:
        return bare == "localhost" or bare.endswith(LOCAL_NAMES[1:]) or "." not in bare
