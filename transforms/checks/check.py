"""What a check is: a rule that no event causes, asked of each message that is about to be said."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from tactful.transforms.legal_hours import Week
from tactful.transforms.rules.rule import Fault, Policy, no_reference, none_wrong


@dataclass(frozen=True)
class Around:
    """What checks may read beside the messages.

    products: see `PRODUCTS`. weather: see `CONTEXT`.
    """

    products: DataFrame
    weather: DataFrame


@dataclass(frozen=True)
class Here:
    """What checks may read where no Spark is: of one place and moment, and of what is offered.

    country, region: as they were told; None where nobody knows. local: by the clock there.
    products: rows of `PRODUCTS`. weather: by region, as a country's code or US-CA, and day.
    """

    country: str | None
    region: str | None
    local: datetime
    products: Sequence[Mapping[str, Any]]
    weather: Mapping[tuple[str, date], Mapping[str, float | None]]


def at_any_hour(options: Any) -> Week | None:
    """It asks for no hours."""
    return None


@dataclass(frozen=True)
class Check:
    """One kind of check, as `when` of [[suppress]] names it.

    `doc`        a sentence a marketer could read.
    `precedence` its place among the reasons of one message, as that of a rule.
    `options`    a frozen dataclass of `option`s, with `channels` and `policies` (see `is_meant`).
    `against`    messages (decision_id, channel, policy, skus, country, region, time_zone, moment),
                 Around, policies → what speaks against some: decision_id, reason, policy, ends_at
                 (when it is worth asking again; null where nobody knows), evidence.
    `here`       options, Here → whether it speaks against what is offered, as `against` does, and
                 when that ends; None where nobody knows, and where it does not.
    `says`       options → what it says of a message that it would have stopped.
    `hours`      options → the hours that a message may be said in; None where any will do.
    `references` options → reference tables without which it is idle, and why.
    `faults`     an entry as written, types unchecked → what is wrong between its options.
    """

    when: str
    doc: str
    precedence: int
    options: type
    against: Callable[[DataFrame, Around, Sequence[Policy]], DataFrame]
    here: Callable[[Any, Here], tuple[bool, datetime | None]]
    says: Callable[[Any], str]
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
