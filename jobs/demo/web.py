"""Visits to site and app, generated: around purchases, with carts left behind, and one bot."""

from __future__ import annotations

from datetime import datetime

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from tactful.jobs.demo.draws import Dice, identifiers, later, put_together
from tactful.jobs.demo.people import (
    ACCOUNTS_WITHIN,
    BOT_COOKIE,
    account_told_at,
    lives_south,
    typed_email,
)

GENERATED = "generated"
ITEM = "array<struct<sku:string,category:string>>"
GEO = "struct<country:string,region:string,city:string,time_zone:string>"
STEP = "struct<type:string,sku:string,category:string>"
NO_DEVICE = "00000000-0000-0000-0000-000000000000"


def browsing(people: DataFrame, *, dice: Dice, start: datetime, end: datetime) -> DataFrame:
    """Return visits that lead to no order: looking around, or a cart left behind."""
    who = "household"
    visits = F.explode(F.sequence(F.lit(1), F.greatest(dice.below(9, "visits", who), F.lit(1))))
    visit = F.concat_ws(
        "-", F.lit("browse"), F.col("number").cast("string"), F.col("nth").cast("string")
    )
    online = people.where("online and favourites is not null").select("*", visits.alias("nth"))
    named = online.withColumn("visit", visit)
    first = dice.below(8, "looks at", "visit") + 1
    items = F.slice("favourites", F.least(first, F.size("favourites")), 3)
    left = dice.chance(0.35, "leaves cart", "visit")
    return named.select(
        "household",
        "visit",
        F.when(left, "abandoned").otherwise("browse").alias("kind"),
        dice.moment(start, end, "browse", "visit").alias("started_at"),
        F.transform(items, lambda one: F.struct(one["sku"], one["category"]))
        .cast(ITEM)
        .alias("items"),
    )


def visits(people: DataFrame, planned: DataFrame, *, dice: Dice) -> DataFrame:
    """Say for each planned visit of somebody online on which device it was, and if logged in.

    Adds: anonymous_id, device_id (one of them is null), known, app.
    """
    visit = "visit"
    known = F.col("customer_id").isNotNull() & (
        (F.col("kind") == "order") | dice.chance(0.35, "logs in", visit)
    )
    app = F.col("device_id").isNotNull() & dice.chance(0.3, "on the app", visit)
    borrowed = F.col("borrowed_cookie").isNotNull() & dice.chance(0.4, "borrowed", visit)
    nth = dice.below("size(cookies)", "cookie", visit)
    cookie = F.when(borrowed, F.col("borrowed_cookie")).otherwise(F.get(F.col("cookies"), nth))
    life = people.where("online").select(
        "household", "customer_id", "email", "cookies", "device_id", "borrowed_cookie"
    )
    return planned.join(life, "household").select(
        *planned.columns,
        "customer_id",
        "email",
        known.alias("known"),
        app.alias("app"),
        F.when(~app, cookie).alias("anonymous_id"),
        F.when(app, F.col("device_id")).alias("device_id"),
    )


def clicks(visits: DataFrame, *, dice: Dice) -> DataFrame:
    """Return what happened in each visit, step by step."""
    visit = "visit"
    walked = visits.select("*", F.posexplode(_steps(dice)).alias("at", "step"))
    step = F.col("step")
    login = step["type"] == "login"
    named = login | (F.col("known") & dice.chance(0.4, "named", visit, "at"))
    junk = dice.share("junk", visit, "at")
    customer = F.when(named, F.col("customer_id")).otherwise(F.when(junk < 0.006, F.lit("unknown")))
    ids = identifiers(
        customer_id=customer,
        email=F.when(login, typed_email(dice, F.col("email"), visit, "at")).when(
            junk > 0.996, F.lit("null")
        ),
        device_id=F.coalesce("device_id", F.when(F.abs(junk - 0.5) < 0.003, F.lit(NO_DEVICE))),
        anonymous_id=F.col("anonymous_id"),
    )
    moment = later(F.col("started_at"), F.col("at") * 35 + dice.share("step", visit, "at") * 30)
    asked = F.element_at(F.split(F.col("items")[0]["category"], "[ /-]+"), 1)
    return walked.select(
        F.expr("concat_ws('-', visit, at + 1)").alias("event_id"),
        step["type"].alias("type"),
        moment.alias("occurred_at"),
        F.lit(GENERATED).alias("source"),
        ids.alias("identifiers"),
        F.concat(F.lit("s-"), visit).alias("session_id"),
        step["sku"].alias("sku"),
        step["category"].alias("category"),
        F.when(step["type"] == "search", asked).alias("query"),
        _address(step).alias("url"),
        F.when(F.col("at") == 0, F.col("message_id")).alias("message_id"),
        F.when(F.col("at") == 0, F.col("campaign_id")).alias("campaign_id"),
        F.when(F.col("app"), "app").otherwise("online").alias("place"),
        F.struct(
            F.when(F.col("app"), "phone").otherwise("computer").alias("type"),
            F.when(F.col("app"), "ios").otherwise("windows").alias("os"),
        ).alias("device"),
        # A field that the canonical form does not name: kept in `properties`.
        F.when(dice.chance(0.02, "test", visit), F.lit("B")).alias("page_test"),
    )


