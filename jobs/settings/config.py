"""Read the configuration, and say everything that is wrong with it at once."""

from __future__ import annotations

import os
import typing
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from tactful.jobs.errors import ConfigError, Problem
from tactful.jobs.settings.checks import cross_problems
from tactful.jobs.settings.layers import Layers, Place, layered, shown
from tactful.jobs.settings.models import (
    Activate,
    Attribution,
    Business,
    Cap,
    Config,
    Consent,
    Destination,
    IdentifierType,
    Identity,
    Intake,
    LakeSettings,
    Reference,
    Source,
    Suppress,
)
from tactful.transforms.checks import CHECKS

__all__ = [
    "Activate", "Attribution", "Business", "Cap", "Config", "Consent", "Destination",
    "IdentifierType", "Identity", "Intake", "LakeSettings", "Reference", "Source", "Suppress",
    "idle", "load",
]  # fmt: skip

# Named in the design and not built yet: saying "unknown" would send the reader to look for a typo.
LATER: dict[type[BaseModel], tuple[str, ...]] = {
    Config: ("households",),
    Cap: ("scope",),
    Suppress: ("scope",),
}
LATER_VALUES = {
    "when": (
        "forgotten", "browse_abandoned", "onboarding",
        "price_drop", "attribute_changed", "cart_exit", "struggling", "short_visit",
    ),
    "kind": (
        "tiktok", "snap", "pinterest", "linkedin", "x", "microsoft", "uid2", "mailchimp",
        "iterable", "twilio", "site",
    ),
    "dialect": (
        "rudderstack", "snowplow", "ga4", "ses", "braze", "customer_io",
    ),
    "counts": ("decided",),
}  # fmt: skip
NOT_YET = "not supported yet"
# What the design calls a `when` and stands elsewhere.
ELSEWHERE = {
    "quiet_hours": "it stands in plans.quiet_hours",
    "holdout": "a campaign of [reference.campaigns] says it itself, as holdout_share",
}


def load(
    path: Path | str | None = None,
    *,
    settings: Sequence[str] = (),
    environ: Mapping[str, str] = os.environ,
    overrides: Mapping[str, Any] | None = None,
    needs_secret: bool = True,
    looks_at_disk: bool = False,
) -> Config:
    """Return the checked configuration, or raise one `ConfigError` with every problem in it.

    needs_secret: whether the secret has to be there; reading needs none. looks_at_disk: whether
    what lies at its paths today is looked at, too.
    """
    layers = layered(Path(path) if path is not None else None, settings, environ, overrides)
    problems = list(layers.problems)
    config = None
    try:
        config = Config.model_validate(layers.values)
    except ValidationError as error:
        problems += [_problem(layers, e) for e in error.errors(include_url=False)]
    problems += cross_problems(
        layers, environ, needs_secret=needs_secret, looks_at_disk=looks_at_disk
    )
    if config is None or problems:
        raise ConfigError(list(dict.fromkeys(problems)))
    config.begin_paths(layers.base)
    return config


def idle(config: Config, *, imported: Sequence[str] = ()) -> list[str]:
    """The rules that can never fire, because nothing they look at comes in.

    imported: streams that imported lists have fed.
    """
    fed = {stream for source in config.sources.values() for stream in source.streams} | {*imported}
    if not fed:
        return ["No source is configured: nothing lands, and every rule is idle."]
    return [
        f"{rule} is idle: {reason}."
        for rule, reason in (*_idle_rules(config, fed), *_idle_destinations(config, fed))
    ]


