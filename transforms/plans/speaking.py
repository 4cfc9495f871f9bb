"""Speaking: what the receiver of a message that is to be sent needs to know to send it."""

from __future__ import annotations

from collections.abc import Mapping

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from tactful.transforms.consents import PROOF, proven
from tactful.transforms.sinks.sink import as_json

MOMENT = "yyyy-MM-dd'T'HH:mm:ss'Z'"
SHOWN = ("name", "url", "image")
# What of the causing event whoever acts on a message needs: which form, order or contact it is.
OCCASION = ("form", "order_id", "contact_id", "store_id")
SEND, CANCEL = "send", "cancel"


def with_products(said: DataFrame, products: DataFrame, *, currency: str) -> DataFrame:
    """Name what each message offers, as far as the catalogue knows it.

    Adds: products (sku, name, price, currency, url, image, by sku). Keeps: all rows.
    currency: of the catalogue's prices, the business's own.
    """
    priced = F.when(F.col("price").isNotNull(), F.lit(currency)).alias("currency")
    shown = (F.col("attributes")[name].alias(name) for name in SHOWN)
    catalogue = products.select("sku", "price", *shown)
    named = (
        said.select("decision_id", F.explode("skus").alias("sku"))
        .join(catalogue, "sku", "left")
        .groupBy("decision_id")
        .agg(
            F.array_sort(
                F.collect_list(F.struct("sku", SHOWN[0], "price", priced, *SHOWN[1:]))
            ).alias("products")
        )
    )
    return said.join(named, "decision_id", "left")


def with_template(said: DataFrame, contents: DataFrame, *, kind: str) -> DataFrame:
    """Say which template, flow or event a content is at a kind of destination, in their language.

    Of several locales the person's own comes first, then their language, then what is for all.
    Adds: template (null where nobody says it). Keeps: all rows.
    """
    own = F.lower(F.coalesce("locale", F.lit("")))
    told = F.lower(F.coalesce("_locale", F.lit("")))
    rank = (
        F.when(told == own, 0)
        .when(F.substring(told, 1, 2) == F.substring(own, 1, 2), 1)
        .when(told == "", 2)
        .otherwise(3)
    )
    known = contents.select(
        F.col("content_id").alias("_content_id"),
        F.col("locale").alias("_locale"),
        F.col("stands_for")[kind].alias("_template"),
    ).where("_template IS NOT NULL")
    best = (
        said.select("decision_id", "content_id", "locale")
        .join(known, F.col("content_id") == F.col("_content_id"))
        .groupBy("decision_id")
        .agg(F.min_by("_template", F.struct(rank, "_locale")).alias("template"))
    )
    return said.join(best, "decision_id", "left")


def send_records(
    said: DataFrame, *, destination: str, reasons: Mapping[str, str], operation: str = SEND
) -> DataFrame:
    """Write one record a message. It is named by its decision: whoever gets it twice sends it once.

    Keeps: record_id, identifier_keys, destination, audience (the policy), operation, person_id,
    decision_id, payload, consent_event, policy_text. Grain: decision.
    said: with address, products, template, locale, proof, event (what caused it). reasons: by
    trigger, in plain words.
    """
    reason = F.coalesce(
        *(F.when(F.col("kind") == kind, F.lit(text)) for kind, text in reasons.items())
    )
    payload = F.struct(
        "decision_id",
        "channel",
        "address",
        "campaign_id",
        "content_id",
        "template",
        "products",
        *(F.col(f"event.{name}").alias(name) for name in OCCASION),
        reason.alias("reason"),
        _moment("send_at").alias("send_at"),
        _moment("expires_at").alias("not_after"),
        "locale",
    )
    told = said.withColumnsRenamed({"address_key": "_key", "proof": "_proof"})
    return _records(told, payload, destination=destination, operation=operation)


def cancel_records(back: DataFrame, *, destination: str) -> DataFrame:
    """Write one record for each message that is not to be sent after all, named by its decision.

    Keeps: the columns of `send_records`. Grain: decision.
    back: decision_id, anchor_key, person_id, policy, channel, campaign_id, send_at.
    """
    payload = F.struct("decision_id", "channel", "campaign_id", _moment("send_at").alias("send_at"))
    told = back.withColumns({"_key": F.col("anchor_key"), "_proof": F.lit(None).cast(PROOF)})
    return _records(told, payload, destination=destination, operation=CANCEL)


def _records(rows: DataFrame, payload: Column, *, destination: str, operation: str) -> DataFrame:
    """A record a decision, named by it. rows: with _key (of whom it is about) and _proof."""
    name = F.concat_ws("|", F.lit(destination), F.lit(operation), "decision_id")
    return rows.select(
        F.substring(F.sha2(name, 256), 1, 32).alias("record_id"),
        F.array_compact(F.array("_key")).alias("identifier_keys"),
        F.lit(destination).alias("destination"),
        F.col("policy").alias("audience"),
        F.lit(operation).alias("operation"),
        "person_id",
        "decision_id",
        as_json(payload).alias("payload"),
        *proven(F.col("_proof")),
    )


def _moment(name: str) -> Column:
    return F.date_format(name, MOMENT)
