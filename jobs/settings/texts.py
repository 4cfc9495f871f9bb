"""Texts: which of them a vendor would refuse, by what each option says of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from tactful.jobs.settings.layers import Place, shown
from tactful.jobs.settings.places import Finding
from tactful.transforms.options import Option, options_of


def unfit(place: Place, entry: dict, declared: Mapping[str, Option]) -> Iterator[Finding]:
    """Texts that the vendor would refuse, in tables inside the entry, too."""
    for name, option in declared.items():
        told = entry.get(name)
        if option.values == "a table" and isinstance(told, dict):
            yield from unfit((*place, name), told, options_of(option.kind))
        elif option.pattern and type(told) in (str, int) and not _looks_right(told, option):
            yield (*place, name), shown(told), option.looks, option.hint


def _looks_right(told: str | int, option: Option) -> bool:
    return re.fullmatch(option.pattern, str(told)) is not None
