"""Closings: for whom, and on which channels, a word that closes one counts beside its own person.

A word that opens a channel counts for its own person alone. One that closes a channel is obeyed by
everybody it may be about: doubt is silence.
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from tactful.schemas.words import CLOSING_TYPES, OPENING_TYPES
from tactful.transforms.identity.owners import is_person

# Stands for an identifier that is nobody's own, as if it were a person: what it was told.
ADDRESS = "a_"
NOBODYS = ("hub", "neutral")


def is_closing() -> Column:
    """Whether an event closes a channel; a soft bounce closes nothing."""
    kind = F.col("type")
    is_soft = (kind == "bounced") & F.coalesce(F.col("bounce") != "hard", F.lit(True))
    return kind.isin(*CLOSING_TYPES) & ~is_soft


def is_word() -> Column:
    """Whether an event closes or opens a channel."""
    return is_closing() | F.col("type").isin(*OPENING_TYPES)


def for_all_named(events: DataFrame) -> DataFrame:
    """Give each closing of a message to everybody, and to every channel, that it may be about.

    Ben unsubscribes by a message that was sent to Ann, or by text message from an email: nobody
    knows who and what is meant, so both persons are left alone, on both channels.

    Keeps: one row a closing × person × channel; all other rows as they are. Changes: person_id,
    channel. events: rows with person_id, own_person_id and own_channel (see `message_facts`).
    """
    own_person = F.when(is_person("own_person_id"), F.col("own_person_id"))
    persons = F.array_distinct(F.array("person_id", F.coalesce(own_person, "person_id")))
    channels = F.array_distinct(F.array("channel", F.coalesce("own_channel", "channel")))
    pairs = F.flatten(
        F.transform(
            persons,
            lambda person: F.transform(
                channels,
                lambda channel: F.struct(person.alias("person_id"), channel.alias("channel")),
            ),
        )
    )
    told = F.array(F.struct("person_id", "channel"))
    each = events.withColumn("_told", F.explode(F.when(is_closing(), pairs).otherwise(told)))
    settled = {name: F.col(f"_told.{name}") for name in ("person_id", "channel")}
    return each.withColumns(settled).drop("_told")


def closings_of_nobody(events: DataFrame) -> DataFrame:
    """Closings that belong to no person, though they name identifiers: hubs and shared devices.

    Keeps: all columns. Drops: all other rows. events: rows with person_id (see `settled`).
    """
    names = F.size("identifier_keys") > 0
    return events.where(is_closing() & ~is_person() & names)


def carriers(sets: DataFrame, labels: DataFrame) -> DataFrame:
    """Say which persons carry each identifier: were ever seen with it in one event.

    A set of identifiers is that person's whose its best is that is no hub; a shared device is its
    first person's here.

    Keeps: identifier_key, person_id. Grain: identifier × person.
    sets: identifier_keys, best first. labels: newest label of each of them.
    """
    held = sets.select("identifier_keys", F.posexplode("identifier_keys").alias("_at", "_key"))
    owners = labels.where(F.col("state").isin("linked", "neutral")).select(
        F.col("identifier_key").alias("_key"), "person_id"
    )
    best = (
        held.join(owners, "_key")
        .groupBy("identifier_keys")
        .agg(F.min_by("person_id", "_at").alias("person_id"))
    )
    each = best.select(F.explode("identifier_keys").alias("identifier_key"), "person_id")
    return each.where(is_person()).distinct()


def for_carriers(closings: DataFrame, carried: DataFrame) -> DataFrame:
    """Give each closing of nobody to everybody who carries one of its identifiers.

    Two customers with one email: who unsubscribes by that email alone is one of them, so both are
    left alone until each of them says otherwise.

    Keeps: one row a closing × person × channel. closings: see `closings_of_nobody`. carried: see
    `carriers`.
    """
    named = closings.drop("person_id").withColumn("identifier_key", F.explode("identifier_keys"))
    return (
        named.join(carried.select("identifier_key", "person_id"), "identifier_key")
        .drop("identifier_key")
        .dropDuplicates(["stream", "event_id", "person_id", "channel"])
    )


def of_addresses(words: DataFrame, nobodys: DataFrame) -> DataFrame:
    """Give each word that names an identifier which is nobody's own to that identifier itself.

    An address that two customers share is neither's, yet whoever turns it down turns it down: on
    lists of opt-outs it stands while the newest word that names it closes.

    Keeps: one row a word × such identifier × channel. Changes: person_id.
    words: events for all whom they name (see `for_all_named`). nobodys: identifier_key.
    """
    said = words.where(is_word())
    named = said.withColumn("identifier_key", F.explode("identifier_keys"))
    return (
        named.join(nobodys.select("identifier_key").distinct(), "identifier_key")
        .withColumn("person_id", F.concat(F.lit(ADDRESS), "identifier_key"))
        .drop("identifier_key")
        .dropDuplicates(["stream", "event_id", "person_id", "channel"])
    )


def is_address(person_id: str = "person_id") -> Column:
    """Whether an id stands for an identifier that is nobody's own."""
    return F.coalesce(F.col(person_id).startswith(ADDRESS), F.lit(False))
