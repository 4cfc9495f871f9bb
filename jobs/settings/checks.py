"""What must hold between values of a configuration, checked on the merged text of all layers.

Each check reads raw values and passes over what has the wrong type, so that a mistake elsewhere
hides none of these: all errors are told at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tactful.jobs.errors import Problem
from tactful.jobs.lake.secret import LEAST_BYTES
from tactful.jobs.settings.layers import Layers, Place, read_defaults, shown
from tactful.jobs.settings.models import VENDORS

PURCHASED_ONLY = ("match", "lasts", "lasts_share", "share", "lifted_by", "channels")


def cross_problems(layers: Layers, environ: Mapping[str, str]) -> list[Problem]:
    """Everything wrong that one value alone does not show."""
    return [
        Problem(layers.origin(place), layers.key(place), found, allowed, hint)
        for check in (_secret, _identity, _names, _defaults, _purchased, _destinations)
        for place, found, allowed, hint in check(layers.values, environ)
    ]


Finding = tuple[Place, str, str, str]


def _secret(values: dict, environ: Mapping[str, str]) -> Iterator[Finding]:
    secret = _table(values, "lake").get("secret")
    if isinstance(secret, str) and secret.startswith("env:"):
        variable = secret.removeprefix("env:")
        told = environ.get(variable, "")
        if variable and not told:
            hint = f"set the environment variable {variable}, or use auto on a laptop"
            yield ("lake", "secret"), f"{variable} unset or empty", "a variable that is set", hint
        elif variable and len(told.encode("utf-8", "surrogateescape")) < LEAST_BYTES:
            hint = "a short one can be guessed, and everybody's keys with it"
            allowed = f"a secret of at least {LEAST_BYTES} bytes"
            yield ("lake", "secret"), f"{variable} with a shorter one", allowed, hint


def _identity(values: dict, environ: Mapping[str, str]) -> Iterator[Finding]:
    types = _table(_table(values, "identity"), "types")
    taken: dict[int, str] = {}
    for name, entry in types.items():
        place = ("identity", "types", name)
        if name == "email_sha256":
            hint = "a hashed email is the same identifier as the email; configure email"
            yield place, "a type of its own", "no entry", hint
            continue
        if not isinstance(entry, dict):
            continue
        priority = entry.get("priority")
        if isinstance(priority, int) and priority in taken:
            allowed = f"a priority of its own; {taken[priority]} has {priority}"
            yield (*place, "priority"), shown(priority), allowed, ""
        elif isinstance(priority, int):
            taken[priority] = name
        if entry.get("unique") is True and entry.get("device") is True:
            allowed = "unique or device, not both"
            yield (*place, "device"), "true beside unique = true", allowed, ""


def _names(values: dict, environ: Mapping[str, str]) -> Iterator[Finding]:
    for lists in (("suppress", "caps"), ("destinations",)):
        taken: dict[str, str] = {}
        for section in lists:
            for place, entry in _entries(values, section):
                name = entry.get("name")
                if not isinstance(name, str):
                    continue
                if name in taken:
                    allowed = f"a name of its own; an entry of [[{taken[name]}]] has it"
                    yield (*place, "name"), shown(name), allowed, ""
                taken.setdefault(name, section)


def _defaults(values: dict, environ: Mapping[str, str]) -> Iterator[Finding]:
    """A rule of a default's name takes its place; one of another kind would hide it silently."""
    kinds = {rule["name"]: rule["when"] for rule in read_defaults()["suppress"]}
    for place, rule in _entries(values, "suppress"):
        name, when = rule.get("name"), rule.get("when")
        # A second entry of a name hides nothing: it is refused for that.
        default = kinds.pop(name, None) if isinstance(name, str) else None
        if default is not None and isinstance(when, str) and when != default:
            hint = f"{name} is on by default, and this would replace it; choose another name"
            yield (*place, "when"), shown(when), f'"{default}" for that name', hint


def _purchased(values: dict, environ: Mapping[str, str]) -> Iterator[Finding]:
    for place, rule in _entries(values, "suppress"):
        if rule.get("when") == "purchased":
            yield from _purchased_rule(place, rule)
            continue
        if "when" not in rule:
            continue
        for key in PURCHASED_ONLY:
            if key in rule:
                allowed = 'no such key unless when = "purchased"'
                yield (*place, key), shown(rule[key]), allowed, ""


