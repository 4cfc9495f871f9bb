"""What must hold between values of a configuration, checked on the merged text of all layers.

Each check reads raw values and passes over what has the wrong type, so that a mistake elsewhere
hides none of these: all errors are told at once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from tactful.jobs import references
from tactful.jobs.errors import Problem
from tactful.jobs.lake.secret import LEAST_BYTES, fault
from tactful.jobs.settings import (
    activating,
    capping,
    lawful,
    named_ids,
    parted,
    places,
    sending,
    transports,
)
from tactful.jobs.settings.layers import Layers, Place, read_defaults, shown
from tactful.jobs.settings.places import Finding
from tactful.jobs.settings.texts import unfit
from tactful.jobs.settings.variables import misspelt
from tactful.schemas.events import STREAMS
from tactful.transforms.checks import CHECKS
from tactful.transforms.identity.sharing import SHARINGS
from tactful.transforms.options import Option, options_of
from tactful.transforms.rules import RULES
from tactful.transforms.sinks import SINKS, Sink
from tactful.transforms.sources import CANONICAL, DIALECTS
from tactful.transforms.triggers import TRIGGERS


def cross_problems(
    layers: Layers, environ: Mapping[str, str], *, needs_secret: bool, looks_at_disk: bool
) -> list[Problem]:
    """Everything wrong that one value alone does not show."""
    checks = [*([_secret, _credentials] if needs_secret else []), *OF_VALUES]
    found_here = [finding for check in checks for finding in check(layers.values, environ)]
    on_disk = [places.on_disk, named_ids.on_disk] if looks_at_disk else []
    for look in (places.faults, *on_disk):
        found_here += look(layers)
    return [
        *misspelt(environ, secret=_table(layers.values, "lake").get("secret")),
        *(
            Problem(layers.origin(place), layers.key(place), found, allowed, hint)
            for place, found, allowed, hint in found_here
        ),
    ]


def _secret(values: dict, environ: Mapping[str, str]) -> Iterator[Finding]:
    secret = _table(values, "lake").get("secret")
    if not references.is_reference(secret):
        return
    told = references.find(secret, environ)
    if not told and (lacking := references.missing(secret, environ)):
        found, allowed, hint = lacking
        yield ("lake", "secret"), found, allowed, f"{hint}, or use auto on a laptop"
    elif why := fault(told.encode("utf-8", "surrogateescape")):
        hint = "one that can be guessed gives everybody's keys away"
        allowed = f"a secret of at least {LEAST_BYTES} bytes"
        yield ("lake", "secret"), f"{secret.partition(':')[2]}, which {why}", allowed, hint


def _credentials(values: dict, environ: Mapping[str, str]) -> Iterator[Finding]:
    for place, entry in _entries(values, "destinations"):
        if isinstance(kind := entry.get("kind"), str) and kind in SINKS:
            yield from sending.unset(place, entry, SINKS[kind], environ)
    for name, entry in _table(values, "sources").items():
        if isinstance(entry, dict):
            yield from transports.unset(("sources", name), entry, environ)


def _sources(values: dict, environ: Mapping[str, str]) -> Iterator[Finding]:
    """A source says which stream its rows are of, unless its dialect says it of each row."""
    types = tuple(_table(_table(values, "identity"), "types"))
    for name, entry in _table(values, "sources").items():
        dialect = entry.get("dialect", CANONICAL) if isinstance(entry, dict) else None
        if not isinstance(dialect, str) or dialect not in DIALECTS:
            continue
        if DIALECTS[dialect].streams and "stream" in entry:
            allowed = f"no stream: {dialect} says of each row which one it is of"
            yield ("sources", name, "stream"), shown(entry["stream"]), allowed, ""
        if not DIALECTS[dialect].streams and "stream" not in entry:
            yield ("sources", name, "stream"), "nothing", ", ".join(STREAMS), ""
        yield from transports.mapped(("sources", name), entry, dialect, types)
        yield from transports.faults(("sources", name), entry)


def _countries(values: dict, environ: Mapping[str, str]) -> Iterator[Finding]:
    yield from lawful.countries(_table(values, "consent"))


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
        if "max_per_person" in entry:
            yield from _most(place, entry, _table(values, "identity").get("shared_devices"))


def _most(place: Place, entry: dict, sharing: object) -> Iterator[Finding]:
    """How many of a type a person has is bounded by those rules alone that leave links out."""
    counting = [name for name, rule in SHARINGS.items() if rule.counts_most]
    if entry.get("unique") is True:
        allowed = "unique or max_per_person, not both"
        yield (*place, "max_per_person"), "a number beside unique = true", allowed, ""
    elif sharing in SHARINGS and sharing not in counting:
        allowed = f"no such key, or identity.shared_devices = {' or '.join(counting)}"
        yield (*place, "max_per_person"), shown(entry["max_per_person"]), allowed, ""


def _names(values: dict, environ: Mapping[str, str]) -> Iterator[Finding]:
    for lists in (("suppress", "caps", "activate"), ("destinations",)):
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


def _rules(values: dict, environ: Mapping[str, str]) -> Iterator[Finding]:
    known = {**RULES, **CHECKS}
    declared = {when: options_of(rule.options) for when, rule in known.items()}
    for place, entry in _entries(values, "suppress"):
        when = entry.get("when")
        if isinstance(when, str) and when in known:
            yield from _misplaced(place, entry, when, declared, kind_of="when")
            yield from _not_given(place, entry, when, declared[when])
            yield from unfit(place, entry, declared[when])
            yield from _spoken_of(place, entry, values)
            for key, allowed, hint in known[when].faults(entry):
                found = shown(entry[key]) if key in entry else "nothing"
                yield (*place, key), found, allowed, hint


def _spoken_of(place: Place, entry: dict, values: dict) -> Iterator[Finding]:
    """Whoever holds for some of what is said names entries of [[activate]]."""
    speaking = [one.get("name") for _, one in _entries(values, "activate")]
    told = entry.get("policies")
    for at, name in enumerate(told if isinstance(told, list) else ()):
        if isinstance(name, str) and name not in speaking:
            allowed = (
                f"an entry of [[activate]]: {', '.join(map(str, speaking)) or 'there is none'}"
            )
            yield (*place, "policies", at), shown(name), allowed, ""


def _triggers(values: dict, environ: Mapping[str, str]) -> Iterator[Finding]:
    declared = {when: options_of(trigger.options) for when, trigger in TRIGGERS.items()}
    for place, entry in _entries(values, "activate"):
        when = entry.get("when")
        if isinstance(when, str) and when in TRIGGERS:
            yield from _misplaced(place, entry, when, declared, kind_of="when")
            yield from _not_given(place, entry, when, declared[when])
            yield from activating.faults(place, entry, TRIGGERS[when])
            yield from activating.unheard(place, entry, values.get("destinations"))
            yield from activating.switches(place, entry, values.get("value"))
    yield from named_ids.without_table(values)


def _caps(values: dict, environ: Mapping[str, str]) -> Iterator[Finding]:
    speaks = any(True for _ in _entries(values, "activate"))
    for place, entry in _entries(values, "caps"):
        yield from capping.faults(place, entry, speaks=speaks)


def _misplaced(
    place: Place,
    entry: dict,
    kind: str,
    declared: Mapping[str, Mapping[str, Option]],
    *,
    kind_of: str,
) -> Iterator[Finding]:
    """Options, and values of options, that others have and this kind has not."""
    own = declared[kind]
    for key in dict.fromkeys(name for options in declared.values() for name in options):
        if key in entry and key not in own:
            having = [f'"{name}"' for name, options in declared.items() if key in options]
            allowed = f"no such key unless {kind_of} = {' or '.join(having)}"
            yield (*place, key), shown(entry[key]), allowed, ""
        elif key in entry and own[key].allowed:
            known = {value for options in declared.values() for value in _allowed(options, key)}
            told = entry[key]
            for value in told if isinstance(told, list) else [told]:
                if isinstance(value, str) and value in known - set(own[key].allowed):
                    yield (*place, key), shown(value), own[key].values, ""


def _allowed(options: Mapping[str, Option], key: str) -> tuple[str, ...]:
    return options[key].allowed if key in options else ()


def _not_given(
    place: Place, entry: dict, kind: str, declared: Mapping[str, Option]
) -> Iterator[Finding]:
    """Options that have to be given and are not."""
    for name, option in declared.items():
        if option.is_required and name not in entry:
            allowed = option.needed.format(kind=kind) or option.values
            yield (*place, name), "nothing", allowed, option.hint


def _destinations(values: dict, environ: Mapping[str, str]) -> Iterator[Finding]:
    enabled = {
        entry["name"]: entry.get("enabled", True)
        for section in ("suppress", "caps", "activate")
        for _, entry in _entries(values, section)
        if isinstance(entry.get("name"), str)
    }
    spoken = {str(entry.get("name")): entry for _, entry in _entries(values, "activate")}
    types = tuple(_table(_table(values, "identity"), "types"))
    declared = {kind: options_of(sink.options) for kind, sink in SINKS.items()}
    opt_outs, saying = set(_opt_outs(values)), defaultdict[str, list[dict]](list)
    checked = {
        one["name"]: one["when"]
        for _, one in _entries(values, "suppress")
        if isinstance(one.get("name"), str) and str(one.get("when")) in CHECKS
    }
    for place, entry in _entries(values, "destinations"):
        yield from _policy(place, entry, enabled, checked)
        kind = entry.get("kind")
        if not isinstance(kind, str) or kind not in SINKS:
            continue
        yield from activating.unspoken(place, entry, spoken)
        yield from activating.unbounded(place, entry, spoken)
        if entry.get("policy") in spoken and entry.get("retired") is not True:
            yield from activating.said_twice(place, entry, saying[entry["policy"]])
            saying[entry["policy"]].append(entry)
        yield from _limits(place, entry, SINKS[kind])
        yield from _identifiers(place, entry, SINKS[kind], types)
        yield from _misplaced(place, entry, kind, declared, kind_of="kind")
        yield from _not_given(place, entry, kind, declared[kind])
        yield from unfit(place, entry, declared[kind])
        # Whose rule is gone is emptied where it was filled, whatever that rule was.
        policy = entry.get("policy")
        is_known = isinstance(policy, str) and policy in enabled
        if is_known or entry.get("retired") is not True:
            for key, allowed, hint in SINKS[kind].faults(entry, is_known and policy in opt_outs):
                found = shown(entry[key]) if key in entry else "nothing"
                yield (*place, key), found, allowed, hint
        yield from sending.faults(place, entry, SINKS[kind])
        reference = _table(values, "reference")
        yield from parted.faults(place, entry, SINKS[kind], spoken=spoken, reference=reference)


def _opt_outs(values: dict) -> Iterator[str]:
    """The names of rules whose persons have said no themselves, or cannot be written to."""
    for _, entry in _entries(values, "suppress"):
        when = entry.get("when")
        if isinstance(when, str) and when in RULES and RULES[when].is_opt_out:
            yield str(entry.get("name"))


def _lists(values: dict, environ: Mapping[str, str]) -> Iterator[Finding]:
    """Two destinations on one list of a vendor: what one takes out the other may want to hold."""
    taken: dict[str, str] = {}
    for place, entry in _entries(values, "destinations"):
        kind = entry.get("kind")
        if not isinstance(kind, str) or kind not in SINKS:
            continue
        sink = SINKS[kind]
        # Options that need not be given say which list it fills where they are.
        needed = [name for name in sink.place if entry.get(name) or not sink.listed_by]
        if not needed or not all(name in entry for name in needed):
            continue
        # Such a list is one of an account, which is known by its credential alone.
        account = str(entry.get("credential")) if sink.listed_by else ""
        where = str((kind, account, *((name, str(entry[name])) for name in needed)))
        if where in taken:
            allowed = f"a list of its own; destinations.{taken[where]} fills that one"
            yield (*place, needed[0]), shown(entry[needed[0]]), allowed, ""
        taken.setdefault(where, str(entry.get("name")))


def _limits(place: Place, entry: dict, sink: Sink) -> Iterator[Finding]:
    channel, size = entry.get("channel"), entry.get("batch_size")
    if sink.channel is not None and channel not in (None, sink.channel):
        consent = f"{sink.kind} asks for consent to ads, whatever the audience is about"
        hint = consent if sink.needs_ad_consent else f"{sink.kind} speaks on no other"
        yield (*place, "channel"), shown(channel), f'"{sink.channel}", or no channel', hint
    if isinstance(size, int) and size > sink.batch_limit:
        allowed = f"at most {sink.batch_limit}, the limit of {sink.kind}"
        yield (*place, "batch_size"), shown(size), allowed, ""


def _identifiers(
    place: Place, entry: dict, sink: Sink, types: tuple[str, ...]
) -> Iterator[Finding]:
    offered = [name for name in types if name in (sink.offered or types)]
    given = entry.get("identifiers")
    wanted = given if isinstance(given, list) else []
    for at, name in enumerate(wanted):
        if isinstance(name, str) and name not in offered:
            yield (*place, "identifiers", at), shown(name), ", ".join(offered), ""
    mixed = [group for group in sink.together if any(name in group for name in wanted)]
    if len(mixed) > 1:
        groups = [[name for name in group if name in sink.offered] for group in sink.together]
        words = (" and ".join(group) if len(group) > 1 else f"{group[0]} alone" for group in groups)
        yield (*place, "identifiers"), shown(wanted), f"either {', or '.join(words)}", sink.apart


def _privacy(values: dict, environ: Mapping[str, str]) -> Iterator[Finding]:
    """Whoever is told about as a recipient is a destination."""
    told = {entry.get("name") for _, entry in _entries(values, "destinations")}
    for name in _table(_table(values, "privacy"), "recipients"):
        if name not in told:
            allowed = "the name of a destination: " + (", ".join(map(str, told)) or "there is none")
            yield ("privacy", "recipients", name), "the name of none", allowed, ""


def _sensitive(values: dict, environ: Mapping[str, str]) -> Iterator[Finding]:
    sections = ("suppress", "caps", "activate", "destinations")
    named = (entry for section in sections for entry in _entries(values, section))
    asked = [
        condition
        for place, entry in _entries(values, "activate")
        for condition in activating.conditions(place, entry)
    ]
    for place, entry in _entries(values, "caps"):
        for at, one in enumerate(activating.tables(entry, "relaxed")):
            asked += activating.conditions((*place, "relaxed", at), one)
    privacy = _table(values, "privacy")
    yield from lawful.sensitive(privacy, _entries(values, "suppress"), asked, named)


def _policy(
    place: Place, entry: dict, enabled: dict[str, Any], checked: dict[str, str]
) -> Iterator[Finding]:
    policy = entry.get("policy")
    # Whoever took a rule away must still be able to empty the audience that it filled.
    if not isinstance(policy, str) or entry.get("retired") is True:
        return
    allowed = "an entry of [[suppress]], [[caps]] or [[activate]]: " + ", ".join(enabled)
    if policy not in enabled:
        yield (*place, "policy"), shown(policy), allowed, ""
    elif (when := checked.get(policy)) is not None:
        allowed = "another rule or cap: nobody is held by this one, it is asked of each message"
        yield (*place, "policy"), f"{shown(policy)}, which is {when}", allowed, ""
    elif enabled[policy] is False:
        yield (*place, "policy"), f"{shown(policy)}, which is switched off", allowed, ""


def _table(values: Any, key: str) -> dict:
    inner = values.get(key) if isinstance(values, dict) else None
    return inner if isinstance(inner, dict) else {}


def _entries(values: dict, section: str) -> Iterator[tuple[Place, dict]]:
    entries = values.get(section)
    for at, entry in enumerate(entries if isinstance(entries, list) else ()):
        if isinstance(entry, dict):
            yield (section, at), entry


OF_VALUES = (
    _sources, _countries, _identity, _names, _defaults, _rules, _triggers, _caps, _destinations,
    _lists, _privacy, _sensitive,
)  # fmt: skip