def _idle_rules(config: Config, fed: set[str]) -> Iterator[tuple[str, str]]:
    for cap in config.caps:
        if "messages" not in fed:
            yield f"caps.{cap.name}", "no source feeds the stream messages"
    for rule in config.rules:
        if not fed & {rule.kind.stream, *rule.kind.signals}:
            yield f"suppress.{rule.name}", f"no source feeds the stream {rule.kind.stream}"
            continue
        for table, why in rule.kind.references(rule.options).items():
            if table not in config.reference:
                yield f"suppress.{rule.name}", why
    for rule in config.checks:
        if not config.activate and rule.options.policies:
            yield (
                f"suppress.{rule.name}",
                "nothing is said that it could be asked of ([[activate]])",
            )
            continue
        if not config.activate and "messages" not in fed:
            yield f"suppress.{rule.name}", "no source feeds the stream messages"
            continue
        for table, why in CHECKS[rule.when].references(rule.options).items():
            if table not in config.reference:
                yield f"suppress.{rule.name}", why
    for one in config.activate:
        streams = one.kind.streams(one.options)
        if streams and not fed & {*streams}:
            yield f"activate.{one.name}", f"no source feeds the stream {' or '.join(streams)}"
            continue
        for table, why in one.kind.references(one.options).items():
            if table not in config.reference:
                yield f"activate.{one.name}", why


def _idle_destinations(config: Config, fed: set[str]) -> Iterator[tuple[str, str]]:
    still = {name.partition(".")[2] for name, _ in _idle_rules(config, fed)}
    unheard = (
        "it asks for consent to ads, [consent] default is opt_in, and no source feeds the stream "
        "profiles that would tell of any"
    )
    for destination in config.destinations:
        if destination.policy in still:
            yield f"destinations.{destination.name}", f"its policy {destination.policy} is idle"
        elif (
            destination.is_ad_network
            and config.consent.silence.is_never_consent
            and "profiles" not in fed
            and not config.consent.tcf_vendors
        ):
            yield f"destinations.{destination.name}", unheard


def _problem(layers: Layers, error: Mapping[str, Any]) -> Problem:
    """One of pydantic's errors in the words of the file."""
    place: Place = tuple(part for part in error["loc"] if part != "[key]")
    owner = _model_at(place[:-1])
    file, key, last = layers.origin(place), layers.key(place), place[-1] if place else ""
    if error["type"] == "extra_forbidden" and owner is not None:
        if last in LATER.get(owner, ()):
            return Problem(file, key, "a key that is not supported yet", _known(owner))
        near = get_close_matches(str(last), owner.model_fields, n=1, cutoff=0.6)
        hint = f"did you mean {near[0]}?" if near else ""
        return Problem(file, key, "an unknown key", _known(owner), hint)
    if error["type"] == "model_type" and owner is not None and further(owner) is not None:
        return Problem(file, key, "an unknown key", f"{_known(owner)}, or a table of a country")
    if error["type"] == "missing":
        return Problem(file, key, "nothing", _allowed(place, error))
    if error["loc"][-1:] == ("[key]",):
        return Problem(file, key, f"the name {shown(last)}", _allowed_name(place, error))
    # Whoever writes the secret itself into the file must not find it in a log as well.
    is_hidden = key == "lake.secret" or last == "credential" or "options" in place[:-1]
    found = "a value that is not shown" if is_hidden else shown(error["input"])
    later = LATER_VALUES.get(str(last), ())
    hint = f"{error['input']} is {NOT_YET}" if error["input"] in later else ""
    if last == "when":
        hint = ELSEWHERE.get(str(error["input"]), hint)
    if not hint and error["type"] == "literal_error" and isinstance(error["input"], str):
        near = get_close_matches(error["input"], _choices(error), n=1)
        hint = f"did you mean {near[0]}?" if near else ""
    return Problem(file, key, found, _allowed(place, error), hint)


def _known(owner: type[BaseModel]) -> str:
    return ", ".join(owner.model_fields)


def _choices(error: Mapping[str, Any]) -> list[str]:
    return error["ctx"]["expected"].replace(" or ", ", ").replace("'", "").split(", ")


def _allowed_name(place: Place, error: Mapping[str, Any]) -> str:
    if error["type"] == "literal_error":
        return ", ".join(_choices(error))
    return "a name of lower-case letters, digits and _, starting with a letter"


