"""purchased: do not offer what was just bought."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from tactful.schemas.events import CHANNELS, ORDER, REVERSALS
from tactful.transforms.allotting import emptied_by
from tactful.transforms.identity.owners import is_person
from tactful.transforms.options import option
from tactful.transforms.rules.rule import Facts, Fault, Policy, Reads, Rule, in_words
from tactful.transforms.rules.suppressions import (
    channel_list,
    forever,
    named,
    scope_part,
    with_id,
)

MICROSECONDS_A_DAY = 86_400_000_000


@dataclass(frozen=True, kw_only=True)
class Purchased:
    """Do not offer what was just bought: by product, category, brand or at all, for how long."""

    match: str = option(
        "What is not offered again: the same product, its category or brand, or anything.",
        allowed=("sku", "category", "brand", "all"),
    )
    lasts: timedelta | None = option("For how long after the order.", default=None)
    lasts_share: float | None = option(
        "For this share of the product's own replenish_days, where they are known; for the others "
        "`lasts` holds, and without it for ever.",
        default=None,
        above=0,
        at_most=10,
    )
    share: float = option(
        "From which share on of the products that a message offers it counts as a regret.",
        default=0.0,
        at_least=0,
        at_most=1,
    )
    lifted_by: tuple[str, ...] = option(
        "The types of events that end it once no unit is kept.",
        default=REVERSALS,
        allowed=REVERSALS,
    )
    channels: tuple[str, ...] = option(
        "The channels it holds for; empty means all.", default=(), allowed=CHANNELS
    )


def purchased(lines: DataFrame, products: DataFrame, *, policies: Sequence[Policy]) -> DataFrame:
    """Do not offer somebody what they have just bought.

    It holds for `lasts`, or for a share of the product's own replenishment time where one is
    known, since milk is bought again sooner than a mattress. Cancelling, returning or refunding
    the line lifts it, also when that news came first: from when no unit of it is kept, by the
    types of events that the rule is lifted by.

    Keeps: one row a bought line × policy. Adds: the columns of `suppressions`, cause.
    lines: see `settled_lines`. products: sku, category, brand, price, replenish_days.
    """

    def ends_at(chosen: Purchased) -> Column:
        return _natural_end(chosen.lasts, chosen.lasts_share)

    return of_lines(lines, products, policies=policies, reason="purchased", ends_at=ends_at)


def of_lines(
    lines: DataFrame,
    products: DataFrame,
    *,
    policies: Sequence[Policy],
    reason: str,
    ends_at: Callable[[Any], Column],
    is_one: Callable[[Any], Column] = lambda _: F.lit(True),
    beside: Sequence[Column] = (),
) -> DataFrame:
    """What is not said of what somebody has bought, until it lapses or no unit of it is kept.

    Keeps: one row a bought line × policy for which it is one. Adds: the columns of `suppressions`,
    cause.
    policies: with the options match, lifted_by and channels. ends_at: options → when a line's row
    lapses. is_one: options → whether a line makes a row, over its columns and its product's price.
    beside: further parts of each row's scope.
    """
    about = products.select(
        "sku", F.col("category").alias("_category"), "brand", "price", "replenish_days"
    )
    placed = (
        lines.where(is_person())
        .select(
            "person_id", *ORDER, "line_number", "sku", "category", "units", "taken",
            "is_discounted", "amount", "paid", "currency",
        )
        .join(about, "sku", "left")
    )  # fmt: skip
    each = (_as_struct(policy, ends_at, is_one) for policy in policies)
    bought = placed.select(
        "*", F.struct(*ORDER).alias("cause"), F.explode(F.array(*each)).alias("rule")
    ).where("rule.is_one AND (rule.match = 'all' OR rule.scope_value IS NOT NULL)")
    emptied = F.when(F.size("taken") > 0, emptied_by("rule.lifted_by"))
    in_time = F.col("_emptied.occurred_at") < F.coalesce("rule.ends_at", forever())
    ended = bought.withColumn("_emptied", emptied).withColumns(
        {"policy": F.col("rule.policy"), "_lift": F.when(in_time, F.col("_emptied"))}
    )
    lifted_at = F.greatest("occurred_at", "_lift.occurred_at")
    what = scope_part("rule.match", F.array_compact(F.array("rule.scope_value")))
    return ended.select(
        "person_id",
        "policy",
        F.lit(reason).alias("reason"),
        F.col("rule.channels").alias("channels"),
        F.array(what, *beside).alias("scope"),
        F.col("occurred_at").alias("starts_at"),
        F.when(F.col("_lift").isNull(), F.col("rule.ends_at"))
        .otherwise(lifted_at)
        .alias("ends_at"),
        named("_lift").alias("lifted_by"),
        F.array(named("cause")).alias("evidence"),
        "cause",
        "line_number",
    ).transform(with_id)


def _as_struct(
    policy: Policy, ends_at: Callable[[Any], Column], is_one: Callable[[Any], Column]
) -> Column:
    chosen = policy.options
    value = {
        "sku": F.col("sku"),
        "category": F.coalesce("category", "_category"),
        "brand": F.col("brand"),
        "all": F.lit(None).cast("string"),
    }[chosen.match]
    return F.struct(
        F.lit(policy.name).alias("policy"),
        F.lit(chosen.match).alias("match"),
        value.alias("scope_value"),
        is_one(chosen).alias("is_one"),
        ends_at(chosen).alias("ends_at"),
        F.array(*(F.lit(word) for word in chosen.lifted_by))
        .cast("array<string>")
        .alias("lifted_by"),
        channel_list(chosen.channels).alias("channels"),
    )


def _natural_end(lasts: timedelta | None, share: float | None) -> Column:
    fixed = F.lit(None).cast("timestamp")
    if lasts is not None:
        fixed = F.col("occurred_at") + F.lit(lasts)
    if share is None:
        return fixed
    own = F.floor(F.col("replenish_days") * F.lit(share) * F.lit(float(MICROSECONDS_A_DAY)))
    until = F.timestamp_micros(F.unix_micros("occurred_at") + own.cast("bigint"))
    return F.when(F.col("replenish_days").isNotNull(), until).otherwise(fixed)


def _rows(facts: Facts, policies: Sequence[Policy]) -> DataFrame:
    assert facts.lines is not None
    return purchased(facts.lines, facts.products, policies=policies)


def _reads(chosen: Purchased, *, slowest: Callable[[], float | None]) -> Reads:
    """As long as a row may last: by the clock, or by the slowest product's own time.

    What is taken back acts on what was bought before it, so it bears as long as orders do.
    """
    longest = chosen.lasts
    if longest is not None and chosen.lasts_share is not None:
        longest = max(longest, timedelta(days=math.ceil((slowest() or 0) * chosen.lasts_share)))
    return {"order": longest, "reversal": longest}


def _faults(given: Mapping[str, Any]) -> Iterator[Fault]:
    if "lasts" not in given and "lasts_share" not in given:
        hint = "or lasts_share, a share of the product's own replenish_days"
        yield Fault("lasts", "a duration such as 30d", hint)
    if given.get("match") == "all" and given.get("share"):
        yield Fault("share", 'no share beside match = "all", which every message is touched by')


def brands_are_known(chosen: Any) -> Mapping[str, str]:
    """Without products nobody knows of any brand."""
    if chosen.match == "brand":
        return {"products": "brands come from [reference.products]"}
    return {}


def _says(chosen: Purchased) -> str:
    what = {"all": "anything", "sku": "the same product"}.get(
        chosen.match, f"the same {chosen.match}"
    )
    if chosen.lasts_share:
        share = "half" if chosen.lasts_share == 0.5 else f"{chosen.lasts_share:.0%}"
        return f"bought {what} within {share} of its own rhythm"
    if chosen.lasts is None:
        return f"bought {what} before"
    return f"bought {what} in the {in_words(chosen.lasts)} before"


def giving_back(chosen: Any) -> str:
    """What ends a row of a bought line early; of unknown options what does by default."""
    by = REVERSALS if chosen is None else chosen.lifted_by
    named = ", ".join(by)
    return f"giving back all that was bought of it ({named})" if by else ""


RULE = Rule(
    when="purchased",
    doc="Do not offer somebody what they have just bought.",
    options=Purchased,
    stream="purchases",
    reads=_reads,
    rows=_rows,
    says=_says,
    lifts=giving_back,
    faults=_faults,
    references=brands_are_known,
    share=lambda chosen: chosen.share,
    needs_lines=True,
    is_bad_experience=True,
)
