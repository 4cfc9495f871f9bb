"""Closings: whom words that close channels may be about beside their own person, and who is heard.

An opt-out that names a shared address stands in nobody's events, or in those of somebody else, so
no person's own identifiers lead to it. It is found by what is nobody's own, and from there by what
was ever seen together with that.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import to_arrow_schema

from tactful.jobs.evidence.affected import keys_of
from tactful.jobs.evidence.message_lives import Lives, lives_of
from tactful.jobs.identity.columns import flatten_lists, only_column
from tactful.jobs.identity.manual import seen
from tactful.jobs.identity.shared import IN_DOUBT, keys_in_doubt, sets_in_doubt
from tactful.jobs.runs.batches import Batch
from tactful.jobs.stitch import Stitched
from tactful.schemas.identity import LINKS
from tactful.schemas.timeline import MESSAGE_KEYS
from tactful.transforms.closings import (
    NOBODYS,
    all_keys,
    carriers,
    contested_keys,
    for_all_named,
    for_further_persons,
    is_closing,
    is_word,
    named_keys,
    of_addresses,
    with_named,
)
from tactful.transforms.identity.links import semi_join
from tactful.transforms.identity.owners import with_owner
from tactful.transforms.message_facts import is_of_message, with_own_facts

KEY = "identifier_key"
NOTHING = pa.array([], pa.string())


@dataclass(frozen=True)
class Named:
    """The identifiers that the batch's words of consent name, and what was seen with hubs of them.

    keys: those identifiers, also what their messages were sent to. sets: all that was ever seen
    together with a hub among them, or with any where any may be somebody else's, too, in columns of
    `links`.
    """

    keys: pa.Array
    sets: pa.Table

    def with_hubs(self, batch: Batch) -> DataFrame | None:
        """The identifiers that nothing but a hub links to these: identifier_key."""
        if not self.sets.num_rows:
            return None
        keys = pc.unique(flatten_lists(self.sets["identifier_keys"]))
        return _frame(batch, keys)


@dataclass(frozen=True)
class Closings:
    """What closes channels beyond each person's own words; None where there is nothing.

    rows: closings, once for each further person whom they may be about. persons: person_id of those
    for whom that changes with the batch. addresses: identifier_key of what is nobody's own and of
    which the batch tells more. of_addresses: all that was ever said of these.
    """

    rows: DataFrame
    persons: DataFrame
    addresses: DataFrame
    of_addresses: DataFrame


def named_by_words(
    batch: Batch,
    fresh: DataFrame,
    lives: Lives | None,
    hubs: pa.Array,
    anew: DataFrame | None,
    *,
    is_any_contested: bool,
) -> Named:
    """What the batch's words name, earlier ones of its messages, and their messages' sendings.

    And what is nobody's own and to be looked at again, though no word of the batch names it.
    hubs: every hub before the batch. anew: see `identifiers_anew`. is_any_contested: whether what
    is somebody's may be meant by others who were seen with it (see `contested_keys`).
    """
    words = fresh.where(is_word())
    if lives is not None:
        whole = lives.earlier.unionByName(fresh.where(is_of_message()))
        told = whole.where(is_word() & F.col("message_id").isNotNull()).select("message_id")
        # A batch tells of few messages that somebody answered.
        answered = whole.join(F.broadcast(told.distinct()), "message_id", "left_semi")
        words = words.unionByName(answered.where(is_word() | (F.col("type") == "sent")))
    named = keys_of(words)
    if anew is not None:
        named = named.union(anew.where("is_shared").select(KEY))
    keys = only_column(named.distinct().toArrow())
    asked = keys if is_any_contested else keys.filter(pc.is_in(keys, hubs))
    return Named(keys, _sets_holding(batch, asked))


def closings_of(
    batch: Batch,
    fresh: DataFrame,
    relevant_events: DataFrame,
    lives: Lives | None,
    named: Named,
    stitched: Stitched,
    *,
    unique_types: Collection[str],
    is_any_contested: bool,
) -> Closings | None:
    """Find what closes channels to persons whom the batch bears on, though it is not theirs alone.

    None where nothing that they were seen with leaves any doubt. is_any_contested: see
    `named_by_words`.
    """
    beside = _sets_holding(batch, stitched.beside)
    sets = pa.concat_tables([stitched.sets_in_doubt, named.sets, beside])
    contested = _contested(batch, sets, stitched) if is_any_contested else NOTHING
    nobodys = pc.unique(pa.concat_arrays([stitched.nobodys, contested]))
    sets = sets_in_doubt(sets, nobodys, unique_types)
    if not sets.num_rows:
        return None
    asked = _frame(batch, keys_in_doubt(sets, nobodys, unique_types))
    changed = _frame(batch, pc.unique(pa.concat_arrays([stitched.restated, named.keys])))
    now = stitched.affected.where(F.col("state").isin(*NOBODYS)).select(KEY)
    addresses = batch.keep(semi_join(now, changed, count=stitched.size))
    words = relevant_events.where("event_class = 'consent'")
    found = _words_naming(batch, words, asked, addresses, lives, stitched)
    if found is None:
        return None
    said = batch.keep(_with_owners(batch, fresh, *found, stitched))
    named_now = named_keys(said.where(is_closing())).union(changed)
    keys = batch.keep(semi_join(_frame(batch, nobodys), named_now, count=stitched.size))
    held = _sets_with(batch, sets, keys, stitched)
    labels = batch.keep(stitched.labels_of(batch, keys_of(held).union(named_keys(said)).distinct()))
    closings = batch.keep(
        with_named(
            said.where(is_closing()),
            labels,
            unique_types=[*unique_types],
            contested=_frame(batch, contested) if len(contested) else None,
        )
    )
    carried = batch.keep(semi_join(carriers(held, labels), keys, count=stitched.size))
    rows = batch.keep(for_further_persons(closings, carried))
    seen_now = carriers(held.where(F.col("batch_id") == batch.number), labels)
    news = semi_join(seen_now, keys, count=stitched.size).union(
        semi_join(carried, changed, count=stitched.size)
    )
    by_number = semi_join(rows.withColumn(KEY, F.explode(all_keys())), changed, count=stitched.size)
    persons = news.select("person_id").union(by_number.select("person_id"))
    return Closings(
        rows,
        batch.keep(persons.distinct()),
        addresses,
        batch.keep(of_addresses(for_all_named(said), addresses)),
    )


def _sets_holding(batch: Batch, keys: pa.Array) -> pa.Table:
    """The sets of earlier batches that hold one of these identifiers. Columns: IN_DOUBT."""
    none = to_arrow_schema(LINKS.struct()).empty_table()
    sets = seen(batch.logs.touching(keys, none)) if len(keys) else none
    return sets.select(IN_DOUBT)


def _contested(batch: Batch, sets: pa.Table, stitched: Stitched) -> pa.Array:
    """What of these sets is somebody's and may be meant by somebody else. sets: IN_DOUBT."""
    if not sets.num_rows:
        return NOTHING
    keys = _frame(batch, pc.unique(flatten_lists(sets["identifier_keys"])))
    labels = batch.keep(stitched.labels_of(batch, keys))
    held = batch.logs.frame(sets.select(["identifier_keys"])).distinct()
    return only_column(contested_keys(carriers(held, labels), labels).toArrow())


