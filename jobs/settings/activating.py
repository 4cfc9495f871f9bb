"""What must hold of an occasion to speak, between its values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tactful.jobs.settings.layers import Place, shown
from tactful.jobs.settings.places import Finding
from tactful.schemas.words import AD
from tactful.transforms.conditions import parse
from tactful.transforms.plans.switching import OPENED
from tactful.transforms.sinks import SINKS
from tactful.transforms.sources.expressions import NotAnExpression
from tactful.transforms.triggers import TRIGGERS, Trigger

# What cancels nothing at all is told where the value is read.
OF_OTHERS = {type_ for trigger in TRIGGERS.values() for type_ in trigger.cancels}

# What only a destination that says something has any use for, and why no other has.
OF_SPEECH = {
    "per_day": "what must not be said is never held back",
    "seed_list": "test recipients get copies of what is said",
}


def faults(place: Place, entry: Mapping[str, Any], trigger: Trigger) -> Iterator[Finding]:
    """Everything wrong with one entry of [[activate]] that one value alone does not show."""
    for key, allowed, hint in trigger.faults(entry):
        yield (*place, key), shown(entry[key]) if key in entry else "nothing", allowed, hint
    if trigger.after is None and "after" not in entry:
        hint = f"counted from {trigger.counts_from}"
        yield (*place, "after"), "nothing", "a duration such as 30d", hint
    if entry.get("mode") == "live" and "starts_at" not in entry:
        hint = "live, it acts on what happens from then on, and not on all that ever happened"
        yield (*place, "starts_at"), "nothing", "a moment with its zone", hint
    if AD in _all_channels(entry) and "expires" not in entry and trigger.expires is None:
        hint = "so long somebody is shown its ads; without it that would be for ever"
        yield (*place, "expires"), "nothing", "a duration such as 14d", hint
    yield from _cancels(place, entry, trigger)
    yield from condition(place, entry)
    yield from _contents(place, entry)
    for at, step in enumerate(tables(entry, "steps")):
        yield from _contents((*place, "steps", at), step)


def unspoken(
    place: Place, entry: Mapping[str, Any], spoken: Mapping[str, Mapping[str, Any]]
) -> Iterator[Finding]:
    """A destination of what is said has to take speech, on a channel that is spoken on.

    spoken: the entries of [[activate]] by name.
    """
    policy = entry.get("policy")
    if not isinstance(policy, str) or policy not in spoken or entry.get("retired") is True:
        return
    channel = entry.get("channel", SINKS[entry["kind"]].channel)
    if SINKS[entry["kind"]].speech is None and channel != AD:
        taking = ", ".join(kind for kind, sink in SINKS.items() if sink.speech)
        allowed = (
            f"a rule or cap, since {entry['kind']} takes no speech; of kinds {taking} do, and of "
            "channel ad every kind"
        )
        yield (*place, "policy"), f"{shown(policy)}, which speaks", allowed, ""
        return
    channels = _all_channels(spoken[policy])
    if isinstance(channel, str) and channels and channel not in channels:
        allowed = f"a channel of activate.{policy}: {', '.join(map(str, channels))}"
        yield (*place, "channel"), shown(channel), allowed, ""


def said_twice(
    place: Place, entry: Mapping[str, Any], before: Sequence[Mapping[str, Any]]
) -> Iterator[Finding]:
    """What is said is said by one destination; ads are shown by as many networks as there are.

    before: the destinations of the same policy that stand above, none of them retired.
    """
    channel = _channel_of(entry)
    for other in before:
        theirs = _channel_of(other)
        if AD in (channel, theirs) or (channel != theirs and None not in (channel, theirs)):
            continue
        found = "nothing, which is every channel" if channel is None else shown(channel)
        on = "every channel" if theirs is None else theirs
        allowed = f"a channel of its own, since destinations.{other.get('name')} says it on {on}"
        yield (*place, "channel"), found, allowed, "else it would be said twice"
        return


def unbounded(
    place: Place, entry: Mapping[str, Any], spoken: Mapping[str, Mapping[str, Any]]
) -> Iterator[Finding]:
    """How much is said on a day, and who looks at it, is no matter of who is told what not to say.

    spoken: the entries of [[activate]] by name.
    """
    if str(entry.get("policy")) in spoken:
        return
    allowed = "no such key unless its policy is one of [[activate]]"
    for key, hint in OF_SPEECH.items():
        if key in entry:
            yield (*place, key), shown(entry[key]), allowed, hint


def unheard(place: Place, entry: Mapping[str, Any], destinations: Any) -> Iterator[Finding]:
    """What is live has somebody who takes it on each of its channels, and says all of it."""
    if entry.get("mode") != "live":
        return
    told = tables({"destinations": destinations}, "destinations")
    taken = {_channel_of(one) for one in told if one.get("policy") == entry.get("name")}
    if None in taken:
        return
    for key in ("channels", "switch_to"):
        for at, channel in enumerate(_list(entry, key)):
            if channel not in taken:
                hint = "add one of [[destinations]] with this policy, or leave the channel out"
                yield (
                    (*place, key, at), shown(channel), "a channel that a destination takes", hint
                )  # fmt: skip


def switches(place: Place, entry: Mapping[str, Any], value: Any) -> Iterator[Finding]:
    """Another channel is tried with valued customers who were seen not to answer on the own ones.

    value: the section [value].
    """
    told, own = _list(entry, "switch_to"), _list(entry, "channels")
    if not told:
        return
    for at, channel in enumerate(told):
        if channel in own:
            yield (*place, "switch_to", at), shown(channel), "a channel that is not its own", ""
    unseen = [channel for channel in own if channel not in OPENED]
    if unseen:
        hint = f"only on {' and '.join(OPENED)} it is seen whether somebody answers"
        allowed = f"no such key where channels holds {', '.join(map(str, unseen))}"
        yield (*place, "switch_to"), shown(told), allowed, hint
    if not isinstance(value, Mapping) or "valued_from" not in value:
        hint = "nobody is valued without it"
        yield (*place, "switch_to"), shown(told), "no such key without [value] valued_from", hint


def _all_channels(entry: Mapping[str, Any]) -> list[Any]:
    return [*_list(entry, "channels"), *_list(entry, "switch_to")]


def _list(entry: Mapping[str, Any], key: str) -> list[Any]:
    told = entry.get(key)
    return told if isinstance(told, list) else []


def _channel_of(destination: Mapping[str, Any]) -> str | None:
    """The channel that a destination speaks on; None for all."""
    kind = destination.get("kind")
    own = SINKS[kind].channel if isinstance(kind, str) and kind in SINKS else None
    return destination.get("channel", own)


def _cancels(place: Place, entry: Mapping[str, Any], trigger: Trigger) -> Iterator[Finding]:
    told = entry.get("cancel_on")
    for at, type_ in enumerate(told if isinstance(told, list) else ()):
        if isinstance(type_, str) and type_ in OF_OTHERS and type_ not in trigger.cancels:
            yield (*place, "cancel_on", at), shown(type_), ", ".join(trigger.cancels), ""


def _contents(place: Place, entry: Mapping[str, Any]) -> Iterator[Finding]:
    """One way to say what is said; of several contents only the last may be for everybody."""
    contents = tables(entry, "content")
    if contents and "content_id" in entry:
        yield (*place, "content_id"), shown(entry["content_id"]), "no such key beside content", ""
    for at, one in enumerate(contents[:-1]):
        if "where" not in one:
            hint = "what stands below it is never said"
            yield (*place, "content", at, "where"), "nothing", "a condition, but in the last", hint
    for at, one in enumerate(contents):
        yield from condition((*place, "content", at), one)


def condition(place: Place, entry: Mapping[str, Any]) -> Iterator[Finding]:
    """What cannot be read of whom an entry is for."""
    told = entry.get("where")
    if isinstance(told, str) and told:
        try:
            parse(told)
        except NotAnExpression as error:
            yield (*place, "where"), shown(told), f"a condition; this {error}", ""


def conditions(place: Place, entry: Mapping[str, Any]) -> Iterator[tuple[Place, str]]:
    """Every condition of an entry, and of what it says, with its place; those that can be read."""
    places = [(place, entry)]
    for at, one in enumerate(tables(entry, "steps")):
        places.append(((*place, "steps", at), one))
    for where, one in [*places]:
        contents = enumerate(tables(one, "content"))
        places += [((*where, "content", at), inner) for at, inner in contents]
    for where, one in places:
        if isinstance(told := one.get("where"), str) and told and not [*condition(where, one)]:
            yield (*where, "where"), told


def tables(entry: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    """The tables of a list, types unchecked."""
    told = entry.get(key)
    return [one for one in told if isinstance(one, dict)] if isinstance(told, list) else []
