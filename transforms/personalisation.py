"""Personalisation: who wants nothing chosen for them by what is known of them alone."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from tactful.transforms.persons.profiles import answers, says_attribute

# A customer says so by this attribute, in either spelling; what is none of these words is no.
ATTRIBUTES = ("personalisation", "personalization")
YES = ("on", "yes", "true", "1")
# What is worked out of somebody's behaviour, and not told by them; the lifecycle is their segment.
PROFILING = (
    "average_order", "sale_share", "returns_share", "value_band", "categories", "brands",
    "switched_brand", "category_intervals", "product_intervals", "response_rates",
    "preferred_channel", "usual_response_hour", "usual_response_weekday", "usual_purchase_hour",
    "usual_purchase_weekday", "generation", "recency_days", "recency_score", "frequency_score",
    "money_score", "revenue_365d", "valued",
)  # fmt: skip


def says_personalisation() -> Column:
    """Whether an event of the timeline says whether something may be chosen by what is known."""
    is_one = F.lower(F.trim("attribute")).isin(*ATTRIBUTES)
    return says_attribute() & F.coalesce(is_one, F.lit(False))


def not_personalised(timeline: DataFrame) -> DataFrame:
    """Who wants nothing chosen by what is known of them.

    It may be unless they said otherwise, or the shop noted it for them: by either spelling of the
    attribute a word, the best source's newest, that is no clear yes.

    Keeps: person_id. Grain: person who said so. timeline: rows with person_id.
    """
    word = F.lower(F.trim("value"))
    is_yes = F.coalesce(word.isin(*YES), F.lit(False))
    return (
        answers(timeline.where(says_personalisation()))
        .where(~is_yes)
        .select("person_id")
        .distinct()
    )


def without_profiling(customers: DataFrame, unwilling: DataFrame) -> DataFrame:
    """Take away what was worked out of the behaviour of those who want nothing chosen by it.

    For them content is that of their segment, and no column of PROFILING is asked: a condition
    over one is unknown, so that it chooses neither them nor any content for them.

    Keeps: all rows and columns; theirs of PROFILING are null. customers: person_id and columns of
    `customers` and `customer_scores`. unwilling: see `not_personalised`.
    """
    told = customers.join(unwilling.withColumn("_off", F.lit(True)), "person_id", "left")
    is_on = F.col("_off").isNull()
    mine = [name for name in PROFILING if name in customers.columns]
    return told.withColumns({name: F.when(is_on, F.col(name)) for name in mine}).drop("_off")
