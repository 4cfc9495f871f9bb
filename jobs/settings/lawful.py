"""Lawful: where silence means what, and what goes by, or is called after, what is sensitive."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tactful.jobs.settings.fields import attribute_names
from tactful.jobs.settings.layers import Place, shown
from tactful.jobs.settings.places import Finding
from tactful.schemas.countries import COUNTRIES
from tactful.transforms.about import topic_word
from tactful.transforms.conditions import parse
from tactful.transforms.rules import RULES

Entries = Iterable[tuple[Place, dict]]
HINT = "or write down on which basis it is used, in [privacy.sensitive_bases]"


def countries(consent: Mapping[str, Any]) -> Iterator[Finding]:
    """What silence means where another law holds is told country by country, once each."""
    taken: set[str] = set()
    for name, entry in consent.items():
        if not isinstance(entry, dict):
            continue
        if name.upper() not in COUNTRIES:
            allowed = "default, or a table of a country's code (ISO 3166) such as US"
            hint = "each country of a union is named by itself" if name.upper() == "EU" else ""
            yield ("consent", name), f"the name {shown(name)}", allowed, hint
        elif name.upper() in taken:
            yield ("consent", name), f"{name.upper()} once more", "one table a country", ""
        taken.add(name.upper())


def sensitive(
    privacy: Mapping[str, Any],
    rules: Entries,
    conditions: Iterable[tuple[Place, str]],
    named: Entries,
) -> Iterator[Finding]:
    """What uses a sensitive attribute that nobody wrote down a basis for.

    privacy: the section as written, types unchecked. rules: the entries of [[suppress]].
    conditions: every `where` that can be read. named: the entries of all sections whose names are
    told to others.
    """
    told, bases = _texts(privacy.get("sensitive")), privacy.get("sensitive_bases")
    written = _texts(list(bases)) if isinstance(bases, dict) else ()
    for name in written:
        if name not in told:
            allowed = f"an attribute of privacy.sensitive: {', '.join(told) or 'there is none'}"
            yield ("privacy", "sensitive_bases", name), "one that is not sensitive", allowed, ""
    unfounded = tuple(name for name in told if name not in written)
    if not unfounded:
        return
    for place, entry in rules:
        yield from _used(place, entry, unfounded)
    for place, text in conditions:
        used = [name for name in _texts([*parse(text).names]) if name in unfounded]
        if used:
            yield place, shown(text), f"a condition that asks for no {' and no '.join(used)}", HINT
    for place, entry in named:
        name = entry.get("name")
        words = f"_{topic_word(name)}_" if isinstance(name, str) else ""
        called = [one for one in unfounded if f"_{topic_word(one)}_" in words]
        if called:
            found = f"{shown(name)}, after the sensitive attribute {called[0]}"
            yield (*place, "name"), found, "a name that tells nothing of it", HINT


def _used(place: Place, entry: dict, unfounded: tuple[str, ...]) -> Iterator[Finding]:
    when = entry.get("when")
    if not isinstance(when, str) or when not in RULES or entry.get("enabled") is False:
        return
    names = RULES[when].attributes(entry)
    if names is None:
        allowed = f"attributes by name, none of them sensitive ({', '.join(unfounded)})"
        yield (*place, "attributes"), "none, which means all", allowed, HINT
    used = [name for name in _texts(names) if name in unfounded]
    if used:
        allowed = f"none that is sensitive ({', '.join(unfounded)})"
        yield (*place, "attributes"), ", ".join(used), allowed, HINT


def _texts(told: Any) -> tuple[str, ...]:
    texts = told if isinstance(told, list | tuple) else ()
    return attribute_names(text for text in texts if isinstance(text, str))
