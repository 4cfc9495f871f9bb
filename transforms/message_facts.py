"""Messages: what is known of one, true of everything that became of it, in whatever order it came.

Of a message often only its sending says to whom it went and what it was about; what follows names
the message and nothing else.
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from tactful.schemas.events import ORDER
from tactful.schemas.words import ALL
from tactful.transforms.closings import is_closing
from tactful.transforms.identity.owners import is_person, with_owner

# What an event of a message may say of the message as a whole.
ABOUT = (
    "channel", "purpose", "campaign_id", "variant", "content_id", "topic", "skus",
    "categories", "offers_discount",
)  # fmt: skip
MESSAGE_CLASSES = ("message", "consent")
# An id that was sent to more persons is a mailing's, not a message's: who closes a channel by it
# and names nobody is one of very many, and to leave all of them alone would be a fault, no doubt.
MOST_PERSONS = 20
WORKED_WITH = (
    "_person_id", "_is_addressed", "_sent_keys", "_own_sent_keys", "_nth", "_sent_persons",
    "_persons",
)  # fmt: skip


def is_of_message() -> Column:
    """Whether an event became of a message. Its class is named since the log is laid out by it.

    Who unsubscribes on a page, or bounces on a list, names no message: that is nothing but theirs.
    """
    is_told = (F.col("stream") == "messages") & F.col("message_id").isNotNull()
    return F.col("event_class").isin(*MESSAGE_CLASSES) & is_told


def by_machine() -> Column:
    """Whether no person opened a message but a machine (Apple Mail Privacy Protection and such)."""
    return F.coalesce("machine_open", F.lit(False))


def with_message_facts(messages: DataFrame) -> DataFrame:
    """Let all that became of a message belong to whom it was sent, on its channel, about its theme.

    Each fact is that of the earliest sending that says it, else of the earliest event that does;
    arrival never decides. So an unsubscription that names nothing but the message is the word of
    the person it was sent to, on the channel it came by. An id that was sent to several persons
    (one mailing, one id) stays each one's own. Who subscribes says so of themselves: of the message
    that holds only what the event leaves open, since in doubt nothing is opened. What closes every
    channel closes every channel. A shared device is no person.

    Keeps: one row an event; person_id, channel, purpose, campaign_id, variant, content_id,
    topic, skus, categories and offers_discount are the message's. Adds: own_person_id and
    own_channel, as the event alone says them; of what closes a channel sent_keys: the identifiers
    that the message was sent to, to its own person where it went to them, else at first; and, where
    it names none of these, sent_persons: to whom its message was sent, each by itself, up to
    MOST_PERSONS. Drops: nothing.
    messages: rows with person_id of the stream `messages`, of each message all there are.
    """
    whole = Window.partitionBy("message_id")
    sent = F.col("type") == "sent"
    rank = F.struct((~sent).alias("_later"), *ORDER)

    def told(name: str, says: Column) -> Column:
        return F.min_by(name, F.when(says, rank)).over(whole)

    own = F.col("channel")
    facts = {f"_{name}": told(name, F.col(name).isNotNull()) for name in ABOUT if name != "channel"}
    of_person = Window.partitionBy("message_id", "person_id")
    addressed = F.max(sent).over(of_person) & is_person()
    sending = F.when(sent & (F.size("identifier_keys") > 0), rank)
    to = F.when(sent & is_person(), F.col("person_id"))
    in_turn = Window.partitionBy("message_id").orderBy(to.asc_nulls_last())
    # Numbered first, so that no row of a mailing's id ever carries all that it was sent to.
    numbered = messages.withColumn("_nth", F.when(to.isNotNull(), F.dense_rank().over(in_turn)))
    with_facts = numbered.withColumns(
        {
            **facts,
            "_channel": told("channel", own.isNotNull() & (own != ALL)),
            "_person_id": told("person_id", is_person()),
            "_is_addressed": addressed,
            "_sent_keys": F.min_by("identifier_keys", sending).over(whole),
            "_own_sent_keys": F.min_by("identifier_keys", sending).over(of_person),
            "_sent_persons": F.collect_set(F.when(F.col("_nth") <= MOST_PERSONS, to)).over(whole),
            "_persons": F.max("_nth").over(whole),
        }
    )
    sent_keys = F.when(F.col("_is_addressed"), F.col("_own_sent_keys")).otherwise(
        F.col("_sent_keys")
    )
    is_anybodys = is_closing() & ~F.col("_is_addressed") & (F.col("_persons") <= MOST_PERSONS)
    subscribes = F.col("type") == "subscribed"
    keeps_own = F.col("_is_addressed") | (subscribes & is_person())
    settled = {
        name: F.when(subscribes, F.coalesce(name, f"_{name}")).otherwise(
            F.coalesce(f"_{name}", name)
        )
        for name in ABOUT
    }
    return with_facts.withColumns(
        {
            **settled,
            "own_person_id": F.col("person_id"),
            "own_channel": own,
            "sent_keys": F.when(is_closing(), sent_keys),
            "sent_persons": F.when(is_anybodys, F.col("_sent_persons")),
            "channel": F.when(own == ALL, own).otherwise(settled["channel"]),
            "person_id": F.when(keeps_own, F.col("person_id")).otherwise(
                F.coalesce("_person_id", "person_id")
            ),
        }
    ).drop(*(f"_{name}" for name in ABOUT), *WORKED_WITH)


def with_own_facts(others: DataFrame) -> DataFrame:
    """Say of events of no message that no message says anything of them.

    Adds: own_person_id, own_channel, sent_keys, sent_persons, all null. Keeps: every row.
    """
    nothing = F.lit(None).cast("string")
    return others.withColumns(
        {
            "own_person_id": nothing,
            "own_channel": nothing,
            "sent_keys": F.lit(None).cast("array<string>"),
            "sent_persons": F.lit(None).cast("array<string>"),
        }
    )


def settled(events: DataFrame, labels: DataFrame, *, hubs: bool = True) -> DataFrame:
    """Say whose each event is, and what an event of a message leaves to its message to say.

    Adds: person_id; own_person_id, own_channel, sent_keys and sent_persons of a message's events.
    Keeps: one row an event row. Drops: nothing.
    events: rows of the log, of each message all there are. labels, hubs: see `with_owner`.
    """
    others = with_owner(events.where(~is_of_message()), labels, hubs=hubs)
    messages = with_owner(events.where(is_of_message()), labels, hubs=hubs)
    return with_message_facts(messages).unionByName(with_own_facts(others))


def keys_of_messages(messages: DataFrame) -> DataFrame:
    """List the identifiers by which a message is found that its events do not all name.

    Where all of them name the same, each is found by its own, and most messages are such.

    Keeps: one row an event class × identifier × message. Adds: occurred_at (of the newest of
    that class).
    messages: rows of the stream `messages`, of each message all there are.
    """
    keys, at = F.col("identifier_keys"), F.col("occurred_at")
    newest = F.array(
        *(
            F.struct(
                F.lit(name).alias("event_class"),
                F.max(F.when(F.col("event_class") == name, at)).alias("occurred_at"),
            )
            for name in MESSAGE_CLASSES
        )
    )
    lives = (
        messages.groupBy("message_id")
        .agg(
            (F.min(keys) < F.max(keys)).alias("_differ"),
            F.array_distinct(F.flatten(F.collect_set(keys))).alias("_keys"),
            newest.alias("_newest"),
        )
        .where("_differ")
    )
    return (
        lives.select("message_id", "_keys", F.explode("_newest").alias("_of"))
        .where("_of.occurred_at IS NOT NULL")
        .select("message_id", "_of.*", F.explode("_keys").alias("identifier_key"))
    )
