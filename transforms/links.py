"""Links: which identifiers were seen together, and what is known of them now."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

SIGHT = ("occurred_at", "stream", "event_id")
SETS = ("identifier_keys", "identifier_types", "blocked_keys", "blocked_types")


def seen_together(events: DataFrame) -> DataFrame:
    """List every set of identifiers that was seen together, with its first and last event.

    A thousand page views of one cookie make one row, so the log grows with what is new.

    Adds: link_id, first_seen, last_seen. Keeps: one row a set. Drops: events without identifiers.
    """
    sight = F.struct(*SIGHT)
    members = F.array_join(F.concat("identifier_keys", F.array(F.lit("|")), "blocked_keys"), ",")
    return (
        events.where((F.size("identifier_keys") > 0) | (F.size("blocked_keys") > 0))
        .withColumn("link_id", F.substring(F.sha2(members, 256), 1, 32))
        .groupBy("link_id")
        .agg(
            *(F.any_value(name).alias(name) for name in SETS),
            F.min(sight).alias("first_seen"),
            F.max(sight).alias("last_seen"),
        )
    )


def merge_links(links: DataFrame) -> DataFrame:
    """Make one row a set of what several batches wrote of it.

    Keeps: one row a link_id; earliest first_seen, latest last_seen.
    """
    return links.groupBy("link_id").agg(
        *(F.any_value(name).alias(name) for name in SETS),
        F.min("first_seen").alias("first_seen"),
        F.max("last_seen").alias("last_seen"),
    )


def latest(rows: DataFrame, *, key: list[str]) -> DataFrame:
    """Keep what the newest batch said of each key in an append-only log."""
    rest = [name for name in rows.columns if name not in key]
    newest = F.max_by(F.struct(*rest), "batch_id").alias("_newest")
    return rows.groupBy(*key).agg(newest).select(*key, "_newest.*")


def touched_members(labels: DataFrame, seen: DataFrame) -> DataFrame:
    """List the identifiers whose person the new links may change.

    These are the identifiers just seen and everything that was ever linked to them: a component
    is worked out whole or not at all.

    Keeps: one row an identifier_key. labels: newest label of every identifier.
    seen: identifier_key of the batch.
    """
    components = labels.join(seen, "identifier_key").select("component_key").distinct()
    known = labels.join(components, "component_key").select("identifier_key")
    return known.union(seen).distinct()


def links_of(links: DataFrame, members: DataFrame) -> DataFrame:
    """Fetch every link that holds one of the members, once."""
    holding = (
        links.select("link_id", F.explode("identifier_keys").alias("identifier_key"))
        .join(members, "identifier_key", "left_semi")
        .select("link_id")
        .distinct()
    )
    return links.join(holding, "link_id", "left_semi")
