"""Test copies: what is said goes to those as well who look whether it is right.

A copy is nobody's message: it has no person, holds what is offered and nothing of what the customer
did, and counts in no figure. Its decision_id begins with `test-`, so that what becomes of it is
known for what it is when its sender tells of it.
"""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from tactful.schemas.records import TEST_MARK
from tactful.transforms.consents import PROOF
from tactful.transforms.plans.days import day_of

# What becomes of a message and only counts. Who closes a channel by a copy has closed it.
COUNTED = ("sent", "delivered", "opened", "clicked", "failed")
# What makes one message another one to whoever looks at it.
ALIKE = ("policy", "channel", "campaign_id", "content_id", "template", "locale")


def is_of_copy() -> Column:
    """Whether an event tells what became of a test copy: nothing is made of it."""
    is_ours = F.col("type").isin(*COUNTED) & F.col("decision_id").startswith(TEST_MARK)
    return F.coalesce(is_ours, F.lit(False))


def copies(
    said: DataFrame, told: DataFrame, *, destination: str, to: Sequence[str], time_zone: str
) -> DataFrame:
    """One copy a business day of each message that is said, for each who looks.

    An address is reached by email, a number by SMS and calls; no other channel has copies.

    Keeps: the columns of said, with address, decision_id, and no person. Grain: message × who.
    said: what is said now, with template. told: decision_id of the copies that were made before.
    """
    by = F.when(F.col("_to").startswith("+"), F.array(F.lit("sms"), F.lit("call")))
    reached = F.array_contains(F.coalesce(by, F.array(F.lit("email"))), F.col("channel"))
    day = day_of(F.col("send_at"), time_zone).cast("string")
    parts = (F.coalesce(F.col(name), F.lit("")) for name in (*ALIKE, "_to"))
    name = F.sha2(F.concat_ws("|", F.lit(destination), F.col("_day"), *parts), 256)
    one = F.struct(*(column for column in said.columns if column not in ALIKE))
    first = (
        said.withColumn("_day", day)
        .groupBy(*ALIKE, "_day")
        .agg(F.min_by(one, "decision_id").alias("_one"))
        .withColumn("_to", F.explode(F.array(*(F.lit(address) for address in to))))
        .where(reached)
        .select(
            *ALIKE,
            "_one.*",
            "_to",
            F.concat(F.lit(TEST_MARK), F.substring(name, 1, 27)).alias("_id"),
        )
    )
    return (
        first.withColumns(
            {
                "decision_id": F.col("_id"),
                "address": F.col("_to"),
                "event": F.lit(None).cast(said.schema["event"].dataType),
                "proof": F.lit(None).cast(PROOF),
                "person_id": F.lit(None).cast("string"),
                "address_key": F.lit(None).cast("string"),
            }
        )
        .join(told.select("decision_id"), "decision_id", "left_anti")
        .select(*said.columns)
    )
