"""Consents, addresses, phones and service contacts, generated."""

from __future__ import annotations

from datetime import datetime, timedelta

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from tactful.jobs.demo.draws import Dice, identifiers, later, put_together
from tactful.jobs.demo.people import TILL_EMAIL, typed_phone
from tactful.jobs.demo.web import GENERATED

SAID = "struct<type:string,channel:string,attribute:string,value:string,at:timestamp>"
POLICY = "I agree to receive offers. I can withdraw at any time."
TOPICS = ("delivery", "refund", "product", "account", "complaint")


def profiles(
    people: DataFrame, *, dice: Dice, start: datetime, end: datetime, first_mail: datetime
) -> DataFrame:
    """Return what people told: consents given and withdrawn, a phone, a preference."""
    who = "household"
    said = F.posexplode(_said(dice, start, end, first_mail)).alias("at", "said")
    answers = people.where("email is not null or phone is not null").select("*", said)
    one, account = F.col("said"), F.col("customer_id").isNotNull()
    consent = one["type"].startswith("consent")
    phone = F.when(dice.chance(0.02, "short phone", who), F.lit("415-555")).otherwise(
        typed_phone(dice, F.col("phone"), who)
    )
    wants_phone = F.coalesce(one["channel"], one["attribute"], F.lit("")).isin("sms", "has_phone")
    return answers.select(
        F.concat_ws(
            "-", F.lit("crm"), F.col("number").cast("string"), (F.col("at") + 1).cast("string")
        ).alias("event_id"),
        one["type"].alias("type"),
        one["at"].alias("occurred_at"),
        F.lit(GENERATED).alias("source"),
        identifiers(
            customer_id=F.col("customer_id"),
            email=F.when(~wants_phone | ~account, F.col("email")),
            phone=F.when(wants_phone, phone),
            loyalty_id=F.when(~account, F.col("household")),
        ).alias("identifiers"),
        one["attribute"].alias("attribute"),
        one["value"].alias("value"),
        one["channel"].alias("channel"),
        F.when(consent, "marketing").alias("purpose"),
        F.lit("zero").alias("provenance"),
        F.when(one["type"] == "consent_granted", POLICY).alias("policy_text"),
        F.when(consent, "US").alias("jurisdiction"),
    )


def till(people: DataFrame, *, dice: Dice, start: datetime) -> DataFrame:
    """Return the cards that cashiers registered with the shop's own address.

    More cards than one address may have: nobody's address, and it must link nobody.
    """
    who = "household"
    return people.where(dice.chance(0.07, "till", who)).select(
        F.concat(F.lit("till-"), F.col("number").cast("string")).alias("event_id"),
        F.lit("attribute_set").alias("type"),
        dice.moment(start, start + timedelta(days=60), "till", who).alias("occurred_at"),
        F.lit(GENERATED).alias("source"),
        identifiers(email=F.lit(TILL_EMAIL), loyalty_id=who).alias("identifiers"),
        F.lit("registered_at").alias("attribute"),
        F.lit("store 330").alias("value"),
        F.lit("first").alias("provenance"),
    )


def contacts(
    people: DataFrame, orders: DataFrame, *, dice: Dice, start: datetime, end: datetime
) -> DataFrame:
    """Return contacts with customer service, about an order or anything else; some stay open."""
    nothing = F.lit(None).cast("string")
    asked = later(F.col("placed_at"), dice.share("asks after", "order_id") * 9 * 86400)
    ordered = orders.where(dice.chance(0.1, "asks", "order_id")).select(
        "customer_id", "email",
        nothing.alias("phone"),
        "order_id",
        F.col("order_id").alias("about"),
        asked.alias("opened_at"),
    )  # fmt: skip
    who = "household"
    other = people.where(
        F.coalesce("phone", "email").isNotNull() & dice.chance(0.2, "calls", who)
    ).select(
        F.when(F.col("phone").isNull(), F.col("customer_id")).alias("customer_id"),
        F.when(F.col("phone").isNull(), F.col("email")).alias("email"),
        typed_phone(dice, F.col("phone"), who).alias("phone"),
        nothing.alias("order_id"),
        F.col("number").cast("string").alias("about"),
        dice.moment(start, end, "calls", who).alias("opened_at"),
    )
    return ordered.unionByName(other).transform(_contact_events, dice)


