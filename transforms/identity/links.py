"""Links: which identifiers were seen together, and what is known of them now."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from tactful.schemas.events import ORDER
from tactful.schemas.identity import SEEN
from tactful.schemas.words import MANUAL_LINK_TYPES

# So many values fit into every executor's memory, so many hashes of values do, too.
FEW = 200_000
MANY = 10_000_000
SETS = ("identifier_keys", "identifier_types", "blocked_keys", "blocked_types")
# What stays of a set that several batches wrote of, in words that Spark and DuckDB read alike.
MERGED = {
    **{name: f"any_value({name})" for name in SETS},
    "first_seen": "min(first_seen)",
    "last_seen": "max(last_seen)",
    "kind": "any_value(kind)",
    "batch_id": "max(batch_id)",
}


def is_manual_link() -> Column:
    """Whether an event is no sighting, but a word of the business on two identifiers."""
    return F.coalesce(F.col("type").isin(*MANUAL_LINK_TYPES), F.lit(False))


def seen_together(events: DataFrame) -> DataFrame:
    """List every set of identifiers that was seen together, with its first and last event.

    A thousand page views of one cookie make one row, so the log grows with what is new. What the
    business says of two identifiers is a set of another kind: they were not seen together.

    Adds: link_id, kind, first_seen, last_seen. Keeps: one row a set and kind. Drops: events without
    identifiers.
    """
    event_ref = F.struct(*ORDER)
    members = F.array_join(F.concat("identifier_keys", F.array(F.lit("|")), "blocked_keys"), ",")
    kind = F.when(is_manual_link(), F.col("type")).otherwise(F.lit(SEEN))
    hashed = F.when(is_manual_link(), F.concat_ws(":", "type", members)).otherwise(members)
    return (
        events.where((F.size("identifier_keys") > 0) | (F.size("blocked_keys") > 0))
        .select(
            *SETS,
            *ORDER,
            kind.alias("kind"),
            F.substring(F.sha2(hashed, 256), 1, 32).alias("link_id"),
        )
        .groupBy("link_id")
        .agg(
            *(F.any_value(name).alias(name) for name in (*SETS, "kind")),
            F.min(event_ref).alias("first_seen"),
            F.max(event_ref).alias("last_seen"),
        )
    )


def is_seen() -> Column:
    """Whether a row of links says that identifiers were seen together in events."""
    return F.coalesce("kind", F.lit(SEEN)) == SEEN


def merge_links(links: DataFrame) -> DataFrame:
    """Make one row a set and kind of what several batches wrote of it.

    Keeps: one row a link_id; earliest first_seen, latest last_seen, newest batch_id.
    """
    return links.groupBy("link_id").agg(*(F.expr(s).alias(name) for name, s in MERGED.items()))


def news_of(seen: DataFrame, links: DataFrame) -> DataFrame:
    """Keep the sets that were never seen, or never as early or as late.

    Of the others nothing is new: what came of them came of them before. seen, links: rows of the
    log, each set once in `seen`.
    """
    known = links.groupBy("link_id").agg(
        F.min("first_seen").alias("_first"), F.max("last_seen").alias("_last")
    )
    is_old = (F.col("_first") <= F.col("first_seen")) & (F.col("_last") >= F.col("last_seen"))
    both = seen.join(known, "link_id", "left").where(~F.coalesce(is_old, F.lit(False)))
    return both.select(*seen.columns)


def latest(rows: DataFrame, *, key: list[str]) -> DataFrame:
    """Keep what the newest batch said of each key in an append-only log."""
    rest = [name for name in rows.columns if name not in key]
    newest = F.max_by(F.struct(*rest), "batch_id").alias("_newest")
    return rows.groupBy(*key).agg(newest).select(*key, "_newest.*")


def broadcast_if_small(rows: DataFrame, *, count: int) -> DataFrame:
    """Send a few rows to every executor as they are, so that what is joined to them need not move.

    Keeps: every row. count: how many there are, about.
    """
    return F.broadcast(rows) if count <= FEW else rows


def semi_join(rows: DataFrame, values: DataFrame, *, count: int) -> DataFrame:
    """Keep the rows that hold one of these values, in columns of the same names.

    count: how many values there are, about. A few go to every executor as they are, and the rows
    need not move. Of more go their hashes, eight bytes each: what they let pass is looked at again.
    """
    wanted, names = values.distinct(), values.columns
    if count <= FEW:
        return rows.join(F.broadcast(wanted), names, "left_semi")
    if count <= MANY:
        hashed = wanted.select(F.xxhash64(*names).alias("_hash"))
        maybe = rows.withColumn("_hash", F.xxhash64(*names))
        rows = maybe.join(F.broadcast(hashed), "_hash", "left_semi").drop("_hash")
    return rows.join(wanted, names, "left_semi")


def labels_of(rows: DataFrame, keys: DataFrame, *, count: int) -> DataFrame:
    """Look the newest labels of some identifiers up.

    Keeps: one row an identifier that has a label. rows: the log's rows, several an identifier.
    keys: identifier_key.
    """
    return latest(semi_join(rows, keys, count=count), key=["identifier_key"])


def labels_with(rows: DataFrame, values: DataFrame, *, count: int) -> DataFrame:
    """Look the labels up that now hold one of these values, such as a component.

    A row that was overtaken may still name the value, so what it leads to is looked up again.

    Keeps: one row an identifier. values: one column, named as in the labels.
    """
    named = semi_join(rows, values, count=count).select("identifier_key")
    return semi_join(labels_of(rows, named, count=count), values, count=count)


def links_of(links: DataFrame, members: DataFrame, *, count: int) -> DataFrame:
    """Fetch every link that holds one of the members.

    Keeps: a row for each member that a link holds; `merge_links` makes them one.
    """
    held = links.withColumn("identifier_key", F.explode("identifier_keys"))
    return semi_join(held, members, count=count).drop("identifier_key")
