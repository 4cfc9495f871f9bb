"""What a check is: a rule that no event causes, asked of each message that is about to be said."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from tactful.transforms.legal_hours import Week
from tactful.transforms.rules.rule import Fault, Policy, no_reference, none_wrong


@dataclass(frozen=True)
class Around:
    """What checks may read beside the messages.

    products: see `PRODUCTS`. weather: see `CONTEXT`. homes: see `whereabouts`.
    """

    products: DataFrame
    weather: DataFrame
    homes: DataFrame


def at_any_hour(options: Any) -> Week | None:
    """It asks for no hours."""
    return None


@dataclass(frozen=True)
class Check:
    """One kind of check, as `when` of [[suppress]] names it.

    `doc`        a sentence a marketer could read.
    `precedence` its place among the reasons of one message, as that of a rule.
    `options`    a frozen dataclass of `option`s, with `channels` and `policies` (see `is_meant`).
    `against`    messages (decision_id, person_id, channel, policy, skus, time_zone, moment),
                 Around, policies → what speaks against some: decision_id, reason, policy, ends_at
                 (until when; null where nobody knows), evidence.
    `hours`      options → the hours that a message may be said in; None where any will do.
    `references` options → reference tables without which it is idle, and why.
    `faults`     an entry as written, types unchecked → what is wrong between its options.
    """

    when: str
    doc: str
    precedence: int
    options: type
    against: Callable[[DataFrame, Around, Sequence[Policy]], DataFrame]
    hours: Callable[[Any], Week | None] = at_any_hour
    references: Callable[[Any], Mapping[str, str]] = no_reference
    faults: Callable[[Mapping[str, Any]], Iterable[Fault]] = none_wrong


def is_meant(options: Any) -> Column:
    """Whether a check holds for a message: by its channel, and by the policy that asks for it."""
    told = F.lit(True)
    for name, values in (("channel", options.channels), ("policy", options.policies)):
        if values:
            told &= F.col(name).isin(*values)
    return told
