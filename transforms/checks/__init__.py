"""Checks: what is asked of each message alone before it is said, a module each."""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from itertools import groupby

from pyspark.sql import DataFrame

from tactful.transforms.checks import out_of_context
from tactful.transforms.checks.check import Around, Check
from tactful.transforms.rules.rule import Policy

CHECKS: dict[str, Check] = {check.when: check for check in (out_of_context.CHECK,)}

__all__ = ["CHECKS", "Around", "Check", "spoken_against"]


def spoken_against(
    messages: DataFrame, around: Around, *, policies: Iterable[Policy]
) -> DataFrame | None:
    """Say what speaks against each message (see `Check.against`); None without any check.

    Keeps: one row a message × check that it does not pass.
    """
    by_when = sorted(policies, key=lambda policy: policy.when)
    found = [
        CHECKS[when].against(messages, around, [*mine])
        for when, mine in groupby(by_when, key=lambda policy: policy.when)
    ]
    return reduce(DataFrame.unionByName, found) if found else None
