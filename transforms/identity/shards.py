"""Shards: whole components side by side, so many that what is in one fits into one process.

Who is who within a component depends on nothing outside of it, once it is known which identifiers
are hubs: those join nobody, and are counted here over everything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from tactful.schemas.identity import SEEN
from tactful.schemas.words import ALWAYS, NEVER, WITHDRAWN
from tactful.transforms.identity.links import is_seen, semi_join
from tactful.transforms.identity.owners import named_after

SET = ("identifier_keys", "identifier_types", "first_seen", "last_seen", "kind")
# A component of more than this share of a shard has one of its own. Of smaller ones so many are
# drawn into a shard that is half full on average that none is overfull: it would be five times as
# far off as such sums are.
LARGE_SHARE = 64


@dataclass(frozen=True)
class Bounds:
    """Of a type: its priority, and with how many of better and of lesser types one is no hub."""

    priority: int
    max_links: int
    max_devices: int


def node_of(value: str | Column) -> Column:
    """The number of a node, from what names it: a hash, which leaves no order in the numbers.

    Two names of one number are one node. Whoever needs just what hangs together must bear that.
    """
    return F.xxhash64(value)


def per_identifier(sets: DataFrame) -> DataFrame:
    """Count with how many others each identifier was seen, at most.

    Adds: identifier_type, met. Keeps: one row an identifier. sets: rows of `links` that were seen.
    """
    members = _members(sets, (F.size("identifier_keys") - 1).alias("met"))
    return members.groupBy("identifier_key").agg(
        F.any_value("identifier_type").alias("identifier_type"), F.sum("met").alias("met")
    )


def busy(identifiers: DataFrame, bounds: Mapping[str, Bounds]) -> DataFrame:
    """Keep those that were seen with so many others that they may be hubs. Nearly nobody is.

    Keeps: identifier_key. identifiers: see `per_identifier`.
    """
    least = {name: min(kind.max_links, kind.max_devices) for name, kind in bounds.items()}
    return identifiers.where(F.col("met") > _of(least, "identifier_type")).select("identifier_key")


def hubs_among(
    busy: DataFrame, sets: DataFrame, bounds: Mapping[str, Bounds], *, count: int
) -> DataFrame:
    """Find the identifiers seen with too many others of one type; see `components.hubs`.

    Keeps: identifier_key. count: how many are busy, about.
    """
    kind = {name: bound.priority for name, bound in bounds.items()}
    met = (
        semi_join(_members(sets, _zipped().alias("_all")), busy, count=count)
        .select("identifier_key", "identifier_type", F.explode("_all").alias("_other"))
        .select(
            "identifier_key",
            "identifier_type",
            F.col("_other.identifier_keys").alias("other_key"),
            F.col("_other.identifier_types").alias("other_type"),
        )
        .where(_of(kind, "identifier_type") != _of(kind, "other_type"))
        .distinct()
        .groupBy("identifier_key", "identifier_type", "other_type")
        .agg(F.count(F.lit(1)).alias("seen_with"))
    )
    is_higher = _of(kind, "other_type") < _of(kind, "identifier_type")
    bound = F.when(
        is_higher, _of({name: b.max_links for name, b in bounds.items()}, "identifier_type")
    ).otherwise(_of({name: b.max_devices for name, b in bounds.items()}, "identifier_type"))
    return met.where(F.col("seen_with") > bound).select("identifier_key").distinct()


def without_hubs(sets: DataFrame, hubs: DataFrame, *, count: int) -> DataFrame:
    """Take the hubs out of what was seen together; of each, only when it was first and last seen.

    Adds: is_hub. Keeps: the sets that hold anything else, and a row a hub. Words of the business
    stay as they are. hubs: identifier_key. count: how many, about.
    """
    said, seen = sets.where(~is_seen()), sets.where(is_seen())
    if not count:
        return _flagged(sets.where(F.size("identifier_keys") > 0))
    held = semi_join(_members(seen, F.col("link_id")), hubs, count=count)
    of_set = held.groupBy("link_id").agg(F.collect_set("identifier_key").alias("_hubs"))
    left = F.filter(_zipped(), lambda m: ~F.array_contains("_hubs", m["identifier_keys"]))
    is_plain = F.col("_hubs").isNull()
    stripped = seen.join(of_set, "link_id", "left").withColumn("_left", left)
    for name in ("identifier_keys", "identifier_types"):
        stays = F.when(is_plain, F.col(name)).otherwise(F.col(f"_left.{name}"))
        stripped = stripped.withColumn(name, stays)
    rows = said.unionByName(stripped.select(*sets.columns)).where(F.size("identifier_keys") > 0)
    return _flagged(rows).unionByName(_hub_rows(seen, hubs, count=count))


def _hub_rows(seen: DataFrame, hubs: DataFrame, *, count: int) -> DataFrame:
    members = semi_join(_members(seen, F.col("first_seen"), F.col("last_seen")), hubs, count=count)
    rows = members.groupBy("identifier_key").agg(
        F.any_value("identifier_type").alias("identifier_type"),
        F.min("first_seen").alias("first_seen"),
        F.max("last_seen").alias("last_seen"),
    )
    return rows.select(
        F.array("identifier_key").alias("identifier_keys"),
        F.array("identifier_type").alias("identifier_types"),
        "first_seen",
        "last_seen",
        F.lit(SEEN).alias("kind"),
        F.lit(True).alias("is_hub"),
    )


def pairs_of(sets: DataFrame) -> DataFrame:
    """What each set joins, as pairs of nodes: one, other; see `connected`.

    A word joins the two that it is about, whatever it says of them: so it is in one shard.
    """
    rest = F.slice("identifier_keys", 2, F.size("identifier_keys"))
    return (
        sets.where(F.size("identifier_keys") > 1)
        .select(node_of(first_key()).alias("one"), F.explode(rest).alias("_other"))
        .select("one", node_of("_other").alias("other"))
    )


def homes(components: DataFrame, *, shards: int, shard_identifiers: int) -> DataFrame:
    """Say into which shard each node goes that has a neighbour.

    Adds: shard. Keeps: node. shard_identifiers: how many a shard holds at most, but for a component
    that is larger. shards: see `shards_for`.
    """
    sizes = components.groupBy("component").agg(F.count(F.lit(1)).alias("_size"))
    large = sizes.where(F.col("_size") > shard_identifiers // LARGE_SHARE)
    own = F.when(F.col("_size").isNotNull(), F.col("component"))
    return components.join(large, "component", "left").select(
        "node", F.coalesce(own, _drawn("component", shards)).alias("shard")
    )


def shards_for(identifiers: int, *, shard_identifiers: int) -> int:
    """How many shards small components are drawn into, so that these are half full."""
    return 2 * identifiers // shard_identifiers + 1


def in_shards(rows: DataFrame, key: Column, homes: DataFrame, *, shards: int) -> DataFrame:
    """Say into which shard each row goes, by one of the identifiers it is about.

    Adds: shard.
    """
    named = rows.withColumn("node", node_of(key)).join(homes, "node", "left")
    return named.withColumn("shard", F.coalesce("shard", _drawn("node", shards))).drop("node")


def known_before(labels: DataFrame) -> DataFrame:
    """Say of the newest labels since when the living person named after each identifier is seen.

    Adds: active_since. labels: one row an identifier, none of them blocked.
    """
    living = labels.where("state = 'linked'").select(
        named_after().alias("identifier_key"),
        F.col("first_seen_at").alias("active_since"),
    )
    persons = living.groupBy("identifier_key").agg(F.min("active_since").alias("active_since"))
    return labels.join(persons, "identifier_key", "left")


def changes(moved: DataFrame, sets: DataFrame) -> DataFrame:
    """One row for each two persons between whom identifiers moved, with the event that did it.

    As `jobs.identity.changes.changes_of` has it, which says why. moved: identifier_key,
    from_person_id, to_person_id. sets: all rows of `links`.
    """
    held = _members(sets, F.col("last_seen"), F.coalesce("kind", F.lit(SEEN)).alias("kind"))
    dated = moved.join(held, "identifier_key", "left")
    own = F.concat(F.lit("p_"), "identifier_key")
    is_merge = (F.col("from_person_id") == own) & F.col("to_person_id").isNotNull()
    pairs = dated.groupBy("from_person_id", "to_person_id").agg(
        F.bool_or(is_merge).alias("_is_merge"),
        F.max(_weight(ALWAYS, NEVER)).alias("_as_merge"),
        F.max(_weight(NEVER, ALWAYS)).alias("_as_split"),
    )
    cause = F.when(F.col("_is_merge"), F.col("_as_merge")).otherwise(F.col("_as_split"))
    by_data = F.when(F.col("_is_merge"), "linked").otherwise("kept_apart")
    return pairs.withColumn("_cause", cause).select(
        F.when(F.col("_is_merge"), "merge").otherwise("split").alias("kind"),
        "from_person_id",
        "to_person_id",
        F.concat("_cause.last_seen.stream", F.lit(":"), "_cause.last_seen.event_id").alias(
            "cause_event_id"
        ),
        F.when(F.coalesce("_cause.fits", F.lit(False)), F.col("_cause.kind"))
        .otherwise(by_data)
        .alias("rule"),
    )


def blocked_of(links: DataFrame) -> DataFrame:
    """The blocked identifiers, and when they were first and last seen; they are few.

    Keeps: one row an identifier and type. links: rows of the log.
    """
    zipped = F.explode(F.arrays_zip("blocked_keys", "blocked_types")).alias("_member")
    at = (F.col(f"{name}.occurred_at").alias(f"{name}_at") for name in ("first_seen", "last_seen"))
    return (
        links.where(is_seen())
        .select(zipped, *at)
        .groupBy(
            F.col("_member.blocked_keys").alias("identifier_key"),
            F.col("_member.blocked_types").alias("identifier_type"),
        )
        .agg(
            F.min("first_seen_at").alias("first_seen_at"),
            F.max("last_seen_at").alias("last_seen_at"),
        )
    )


def _weight(word: str, opposite: str) -> Column:
    """How much speaks for a set as the cause: a fitting word above all; null: the opposite."""
    fits = F.col("kind").isin(word, WITHDRAWN).alias("fits")
    speaks = F.col("last_seen").isNotNull() & (F.col("kind") != opposite)
    return F.when(speaks, F.struct(fits, "last_seen", "kind"))


def _members(sets: DataFrame, *columns: Column) -> DataFrame:
    """A row a member of each set: identifier_key, identifier_type, and these columns."""
    exploded = sets.select(*columns, F.explode(_zipped()).alias("_member"))
    rest = [name for name in exploded.columns if name != "_member"]
    return exploded.select(
        F.col("_member.identifier_keys").alias("identifier_key"),
        F.col("_member.identifier_types").alias("identifier_type"),
        *rest,
    )


def _zipped() -> Column:
    return F.arrays_zip("identifier_keys", "identifier_types")


def first_key() -> Column:
    """The identifier by which a set goes into a shard: all of them go into the same."""
    return F.col("identifier_keys")[0]


def _flagged(rows: DataFrame) -> DataFrame:
    return rows.select(*SET, F.lit(False).alias("is_hub"))


def _drawn(name: str, shards: int) -> Column:
    return F.pmod(F.xxhash64(name), F.lit(shards))


def _of(values: Mapping[str, int], kind: str) -> Column:
    """What holds for the type that a column names."""
    told = (F.lit(word) for pair in values.items() for word in pair)
    return F.create_map(*told)[F.col(kind)]