def accounts(people: DataFrame, *, dice: Dice, start: datetime, end: datetime) -> DataFrame:
    """Return the one event in which each account shows its email and place, and those that link the
    card.

    A few addresses are typed wrongly at that moment; one in five accounts is new.
    """
    who = "household"
    account = people.where("customer_id is not null")
    cookie = F.when(dice.chance(0.85, "first cookie", who), F.col("cookies")[0])
    soon = start + ACCOUNTS_WITHIN
    south = lives_south(dice)
    number = F.col("number").cast("string")
    entered = account.select(
        F.concat(F.lit("account-"), number).alias("event_id"),
        F.when(dice.chance(0.2, "new account", who), "signup").otherwise("login").alias("type"),
        account_told_at(dice, start).alias("occurred_at"),
        identifiers(
            customer_id=F.col("customer_id"),
            email=F.coalesce("wrong_email", typed_email(dice, F.col("email"), who)),
            anonymous_id=cookie,
        ).alias("identifiers"),
        F.struct(
            F.when(south, "AU").otherwise("US").alias("country"),
            F.when(south, "NSW").otherwise("OH").alias("region"),
            F.lit(None).alias("city"),
            F.lit(None).alias("time_zone"),
        )
        .cast(GEO)
        .alias("geo"),
    )
    second = account.where("second_email is not null").select(
        F.concat(F.lit("account-"), number, F.lit("-second")).alias("event_id"),
        F.lit("login").alias("type"),
        dice.moment(soon, end, "second email", who).alias("occurred_at"),
        identifiers(customer_id=F.col("customer_id"), email=F.col("second_email")).alias(
            "identifiers"
        ),
    )
    late = dice.chance(0.15, "card linked late", who)
    card = account.where("card_linked").select(
        F.concat(F.lit("card-"), number).alias("event_id"),
        F.when(dice.chance(0.7, "joins", who), "loyalty_join").otherwise("login").alias("type"),
        F.when(late, dice.moment(soon, end, "card late", who))
        .otherwise(dice.moment(start, soon, "card", who))
        .alias("occurred_at"),
        identifiers(
            customer_id=F.col("customer_id"), loyalty_id=F.col("household"), anonymous_id=cookie
        ).alias("identifiers"),
    )
    told = entered.unionByName(second.unionByName(card), allowMissingColumns=True)
    return told.select("*", F.lit(GENERATED).alias("source"), F.lit("online").alias("place"))


def bot(
    spark: SparkSession, people: DataFrame, *, dice: Dice, start: datetime, pages: int
) -> DataFrame:
    """Return one cookie's thousands of page views, and its log-ins with many people's ids."""
    views = spark.range(pages).select(
        F.concat(F.lit("bot-"), F.col("id").cast("string")).alias("event_id"),
        F.lit("page_view").alias("type"),
        later(F.lit(start), F.col("id") * 11 + dice.share("bot", "id")).alias("occurred_at"),
        identifiers(anonymous_id=F.lit(BOT_COOKIE)).alias("identifiers"),
    )
    who = "household"
    victims = people.where(F.col("customer_id").isNotNull() & dice.chance(0.1, "victim", who))
    tries = victims.select(
        F.concat(F.lit("bot-login-"), F.col("number").cast("string")).alias("event_id"),
        F.lit("login").alias("type"),
        later(F.lit(start), dice.share("bot login", who) * 11 * pages).alias("occurred_at"),
        identifiers(customer_id=F.col("customer_id"), anonymous_id=F.lit(BOT_COOKIE)).alias(
            "identifiers"
        ),
    )
    both = views.unionByName(tries)
    return both.select(
        "*",
        F.lit(GENERATED).alias("source"),
        F.lit("online").alias("place"),
        F.lit("/prices").alias("url"),
    )


def _steps(dice: Dice) -> Column:
    """The steps of a visit, from opening the app to the checkout."""
    visit, kind, items = "visit", F.col("kind"), F.col("items")
    seen = F.transform(items, lambda one: _step("product_view", one["sku"], one["category"]))
    put = F.transform(
        F.slice(items, 1, 2), lambda one: _step("add_to_cart", one["sku"], one["category"])
    )
    taken = F.transform(
        F.slice(items, 2, 1), lambda one: _step("remove_from_cart", one["sku"], one["category"])
    )
    buys = kind.isin("order", "abandoned")
    return put_together(
        STEP,
        (F.col("app"), F.array(_step("app_open"))),
        F.array(_step("page_view")),
        (F.col("known"), F.array(_step("login"))),
        (dice.chance(0.3, "searches", visit), F.array(_step("search"))),
        seen,
        (buys | dice.chance(0.15, "cart", visit), put),
        ((kind == "abandoned") & dice.chance(0.2, "removes", visit), taken),
        (
            (kind == "order") | ((kind == "abandoned") & dice.chance(0.5, "checkout", visit)),
            F.array(_step("checkout_start")),
        ),
        (dice.chance(0.015, "error", visit), F.array(_step("error_shown"))),
        (dice.chance(0.01, "chat", visit), F.array(_step("chat_opened"))),
    )


def _step(kind: str, sku: Column | None = None, category: Column | None = None) -> Column:
    nothing = F.lit(None).cast("string")
    return F.struct(
        F.lit(kind).alias("type"),
        (nothing if sku is None else sku).alias("sku"),
        (nothing if category is None else category).alias("category"),
    )


def _address(step: Column) -> Column:
    return (
        F.when(step["sku"].isNotNull(), F.concat(F.lit("/product/"), step["sku"]))
        .when(step["type"] == "checkout_start", "/checkout")
        .when(step["type"] == "login", "/login")
        .when(step["type"] == "search", "/search")
        .otherwise("/")
    )
