"""Message lives: all that became of a batch's messages, since each event says what the others tell.

A message's facts come from its sending, which may have come long before the batch, or may come long
after what it led to was decided. Either way its whole life is looked up by the message.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from tactful.jobs.evidence.affected import keys_of
from tactful.jobs.runs.batches import Batch
from tactful.jobs.stitch import Stitched
from tactful.schemas.timeline import MESSAGE_KEYS
from tactful.transforms.identity.links import semi_join
from tactful.transforms.identity.owners import with_owner
from tactful.transforms.message_facts import is_of_message, keys_of_messages, with_message_facts


@dataclass(frozen=True)
class Lives:
    """The messages of which the batch brings events.

    earlier: all that became of them before the batch. keys: by which identifiers they are found
    from now on, for the log.
    """

    earlier: DataFrame
    keys: DataFrame


def of_batch(batch: Batch, fresh: DataFrame, *, count: int) -> Lives | None:
    """The batch's messages and what was known of them before; None without any.

    count: how many of the batch's events are of messages.
    """
    if not count:
        return None
    came = fresh.where(is_of_message())
    earlier = batch.logs.messages(came.select("message_id"), count=count)
    keys = keys_of_messages(came.unionByName(earlier)).withColumn("batch_id", F.lit(batch.number))
    return Lives(earlier, batch.keep(MESSAGE_KEYS.conform(keys)))


def whole_messages(
    batch: Batch,
    fresh: DataFrame,
    found: DataFrame,
    lives: Lives | None,
    affected_identifiers: DataFrame,
    stitched: Stitched,
    *,
    since: datetime,
) -> DataFrame | None:
    """All that became of the messages in which these persons have a part, with whose it is.

    An event that names other identifiers than theirs, or none, is theirs by its message; and what
    of a message counts is its first event of a type, though only a later one be recent.
    found: events that name these persons. since: from when on a message may decide something.
    """
    ids = batch.keep(
        _ids(batch, found, lives, affected_identifiers, since=since, count=stitched.size)
    )
    count = ids.count()
    if not count:
        return None
    return lives_of(batch, fresh, ids, stitched, count=count)


def lives_of(
    batch: Batch, fresh: DataFrame, ids: DataFrame, stitched: Stitched, *, count: int
) -> DataFrame:
    """All that became of some messages, with whose it is and what each event leaves to the others.

    ids: message_id. count: how many, about.
    """
    came = semi_join(fresh.where(is_of_message()), ids, count=count)
    events = batch.keep(batch.logs.messages(ids, count=count).unionByName(came))
    return with_message_facts(with_owner(events, stitched.labels_of(batch, keys_of(events))))


def _ids(
    batch: Batch,
    found: DataFrame,
    lives: Lives | None,
    affected_identifiers: DataFrame,
    *,
    since: datetime,
    count: int,
) -> DataFrame:
    log = batch.read(MESSAGE_KEYS)
    log = log.unionByName(lives.keys) if lives is not None else log
    is_consent = F.col("event_class") == "consent"
    relevant_events = log.where(is_consent | (F.col("occurred_at") >= F.lit(since)))
    named = semi_join(relevant_events, affected_identifiers.select("identifier_key"), count=count)
    own = found.where(is_of_message())
    return own.select("message_id").union(named.select("message_id")).distinct()
