"""The command `statement`: what is held of a customer, as they themselves read it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from tactful.jobs.commands.answers import counted
from tactful.jobs.commands.explain import plain
from tactful.jobs.report.environment import environment
from tactful.jobs.why.texts import as_utc, channels, listed, scope_words, visible

TEMPLATE = "statement.html.j2"
LONGEST = 4_000
# Who said it, by the party that it comes from.
PARTIES = {
    "zero": "you told us",
    "first": "we noted it when you dealt with us",
    "second": "a partner of ours told us",
    "third": "somebody else told us; nothing that we do or leave rests on it",
}
TITLES = {
    "clicks": "Your visits", "purchases": "Your orders", "messages": "Our messages to you",
    "profiles": "What was said about you", "service": "Your questions to customer service",
}  # fmt: skip
# Of what a recipient shall have, and shall not have any more: how that stands.
STANDS = {
    True: {
        "accepted": "they have it now", "refused": "they refused it",
        "waiting": "they are to be told", "written": "it is in files that we hand over to them",
    },
    False: {
        "accepted": "they were told to remove it", "refused": "they refused to remove it",
        "waiting": "they are to be told to remove it",
        "written": "files that we hand over to them say to remove it",
    },
}  # fmt: skip
UNDER_OTHERS = (
    "With nobody under what is yours alone. Under what you share with others, such as an address, "
    "somebody was told."
)
# Regulation (EU) 2016/679 (GDPR), Articles 15 to 22 and 77.
RIGHTS = (
    "You may ask for a copy of it, have it put right, have it erased, or have it handed over to "
    "you or to others in a form that machines read.",
    "You may object at any time to what we do with it, and to advertising without giving a reason. "
    "What you agreed to you may take back at any time.",
)


@dataclass(frozen=True)
class Section:
    """One part of a statement: a heading, sentences, and items in a list."""

    title: str
    sentences: list[str] = field(default_factory=list)
    items: list[str] = field(default_factory=list)


def as_json(facts: Mapping[str, Any]) -> str:
    """The statement for programs."""
    return json.dumps(plain(facts), default=str, ensure_ascii=True, indent=2)


def as_markdown(facts: Mapping[str, Any]) -> str:
    """The statement in Markdown, in which nothing that others wrote is anything but text."""
    lines = [f"# What we hold of you, as of {_day(facts['at'])}", ""]
    for section in sections(facts):
        lines += [f"## {section.title}", ""]
        lines += [f"{_unmarked(sentence)}\n" for sentence in section.sentences]
        lines += [f"- {_unmarked(item)}" for item in section.items]
        lines += [""] if section.items else []
    return "\n".join(lines).rstrip()


def as_html(facts: Mapping[str, Any]) -> str:
    """The statement as one file for a browser, which needs nothing else."""
    template = environment().get_template(TEMPLATE)
    return template.render(day=_day(facts["at"]), sections=list(sections(facts)))


FORMATS: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "md": as_markdown, "html": as_html, "json": as_json,
}  # fmt: skip


def sections(facts: Mapping[str, Any]) -> Iterator[Section]:
    """What is said, heading by heading."""
    if facts["controller"]:
        yield Section("Who answers for it", [_text(facts["controller"])])
    yield Section("By what we know you", items=[
        f"{_plain(one['type'])}: {_text(one['value'])}, since {_day(one['first_seen_at'])}"
        for one in facts["known_as"]
    ])  # fmt: skip
    yield from (_held(one) for one in facts["held"])
    yield from _answers(facts)
    if facts["worked_out"]:
        yield Section(
            "What we worked out from this",
            items=[
                f"{_plain(one['name'])}: {_value(one['value'])} ({_said(one['about'])})"
                for one in facts["worked_out"]
            ],
        )
    if facts["not_said"]:
        yield Section(
            "What we do not write to you about now",
            items=list(_not_said(facts["not_said"])),
        )
    yield _shared(facts)
    yield _rights(facts)


def _held(one: Mapping[str, Any]) -> Section:
    kinds = listed((f"{kind['says']} ({kind['events_count']:,})" for kind in one["what"]), 30)
    days = dict.fromkeys(_day(one[name]) for name in ("first_at", "last_at"))
    when = f"On {next(iter(days))}" if len(days) == 1 else f"From {' to '.join(days)}"
    told = [f"{when} we noted {counted(one['events_count'], 'thing')} that happened: {kinds}."]
    if one["sources"]:
        told.append(f"This came from: {listed(one['sources'], 30)}.")
    if one["purpose"]:
        told.append(f"What for: {_text(one['purpose'])}.")
        told.append(f"We may do so {one['basis_says']}.")
    if one["benefit"]:
        told.append(f"What you have of it: {_text(one['benefit'])}.")
    if one["kept_days"] is not None:
        older = f" {one['older_count']:,} of these are older and due to go." * bool(
            one["older_count"]
        )
        told.append(f"We keep it for {one['kept_days']:,} days.{older}")
    return Section(TITLES[one["stream"]], told)


def _answers(facts: Mapping[str, Any]) -> Iterator[Section]:
    if facts["attributes"]:
        yield Section("What is noted about you", items=[
            f"{_plain(one['name'])}: {_text(one['value'])} "
            f"({PARTIES.get(one['provenance'] or '', 'it is not known who said so')}, "
            f"{_day(one['said_at'])})"
            for one in facts["attributes"]
        ])  # fmt: skip
    if facts["consents"]:
        yield Section("What you agreed to", items=[
            f"{_plain(one['purpose'])} by {_where(one['channel'])}: "
            f"{'yes' if one['is_granted'] else 'no'}"
            for one in facts["consents"]
        ])  # fmt: skip


def _not_said(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """What is not said for now; what follows from one day and reason stands on one line."""
    groups: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
    for row in rows:
        why = row["because"]
        kinds = tuple(part["kind"] for part in row["scope"] or ())
        reason = (why["says"], _day(why["occurred_at"])) if why else None
        groups.setdefault((kinds, tuple(row["channels"]), reason), []).append(row)
    for (kinds, places, reason), alike in groups.items():
        untils = [row["until"] for row in alike]
        until = "until you say otherwise"
        if None not in untils:
            until = f"until {_day(max(untils))}" + " at the latest" * (len(set(untils)) > 1)
        because = f", because {reason[0]} on {reason[1]}" if reason else ""
        yield f"{_about(kinds, alike)}, by {channels(places)}, {until}{because}"


def _about(kinds: tuple[str, ...], alike: Sequence[Mapping[str, Any]]) -> str:
    if kinds != ("sku",):
        return listed(dict.fromkeys(scope_words(row["scope"]) for row in alike), 10)
    skus = [value for row in alike for part in row["scope"] for value in part["values"] or ()]
    return f"what you have already: {listed(dict.fromkeys(skus), 10)}"


def _shared(facts: Mapping[str, Any]) -> Section:
    items = []
    for one in facts["shared"]:
        name = _text(one["recipient"] or one["destination"])
        what = listed(map(_plain, one["identifiers"]), 20)
        when = ""
        if one["first_at"] and one["is_held"]:
            when = f", since {_day(one['first_at'])}"
        elif one["first_at"]:
            when = f", from {_day(one['first_at'])} to {_day(one['last_at'])}"
        held = STANDS[one["is_held"]][one["stands"]]
        how = "hashed" if one["is_hashed"] else "in plain text"
        items.append(f"{name}: your {what}, {how}{when}; {held}")
    title = "With whom we shared it"
    if items:
        return Section(title, items=items)
    return Section(title, [UNDER_OTHERS if facts["is_told_under_others"] else "With nobody."])


def _rights(facts: Mapping[str, Any]) -> Section:
    told = list(RIGHTS)
    if facts["contact"]:
        told.append(f"Write to {_text(facts['contact'])}.")
    if facts["authority"]:
        told.append(f"You may also complain to {_text(facts['authority'])}.")
    return Section("What you can do about it", told)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return _day(value)
    if isinstance(value, Mapping):
        return listed((f"{_plain(str(k))}: {_value(v)}" for k, v in value.items()), 30)
    if isinstance(value, list | tuple):
        return listed(map(_value, value), 30)
    if isinstance(value, Decimal):
        return f"{value:,.2f}"
    if isinstance(value, float):
        return f"{value:,.4g}"
    return _text(value)


def _said(about: str) -> str:
    """What a column tells, without the names that only the configuration has."""
    plain = re.sub(r"`(?:\w+\.)?(\w+)`", lambda found: _plain(found[1]), about)
    return plain.rstrip(".")


def _where(channel: str) -> str:
    return channels([] if channel == "all" else [channel])


def _plain(name: str) -> str:
    return visible(name.replace("_", " "), 60)


def _text(value: Any) -> str:
    return visible("-" if value is None else value, LONGEST)


def _day(at: datetime | None) -> str:
    if at is None:
        return "a day that is not known"
    day = as_utc(at)
    return f"{day.day} {day.strftime('%B %Y')}"


def _unmarked(text: str) -> str:
    return re.sub(r"([\\`*_\[\]<>#|~&])", r"\\\1", text)