def _contact_events(asked: DataFrame, dice: Dice) -> DataFrame:
    about = "about"
    steps = put_together(
        "string",
        F.array(F.lit("contact_opened")),
        (dice.chance(0.92, "closed", about), F.array(F.lit("contact_closed"))),
    )
    closed = F.col("step") == "contact_closed"
    days = dice.share("closed after", about) * 4 * 86400 + 600
    contact = F.concat(F.lit("care-"), about)
    return asked.select("*", F.explode(steps).alias("step")).select(
        F.concat_ws("-", contact, F.substring("step", 9, 6)).alias("event_id"),
        F.col("step").alias("type"),
        F.when(closed, later(F.col("opened_at"), days))
        .otherwise(F.col("opened_at"))
        .alias("occurred_at"),
        F.lit(GENERATED).alias("source"),
        identifiers(
            customer_id=F.col("customer_id"), email=F.col("email"), phone=F.col("phone")
        ).alias("identifiers"),
        contact.alias("contact_id"),
        F.when(F.col("phone").isNotNull(), "call").otherwise("chat").alias("channel"),
        dice.pick(TOPICS, "topic", about).alias("topic"),
        "order_id",
        F.when(closed & dice.chance(0.6, "rates", about), dice.below(5, "rating", about) + 1).alias(
            "satisfaction"
        ),
    )


def _said(dice: Dice, start: datetime, end: datetime, first_mail: datetime) -> Column:
    """Everything one household says, as a list."""
    who = "household"
    early = dice.moment(start, start + timedelta(days=5), "consent", who)
    left = later(F.lit(first_mail), F.col("leaves_in").cast("double") * 7 * 86400 + 10 * 3600)
    sometime = dice.moment(start + timedelta(days=20), end, "withdraws", who)
    has_email, has_phone = F.col("email").isNotNull(), F.col("phone").isNotNull()
    texted = has_phone & dice.chance(0.35, "sms consent", who)
    advertised = dice.chance(0.8, "ad consent", who)
    likes = dice.pick(("vegetarian", "organic", "no alcohol", "none"), "diet", who)
    left_now = F.coalesce(F.col("leaves") == "withdrawn", F.lit(False))
    granted, withdrawn = "consent_granted", "consent_withdrawn"
    no_email = dice.chance(0.05, "no email consent", who)
    no_ad = dice.chance(0.05, "ad withdrawn", who)
    no_sms = dice.chance(0.05, "sms withdrawn", who)
    phone_known = _one("attribute_set", later(early, 30), attribute="has_phone", value=F.lit("yes"))
    return put_together(
        SAID,
        (has_email & ~no_email, _one(granted, early, channel="email")),
        (advertised, _one(granted, early, channel="ad")),
        (texted, _one(granted, early, channel="sms")),
        (left_now, _one(withdrawn, left, channel="email")),
        (advertised & no_ad, _one(withdrawn, sometime, channel="ad")),
        (texted & no_sms, _one(withdrawn, sometime, channel="sms")),
        (dice.chance(0.01, "all withdrawn", who), _one(withdrawn, later(sometime, 60))),
        (has_phone, phone_known),
        (
            dice.chance(0.2, "diet told", who),
            _one("preference_set", sometime, attribute="diet", value=likes),
        ),
    )


def _one(
    kind: str,
    at: Column,
    *,
    channel: str | None = None,
    attribute: str | None = None,
    value: Column | None = None,
) -> Column:
    nothing = F.lit(None).cast("string")
    values = (
        F.lit(kind),
        F.lit(channel).cast("string"),
        F.lit(attribute).cast("string"),
        nothing if value is None else value,
        at,
    )
    names = ("type", "channel", "attribute", "value", "at")
    return F.array(F.struct(*(one.alias(name) for name, one in zip(names, values, strict=True))))
