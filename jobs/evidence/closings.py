"""Closings: words that belong to nobody, whom they may be about, and who must be looked at again.

An opt-out that names only hubs or a shared device stands in nobody's events, so no person's own
identifiers lead to it. It is found by the identifiers that are nobody's, and from there by what was
ever seen together with them.
"""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import to_arrow_schema

from tactful.jobs.evidence.affected import keys_of
from tactful.jobs.evidence.message_lives import Lives, lives_of
from tactful.jobs.identity.columns import combine_chunks
from tactful.jobs.runs.batches import Batch
from tactful.jobs.stitch import Stitched
from tactful.schemas.identity import LINKS
from tactful.transforms.closings import (
    NOBODYS,
    carriers,
    closings_of_nobody,
    for_all_named,
    for_carriers,
    is_closing,
    is_word,
    of_addresses,
)
from tactful.transforms.identity.links import semi_join
from tactful.transforms.identity.owners import with_owner
from tactful.transforms.message_facts import is_of_message

KEY = "identifier_key"


@dataclass(frozen=True)
class Closings:
    """What closes channels beyond each person's own words; None where there is nothing.

    rows: closings of nobody, once for each person who carries one of their identifiers. persons:
    person_id of those for whom that changes with the batch. addresses: what was said of identifiers
    that are nobody's, and of which the batch tells more.
    """

    rows: DataFrame | None
    persons: DataFrame | None
    addresses: DataFrame | None


def named_by_words(fresh: DataFrame, lives: Lives | None) -> DataFrame:
    """The identifiers that the batch's words of consent name, or earlier ones of its messages.

    Keeps: identifier_key. Grain: identifier.
    """
    words = fresh.where(is_word())
    if lives is not None:
        words = words.unionByName(lives.earlier.where(is_word()), allowMissingColumns=True)
    return keys_of(words).distinct()


def seen_with_hubs(batch: Batch, named: DataFrame) -> DataFrame | None:
    """Identifiers that were ever seen with hubs which the batch's words name: identifier_key.

    Nothing else links them to a hub. None where the words name no hub.
    """
    hubs = semi_join(batch.logs.hubs().select(KEY), named, count=0).toArrow()
    if not hubs.num_rows:
        return None
    none = to_arrow_schema(LINKS.struct()).empty_table()
    sets = batch.logs.touching(combine_chunks(hubs.column(0)), none)
    return keys_of(batch.logs.frame(sets)).distinct()


def closings_of(
    batch: Batch,
    fresh: DataFrame,
    relevant_events: DataFrame,
    hubs: DataFrame,
    named: DataFrame,
    stitched: Stitched,
) -> Closings | None:
    """Find what closes channels to the persons that the batch bears on, though it is nobody's.

    hubs: anchor_key of every hub. named: see `named_by_words`. None where there is nothing.
    """
    words = relevant_events.where("event_class = 'consent'")
    changed = batch.keep(stitched.restated.union(named).distinct())
    addresses = _of_addresses(batch, fresh, words, changed, stitched)
    shared = stitched.affected.where("state = 'neutral'").select(KEY)
    nobodys = hubs.toDF(KEY).union(shared).union(stitched.restated).distinct()
    anchored = semi_join(words.where(is_closing()), nobodys.toDF("anchor_key"), count=stitched.size)
    found = batch.keep(anchored)
    if found.isEmpty():
        return Closings(None, None, addresses) if addresses is not None else None
    named_by_them = semi_join(keys_of(found).distinct(), nobodys, count=stitched.size)
    keys = batch.keep(named_by_them)
    sets = _sets_with(batch, keys, stitched)
    labels = batch.keep(stitched.labels_of(batch, keys_of(sets)))
    carried = batch.keep(semi_join(carriers(sets, labels), keys, count=stitched.size))
    seen_now = carriers(sets.where(F.col("batch_id") == batch.number), labels)
    news = seen_now.join(keys, KEY, "left_semi").union(carried.join(changed, KEY, "left_semi"))
    nobody = closings_of_nobody(_for_all(batch, fresh, found, stitched))
    return Closings(
        batch.keep(for_carriers(nobody, carried)),
        batch.keep(news.select("person_id").distinct()),
        addresses,
    )


def _of_addresses(
    batch: Batch, fresh: DataFrame, words: DataFrame, changed: DataFrame, stitched: Stitched
) -> DataFrame | None:
    """All that was ever said of nobody's identifiers of which the batch says more."""
    now = stitched.affected.where(F.col("state").isin(*NOBODYS)).select(KEY)
    nobodys = batch.keep(semi_join(now, changed, count=stitched.size))
    if nobodys.isEmpty():
        return None
    names = words.where(is_word()).withColumn(KEY, F.explode("identifier_keys"))
    named = semi_join(names, nobodys, count=stitched.size).drop(KEY)
    said = batch.keep(named.dropDuplicates(["stream", "event_id"]))
    return batch.keep(of_addresses(_for_all(batch, fresh, said, stitched), nobodys))


def _for_all(batch: Batch, fresh: DataFrame, words: DataFrame, stitched: Stitched) -> DataFrame:
    """Whose these words are, and on which channels, as their messages say; each for all it names.

    words: rows that the batch holds.
    """
    own = words.where(~is_of_message())
    told = with_owner(own, stitched.labels_of(batch, keys_of(own)))
    of_messages = words.where(is_of_message())
    count = of_messages.count()
    if count:
        ids = of_messages.select("message_id").distinct()
        whole = lives_of(batch, fresh, ids, stitched, count=count)
        mine = of_messages.select("stream", "event_id")
        told = whole.join(F.broadcast(mine), ["stream", "event_id"], "left_semi").unionByName(
            told, allowMissingColumns=True
        )
    else:
        nothing = F.lit(None).cast("string")
        told = told.withColumns({"own_person_id": nothing, "own_channel": nothing})
    return for_all_named(told)


def _sets_with(batch: Batch, keys: DataFrame, stitched: Stitched) -> DataFrame:
    """Every set of identifiers that was ever seen with one of these: identifier_keys, batch_id."""
    asked = combine_chunks(keys.toArrow().column(0))
    sets = batch.logs.frame(batch.logs.touching(asked, stitched.links)).select(
        "identifier_keys", "batch_id"
    )
    each = sets.withColumn(KEY, F.explode("identifier_keys"))
    return batch.keep(semi_join(each, keys, count=stitched.size).drop(KEY).distinct())
