"""What must hold of a cap between its values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tactful.jobs.settings.activating import condition, tables
from tactful.jobs.settings.fields import topic_words
from tactful.jobs.settings.layers import Place, shown
from tactful.jobs.settings.places import Finding
from tactful.transforms.calendars import CALENDARS
from tactful.transforms.conditions import EVENT_SAID, parse
from tactful.transforms.sources.expressions import NotAnExpression

# What only what is said next goes by.
OF_SPEECH = ("on_cap", "relaxed")


def faults(place: Place, entry: dict, *, speaks: bool) -> Iterator[Finding]:
    """A cap has one window, and says of it what it has a say in; and it can count something.

    speaks: whether anything is said next.
    """
    if "window" in entry and "calendar" in entry:
        allowed = "window or calendar, not both"
        yield (*place, "calendar"), f"{shown(entry['calendar'])} beside a window", allowed, ""
    elif "window" not in entry and "calendar" not in entry:
        allowed = f"a duration such as 7d, or calendar = {' or '.join(CALENDARS)} instead"
        yield (*place, "window"), "nothing", allowed, ""
    needed = {
        "zone": ("a calendar", "calendar" in entry),
        "week_starts": ('calendar = "week"', entry.get("calendar") == "week"),
        "exempt_counts": (
            "exempt_topics or exempt_campaigns",
            bool(entry.get("exempt_topics") or entry.get("exempt_campaigns")),
        ),
    }
    for key, (what, is_there) in needed.items():
        if key in entry and not is_there:
            yield (*place, key), shown(entry[key]), f"no such key without {what}", ""
    yield from _all_exempt(place, entry)
    for key in OF_SPEECH:
        if key in entry and not speaks:
            hint = "it holds for what is said next, and nothing is"
            yield (*place, key), shown(entry[key]), "no such key without [[activate]]", hint
    for at, one in enumerate(tables(entry, "relaxed")):
        here, least, most = (*place, "relaxed", at), entry.get("limit"), one.get("limit")
        if type(least) is int and type(most) is int and most <= least:
            yield (*here, "limit"), shown(most), f"more than the cap's own limit, {least}", ""
        yield from condition(here, one)
        if _asks_event(one.get("where")):
            hint = "a cap counts whatever the cause"
            yield (*here, "where"), shown(one["where"]), "a condition without event.", hint


def _asks_event(told: Any) -> bool:
    """Whether a condition that can be read asks for the causing event."""
    try:
        return isinstance(told, str) and f"{EVENT_SAID}.`" in parse(told).sql
    except NotAnExpression:
        return False


def _all_exempt(place: Place, entry: dict) -> Iterator[Finding]:
    """Of a cap that names topics or campaigns some must not be exempt, or it holds nothing."""
    for key in ("topics", "campaigns"):
        named, exempt = (_as_read(key, entry.get(name)) for name in (key, f"exempt_{key}"))
        if named and named <= exempt:
            allowed = f"not all of its {key}: this cap would hold no message"
            yield (*place, f"exempt_{key}"), shown(entry[f"exempt_{key}"]), allowed, ""


def _as_read(key: str, told: Any) -> set[str]:
    """Topics or campaigns as they are compared; those of the wrong type are refused elsewhere."""
    texts = [text for text in told if isinstance(text, str)] if isinstance(told, list) else []
    return {text for text in map(topic_words if key == "topics" else str.strip, texts) if text}
