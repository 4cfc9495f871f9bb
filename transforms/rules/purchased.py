"""purchased: do not offer what was just bought."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from tactful.transforms.options import option
from tactful.transforms.rules.bought import (
    Bought,
    brands_are_known,
    faults_of_lines,
    giving_back,
    of_lines,
    reads_of_lines,
    what_was_bought,
)
from tactful.transforms.rules.rule import Facts, Fault, Policy, Reads, Rule, in_words

MICROSECONDS_A_DAY = 86_400_000_000


@dataclass(frozen=True, kw_only=True)
class Purchased(Bought):
    """Do not offer what was just bought: by product, category, brand or at all, for how long."""

    match: str = option(
        "What is not offered again: the same product, its category or brand, or anything.",
        allowed=("sku", "category", "brand", "all"),
    )
    lasts: timedelta | None = option("For how long after it was bought.", default=None)
    lasts_share: float | None = option(
        "For this share of the product's own replenish_days, where they are known; for the others "
        "`lasts` holds, and without it for ever.",
        default=None,
        above=0,
        at_most=10,
    )


def purchased(
    timeline: DataFrame, lines: DataFrame, products: DataFrame, *, policies: Sequence[Policy]
) -> DataFrame:
    """Do not offer somebody what they have just bought.

    It holds for `lasts`, or for a share of the product's own replenishment time where one is
    known, since milk is bought again sooner than a mattress. Cancelling, returning or refunding
    the line lifts it, also when that news came first: from when no unit of it is kept, by the
    types of events that the rule is lifted by.

    Keeps: one row a bought line × policy. Adds: the columns of `suppressions`, cause.
    timeline: see `of_lines`. lines: see `settled_lines`. products: sku, category, brand, price,
    replenish_days.
    """
    return of_lines(
        timeline, lines, products, policies=policies, reason="purchased", lapses_at=_lapses_at
    )


def _lapses_at(chosen: Purchased, bought_at: Column) -> Column:
    fixed = F.lit(None).cast("timestamp")
    if chosen.lasts is not None:
        fixed = bought_at + F.lit(chosen.lasts)
    if chosen.lasts_share is None:
        return fixed
    days = F.col("replenish_days") * F.lit(chosen.lasts_share)
    own = F.floor(days * F.lit(float(MICROSECONDS_A_DAY))).cast("bigint")
    until = F.timestamp_micros(F.unix_micros(bought_at) + own)
    return F.when(F.col("replenish_days").isNotNull(), until).otherwise(fixed)


def _rows(facts: Facts, policies: Sequence[Policy]) -> DataFrame:
    assert facts.lines is not None
    return purchased(facts.timeline, facts.lines, facts.products, policies=policies)


def _reads(chosen: Purchased, *, slowest: Callable[[], float | None]) -> Reads:
    """As long as a row may last: by the clock, or by the slowest product's own time."""
    longest = chosen.lasts
    if longest is not None and chosen.lasts_share is not None:
        longest = max(longest, timedelta(days=math.ceil((slowest() or 0) * chosen.lasts_share)))
    return reads_of_lines(chosen, longest)


def _faults(given: Mapping[str, Any]) -> Iterator[Fault]:
    if "lasts" not in given and "lasts_share" not in given:
        hint = "or lasts_share, a share of the product's own replenish_days"
        yield Fault("lasts", "a duration such as 30d", hint)
    yield from faults_of_lines(given)


def _oddities(chosen: Purchased) -> Iterator[str]:
    if chosen.match == "all" and chosen.lasts_share is not None and chosen.lasts is None:
        yield (
            'match = "all" without lasts is silence for ever once a product is bought of which '
            "nobody knows replenish_days; say lasts as well"
        )


def _says(chosen: Purchased) -> str:
    what = what_was_bought(chosen)
    if chosen.lasts_share:
        share = "half" if chosen.lasts_share == 0.5 else f"{chosen.lasts_share:.0%}"
        return f"{what} within {share} of its own rhythm"
    if chosen.lasts is None:
        return f"{what} before"
    return f"{what} in the {in_words(chosen.lasts)} before"


RULE = Rule(
    when="purchased",
    doc="Do not offer somebody what they have just bought.",
    precedence=70,
    options=Purchased,
    stream="purchases",
    reads=_reads,
    rows=_rows,
    says=_says,
    lifts=giving_back,
    faults=_faults,
    oddities=_oddities,
    references=brands_are_known,
    share=lambda chosen: chosen.share,
    needs_lines=True,
    is_bad_experience=True,
    is_about_offers=True,
)