def _words_naming(
    batch: Batch,
    words: DataFrame,
    asked: DataFrame,
    addresses: DataFrame,
    lives: Lives | None,
    stitched: Stitched,
) -> tuple[DataFrame, DataFrame] | None:
    """Closings that name what is asked, also by what they answer, and what opens the addresses.

    Returns: rows of the log, and message_id of whole messages; None where there is neither.
    """
    log = batch.read(MESSAGE_KEYS)
    log = log.unionByName(lives.keys) if lives is not None else log
    answers = semi_join(log.where("event_class = 'consent'"), asked, count=stitched.size)
    each = words.where(is_word()).withColumn(KEY, F.explode("identifier_keys"))
    close = semi_join(each.where(is_closing()), asked, count=stitched.size)
    open_ = semi_join(each.where(~is_closing()), addresses, count=stitched.size)
    rows = close.union(open_).drop(KEY).dropDuplicates(["stream", "event_id"])
    found = batch.keep(rows), batch.keep(answers.select("message_id").distinct())
    return None if all(frame.isEmpty() for frame in found) else found


def _with_owners(
    batch: Batch, fresh: DataFrame, words: DataFrame, messages: DataFrame, stitched: Stitched
) -> DataFrame:
    """Whose these words are, as their messages say, with all closings of these messages.

    words: rows that the batch holds. messages: message_id.
    """
    own = words.where(~is_of_message())
    said = with_own_facts(with_owner(own, stitched.labels_of(batch, keys_of(own))))
    of_messages = words.where(is_of_message())
    ids = batch.keep(of_messages.select("message_id").union(messages).distinct())
    count = ids.count()
    if not count:
        return said
    whole = lives_of(batch, fresh, ids, stitched, count=count)
    mine = of_messages.select("stream", "event_id", F.lit(True).alias("_is_asked"))
    asked = whole.join(F.broadcast(mine), ["stream", "event_id"], "left")
    told = asked.where(is_closing() | F.col("_is_asked")).drop("_is_asked")
    return said.unionByName(told)


def _sets_with(batch: Batch, sets: pa.Table, keys: DataFrame, stitched: Stitched) -> DataFrame:
    """Those of these sets that hold one of the keys: identifier_keys, batch_id."""
    each = batch.logs.frame(sets.select(["identifier_keys", "batch_id"])).withColumn(
        KEY, F.explode("identifier_keys")
    )
    return batch.keep(semi_join(each, keys, count=stitched.size).drop(KEY).distinct())


def _frame(batch: Batch, keys: pa.Array) -> DataFrame:
    return batch.logs.frame(pa.table({KEY: keys}))
