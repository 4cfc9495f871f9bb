"""Addresses: which of a person's emails and phones are dead, and which still take a message.

A hard bounce is about its address: the email (sms, call: the phone) among the bounce's own
identifiers, else among those of the person's first `sent` of that message. From then on that
address is dead on that channel, until the person subscribes to it again: by the address, where the
subscription names one, else by all they have.
"""

from __future__ import annotations

from datetime import datetime
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from tactful.schemas.events import ORDER
from tactful.schemas.words import ALL
from tactful.transforms.closings import all_keys, is_address
from tactful.transforms.identity.owners import is_person

# What a message of each channel is sent to.
ADDRESS_TYPES = {"email": "email", "sms": "phone", "call": "phone"}
# The channel that a bounced address speaks of where nothing else says one.
CHANNELS_OF = {"email": "email", "phone": "sms"}
HARD = "type = 'bounced' AND bounce = 'hard'"
OF_ADDRESS = ("person_id", "channel", "identifier_key")
# A bounce or subscription, as it counts for one person on one channel.
WORD = ("person_id", "cause", "channel")


def is_on_no_channel() -> Column:
    """Whether it is a hard bounce of which neither its own word nor its message says a channel."""
    return F.coalesce(F.expr(f"({HARD}) AND channel IS NULL"), F.lit(False))


def on_their_channels(events: DataFrame, labels: DataFrame) -> DataFrame:
    """Put a hard bounce that names no channel on that of the one kind of address it names.

    An email alone bounced as an email, a phone alone as a text message. Where it names no address,
    what it answers was sent to one. Where that, too, is both or none nobody knows: it stays on
    every channel.

    Keeps: all rows. Changes: channel.
    events: as their messages settled them, with sent_keys. labels: of the identifiers that bounces,
    and what they answer, carry.
    """
    lost = events.where(is_on_no_channel())
    kinds = labels.where(F.col("identifier_type").isin(*CHANNELS_OF))
    named = (
        lost.select("event_id", F.explode(all_keys()).alias("identifier_key"), "identifier_keys")
        .withColumn("_is_own", F.array_contains("identifier_keys", F.col("identifier_key")))
        .join(kinds.select("identifier_key", "identifier_type"), "identifier_key")
        .groupBy("event_id")
        .agg(
            F.collect_set(F.when(F.col("_is_own"), F.col("identifier_type"))).alias("_own"),
            F.collect_set("identifier_type").alias("_all"),
        )
        .select("event_id", F.when(F.size("_own") > 0, F.col("_own")).otherwise(F.col("_all")))
        .toDF("event_id", "_kinds")
        .where(F.size("_kinds") == 1)
    )
    only = F.col("_kinds")[0]
    known = F.coalesce(*(F.when(only == kind, F.lit(name)) for kind, name in CHANNELS_OF.items()))
    found = lost.join(F.broadcast(named), "event_id", "left").withColumn("channel", known)
    return events.where(~is_on_no_channel()).unionByName(found.drop("_kinds"))


def lifting_addresses(timeline: DataFrame, labels: DataFrame) -> DataFrame:
    """Find the addresses for which a bounce does not silence its person.

    Any other address of the channel that is the person's own (linked, no hub) and not dead itself,
    whenever it was seen. Where nobody knows which address bounced, only one that was first seen
    later can be said to be another. If that one bounces in turn, its own bounce silences again.

    Keeps: one row a person × bounce × address that lifts it. Adds: valid_at (from when: never
    before the bounce). Columns: person_id, channel, cause, identifier_key, valid_at.
    timeline: rows with person_id and sent_keys, and the `sent` of every message that bounced.
    labels: newest label of the persons' identifiers and of those that these events carry.
    """
    said = _addressed(timeline, labels)
    bounces = said.where("type = 'bounced'")
    others = _linked(labels).join(_dead_times(bounces), [*OF_ADDRESS], "left")
    others = others.join(_returns(said), ["person_id", "channel"], "left")
    bounced_at, known = F.col("cause.occurred_at"), F.size("addresses") > 0
    is_other = F.when(known, ~F.array_contains("addresses", F.col("identifier_key"))).otherwise(
        F.col("first_seen_at") > bounced_at
    )
    return (
        bounces.join(others, ["person_id", "channel"])
        .where(is_other)
        .withColumn("valid_at", F.greatest(bounced_at, F.col("first_seen_at")))
        .where(_is_alive(F.col("valid_at")))
        .select("person_id", "channel", "cause", "identifier_key", "valid_at")
    )


def dead_addresses(timeline: DataFrame, labels: DataFrame, *, as_of: datetime) -> DataFrame:
    """List the addresses that no message reaches any more.

    Keeps: identifier_key, channel. Grain: address × channel on which it is dead.
    timeline, labels: see `lifting_addresses`.
    """
    said = _addressed(timeline, labels)
    dead = _dead_times(said.where("type = 'bounced'"))
    back = dead.join(_returns(said), ["person_id", "channel"], "left")
    return back.where(~_is_alive(F.lit(as_of))).select("identifier_key", "channel").distinct()


