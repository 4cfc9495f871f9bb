"""Holdout: who hears nothing of a campaign, so that it can be measured what it does."""

from __future__ import annotations

from datetime import datetime

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from tactful.schemas.assignments import CONTROL, TEST
from tactful.transforms.identity.keys import hmac_sha256
from tactful.transforms.identity.owners import named_after

HOLDOUT, CONTAMINATED = "holdout", "contaminated"
# So many digits of the hash decide: of sixteen million parts each is one.
DIGITS = 6


def with_arm(anchors: DataFrame, pads: DataFrame) -> DataFrame:
    """Say of each identifier whether it is in a campaign's control group.

    A keyed hash of the campaign and the identifier decides, so that the same is drawn again
    whenever it is asked, by no campaign as by another, and nobody without the lake's secret can
    tell who is drawn. Without a share, or with 0, nobody is held out.

    Keeps: all rows. Adds: arm (control, test). anchors: anchor_key, campaign_id, holdout_share.
    pads: inner and outer, one row (see `hmac_sha256`).
    """
    message = F.concat_ws(":", F.lit("holdout"), "campaign_id", "anchor_key")
    drawn = anchors.crossJoin(F.broadcast(pads)).withColumn(
        "_drawn", hmac_sha256(message, inner=F.col("inner"), outer=F.col("outer"))
    )
    part = F.conv(F.substring("_drawn", 1, DIGITS), 16, 10).cast("double") / F.lit(16.0**DIGITS)
    is_control = part < F.coalesce("holdout_share", F.lit(0.0))
    arm = F.when(is_control, CONTROL).otherwise(TEST)
    return drawn.withColumn("arm", arm).drop("inner", "outer", "_drawn")


def arms_of_persons(assigned: DataFrame) -> DataFrame:
    """Say in which arm each person is of each campaign, and who must not be spoken to by it.

    A person is analysed under the arm that was assigned first. Whose identifiers were assigned to
    different arms, before it was known that they are one, is contaminated and not spoken to either.

    Keeps: one row a person × campaign. Adds: arm, is_contaminated, is_held_out.
    assigned: person_id, campaign_id, anchor_key, arm, assigned_at.
    """
    first = F.min_by("arm", F.struct("assigned_at", "anchor_key"))
    arms = assigned.groupBy("person_id", "campaign_id").agg(
        first.alias("arm"), (F.count_distinct("arm") > 1).alias("is_contaminated")
    )
    return arms.withColumn("is_held_out", (F.col("arm") == CONTROL) | F.col("is_contaminated"))


def arms(asked: DataFrame, assigned: DataFrame, pads: DataFrame, *, as_of: datetime) -> DataFrame:
    """Say in which arm everybody is whom a campaign is about to speak to, drawn where nobody has.

    Drawn is by the identifier that a person is named after, the one seen first. Whom a campaign
    without control group speaks to is in no arm, whatever was drawn before.

    Keeps: one row a person × campaign that holds anybody out. Adds: arm, is_contaminated,
    is_held_out; anchor_key and assigned_at (null unless it is drawn now).
    asked: person_id, campaign_id, holdout_share, each pair once. assigned: see `arms_of_persons`.
    """
    known = arms_of_persons(assigned)
    asked = asked.where("holdout_share > 0")
    drawn = with_arm(
        asked.join(known, ["person_id", "campaign_id"], "left_anti").withColumn(
            "anchor_key", named_after()
        ),
        pads,
    ).withColumns(
        {
            "is_contaminated": F.lit(False),
            "is_held_out": F.col("arm") == CONTROL,
            "assigned_at": F.lit(as_of),
        }
    )
    kept = asked.join(known, ["person_id", "campaign_id"])
    return kept.unionByName(drawn, allowMissingColumns=True).drop("holdout_share")


def held_out(actions: DataFrame, arms: DataFrame) -> DataFrame:
    """What is not said because its person is in the control group, or in both arms.

    Of receipts and the like nobody is held out.

    Keeps: decision_id. Adds: reason, policy, ends_at, evidence. actions: decision_id, person_id,
    campaign_id, purpose. arms: see `arms`.
    """
    reason = F.when(F.col("is_contaminated"), CONTAMINATED).otherwise(HOLDOUT)
    told = actions.where("purpose = 'marketing'").join(
        arms.where("is_held_out"), ["person_id", "campaign_id"]
    )
    return told.select(
        "decision_id",
        reason.alias("reason"),
        reason.alias("policy"),
        F.lit(None).cast("timestamp").alias("ends_at"),
        F.array().cast("array<string>").alias("evidence"),
    )
