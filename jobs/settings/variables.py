"""Variables of the environment that look like settings of ours and are none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tactful.jobs.errors import Problem
from tactful.jobs.settings.layers import PREFIX
from tactful.jobs.settings.models import Config

OURS = "TACTFUL_"
# Which lake the notebooks read.
NOTEBOOK = "TACTFUL_LAKE"


def misspelt(environ: Mapping[str, str], *, secret: Any = None) -> list[Problem]:
    """Settings that nobody reads, since one underscore stands where there must be two.

    secret: what the configuration names as its secret; its variable may be called anything.
    """
    found = "one underscore, so that nobody reads it"
    return [
        Problem(f"environment variable {name}", "", found, meant)
        for name in _strange(environ, secret)
        if (meant := _meant(name)) is not None
    ]


def unread(environ: Mapping[str, str], *, secret: Any = None) -> list[str]:
    """Sentences on variables that begin with our name and mean nothing here."""
    return [
        f"The environment variable {name} is read by nobody; settings are {PREFIX}SECTION__KEY"
        for name in _strange(environ, secret)
        if _meant(name) is None
    ]


def _strange(environ: Mapping[str, str], secret: Any) -> Iterator[str]:
    for name in sorted(environ):
        is_ours = name.startswith(OURS) and not name.startswith(PREFIX)
        # A secret's variable is called what its owner likes, also where this run needs it not.
        is_known = name == NOTEBOOK or (name.endswith("_SECRET") and name != f"{OURS}LAKE_SECRET")
        if is_ours and not is_known and secret != f"env:{name}":
            yield name


def _meant(name: str) -> str | None:
    """The variable that sets what this one seems to be about; None where nothing does."""
    words = name.removeprefix(OURS).lower().split("_")
    section, key = words[0], "_".join(words[1:])
    field = Config.model_fields.get(section)
    if field is None or not key:
        return None
    own = getattr(field.annotation, "model_fields", None)
    if own is None:
        return f"{PREFIX}{section}__NAME__KEY".upper()
    if section == "identity" and words[1] == "types":
        return f"{PREFIX}IDENTITY__TYPES__NAME__KEY"
    return f"{PREFIX}{section}__{key}".upper() if key in own else None
