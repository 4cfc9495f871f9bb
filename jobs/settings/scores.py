"""What is called new, lately, often and much of a customer."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Annotated

from pydantic import AfterValidator, Field

from tactful.jobs.settings.fields import MOST, Count, Duration
from tactful.jobs.settings.section import Section


def _ascending(bounds: Iterable[int]) -> tuple[int, ...]:
    found = tuple(bounds)
    if len(found) != 4 or any(a >= b for a, b in pairwise(found)):
        raise ValueError("not four ascending numbers")
    return found


Bounds = Annotated[
    tuple[Count, ...],
    AfterValidator(_ascending),
    Field(
        description=f"a list of four whole numbers from 1 to {MOST}, "
        "each larger than the one before"
    ),
]


class Scores(Section):
    """How `customer_scores` divides customers."""

    recency_days: Bounds = Field(
        default=(30, 90, 180, 365),
        title="Days since the last order up to which the score is 5, 4, 3 and 2; then 1.",
    )
    orders: Bounds = Field(
        default=(2, 3, 5, 10), title="Orders from which the score is 2, 3, 4 and 5; below 1."
    )
    revenue: Bounds = Field(
        default=(50, 200, 500, 1000),
        title="Revenue in the business's currency from which the score is 2, 3, 4 and 5; below 1.",
    )
    new_for: Duration = Field(
        default=timedelta(days=90), title="How long after the first order a customer is new."
    )
    active_for: Duration = Field(
        default=timedelta(days=180), title="How long after an order a customer is active."
    )
    lapsing_for: Duration = Field(
        default=timedelta(days=185),
        title="How long a customer is lapsing who is no more active; then lapsed.",
    )


class Value(Section):
    """Which customers are worth most."""

    valued_from: Decimal | None = Field(
        default=None,
        gt=0,
        max_digits=16,
        decimal_places=4,
        description="an amount above 0 and below 1000000000000, with at most four decimal places",
        title="Revenue of 365 days in the business's currency from which a customer is valued; "
        "`status` tells what the best tenth reaches.",
    )
