"""Closings: for whom, and on which channels, a word that closes one counts beside its own person.

A word that opens a channel counts for its own person alone. One that closes a channel is obeyed by
everybody it may be about: doubt is silence.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from tactful.schemas.words import CLOSING_TYPES, OPENING_TYPES
from tactful.transforms.identity.owners import is_person

# Stands for an identifier that is nobody's own, as if it were a person: what it was told.
ADDRESS = "a_"
NOBODYS = ("hub", "neutral")
EVENT = ("stream", "event_id")


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
    knows who and what is meant, so both persons are left alone, on both channels. So are Ann and Cy
    where somebody does by the number of a message that was sent to her and to him.

    Keeps: one row a closing × person × channel; all other rows as they are. Changes: person_id,
    channel. events: rows with person_id, own_person_id, own_channel and sent_persons (see
    `message_facts`).
    """
    own_person = F.when(is_person("own_person_id"), F.col("own_person_id"))
    named = F.array("person_id", F.coalesce(own_person, "person_id"))
    persons = F.array_union(named, _sent_persons())
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


def all_keys() -> Column:
    """The identifiers that a word names, and those that its message was sent to."""
    none = F.array().cast("array<string>")
    return F.array_union(*(F.coalesce(name, none) for name in ("identifier_keys", "sent_keys")))


def named_keys(words: DataFrame) -> DataFrame:
    """List the identifiers that words name, or that what they answer was sent to.

    Keeps: identifier_key. Grain: identifier. words: see `with_named`.
    """
    return words.select(F.explode(all_keys()).alias("identifier_key")).distinct()


def with_named(
    closings: DataFrame,
    labels: DataFrame,
    *,
    unique_types: Sequence[str],
    contested: DataFrame | None = None,
) -> DataFrame:
    """Say of each closing whom it names by number, and what it names that is nobody's own.

    Adds: named_persons (the owners of identifiers of a unique type, its own and those of what it
    answers), shared_keys (hubs and shared devices by which it may be about anybody: its own, and
    those of what it answers; none where it names a customer by number itself, and none of a sending
    that does). Keeps: one row a closing,
    all columns. closings: one row an event, with identifier_keys, sent_keys. labels: newest label
    of each identifier that they name (see `named_keys`). contested: identifier_key of further ones
    by which a word may be about others than whose they are (see `contested_keys`).
    """
    each = closings.select(*EVENT, _keyed("identifier_keys", is_own=True)).unionByName(
        closings.select(*EVENT, _keyed("sent_keys", is_own=False))
    )
    slim = labels.select("identifier_key", "identifier_type", "person_id", "state")
    is_shared = F.col("state").isin(*NOBODYS)
    if contested is not None:
        told = contested.select("identifier_key", F.lit(True).alias("_is_contested"))
        slim = slim.join(told, "identifier_key", "left")
        is_shared = is_shared | F.coalesce("_is_contested", F.lit(False))
    is_number = F.col("identifier_type").isin(*unique_types) & (F.col("state") == "linked")
    is_own = F.col("is_own")

    def gathered(wanted: Column, name: str, what: str) -> Iterator[Column]:
        for whose, mine in (("own", is_own), ("sent", ~is_own)):
            yield F.collect_set(F.when(wanted & mine, F.col(name))).alias(f"_{whose}_{what}")

    found = (
        each.select(*EVENT, "_named.*")
        .join(slim, "identifier_key")
        .groupBy(*EVENT)
        .agg(
            *gathered(is_number, "person_id", "persons"),
            *gathered(is_shared, "identifier_key", "shared"),
        )
    )
    none = F.array().cast("array<string>")
    sent = F.when(F.size("_sent_persons") > 0, none).otherwise(F.col("_sent_shared"))
    own = F.array_union("_own_shared", sent)
    named = found.select(
        *EVENT,
        F.array_union("_own_persons", "_sent_persons").alias("named_persons"),
        F.when(F.size("_own_persons") > 0, none).otherwise(own).alias("shared_keys"),
    )
    return closings.join(named, [*EVENT], "left").withColumns(
        {name: F.coalesce(name, none) for name in ("named_persons", "shared_keys")}
    )


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


