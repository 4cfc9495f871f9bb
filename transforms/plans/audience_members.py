"""Audience members: who is shown ads by which policy, from when to when."""

from __future__ import annotations

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from tactful.schemas.audience_members import AUDIENCE_MEMBERS
from tactful.schemas.words import AD
from tactful.transforms.identity.links import latest


def audience_members(plans: DataFrame, labels: DataFrame) -> DataFrame:
    """Show each stay of somebody in an ad audience; plans that overlap, or touch, are one stay.

    Whose a plan is, is asked now: persons merge.

    Keeps: one row a person × audience × stay. Columns: those of `audience_members`.
    plans: the log. labels: one row an identifier.
    """
    owners = labels.select(
        F.col("identifier_key").alias("anchor_key"), F.col("person_id").alias("_p")
    )
    shown = latest(plans, key=["decision_id"]).where(
        (F.col("channel") == AD) & F.col("emitted_at").isNotNull()
    )
    stays = shown.join(owners, "anchor_key", "left").select(
        F.coalesce("_p", "person_id").alias("person_id"),
        F.col("policy").alias("audience"),
        F.col("emitted_at").alias("entered_at"),
        F.when(F.col("is_final"), F.col("as_of")).alias("left_at"),
    )
    ever = F.coalesce("left_at", F.lit("9999-12-31").cast("timestamp"))
    of_person = Window.partitionBy("person_id", "audience").orderBy("entered_at", ever)
    before = of_person.rowsBetween(Window.unboundedPreceding, -1)
    is_new = F.coalesce(F.col("entered_at") > F.max(ever).over(before), F.lit(True))
    numbered = stays.withColumn("_is_new", is_new).withColumn(
        "_stay", F.count_if("_is_new").over(of_person)
    )
    merged = numbered.groupBy("person_id", "audience", "_stay").agg(
        F.min("entered_at").alias("entered_at"),
        F.when(F.bool_and(F.col("left_at").isNotNull()), F.max("left_at")).alias("left_at"),
    )
    return AUDIENCE_MEMBERS.conform(merged)