def _allowed(place: Place, error: Mapping[str, Any]) -> str:
    """What a place may hold: its choices, its description, or the kind of table it is."""
    if error["type"] == "literal_error":
        return ", ".join(_choices(error))
    if error["type"] in ("model_type", "dict_type"):
        return "a table"
    hints = _annotation_at(place)
    if hints is not None and (description := _description(hints)):
        return description
    if error["type"] in ("tuple_type", "list_type"):
        named = len(place) == 1
        return f"a list of tables, [[{place[0]}]]" if named else "a list of texts"
    if error["type"] == "string_type":
        return "a text"
    annotation = hints.annotation if isinstance(hints, FieldInfo) else hints
    if typing.get_origin(annotation) is typing.Literal:
        return ", ".join(map(str, typing.get_args(annotation)))
    return str(error["msg"]).removeprefix("Input should be ")


def described(hint: Any) -> str:
    """What a key may hold, as the page of options says it."""
    if description := _description(hint):
        return description
    choices = [part for part in _parts(_bare(hint)) if typing.get_origin(part) is typing.Literal]
    if choices:
        return ", ".join(map(str, typing.get_args(choices[0])))
    container = _container(_bare(hint))
    inner = typing.get_args(container)[0] if container is not None else None
    return f"a list of {described(inner)}" if inner is not None else "a text"


def model_in(hint: Any) -> type[BaseModel] | None:
    """The model of a table, or of the tables that a key holds; None for a plain value."""
    container = _container(_bare(hint))
    inner = _bare(hint) if container is None else _inner(container)
    return next((part for part in _parts(inner) if _is_model(part)), None)


def further(model: type[BaseModel]) -> type[BaseModel] | None:
    """The model of the tables of other names than its own keys that a model takes, if it does."""
    told = typing.get_type_hints(model).get("__pydantic_extra__")
    return model_in(told) if model.model_config.get("extra") == "allow" else None


def _inner(container: Any) -> Any:
    """What a list or table holds."""
    return typing.get_args(container)[1 if typing.get_origin(container) is dict else 0]


def _model_at(place: Place) -> type[BaseModel] | None:
    """The model that describes a place, such as `Cap` for ("caps", 0)."""
    if not place:
        return Config
    annotation = _annotation_at(place)
    inner = annotation.annotation if isinstance(annotation, FieldInfo) else annotation
    return next((part for part in _parts(inner) if _is_model(part)), None)


def _annotation_at(place: Place) -> Any:
    """The annotation or field that describes a place; None where there is none."""
    here: Any = Config
    for part in place:
        models = [found for found in _parts(_bare(here)) if _is_model(found)]
        container = _container(_bare(here))
        if container is not None:
            here = _inner(container)
        elif models and part in models[0].model_fields:
            here = models[0].model_fields[part]
        elif models and further(models[0]) is not None:
            here = further(models[0])
        else:
            return None
    return here


def _bare(hint: Any) -> Any:
    return hint.annotation if isinstance(hint, FieldInfo) else hint


def _container(hint: Any) -> Any:
    return next((p for p in _parts(hint) if typing.get_origin(p) in (dict, tuple)), None)


def _parts(hint: Any) -> Iterator[Any]:
    """A type, and what it wraps as annotated or optional; not what a list or table holds."""
    yield hint
    if typing.get_origin(hint) in (dict, tuple, typing.Literal):
        return
    for inner in typing.get_args(hint):
        yield from _parts(inner)


def _is_model(hint: Any) -> bool:
    return isinstance(hint, type) and issubclass(hint, BaseModel)


def _description(hint: Any) -> str | None:
    if isinstance(hint, FieldInfo) and hint.description:
        return hint.description
    for part in _parts(_bare(hint)):
        if isinstance(part, FieldInfo) and part.description:
            return part.description
    return None
