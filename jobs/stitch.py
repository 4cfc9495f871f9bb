"""Stitch: identifiers seen together become persons; only what new links touch is looked at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from tactful.jobs.config import Identity
from tactful.jobs.runtime import Batch
from tactful.schemas.identity import LABELS, LINKS
from tactful.transforms.components import HUB, NEUTRAL, NOBODY, Kinds, Links, partition, survivors
from tactful.transforms.links import (
    labels_of,
    labels_with,
    latest,
    links_of,
    merge_links,
    seen_together,
)

# So many sets of identifiers, and what is linked to them, fit into every executor's memory.
FEW = 200_000
STATE_NAMES = np.array(["linked", "hub", "neutral"])
COMPARED = [
    "component_key", "person_id", "state", "neutral_from_at", "neutral_person_id", "is_minted",
    "first_seen_at", "last_seen_at",
]  # fmt: skip


@dataclass(frozen=True)
class Stitched:
    """What a batch changed: rows for the logs, the labels of all it touched, persons that moved."""

    links: DataFrame
    labels: DataFrame
    touched: DataFrame
    changes: DataFrame
    moved: DataFrame
    log: DataFrame
    few: bool

    def labels_of(self, keys: DataFrame) -> DataFrame:
        """The labels of these identifiers, as this batch leaves them."""
        return labels_of(self.log, keys, few=self.few)

    def labels_with(self, values: DataFrame) -> DataFrame:
        """The labels that now hold one of these values."""
        return labels_with(self.log, values, few=self.few)


def stitch(batch: Batch, events: DataFrame, rules: Identity) -> Stitched:
    """Join the batch's links to all that they touch, and say anew who is who there."""
    links = batch.keep(seen_together(events).withColumn("batch_id", F.lit(batch.number)))
    few = links.count() <= FEW
    log = batch.known(LABELS)
    before, members = _touched(batch, links, log, few=few)
    touching = merge_links(links_of(batch.known(LINKS), members, few=few).unionByName(links))
    relabelled = _relabel(
        touching.toArrow(), before.toArrow(), members.toArrow()["identifier_key"], rules
    )
    fresh = batch.lake.spark.createDataFrame(relabelled.select(LABELS.names[:-1]))
    changed = _changed(fresh.unionByName(_blocked(links, before)), before)
    labels = batch.keep(changed.withColumn("batch_id", F.lit(batch.number)))
    touched = batch.keep(latest(before.unionByName(labels), key=["identifier_key"]))
    moves = batch.keep(_moves(before, fresh))
    return Stitched(
        links, labels, touched, _described(moves, links, batch), moves, log.unionByName(labels), few
    )


def _touched(
    batch: Batch, links: DataFrame, log: DataFrame, *, few: bool
) -> tuple[DataFrame, DataFrame]:
    """The identifiers whose person the batch may change, and what was known of them before.

    These are the identifiers just seen and everything that was ever linked to them: a component
    is worked out whole or not at all. Blocked ones have labels too, but link nothing.
    """
    seen = links.select(F.explode("identifier_keys").alias("identifier_key")).distinct()
    blocked = links.select(F.explode("blocked_keys").alias("identifier_key"))
    known = batch.keep(labels_of(log, seen.union(blocked), few=few))
    components = known.where("state != 'blocked'").select("component_key")
    linked = labels_with(log, components, few=few)
    before = batch.keep(linked.unionByName(known.where("state = 'blocked'")))
    mine = before.where("state != 'blocked'").select("identifier_key")
    return before, batch.keep(mine.union(seen).distinct())


def kinds_of(rules: Identity) -> tuple[list[str], Kinds]:
    """The configured types as arrays, in a fixed order."""
    names = sorted(rules.types)
    types = [rules.types[name] for name in names]
    return names, Kinds(
        priority=np.array([kind.priority for kind in types]),
        is_unique=np.array([kind.unique for kind in types]),
        is_device=np.array([kind.device for kind in types]),
        max_links=np.array([rules.max_links_of(name) for name in names]),
        max_devices=np.array([rules.max_devices_of(name) for name in names]),
    )


