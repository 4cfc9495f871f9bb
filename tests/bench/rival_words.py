"""Closed values for the rival: the oracle's words and what doubt does, as DuckDB expressions."""

from __future__ import annotations

from collections.abc import Mapping

from tests.oracle.fields import EVENT_TYPES
from tests.oracle.words import CLOSED, CLOSES, OPENS, TYPES

BLANK = r"[\p{Z}\p{Cc}\p{Cf}]"


def heard(stream: str) -> dict[str, str]:
    """For each closed field the value that its text stands for; null where nobody knows it."""
    more = TYPES.get(stream, {})
    types = {n: f"{n.replace('_', '')} {more.get(n, '')}" for n in EVENT_TYPES[stream]}
    return {name: _value(name, words) for name, words in {"type": types, **_of(stream)}.items()}


def settled(stream: str) -> dict[str, str]:
    """What each closed field finally says; `heard_NAME` is what `heard` gives."""
    if not _of(stream):
        return {}
    closes = f"heard_type IN {tuple(sorted(CLOSES))}"
    doubt = f"({unknown('channel')} OR {unknown('purpose')})"
    speaks = f"NOT ({closes} OR heard_type IN {tuple(sorted(OPENS))})"
    channel = purpose = f"CASE WHEN {closes} AND {doubt} THEN 'all'"
    if stream == "messages":
        bounced = "CASE WHEN heard_type = 'bounced'"
        channel = f"{bounced} THEN heard_channel {channel[5:]}"
        purpose = f"{bounced} AND NOT {unknown('purpose')} THEN heard_purpose {purpose[5:]}"
        channel += f" WHEN {unknown('channel')} THEN 'all'"
        purpose += f" WHEN {speaks} AND heard_purpose = 'all' THEN NULL"
    found = {"channel": f"{channel} ELSE heard_channel END",
             "purpose": f"{purpose} ELSE heard_purpose END"}  # fmt: skip
    if stream == "messages":
        bounced = "CASE WHEN heard_type = 'bounced' THEN coalesce(heard_bounce, 'hard')"
        found["bounce"] = f"{bounced} ELSE heard_bounce END"
    return found


def right(stream: str) -> str:
    """Whether no row opens a channel in a word that nobody knows."""
    if not _of(stream):
        return "true"
    unheard = " OR ".join(unknown(name) for name in ("channel", "purpose"))
    opens = f"heard_type IN {tuple(sorted(OPENS))}"
    no_text = " OR ".join(f"({n} LIKE '[%' OR {n} LIKE '{{%')" for n in _of(stream))
    closes = f"heard_type IN {tuple(sorted(CLOSES))}"
    return f"NOT ({opens} AND ({unheard})) AND ({closes} OR NOT coalesce({no_text}, false))"


def unknown(name: str) -> str:
    """Whether a field says something that nobody knows."""
    said = f"regexp_replace({name}, '{BLANK}', '', 'g') <> ''"
    return f"coalesce(heard_{name} IS NULL AND {said}, false)"


def _of(stream: str) -> Mapping[str, Mapping[str, str]]:
    return CLOSED.get(stream, {})


def _value(name: str, words: Mapping[str, str]) -> str:
    pairs = ", ".join(f"'{w}': '{value}'" for value, all_ in words.items() for w in all_.split())
    bare = f"regexp_replace(lower({name}), '{BLANK}|[-_./]', '', 'g')"
    plain = ", ".join(f"'{value}'" for value in words)
    return f"CASE WHEN {name} IN ({plain}) THEN {name} ELSE MAP {{{pairs}}}[{bare}] END"