def _addressed(timeline: DataFrame, labels: DataFrame) -> DataFrame:
    """Hard bounces and subscriptions, and the addresses they are about.

    Keeps: one row an event × channel that has addresses. Columns: person_id, type, channel, cause,
    addresses (none where nobody knows).
    """
    words = timeline.where(is_person() & ~is_address() & F.expr(f"({HARD}) OR type = 'subscribed'"))
    each = _of_channels(words)
    bounced = each.where("type = 'bounced'").select("message_id", "person_id", "channel", "cause")
    # One id may have been sent to several persons; each has their own address.
    sent = (
        timeline.where("type = 'sent'")
        .select("message_id", "person_id", F.struct(*ORDER, "identifier_keys").alias("_sent"))
        .join(bounced, ["message_id", "person_id"])
        .groupBy(*WORD)
        .agg(F.min("_sent").alias("_sent"))
        .select(*WORD, F.col("_sent.identifier_keys").alias("identifier_keys"))
    )
    answered = each.where("type = 'bounced' AND sent_keys IS NOT NULL")
    sources = (each, sent, answered.withColumn("identifier_keys", F.col("sent_keys")))
    held = reduce(
        DataFrame.unionByName,
        (_held(rows, labels).withColumn("_place", F.lit(n)) for n, rows in enumerate(sources)),
    )
    named = held.groupBy(*WORD).agg(
        *(F.collect_set(F.when(F.col("_place") == n, F.col("identifier_key"))).alias(f"_{n}")
          for n in range(len(sources)))
    )  # fmt: skip
    none = F.array().cast("array<string>")
    best = F.coalesce(*(F.when(F.size(f"_{n}") > 0, F.col(f"_{n}")) for n in range(len(sources))))
    return each.join(named, [*WORD], "left").select(
        "person_id", "type", "channel", "cause", F.coalesce(best, none).alias("addresses")
    )


def _of_channels(words: DataFrame) -> DataFrame:
    """Each word once for every channel it is about and that has addresses."""
    every = F.array(*(F.lit(name) for name in ADDRESS_TYPES))
    is_all = (F.col("type") == "subscribed") & (F.col("channel") == ALL)
    channels = F.when(is_all, every).otherwise(F.array("channel"))
    each = words.withColumn("channel", F.explode(channels)).withColumn("cause", F.struct(*ORDER))
    return each.where(F.col("channel").isin(*ADDRESS_TYPES)).select(
        "person_id", "type", "channel", "cause", "message_id", "identifier_keys", "sent_keys"
    )


def _held(events: DataFrame, labels: DataFrame) -> DataFrame:
    """The addresses among the identifiers of some events: those of `WORD`, identifier_key."""
    keys = events.select(*WORD, F.explode("identifier_keys").alias("identifier_key"))
    kinds = labels.select("identifier_key", "identifier_type")
    typed = keys.join(kinds.where(F.col("identifier_type").isin(*ADDRESS_TYPES.values())),
                      "identifier_key")  # fmt: skip
    return typed.where(_address_type() == F.col("identifier_type")).drop("identifier_type")


def _address_type() -> Column:
    pairs = [F.lit(part) for pair in ADDRESS_TYPES.items() for part in pair]
    return F.try_element_at(F.create_map(*pairs), F.col("channel"))


def _linked(labels: DataFrame) -> DataFrame:
    """Every address that is a person's own, on each of its channels."""
    own = labels.where((F.col("state") == "linked") & F.col("person_id").isNotNull())
    kind = F.col("identifier_type")
    channels = F.array_compact(
        F.array(*(F.when(kind == t, F.lit(c)) for c, t in ADDRESS_TYPES.items()))
    )
    return own.select(
        "person_id", F.explode(channels).alias("channel"), "identifier_key", "first_seen_at"
    )


def _dead_times(bounces: DataFrame) -> DataFrame:
    each = bounces.withColumn("identifier_key", F.explode("addresses"))
    times = F.collect_set(F.col("cause.occurred_at")).alias("_dead_at")
    return each.groupBy(*OF_ADDRESS).agg(times)


def _returns(said: DataFrame) -> DataFrame:
    """When each person subscribed to a channel, and to which addresses."""
    at = F.struct(F.col("cause.occurred_at").alias("at"), "addresses")
    back = said.where("type = 'subscribed'").groupBy("person_id", "channel")
    return back.agg(F.collect_list(at).alias("_returns"))


def _is_alive(moment: Column) -> Column:
    """Whether an address takes messages at a moment: no bounce since it was last subscribed."""
    last = F.array_max(F.filter("_dead_at", lambda at: at <= moment))

    def is_return(word: Column) -> Column:
        mine = F.array_contains(word["addresses"], F.col("identifier_key"))
        about = (F.size(word["addresses"]) == 0) | mine
        return (word["at"] > last) & (word["at"] <= moment) & about

    back = F.coalesce(F.exists("_returns", is_return), F.lit(False))
    return F.coalesce(last.isNull(), F.lit(True)) | back
