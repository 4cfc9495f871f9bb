"""Personalisation: who wants nothing chosen for them by what is known of them alone."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

# A customer says so by this attribute, in either spelling; what is none of these words is no.
ATTRIBUTES = ("personalisation", "personalization")
YES = ("on", "yes", "true", "1")
# What is worked out of somebody's behaviour, and not told by them.
PROFILING = (
    "average_order", "sale_share", "returns_share", "value_band", "categories", "brands",
    "switched_brand", "category_intervals", "product_intervals", "response_rates",
    "preferred_channel", "usual_response_hour", "usual_response_weekday", "usual_purchase_hour",
    "usual_purchase_weekday", "generation",
)  # fmt: skip


def is_personalised() -> Column:
    """Whether something may be chosen for somebody by what is known of them.

    It may unless they said otherwise, or the shop noted it for them: by either spelling of the
    attribute a word that is no clear yes. Of rows with attributes (see `customers`), which hold the
    best source's newest word.
    """
    said = F.filter(
        F.map_entries("attributes"), lambda one: F.lower(F.trim(one["key"])).isin(*ATTRIBUTES)
    )
    word = F.transform(said, lambda one: F.lower(F.trim(one["value"]["value"])))
    is_yes = F.forall(word, lambda told: F.coalesce(told.isin(*YES), F.lit(False)))
    return F.coalesce(is_yes, F.lit(True))


def without_profiling(customers: DataFrame) -> DataFrame:
    """Take away what was worked out of the behaviour of those who want nothing chosen by it.

    For them content is that of their segment, and no column of PROFILING is asked.

    Keeps: all rows and columns; theirs of PROFILING are null. customers: see `customers`.
    """
    is_on = is_personalised()
    return customers.withColumns({name: F.when(is_on, F.col(name)) for name in PROFILING})