def _purchased_rule(place: Place, rule: dict) -> Iterator[Finding]:
    if "match" not in rule:
        yield (*place, "match"), "nothing", "sku, category, brand or all", ""
    if "lasts" not in rule and "lasts_share" not in rule:
        hint = "or lasts_share, a share of the product's own replenish_days"
        yield (*place, "lasts"), "nothing", "a duration such as 30d", hint
    if rule.get("match") == "all" and rule.get("share"):
        allowed = 'no share beside match = "all", which every message is touched by'
        yield (*place, "share"), shown(rule["share"]), allowed, ""


def _destinations(values: dict, environ: Mapping[str, str]) -> Iterator[Finding]:
    enabled = {
        entry["name"]: entry.get("enabled", True)
        for section in ("suppress", "caps")
        for _, entry in _entries(values, section)
        if isinstance(entry.get("name"), str)
    }
    types = tuple(_table(_table(values, "identity"), "types"))
    for place, entry in _entries(values, "destinations"):
        yield from _policy(place, entry, enabled)
        vendor = VENDORS.get(entry["kind"]) if isinstance(entry.get("kind"), str) else None
        if vendor is None:
            continue
        kind = entry["kind"]
        channel = entry.get("channel")
        if vendor.channel is not None and channel not in (None, vendor.channel):
            hint = f"{kind} asks for consent to ads, whatever the audience is about"
            yield (*place, "channel"), shown(channel), f'"{vendor.channel}", or no channel', hint
        size = entry.get("batch_size")
        if isinstance(size, int) and size > vendor.batch_limit:
            allowed = f"at most {vendor.batch_limit}, the limit of {kind}"
            yield (*place, "batch_size"), shown(size), allowed, ""
        allowed_types = [name for name in types if name in (vendor.identifiers or types)]
        wanted = entry.get("identifiers")
        for at, name in enumerate(wanted if isinstance(wanted, list) else ()):
            if isinstance(name, str) and name not in allowed_types:
                allowed = ", ".join(allowed_types)
                yield (*place, "identifiers", at), shown(name), allowed, ""
        yield from _vendor_needs(place, entry, kind)


def _policy(place: Place, entry: dict, enabled: dict[str, Any]) -> Iterator[Finding]:
    policy = entry.get("policy")
    if not isinstance(policy, str):
        return
    allowed = "a rule of [[suppress]] or [[caps]]: " + ", ".join(enabled)
    if policy not in enabled:
        yield (*place, "policy"), shown(policy), allowed, ""
    elif enabled[policy] is False:
        yield (*place, "policy"), f"{shown(policy)}, which is switched off", allowed, ""


def _vendor_needs(place: Place, entry: dict, kind: str) -> Iterator[Finding]:
    wanted = entry.get("identifiers")
    if kind == "google_data_manager" and isinstance(wanted, list) and _mixes_mobile(wanted):
        hint = "Google keeps mobile ids in lists of their own"
        allowed = "either email and phone, or device_id alone"
        yield (*place, "identifiers"), shown(wanted), allowed, hint
    if kind != "file" and "audience_id" not in entry:
        yield (*place, "audience_id"), "nothing", f"the audience's id at {kind}", ""
    if kind == "google_data_manager" and "account" not in entry:
        hint = 'account = { account_id = "…" }'
        yield (*place, "account"), "nothing", "the account that owns the audience", hint
    if kind != "google_data_manager" and "account" in entry:
        yield (*place, "account"), "a table", "no account: only google_data_manager has one", ""


def _mixes_mobile(identifiers: list) -> bool:
    return "device_id" in identifiers and len(set(map(str, identifiers))) > 1


def _table(values: Any, key: str) -> dict:
    inner = values.get(key) if isinstance(values, dict) else None
    return inner if isinstance(inner, dict) else {}


def _entries(values: dict, section: str) -> Iterator[tuple[Place, dict]]:
    entries = values.get(section)
    for at, entry in enumerate(entries if isinstance(entries, list) else ()):
        if isinstance(entry, dict):
            yield (section, at), entry
