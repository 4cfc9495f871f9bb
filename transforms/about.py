"""About: what a message offers, said by itself, by its content or by its campaign."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

PRODUCTS = ("skus", "categories", "brands")
TEXTS = "array<string>"
# How a scope names an attribute of products: attribute:fuel.
ATTRIBUTE = "attribute:"
# What parts the words of a topic, however many of them.
SEPARATORS = "[ _-]+"


def with_offer(messages: DataFrame, contents: DataFrame, campaigns: DataFrame) -> DataFrame:
    """Say what each message offers: its own word, else its content's, else its campaign's.

    Senders' own events name neither products nor discounts, so what a content or campaign offers is
    said once, in a reference table. Each of three matters is taken from the nearest that says
    anything of it: the products (skus, categories and brands together, so that a message which
    names one pair of jeans is not about all that its campaign offers), the topic, and whether a
    discount is offered. A content in several locales offers what all of them tell together. A
    content or campaign that is in no table, or offers nothing there, says nothing.

    Keeps: all rows; skus and categories are what the message is about. Adds: brands, topics (as
    `topic_words` spells them); lists are never null. Drops: topic.
    messages: content_id, campaign_id, skus, categories, topic, offers_discount.
    """
    near = [
        messages.withColumns({"brands": _none(), "topics": _one_topic()}).drop("topic"),
        _offers(contents, "content_id", "_content"),
        _offers(campaigns, "campaign_id", "_campaign"),
    ]
    whole = reduce(lambda told, more: told.join(F.broadcast(more), more.columns[0], "left"), near)
    said = F.array(_offer_of(), F.col("_content"), F.col("_campaign"))
    by_products = F.filter(said, _names_products)
    named = {name: F.coalesce(F.get(by_products, 0)[name], _none()) for name in PRODUCTS}
    return whole.withColumns(
        {
            **named,
            "topics": _nearest("topics", "_content.topics", "_campaign.topics"),
            "offers_discount": F.coalesce(
                "offers_discount", "_content.offers_discount", "_campaign.offers_discount"
            ),
        }
    ).drop("_content", "_campaign")


def with_topics(events: DataFrame, contents: DataFrame, campaigns: DataFrame) -> DataFrame:
    """Say of which topics each event's message is: its own, else its content's, its campaign's.

    Keeps: all rows and columns. Adds: topics (as `topic_words` spells them), never null.
    events: content_id, campaign_id, topic.
    """
    whole = events.withColumn("_own", _one_topic())
    for table, key, name in (
        (contents, "content_id", "_content"), (campaigns, "campaign_id", "_campaign"),
    ):  # fmt: skip
        offered = _offers(table, key, name).select(key, F.col(f"{name}.topics").alias(name))
        whole = whole.join(F.broadcast(offered), key, "left")
    told = _nearest("_own", "_content", "_campaign")
    return whole.withColumn("topics", told).drop("_own", "_content", "_campaign")


def topic_words(topic: Column) -> Column:
    """A topic as it is compared: Review request, review-request and REVIEW_REQUEST are one."""
    return F.regexp_replace(F.lower(F.trim(topic)), SEPARATORS, "_")


def same_topics(topics: Sequence[str]) -> list[str]:
    """Configured topics, spelled as `topic_words` spells them."""
    return sorted({topic_word(topic.strip(" ")) for topic in topics})


def topic_word(topic: str) -> str:
    """A text of this process as `topic_words` spells it; it has no blanks around it."""
    return re.sub(SEPARATORS, "_", topic.lower())


def attribute_values(products: DataFrame) -> DataFrame:
    """What each product says of its attributes, category and brand, without regard to case.

    Keeps: sku. Adds: _kind (attribute:name), _value. Grain: product × attribute.
    """
    own = F.map_entries(F.coalesce("attributes", F.create_map().cast("map<string,string>")))
    columns = F.array(
        *(
            F.struct(F.lit(name).alias("key"), F.col(name).alias("value"))
            for name in ("category", "brand")
        )
    )
    each = products.select("sku", F.explode(F.concat(columns, own)).alias("_a"))
    return each.select(
        "sku",
        F.concat(F.lit(ATTRIBUTE), as_compared(F.col("_a.key"))).alias("_kind"),
        as_compared(F.col("_a.value")).alias("_value"),
    ).where("_value <> ''")


def as_compared(word: Column) -> Column:
    """An attribute's name or value without regard to case and the blanks around it."""
    return F.lower(F.trim(word))


def _offers(table: DataFrame, key: str, name: str) -> DataFrame:
    """What each content or campaign offers: its key, and an offer under this name."""
    lists = {
        column: F.array_distinct(F.flatten(F.collect_list(F.coalesce(column, _none()))))
        for column in PRODUCTS
    }
    grouped = table.groupBy(key).agg(
        *(value.alias(column) for column, value in lists.items()),
        F.collect_set(topic_words(F.col("topic"))).alias("topics"),
        F.bool_or("offers_discount").alias("offers_discount"),
    )
    return grouped.select(key, _offer_of().alias(name))


def _offer_of() -> Column:
    return F.struct(
        *(F.coalesce(name, _none()).alias(name) for name in (*PRODUCTS, "topics")),
        "offers_discount",
    )


def _names_products(offer: Column) -> Column:
    return reduce(Column.__or__, (F.size(offer[name]) > 0 for name in PRODUCTS))


def _nearest(*told: str) -> Column:
    """The first of some lists that names anything; an empty one where none does."""
    named = F.filter(F.array(*told), lambda one: F.size(one) > 0)
    return F.coalesce(F.get(named, 0), _none())


def _one_topic() -> Column:
    return F.array_compact(F.array(topic_words(F.col("topic"))))


def _none() -> Column:
    return F.array().cast(TEXTS)
