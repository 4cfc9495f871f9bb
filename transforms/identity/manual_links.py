"""Manual links: what the business says of two identifiers, against all data."""

from __future__ import annotations

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from tactful.schemas.words import WITHDRAWN
from tactful.transforms.blanks import as_name, unless_blank
from tactful.transforms.identity.links import is_manual_link

PAIR = ("identifier_key", "other_key")
NOT_TWO = "not_two_identifiers"


def refuse_unless_two(received: DataFrame, keys: DataFrame) -> DataFrame:
    """Refuse every manual link that does not name two identifiers, and nothing else beside them.

    In doubt nobody is made one with anybody: one of an unknown type, one that is blocked or cannot
    be one of its type, the same one twice, an email and its own hash. An identifier without a value
    says nothing. Where the identifiers themselves could not be read, that is reason enough.

    Changes: reasons. Keeps: one row a landed row.
    keys: see `key_identifiers`, of all combinations that manual links carry.
    """
    says_more = F.exists("identifier_reasons", lambda reason: ~reason.endswith(":empty"))
    is_pair = (F.size("identifier_keys") == 2) & (F.size("blocked_keys") == 0) & ~says_more
    pairs = keys.where(is_pair).select(
        F.col("identifiers").alias("_identifiers"), F.lit(True).alias("_is_pair")
    )
    judged = received.join(
        F.broadcast(pairs), F.col("identifiers") == F.col("_identifiers"), "left"
    )
    unread = F.exists("reasons", lambda reason: reason.endswith(":identifiers"))
    unclear = is_manual_link() & F.col("_is_pair").isNull() & ~unread
    reasons = F.when(unclear, F.array_append("reasons", F.lit(NOT_TWO))).otherwise(F.col("reasons"))
    return judged.withColumn("reasons", reasons).drop("_identifiers", "_is_pair")


def manual_links(words: DataFrame, profiles: DataFrame) -> DataFrame:
    """List what was said of pairs of identifiers, by whom and why, and which of it holds.

    Of a pair the newest word holds, in whichever order its two are written. A word that another
    list of blocked values has left without two identifiers holds no longer.

    Keeps: one row a word. Adds: the columns of `manual_links`.
    words: manual links of the timeline: those whose time has come. profiles: accepted events.
    """
    due = words.where(is_manual_link()).select("event_id")
    said = (
        profiles.where(is_manual_link())
        .join(due, "event_id")
        .select(
            "event_id",
            F.col("occurred_at").alias("said_at"),
            F.col("type").alias("kind"),
            F.expr(as_name("properties['author']")).alias("author"),
            F.expr(unless_blank("properties['reason']")).alias("reason"),
            *(F.get("identifier_keys", F.lit(at)).alias(name) for at, name in enumerate(PAIR)),
        )
    )
    in_order = F.struct("said_at", "event_id")
    is_newest = in_order == F.max(in_order).over(Window.partitionBy(*PAIR))
    holds = is_newest & (F.col("kind") != WITHDRAWN) & F.col("other_key").isNotNull()
    return said.withColumn("is_standing", holds)
