"""What was bought: the rows that rules make of it, and what may be chosen of all such rules."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from tactful.schemas.events import CHANNELS, ORDER, REVERSALS
from tactful.transforms.allotting import emptied_by
from tactful.transforms.identity.owners import is_person
from tactful.transforms.journeys import PAID, first_step, journeys
from tactful.transforms.options import option
from tactful.transforms.rules.rule import Fault, Policy, Reads
from tactful.transforms.rules.suppressions import (
    channel_list,
    forever,
    named,
    scope_part,
    with_id,
)
from tactful.transforms.settled import purchased_lines

PLACED = "order_placed"


@dataclass(frozen=True, kw_only=True)
class Bought:
    """What may be chosen of every rule about what was bought."""

    at: str = option(
        "From which event on something is bought: its order, or the first payment of it.",
        default=PLACED,
        allowed=(PLACED, PAID),
    )
    paid_within: timedelta = option(
        'With at = "order_paid": how long after the order a payment counts.',
        default=timedelta(days=30),
    )
    share: float = option(
        "From which share on of the products that a message offers it counts as a regret. By "
        "category or brand those products count of which it is known, and what a message names "
        "beside them as one each.",
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


def of_lines(
    timeline: DataFrame,
    lines: DataFrame,
    products: DataFrame,
    *,
    policies: Sequence[Policy],
    reason: str,
    lapses_at: Callable[[Any, Column], Column],
    is_one: Callable[[Any], Column] = lambda _: F.lit(True),
    beside: Sequence[Column] = (),
) -> DataFrame:
    """What is not said of what somebody has bought, until it lapses or no unit of it is kept.

    It is bought when its order was placed or, where the policy says so, when a payment was first
    told of the line (by its id, else of its product, else of the order), whoever tells it, not
    before the order and not later than `paid_within` after it. A line that nobody paid for is none,
    and neither is one of a negative amount, such as a voucher.

    Keeps: one row a bought line × policy for which it is one. Adds: the columns of `suppressions`,
    cause.
    timeline: rows of events, among them every payment of these orders. policies: with the options
    match and those of `Bought`. lapses_at: options, when it was bought → when a line's row lapses.
    is_one: options → whether a line makes a row, over its columns and its product's price.
    beside: further parts of each row's scope.
    """
    about = products.select(
        "sku", F.col("category").alias("_category"), "brand", "price", "replenish_days"
    )
    placed = (
        purchased_lines(lines)
        .where(is_person())
        .select(
            "person_id", *ORDER, "order_id", "line_number", "line_id", "sku", "category", "units",
            "taken", "is_discounted", "amount", "paid", "currency",
        )
        .join(about, "sku", "left")
        .withColumn("_ordered", F.struct(*ORDER))
    )  # fmt: skip
    if any(policy.options.at == PAID for policy in policies):
        placed = placed.join(journeys(timeline, types=[PAID]), "order_id", "left")
        placed = placed.withColumn("_payment", first_step(PAID)).drop("journey")
    each = (_as_struct(policy, lapses_at, is_one) for policy in policies)
    bought = placed.select("*", F.explode(F.array(*each)).alias("rule")).where(
        "rule.is_one AND (rule.match = 'all' OR rule.scope_value IS NOT NULL)"
    )
    emptied = F.when(F.size("taken") > 0, emptied_by("rule.lifted_by"))
    in_time = F.col("_emptied.occurred_at") < F.coalesce("rule.lapses_at", forever())
    ended = bought.withColumn("_emptied", emptied).withColumns(
        {"policy": F.col("rule.policy"), "_lift": F.when(in_time, F.col("_emptied"))}
    )
    lifted_at = F.greatest("rule.starts_at", "_lift.occurred_at")
    what = scope_part("rule.match", F.array_compact(F.array("rule.scope_value")))
    causes = F.array_distinct(F.array(named("_ordered"), named("rule.cause")))
    return ended.select(
        "person_id",
        "policy",
        F.lit(reason).alias("reason"),
        F.col("rule.channels").alias("channels"),
        F.array(what, *beside).alias("scope"),
        F.col("rule.starts_at").alias("starts_at"),
        F.when(F.col("_lift").isNull(), F.col("rule.lapses_at"))
        .otherwise(lifted_at)
        .alias("ends_at"),
        named("_lift").alias("lifted_by"),
        causes.alias("evidence"),
        F.col("rule.cause").alias("cause"),
        "line_number",
    ).transform(with_id)


def _as_struct(
    policy: Policy,
    lapses_at: Callable[[Any, Column], Column],
    is_one: Callable[[Any], Column],
) -> Column:
    chosen = policy.options
    value = {
        "sku": F.col("sku"),
        "category": F.coalesce("category", "_category"),
        "brand": F.col("brand"),
        "all": F.lit(None).cast("string"),
    }[chosen.match]
    cause, starts_at, counts = F.col("_ordered"), F.col("occurred_at"), F.lit(True)
    if chosen.at == PAID:
        paid_at = F.col("_payment.occurred_at")
        cause, starts_at = F.col("_payment"), F.greatest("occurred_at", paid_at)
        in_time = paid_at <= F.col("occurred_at") + F.lit(chosen.paid_within)
        counts = F.coalesce(in_time, F.lit(False))
    return F.struct(
        F.lit(policy.name).alias("policy"),
        F.lit(chosen.match).alias("match"),
        value.alias("scope_value"),
        (is_one(chosen) & counts).alias("is_one"),
        cause.alias("cause"),
        starts_at.alias("starts_at"),
        lapses_at(chosen, starts_at).alias("lapses_at"),
        F.array(*(F.lit(word) for word in chosen.lifted_by))
        .cast("array<string>")
        .alias("lifted_by"),
        channel_list(chosen.channels).alias("channels"),
    )


def reads_of_lines(chosen: Bought, longest: timedelta | None) -> Reads:
    """The orders, and what takes them back or pays them. longest: how long a row may last.

    What is taken back acts on what was bought before it, so it bears as long as orders do.
    """
    if chosen.at == PLACED:
        return {"order": longest, "reversal": longest}
    whole = None if longest is None else longest + chosen.paid_within
    return {"order": whole, "reversal": whole, "fulfilment": whole}


def faults_of_lines(given: Mapping[str, Any]) -> Iterator[Fault]:
    """What is wrong between the options of every rule about what was bought."""
    if given.get("match") == "all" and given.get("share"):
        yield Fault("share", 'no share beside match = "all", which every message is touched by')
    if "paid_within" in given and given.get("at") != PAID:
        yield Fault("paid_within", 'no such key without at = "order_paid"')


def brands_are_known(chosen: Any) -> Mapping[str, str]:
    """Without products nobody knows of any brand."""
    if chosen.match == "brand":
        return {"products": "brands come from [reference.products]"}
    return {}


def what_was_bought(chosen: Any) -> str:
    """The match in words, with what was done with it: bought the same product."""
    what = {"all": "anything", "sku": "the same product"}
    done = "paid for" if chosen.at == PAID else "bought"
    return f"{done} {what.get(chosen.match, f'the same {chosen.match}')}"


def giving_back(chosen: Any) -> str:
    """What ends a row of a bought line early; of unknown options what does by default."""
    by = REVERSALS if chosen is None else chosen.lifted_by
    named = ", ".join(by)
    return f"giving back all that was bought of it ({named})" if by else ""
