"""References: how a file names a secret that it must not hold, and where that is looked up."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

Environ = Mapping[str, str]


class Place(NamedTuple):
    """A place that keeps secrets. look: the value of a name there; "" where there is none."""

    pattern: str
    look: Callable[[str, Environ], str]
    missing: Callable[[str], tuple[str, str, str]]


def find(told: Any, environ: Environ | None = None) -> str:
    """What a reference stands for; "" where it is none, or where nothing is found."""
    named = _named(told)
    if named is None:
        return ""
    place, name = named
    return place.look(name, os.environ if environ is None else environ)


def is_reference(told: Any) -> bool:
    """Whether a value is a reference of any kind."""
    return _named(told) is not None


def missing(told: Any, environ: Environ | None = None) -> tuple[str, str, str] | None:
    """Where a reference leads nowhere: what was found, what is allowed, and what to do."""
    named = _named(told)
    if named is None or find(told, environ).strip():
        return None
    place, name = named
    return place.missing(name)


def shown(told: str) -> str:
    """A reference as a sentence calls what it leads to."""
    return f"${told[len('env:') :]}" if told.startswith("env:") else told


def _named(told: Any) -> tuple[Place, str] | None:
    kind, _, name = told.partition(":") if isinstance(told, str) else ("", "", "")
    place = PLACES.get(kind)
    return (place, name) if place and re.fullmatch(place.pattern, name) else None


def _variable(name: str, environ: Environ) -> str:
    return environ.get(name, "")


def _no_variable(name: str) -> tuple[str, str, str]:
    hint = f"set the environment variable {name}"
    return f"{name} unset or empty", "a variable that is set", hint


def _in_scope(name: str, _: Environ) -> str:
    """As Databricks' own utilities read it, which its runtime alone has."""
    scope, _, key = name.partition("/")
    utilities = _utilities()
    if utilities is None:
        return ""
    try:
        return str(utilities.secrets.get(scope=scope, key=key))
    except Exception:  # Java's, Python's or the service's: each says by it that there is none
        return ""


def _not_in_scope(name: str) -> tuple[str, str, str]:
    scope, _, key = name.partition("/")
    if _utilities() is None:
        found = f"a secret scope {scope}, which only a cluster of Databricks reads"
        return found, "a secret that is there", "start it there, or name a variable by env:"
    hint = f"make it with: databricks secrets put-secret {scope} {key}"
    return f"no secret {key} in the scope {scope}", "a secret that this user may read", hint


def _utilities() -> Any:
    """https://databricks-sdk-py.readthedocs.io/en/latest/dbutils.html, read 2026-11-28."""
    if "DATABRICKS_RUNTIME_VERSION" not in os.environ:
        return None
    try:
        from databricks.sdk.runtime import dbutils
    except Exception:  # without a workspace to ask, whoever has the package fails in many ways
        return None
    return dbutils


# Scopes and keys: letters, digits, dashes, underscores, @ and periods, at most 128 of them
# (https://docs.databricks.com/security/secrets/secret-scopes, read 2026-11-28).
PLACES = {
    "env": Place(r"(?s).+", _variable, _no_variable),
    "databricks": Place(r"[A-Za-z0-9_.@-]{1,128}/[A-Za-z0-9_.@-]{1,128}", _in_scope, _not_in_scope),
}
# What a configuration may name as the lake's secret.
OF_A_LAKE = rf"^(auto|env:[A-Za-z_][A-Za-z0-9_]*|databricks:{PLACES['databricks'].pattern})\z"
