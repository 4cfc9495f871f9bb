"""price_regret: do not offer a discount on what was just bought at full price."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

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
from tactful.transforms.rules.rule import Facts, Policy, Reads, Rule, in_words
from tactful.transforms.rules.suppressions import scope_part
from tactful.transforms.settled import PARTS


@dataclass(frozen=True, kw_only=True)
class PriceRegret(Bought):
    """Do not offer a discount on what was just bought at full price: how near to it, how long."""

    match: str = option(
        "What is not offered at a discount: the same product, its category or brand, or anything.",
        default="sku",
        allowed=("sku", "category", "brand", "all"),
    )
    lasts: timedelta = option("For how long after it was bought.")
    full_from: float = option(
        "From which share of its product's price on a line was bought at full price, where both "
        "are known.",
        default=1.0,
        above=0,
        at_most=1,
    )


def price_regret(
    timeline: DataFrame,
    lines: DataFrame,
    products: DataFrame,
    *,
    policies: Sequence[Policy],
    currency: str,
) -> DataFrame:
    """Do not offer somebody a discount on what they have just bought at full price.

    It holds for `lasts` and is lifted as `purchased` is. Only a message that is known to offer a
    discount is touched, by itself, its content or its campaign.

    Keeps: one row a line bought at full price (see `at_full_price`) × policy. Adds: the columns of
    `suppressions`, cause.
    timeline: see `of_lines`. lines: see `settled_lines`. products: sku, category, brand, price,
    replenish_days. currency: the business's own, in which prices are.
    """
    return of_lines(
        timeline,
        lines,
        products,
        policies=policies,
        reason="price_regret",
        lapses_at=lambda chosen, bought_at: bought_at + F.lit(chosen.lasts),
        is_one=lambda chosen: at_full_price(chosen.full_from, currency=currency),
        beside=[scope_part(F.lit("discount"), F.array().cast("array<string>"))],
    )


def at_full_price(full_from: float, *, currency: str) -> Column:
    """Whether a line was bought at full price: unless something says that it was not.

    That is a discount told on it, a coupon of its order, a voucher that lowered it, an amount of 0,
    or a known price of its product that was not paid. Where no price or amount is known, or the
    order is in another currency (whatever a rate makes of it: prices abroad are their own), nothing
    can be said against it.
    """
    is_lowered = F.col("paid") < F.col("amount") * F.lit(PARTS)
    full = F.round(F.col("units").cast("double") * F.col("price").cast("double") * F.lit(full_from))
    is_cheaper = (F.col("currency") == currency) & (F.col("paid") < full)
    said = (
        F.col("is_discounted"),
        F.col("amount") <= 0,
        is_lowered,
        F.col("amount").isNotNull() & is_cheaper,
    )
    return ~F.coalesce(F.array_contains(F.array(*said), True), F.lit(False))


def _rows(facts: Facts, policies: Sequence[Policy]) -> DataFrame:
    assert facts.lines is not None
    return price_regret(
        facts.timeline, facts.lines, facts.products, policies=policies, currency=facts.currency
    )


def _reads(chosen: PriceRegret, *, slowest: Callable[[], float | None]) -> Reads:
    """As long as a row lasts."""
    return reads_of_lines(chosen, chosen.lasts)


def _says(chosen: PriceRegret) -> str:
    return f"{what_was_bought(chosen)} at full price in the {in_words(chosen.lasts)} before"


RULE = Rule(
    when="price_regret",
    doc="Do not offer a discount on what somebody has just bought at full price.",
    precedence=80,
    options=PriceRegret,
    stream="purchases",
    reads=_reads,
    rows=_rows,
    says=_says,
    lifts=giving_back,
    faults=faults_of_lines,
    references=brands_are_known,
    share=lambda chosen: chosen.share,
    needs_lines=True,
    is_bad_experience=True,
    is_about_offers=True,
)