def _relabel(
    links: pa.Table, before: pa.Table, members: pa.ChunkedArray, rules: Identity
) -> pa.Table:
    """Number the identifiers, let `components` decide, and give the numbers their names back."""
    names, kinds = kinds_of(rules)
    held = links["identifier_keys"].combine_chunks()
    encoded = pc.dictionary_encode(held.flatten())
    order = pc.sort_indices(encoded.dictionary).to_numpy()
    keys = encoded.dictionary.take(order)
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    node = rank[encoded.indices.to_numpy()]
    link = np.repeat(np.arange(len(held)), pc.list_value_length(held).to_numpy())
    types = pc.index_in(links["identifier_types"].combine_chunks().flatten(), pa.array(names))
    kind = np.zeros(len(keys), dtype=np.int64)
    kind[node] = types.to_numpy()
    first, last = _micros(links, "first_seen"), _micros(links, "last_seen")
    inside = pc.is_in(keys, members.combine_chunks()).to_numpy(zero_copy_only=False)
    found = partition(
        Links(link, node, _event_rank(links), first),
        kind,
        kinds,
        inside=inside,
        max_identifiers=rules.max_identifiers,
    )
    seen_first = np.full(len(keys), np.iinfo(np.int64).max)
    seen_last = np.full(len(keys), np.iinfo(np.int64).min)
    np.minimum.at(seen_first, node, first[link])
    np.maximum.at(seen_last, node, last[link])
    minted, active_since = _minted_before(before, keys)
    linked = np.where(found.state == 0, found.person, NOBODY)
    named = survivors(linked, minted=minted, active_since=active_since, first_seen=seen_first)
    minted[list(named.values())] = True
    text = np.array(keys.to_pylist(), dtype=object)
    owner = np.array(
        ["p_" + text[named[p]] if p in named else None for p in found.person.tolist()], dtype=object
    )
    owner[found.state == HUB] = None
    neutral = found.state == NEUTRAL
    table = pa.table(
        {
            "identifier_key": pa.array(text, pa.string()),
            "identifier_type": pa.array(np.array(names, dtype=object)[kind], pa.string()),
            "component_key": pa.array(text[found.component], pa.string()),
            "person_id": pa.array(owner, pa.string()),
            "state": pa.array(STATE_NAMES[found.state], pa.string()),
            "neutral_from_at": _instants(found.neutral_from, found.neutral_from == NOBODY),
            "neutral_person_id": pa.array(np.where(neutral, "n_" + text, None), pa.string()),
            "is_minted": pa.array(minted),
            "first_seen_at": _instants(seen_first),
            "last_seen_at": _instants(seen_last),
        }
    )
    return table.filter(pa.array(inside))