def contested_keys(carried: DataFrame, labels: DataFrame) -> DataFrame:
    """List the identifiers of somebody that somebody else was seen with, too.

    Where a shared device is the newest or the first customer's, so is an email of two: it is one
    customer's, and the other may still mean it.

    Keeps: identifier_key. Grain: identifier. carried: see `carriers`. labels: newest label of each.
    """
    own = labels.where("state = 'linked'").select(
        "identifier_key", F.col("person_id").alias("_own")
    )
    others = carried.join(own, "identifier_key").where(F.col("person_id") != F.col("_own"))
    return others.select("identifier_key").distinct()


def for_further_persons(closings: DataFrame, carried: DataFrame) -> DataFrame:
    """Give each closing to those whom it may be about beside its own person and its message's.

    Two customers with one email: who unsubscribes by that email alone, or by it and a cookie that
    nobody knows, is one of them, so both are left alone until each of them says otherwise. Two
    customer numbers in one word, or in one sending that it answers, are two customers.

    Keeps: one row a closing × further person × channel. Drops: named_persons, shared_keys.
    closings: see `with_named`. carried: see `carriers`.
    """
    by_number = closings.select(*EVENT, F.explode("named_persons").alias("_further"))
    shared = closings.select(*EVENT, F.explode("shared_keys").alias("identifier_key"))
    by_shared = shared.join(
        carried.select("identifier_key", F.col("person_id").alias("_further")), "identifier_key"
    ).drop("identifier_key")
    further = by_number.unionByName(by_shared).distinct()
    known = F.concat(F.array("person_id", "own_person_id"), _sent_persons())
    is_known = F.coalesce(F.exists(known, lambda p: p == F.col("_further")), F.lit(False))
    return (
        closings.drop("named_persons", "shared_keys")
        .join(further, [*EVENT])
        .where(~is_known)
        .withColumns(
            {
                "person_id": F.col("_further"),
                "own_person_id": F.col("_further"),
                "sent_persons": F.lit(None).cast("array<string>"),
            }
        )
        .drop("_further")
        .transform(for_all_named)
    )


def of_addresses(words: DataFrame, nobodys: DataFrame) -> DataFrame:
    """Give each word that names an identifier which is nobody's own to that identifier itself.

    An address that two customers share is neither's, yet whoever turns it down turns it down: on
    lists of opt-outs it stands while the newest word that names it closes.

    A mailbox that a message went to is named by whoever turns that message down. What opens it must
    name it itself.

    Keeps: one row a word × such identifier × channel. Changes: person_id.
    words: events for all whom they name (see `for_all_named`). nobodys: identifier_key.
    """
    keys = F.when(is_closing(), all_keys()).otherwise(F.col("identifier_keys"))
    named = words.where(is_word()).withColumn("identifier_key", F.explode(keys))
    return (
        named.join(nobodys.select("identifier_key").distinct(), "identifier_key")
        .withColumn("person_id", as_person())
        .drop("identifier_key")
        .dropDuplicates(["stream", "event_id", "person_id", "channel"])
    )


def as_person() -> Column:
    """What stands for an identifier that is nobody's own where a person is asked for."""
    return F.concat(F.lit(ADDRESS), "identifier_key").alias("person_id")


def is_address(person_id: str = "person_id") -> Column:
    """Whether an id stands for an identifier that is nobody's own."""
    return F.coalesce(F.col(person_id).startswith(ADDRESS), F.lit(False))


def _sent_persons() -> Column:
    return F.coalesce("sent_persons", F.array().cast("array<string>"))


def _keyed(keys: str, *, is_own: bool) -> Column:
    each = F.transform(
        keys, lambda key: F.struct(key.alias("identifier_key"), F.lit(is_own).alias("is_own"))
    )
    return F.explode(each).alias("_named")
