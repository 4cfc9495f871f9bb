"""Activations: what stands of everything that was planned, for whoever reads it."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from tactful.schemas.plans import ACTIVATIONS
from tactful.transforms.identity.links import latest


def activations(plans: DataFrame, labels: DataFrame) -> DataFrame:
    """Show what is said next to whom, what was said, and what something else was said instead of.

    Whose a plan is, is asked now: persons merge.

    Keeps: one row a decision. Columns: those of `activations`.
    plans: the log. labels: one row an identifier.
    """
    owners = labels.select(
        F.col("identifier_key").alias("anchor_key"), F.col("person_id").alias("_p")
    )
    standing = latest(plans, key=["decision_id"]).join(owners, "anchor_key", "left")
    return ACTIVATIONS.conform(
        standing.withColumns(
            {
                "activation_id": F.col("decision_id"),
                "person_id": F.coalesce("_p", "person_id"),
                "action": F.concat_ws(":", "policy", "step"),
                "decided_at": F.col("as_of"),
            }
        )
    )
