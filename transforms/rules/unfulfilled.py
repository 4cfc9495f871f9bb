"""unfulfilled: ask for no review of what has not arrived, and offer nothing beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from tactful.schemas.events import CHANNELS, ORDER
from tactful.transforms.about import same_topics
from tactful.transforms.arrivals import with_arrivals
from tactful.transforms.identity.owners import is_person
from tactful.transforms.journeys import SHIPPED, first_step, is_in_store, journeys
from tactful.transforms.options import option
from tactful.transforms.rules.rule import Facts, Fault, Policy, Reads, Rule, in_words
from tactful.transforms.rules.suppressions import (
    channel_list,
    forever,
    is_about,
    named,
    scope_part,
    with_id,
)
from tactful.transforms.settled import purchased_lines


@dataclass(frozen=True, kw_only=True)
class Unfulfilled:
    """Wait with what presumes that an order has arrived, and with promotions while it is late."""

    review_topics: tuple[str, ...] = option(
        "The topics of messages that ask for a review; none of a product that has not arrived.",
        default=("review_request",),
    )
    complement_topics: tuple[str, ...] = option(
        "The topics of messages that offer what goes with a product; none before it has arrived.",
        default=("complement",),
    )
    late_after: timedelta | None = option(
        "How long after `late_from` a line is late, so that no marketing is sent until it arrives.",
        default=None,
    )
    late_from: str = option(
        "From which event on `late_after` counts.",
        default="order_placed",
        allowed=("order_placed", SHIPPED),
    )
    undelivered_after: timedelta = option(
        "How long after the order a line counts as `without_delivery` says if nothing is heard.",
        default=timedelta(days=30),
    )
    without_delivery: str = option(
        "What a line is of which no delivery was told by then: delivered, or undelivered, which is "
        "late.",
        default="delivered",
        allowed=("delivered", "undelivered"),
    )
    channels: tuple[str, ...] = option(
        "The channels it holds for; empty means all.", default=(), allowed=CHANNELS
    )


def unfulfilled(
    timeline: DataFrame, lines: DataFrame, products: DataFrame, *, policies: Sequence[Policy]
) -> DataFrame:
    """Ask nobody for a review of what has not arrived, and offer nothing that goes with it.

    Line by line, from the order until all that is kept of the line is there, quantity by quantity,
    whoever tells of it (see `with_arrivals`). A line of which no unit is kept ends it as well.
    Where nothing is heard for `undelivered_after` the line is taken for what the merchant says:
    where a row has ended that nothing lifted, it counts as delivered, and `status` tells of how
    many orders. What was bought in a store is taken home.

    A message of a complement topic is about the line where it offers one of the product's
    complements; of a product whose complements nobody knows any such message is. A line is late
    after `late_after`, and where silence means undelivered, then at the latest: all marketing
    rests.

    Keeps: up to three rows a bought line × policy. Adds: the columns of `suppressions`, cause.
    timeline: rows with person_id, and every delivery of the orders, whosever it is. lines: see
    `settled_lines`. products: sku, complements.
    """
    bought = (
        purchased_lines(lines)
        .where(is_person() & ~is_in_store())
        .select(
            "person_id", *ORDER, "order_id", "line_number", "line_id", "sku", "units", "taken",
            F.struct(*ORDER).alias("cause"),
        )
        .join(journeys(timeline), "order_id", "left")
        .transform(with_arrivals)
        .join(products.select("sku", "complements"), "sku", "left")
    )  # fmt: skip
    return (
        _ended(bought, policies)
        .withColumn("_row", F.explode(F.array_compact(F.array(*_rows_of_line()))))
        .select(
            "person_id",
            F.col("rule.policy").alias("policy"),
            F.lit("unfulfilled").alias("reason"),
            F.col("rule.channels").alias("channels"),
            F.col("_row.scope").alias("scope"),
            F.col("_row.starts_at").alias("starts_at"),
            "ends_at",
            named("_lift").alias("lifted_by"),
            F.array(named("cause")).alias("evidence"),
            "cause",
            "line_number",
        )
        .transform(with_id)
    )


def _ended(bought: DataFrame, policies: Sequence[Policy]) -> DataFrame:
    """Until when each line is waited for, by each policy.

    Adds: rule, ends_at, _lift (the event that ended it, null where none did in time), _shipped.
    Grain: line → line × policy.
    """
    every = F.explode(F.array(*(_as_struct(policy) for policy in policies))).alias("rule")
    in_time = F.col("_told.occurred_at") < F.coalesce("rule.lapses_at", forever())
    lifted_at = F.greatest("occurred_at", "_lift.occurred_at")
    return (
        bought.withColumns({"_told": F.col("_arrived"), "_shipped": first_step(SHIPPED)})
        .select("*", every)
        .withColumn("_lift", F.when(in_time, F.col("_told")))
        .withColumn(
            "ends_at",
            F.when(F.col("_lift").isNull(), F.col("rule.lapses_at")).otherwise(lifted_at),
        )
    )


def _rows_of_line() -> Sequence[Column]:
    """The scope and start of each row that a line makes; null where it makes none."""
    product = F.array_compact(F.array("sku"))
    complements = F.array_sort(F.array_distinct(F.coalesce("complements", F.array())))

    def of(topics: str, skus: Column) -> Column:
        about = scope_part(F.lit("topic"), topics)
        both = F.array(scope_part(F.lit("sku"), skus), about)
        scope = F.when(F.size(skus) > 0, both).otherwise(F.array(about))
        row = F.struct(scope.alias("scope"), F.col("occurred_at").alias("starts_at"))
        return F.when(F.size(topics) > 0, row)

    marketing = scope_part(F.lit("purpose"), F.array(F.lit("marketing")))
    base = F.when(F.col("rule.late_from") == SHIPPED, F.col("_shipped.occurred_at")).otherwise(
        F.col("occurred_at")
    )
    due = F.least(base + F.col("rule.late_after"), F.col("rule.missing_at"))
    late_at = F.greatest("occurred_at", due)
    late = F.struct(F.array(marketing).alias("scope"), late_at.alias("starts_at"))
    is_late = due.isNotNull() & (late_at < F.coalesce("ends_at", forever()))
    return (
        of("rule.review_topics", product),
        of("rule.complement_topics", complements),
        F.when(is_late, late),
    )


def _as_struct(policy: Policy) -> Column:
    chosen: Unfulfilled = policy.options
    never = F.lit(None).cast("timestamp")
    given_up_at = F.col("occurred_at") + F.lit(chosen.undelivered_after)
    is_delivered = chosen.without_delivery == "delivered"
    late_after = F.lit(chosen.late_after).cast("interval day to second")
    return F.struct(
        F.lit(policy.name).alias("policy"),
        _texts(same_topics(chosen.review_topics)).alias("review_topics"),
        _texts(same_topics(chosen.complement_topics)).alias("complement_topics"),
        late_after.alias("late_after"),
        F.lit(chosen.late_from).alias("late_from"),
        (given_up_at if is_delivered else never).alias("lapses_at"),
        (never if is_delivered else given_up_at).alias("missing_at"),
        channel_list(chosen.channels).alias("channels"),
    )


def _texts(words: Sequence[str]) -> Column:
    return F.array(*map(F.lit, words)).cast("array<string>")


def _rows(facts: Facts, policies: Sequence[Policy]) -> DataFrame:
    assert facts.lines is not None
    return unfulfilled(facts.timeline, facts.lines, facts.products, policies=policies)


def _reads(chosen: Unfulfilled, *, slowest: Callable[[], float | None]) -> Reads:
    """As long as a line may be waited for; what ends that acts on the order, as reversals do."""
    longest = chosen.undelivered_after if chosen.without_delivery == "delivered" else None
    return {"order": longest, "reversal": longest, "fulfilment": longest}


def _faults(given: Mapping[str, Any]) -> Iterator[Fault]:
    if "late_from" in given and "late_after" not in given:
        yield Fault("late_after", "a duration such as 5d beside late_from")
    named = given.get("review_topics", True), given.get("complement_topics", True)
    is_late = "late_after" in given or given.get("without_delivery") == "undelivered"
    if not any(named) and not is_late:
        yield Fault("review_topics", "topics there or in complement_topics, or late_after")


def _oddities(chosen: Unfulfilled) -> Iterator[str]:
    late, given_up = chosen.late_after, chosen.undelivered_after
    if late is not None and late >= given_up and chosen.late_from == "order_placed":
        is_delivered = chosen.without_delivery == "delivered"
        then = "no line is ever late" if is_delivered else "late_after says nothing"
        yield (
            f"late_after ({in_words(late)}) does not come before undelivered_after "
            f"({in_words(given_up)}), so that {then}"
        )


def _is_late() -> Column:
    return (F.col("reason") == "unfulfilled") & is_about("purpose", "marketing")


RULE = Rule(
    when="unfulfilled",
    doc="Ask for no review of what has not arrived, and promote nothing while it is late.",
    precedence=60,
    options=Unfulfilled,
    stream="purchases",
    reads=_reads,
    rows=_rows,
    says=lambda _: "what was ordered had not arrived",
    lifts=lambda _: "its delivery (order_delivered), or giving back all that was bought of it",
    faults=_faults,
    oddities=_oddities,
    is_experience=_is_late,
    gives_up=True,
    needs_lines=True,
    is_bad_experience=True,
)
