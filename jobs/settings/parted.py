"""Audiences that are about a part of their policy: what has to go together.

Reads raw values and passes over what has the wrong type, as the checks beside it do.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from tactful.jobs.settings.layers import Place, shown
from tactful.transforms.audiences import AUDIENCE_BY, CAMPAIGN
from tactful.transforms.sinks import Sink

Finding = tuple[Place, str, str, str]
NONE = "none"
# What an audience of each kind is found by.
TABLES = {CAMPAIGN: "campaigns", "category": "products", "brand": "products"}


def faults(
    place: Place,
    entry: Mapping[str, Any],
    sink: Sink,
    *,
    spoken: Collection[str],
    reference: Collection[str],
) -> Iterator[Finding]:
    """What is wrong with `audience_by` and `audience_of` of one destination.

    spoken: the policies that speak. reference: the reference tables that are configured.
    """
    by, of = entry.get("audience_by", NONE), entry.get("audience_of")
    at = (*place, "audience_by")
    if by == NONE or by not in AUDIENCE_BY:
        if of is not None and by == NONE:
            allowed = " or ".join(f'"{name}"' for name in AUDIENCE_BY if name != NONE)
            yield at, shown(by), allowed, "audience_of says which one of these it is"
        return
    if of is None:
        hint = "each has a destination of its own, with the vendor's id of its audience"
        yield (*place, "audience_of"), "nothing", f"the {by} that its audience is about", hint
    if entry.get("policy") in spoken:
        hint = "what is said is said to whom its policy chose"
        yield at, shown(by), '"none", since its policy speaks', hint
    elif sink.is_opt_out(entry):
        hint = "whoever opted out is written to of nothing"
        yield at, shown(by), '"none" for a list of opt-outs', hint
    elif by in TABLES and TABLES[by] not in reference:
        hint = f"which products that are is told by [reference.{TABLES[by]}]"
        yield at, shown(by), f'"none" without [reference.{TABLES[by]}]', hint
