"""declared_preference: say nothing of what somebody has told that they do not look for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from tactful.schemas.events import CHANNELS, ORDER
from tactful.transforms.about import ATTRIBUTE, as_compared
from tactful.transforms.identity.owners import is_person
from tactful.transforms.options import option
from tactful.transforms.persons.profiles import provenance
from tactful.transforms.rules.rule import Facts, Policy, Reads, Rule, in_words
from tactful.transforms.rules.suppressions import (
    channel_list,
    forever,
    named,
    scope_part,
    with_id,
)


@dataclass(frozen=True, kw_only=True)
class DeclaredPreference:
    """Keep to what somebody has asked for: in which attributes of products, and for how long."""

    attributes: tuple[str, ...] = option(
        "The attributes of products of which answers count, also category and brand; empty: all. "
        "An answer of several values is a text that is a list in JSON.",
        default=(),
    )
    lasts: timedelta | None = option(
        "For how long an answer counts; without it until the next.", default=None
    )
    share: float = option(
        "From which share on of the products that a message offers it counts as a regret; those "
        "without the attribute are of what it offers, and not touched.",
        default=0.0,
        at_least=0,
        at_most=1,
    )
    channels: tuple[str, ...] = option(
        "The channels it holds for; empty means all.", default=(), allowed=CHANNELS
    )


def declared_preference(timeline: DataFrame, *, policies: Sequence[Policy]) -> DataFrame:
    """Say nothing of products that are otherwise than somebody has asked for.

    Who asked for electric hears nothing of what burns diesel. The answer is their own
    (`preference_set`, of zero party where it says of which), to an attribute that products have, by
    its name there; a text that is a list in JSON asks for any of its values (an event that has the
    list itself, and no text, is refused as `wrong_type:value`). Values are compared without regard
    to case and the blanks around them, and letter by letter: Unicode's composed and decomposed
    forms are different letters. It holds until the next answer on the same attribute, or for
    `lasts`; an answer of nothing only ends the one before. What the shop or others infer neither
    makes nor lifts it. A value that no product has still keeps the others
    away, and products without the attribute are never touched: `status` tells of both.

    Keeps: one row an answer × policy. Adds: the columns of `suppressions`, cause.
    timeline: rows with person_id.
    """
    told = F.col("value")
    listed = F.when(F.trim(told).startswith("["), F.from_json(told, "array<string>"))
    values = F.transform(F.coalesce(listed, F.array(told)), as_compared)
    of_attribute = Window.partitionBy("person_id", "_name").orderBy(*ORDER)
    said = (
        timeline.where((F.col("type") == "preference_set") & is_person())
        .where(provenance() == "zero")
        .withColumn("_name", as_compared(F.col("attribute")))
        .where("_name <> ''")
        .select(
            "person_id",
            "_name",
            "occurred_at",
            F.struct(*ORDER).alias("cause"),
            F.lead(F.struct(*ORDER)).over(of_attribute).alias("_next"),
            F.array_sort(F.array_distinct(F.filter(values, lambda v: v != ""))).alias("_values"),
        )
        .where(F.size("_values") > 0)
    )
    every = F.explode(F.array(*(_as_struct(policy) for policy in policies))).alias("rule")
    asked = said.select("*", every).where(
        (F.size("rule.attributes") == 0) | F.array_contains("rule.attributes", F.col("_name"))
    )
    in_time = F.col("_next.occurred_at") < F.coalesce("rule.ends_at", forever())
    name = F.concat(F.lit(ATTRIBUTE), F.col("_name"))
    return (
        asked.withColumn("_lift", F.when(in_time, F.col("_next")))
        .select(
            "person_id",
            F.col("rule.policy").alias("policy"),
            F.lit("declared_preference").alias("reason"),
            F.col("rule.channels").alias("channels"),
            F.array(scope_part(name, "_values", negated=True)).alias("scope"),
            F.col("occurred_at").alias("starts_at"),
            F.coalesce("_lift.occurred_at", "rule.ends_at").alias("ends_at"),
            named("_lift").alias("lifted_by"),
            F.array(named("cause")).alias("evidence"),
            "cause",
            F.lit(None).cast("int").alias("line_number"),
        )
        .transform(with_id)
    )


def _as_struct(policy: Policy) -> Column:
    chosen: DeclaredPreference = policy.options
    ends_at = F.lit(None).cast("timestamp")
    if chosen.lasts is not None:
        ends_at = F.col("occurred_at") + F.lit(chosen.lasts)
    names = sorted({name.strip(" ").lower() for name in chosen.attributes})
    return F.struct(
        F.lit(policy.name).alias("policy"),
        ends_at.alias("ends_at"),
        F.array(*map(F.lit, names)).cast("array<string>").alias("attributes"),
        channel_list(chosen.channels).alias("channels"),
    )


def _rows(facts: Facts, policies: Sequence[Policy]) -> DataFrame:
    return declared_preference(facts.timeline, policies=policies)


def _reads(chosen: DeclaredPreference, *, slowest: Callable[[], float | None]) -> Reads:
    """As long as an answer counts; what ends it in time is no older."""
    return {"profile": chosen.lasts}


def _references(chosen: DeclaredPreference) -> Mapping[str, str]:
    return {"products": "what attributes products have says [reference.products]"}


def _oddities(chosen: DeclaredPreference) -> Iterator[str]:
    if any(not name.strip(" ") for name in chosen.attributes):
        yield "attributes holds a blank name, which no answer has"


def _says(chosen: DeclaredPreference) -> str:
    if chosen.lasts is None:
        return "asked for something else"
    return f"asked for something else in the {in_words(chosen.lasts)} before"


RULE = Rule(
    when="declared_preference",
    doc="Say nothing of products that are otherwise than somebody has asked for.",
    precedence=90,
    options=DeclaredPreference,
    stream="profiles",
    reads=_reads,
    rows=_rows,
    says=_says,
    lifts=lambda _: "another answer to the same question (preference_set)",
    oddities=_oddities,
    references=_references,
    share=lambda chosen: chosen.share,
    attributes=lambda given: given.get("attributes") or None,
    is_about_attributes=True,
    is_about_offers=True,
)