def _minted_before(before: pa.Table, keys: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """Which identifiers gave a person id, and since when the living ones among these are seen."""
    minted = np.zeros(len(keys), dtype=bool)
    since = np.full(len(keys), NOBODY, dtype=np.int64)
    gave = before.filter(pc.fill_null(before["is_minted"], False))["identifier_key"]
    minted[pc.drop_null(pc.index_in(gave.combine_chunks(), keys)).to_numpy()] = True
    living = before.filter(pc.equal(before["state"], "linked"))
    persons = pa.table(
        {
            "key": pc.utf8_slice_codeunits(living["person_id"], 2),
            "at": living["first_seen_at"].cast(pa.timestamp("us", "UTC")).cast(pa.int64()),
        }
    )
    earliest = persons.group_by("key").aggregate([("at", "min")])
    place = pc.index_in(earliest["key"].combine_chunks(), keys)
    real = pc.is_valid(place).to_numpy(zero_copy_only=False)
    since[pc.drop_null(place).to_numpy()] = earliest["at_min"].to_numpy()[real]
    return minted, since


def _micros(links: pa.Table, sight: str) -> np.ndarray:
    at = pc.struct_field(links[sight].combine_chunks(), "occurred_at")
    return at.cast(pa.timestamp("us", "UTC")).cast(pa.int64()).to_numpy()


def _event_rank(links: pa.Table) -> np.ndarray:
    first = links["first_seen"].combine_chunks()
    events = pa.table(
        {name: pc.struct_field(first, name) for name in ("occurred_at", "stream", "event_id")}
    )
    order = pc.sort_indices(events, sort_keys=[(name, "ascending") for name in events.column_names])
    rank = np.empty(len(links), dtype=np.int64)
    rank[order.to_numpy()] = np.arange(len(links))
    return rank


def _instants(micros: np.ndarray, missing: np.ndarray | None = None) -> pa.Array:
    return pa.array(micros, pa.int64(), mask=missing).cast(pa.timestamp("us", "UTC"))


def _blocked(links: DataFrame, known: DataFrame) -> DataFrame:
    """Blocked values stand in `identity` too, so that one can look up why they link nobody."""
    pairs = F.explode(F.arrays_zip("blocked_keys", "blocked_types")).alias("b")
    seen = (
        links.select(pairs, "first_seen", "last_seen")
        .groupBy(
            F.col("b.blocked_keys").alias("identifier_key"),
            F.col("b.blocked_types").alias("identifier_type"),
        )
        .agg(
            F.min("first_seen.occurred_at").alias("_first"),
            F.max("last_seen.occurred_at").alias("_last"),
        )
    )
    old = known.select("identifier_key", "first_seen_at", "last_seen_at")
    return LABELS.conform(
        seen.join(old, "identifier_key", "left")
        .withColumn("first_seen_at", F.least("first_seen_at", "_first"))
        .withColumn("last_seen_at", F.greatest("last_seen_at", "_last"))
        .withColumns(
            {
                "component_key": F.col("identifier_key"),
                "state": F.lit("blocked"),
                "is_minted": F.lit(False),
            }
        )
    ).drop("batch_id")


def _changed(fresh: DataFrame, known: DataFrame) -> DataFrame:
    old = known.select("identifier_key", F.struct(*COMPARED).alias("_old"))
    joined = fresh.join(old, "identifier_key", "left")
    return joined.where(~F.struct(*COMPARED).eqNullSafe(F.col("_old"))).drop("_old")


def _moves(before: DataFrame, fresh: DataFrame) -> DataFrame:
    """Identifiers whose person is another one now: identifier_key, from_person_id, to_person_id."""
    old = before.select("identifier_key", F.col("person_id").alias("from_person_id"))
    new = fresh.select("identifier_key", F.col("person_id").alias("to_person_id"))
    return old.join(new, "identifier_key").where(
        F.col("from_person_id").isNotNull()
        & ~F.col("from_person_id").eqNullSafe(F.col("to_person_id"))
    )


def _described(moves: DataFrame, links: DataFrame, batch: Batch) -> DataFrame:
    """A person that no identifier carries any more was merged; one that lives on was split."""
    gone = moves.select("identifier_key", "from_person_id", "to_person_id").where(
        F.col("from_person_id") == F.concat(F.lit("p_"), F.col("identifier_key"))
    )
    merged = gone.select("from_person_id").distinct().withColumn("kind", F.lit("merge"))
    cause = links.select(
        F.explode("identifier_keys").alias("identifier_key"), F.col("last_seen").alias("_cause")
    )
    newest = (
        moves.join(cause, "identifier_key", "left")
        .groupBy("from_person_id", "to_person_id")
        .agg(F.max("_cause").alias("_cause"))
    )
    return newest.join(merged, "from_person_id", "left").select(
        F.lit(batch.as_of).cast("timestamp").alias("changed_at"),
        F.coalesce("kind", F.lit("split")).alias("kind"),
        "from_person_id",
        "to_person_id",
        F.concat_ws(":", "_cause.stream", "_cause.event_id").alias("cause_event_id"),
        F.when(F.col("kind") == "merge", "linked").otherwise("kept_apart").alias("rule"),
        F.lit(batch.number).alias("batch_id"),
    )
