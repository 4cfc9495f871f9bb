"""Suppressions: what must not be said to whom, each as an interval with its cause."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from tactful.schemas.events import ORDER
from tactful.transforms.allotting import emptied_by
from tactful.transforms.identity.owners import is_person

MICROSECONDS_A_DAY = 86_400_000_000


@dataclass(frozen=True)
class PurchaseRule:
    """Do not offer what was just bought: by product, category, brand or at all, for how long."""

    policy: str
    match: str
    lasts: timedelta | None
    lasts_share: float | None
    lifted_by: Sequence[str]
    channels: Sequence[str]


def purchased(lines: DataFrame, products: DataFrame, *, rules: Sequence[PurchaseRule]) -> DataFrame:
    """Do not offer somebody what they have just bought.

    It holds for `lasts`, or for a share of the product's own replenishment time where one is
    known, since milk is bought again sooner than a mattress. Cancelling, returning or refunding
    the line lifts it, also when that news came first: from when no unit of it is kept, by the
    types of events that the rule is lifted by.

    Keeps: one row a bought line × rule × channel. Adds: the columns of `suppressions`, cause.
    lines: see `settled_lines`. products: sku, category, brand, replenish_days.
    """
    about = products.select("sku", F.col("category").alias("_category"), "brand", "replenish_days")
    placed = (
        lines.where(is_person())
        .select("person_id", *ORDER, "line_number", "sku", "category", "units", "taken")
        .join(about, "sku", "left")
    )
    every = F.explode(F.array(*(_as_struct(rule) for rule in rules))).alias("rule")
    bought = placed.select("*", F.struct(*ORDER).alias("cause"), every).where(
        (F.col("rule.match") == "all") | F.col("rule.scope_value").isNotNull()
    )
    emptied = F.when(F.size("taken") > 0, emptied_by("rule.lifted_by"))
    in_time = F.col("_emptied.occurred_at") < F.coalesce("rule.ends_at", _forever())
    ended = bought.withColumn("_emptied", emptied).withColumns(
        {"policy": F.col("rule.policy"), "_lift": F.when(in_time, F.col("_emptied"))}
    )
    lifted_at = F.greatest("occurred_at", "_lift.occurred_at")
    return ended.select(
        "person_id",
        "policy",
        F.lit("purchased").alias("reason"),
        F.explode("rule.channels").alias("channel"),
        F.col("rule.match").alias("scope_kind"),
        F.col("rule.scope_value").alias("scope_value"),
        F.col("occurred_at").alias("starts_at"),
        F.when(F.col("_lift").isNull(), F.col("rule.ends_at"))
        .otherwise(lifted_at)
        .alias("ends_at"),
        named("_lift").alias("lifted_by"),
        F.array(named("cause")).alias("evidence"),
        "cause",
        "line_number",
    ).transform(with_id)


def with_id(rows: DataFrame) -> DataFrame:
    """Name each row by what causes it and what it is about, never by a person: a merge keeps it.

    Adds: suppression_id. Drops: line_number.
    """
    parts = (
        F.col("policy"),
        named("cause"),
        F.coalesce(F.col("line_number").cast("string"), F.lit("")),
        F.coalesce("channel", F.lit("")),
        F.col("scope_kind"),
        F.coalesce("scope_value", F.lit("")),
        F.unix_micros("starts_at").cast("string"),
    )
    named_rows = rows.withColumn(
        "suppression_id", F.substring(F.sha2(F.concat_ws("|", *parts), 256), 1, 32)
    )
    return named_rows.drop("line_number")


def named(event_ref: str) -> Column:
    """How evidence names an event: stream:event_id."""
    name = F.concat_ws(":", F.col(f"{event_ref}.stream"), F.col(f"{event_ref}.event_id"))
    return F.when(F.col(event_ref).isNotNull(), name)


def channel_list(channels: Sequence[str]) -> Column:
    """The channels of a rule as an array; one null stands for all of them."""
    return F.array(*(F.lit(channel).cast("string") for channel in channels or [None]))


def _as_struct(rule: PurchaseRule) -> Column:
    value = {
        "sku": F.col("sku"),
        "category": F.coalesce("category", "_category"),
        "brand": F.col("brand"),
        "all": F.lit(None).cast("string"),
    }[rule.match]
    return F.struct(
        F.lit(rule.policy).alias("policy"),
        F.lit(rule.match).alias("match"),
        value.alias("scope_value"),
        _natural_end(rule.lasts, rule.lasts_share).alias("ends_at"),
        F.array(*(F.lit(word) for word in rule.lifted_by)).cast("array<string>").alias("lifted_by"),
        channel_list(rule.channels).alias("channels"),
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


def _forever() -> Column:
    return F.lit("9999-12-31 00:00:00").cast("timestamp")
