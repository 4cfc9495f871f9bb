"""Emails, text messages and ads with what became of them, generated.

The data's own mailings break no weekly cap, so figures about caps rest on these messages.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from tactful.jobs.demo.draws import Dice, identifiers, later, put_together
from tactful.jobs.demo.people import typed_phone
from tactful.jobs.demo.web import GENERATED

OUTCOME = "struct<type:string,after:double,machine_open:boolean,bounce:string>"
COST = {"email": "0.0010", "sms": "0.0150", "ad": "0.0060"}


@dataclass(frozen=True)
class Slot:
    """One of the week's mails: its day and hour, and which share of the persons gets it."""

    name: str
    day: int
    hour: int
    ordinary: float
    heavy: float
    discount: bool


# From Tuesday to Sunday. Heavy persons get 3.4 a week on average: beyond a cap of 3 now and then.
SLOTS = (
    Slot("newsletter", 0, 9, 1.0, 1.0, discount=False),
    Slot("offers", 2, 16, 0.2, 0.9, discount=True),
    Slot("flash", 4, 11, 0.05, 0.8, discount=True),
    Slot("lastcall", 5, 18, 0.0, 0.7, discount=True),
)


def mail_plan(
    *, start: datetime, end: datetime, featured: list[str], seed: int
) -> list[dict[str, object]]:
    """Return the generated email campaigns, one a week and slot, with the products they show."""
    first = start + timedelta(days=(1 - start.weekday()) % 7)
    plan: list[dict[str, object]] = []
    week = 0
    while first + timedelta(weeks=week) < end:
        for place, slot in enumerate(SLOTS):
            at = first + timedelta(weeks=week, days=slot.day, hours=slot.hour)
            shown = (seed * 31 + week * 7 + place * 3) % max(len(featured), 1)
            skus = (featured[shown:] + featured[:shown])[:2]
            plan.append(
                {"campaign_id": f"{slot.name}-{week:02d}", "slot": slot.name, "week": week,
                 "starts_at": at, "ordinary": slot.ordinary, "heavy_share": slot.heavy,
                 "offers_discount": slot.discount, "shown": skus}
            )  # fmt: skip
        week += 1
    return plan


def campaign_rows(plan: list[dict[str, object]]) -> list[dict[str, object]]:
    """Return the generated email campaigns as reference rows."""
    stamp = "%Y-%m-%dT%H:%M:%SZ"
    return [
        {
            "campaign_id": one["campaign_id"],
            "goal": "conversion",
            "channel": "email",
            "purpose": "marketing",
            "starts_at": one["starts_at"].strftime(stamp),
            "ends_at": (one["starts_at"] + timedelta(days=7)).strftime(stamp),
            "attributes": {"slot": one["slot"], "source": GENERATED},
        }
        for one in plan
    ]


def emails(
    spark: SparkSession, people: DataFrame, plan: list[dict[str, object]], *, dice: Dice
) -> DataFrame:
    """Return the marketing emails sent, one row a message, with its fate as seconds or null.

    Somebody who unsubscribed, complained, bounced or withdrew is still written to for some weeks.
    """
    columns = (
        "campaign_id string, slot string, week int, starts bigint, ordinary double, "
        "heavy_share double, offers_discount boolean, shown array<string>"
    )
    names = [part.split()[0] for part in columns.split(", ")]
    rows = [
        tuple({**one, "starts": int(one["starts_at"].timestamp())}[name] for name in names)
        for one in plan
    ]
    campaigns = spark.createDataFrame(rows, columns)
    message = F.concat_ws("-", F.lit("em"), F.col("campaign_id"), F.col("number").cast("string"))
    gets = F.when(F.col("heavy"), F.col("heavy_share")).otherwise(F.col("ordinary"))
    sent = (
        people.where("email is not null")
        .join(F.broadcast(campaigns), F.col("week") <= F.col("written_until"))
        .withColumn("message_id", message)
        .where(dice.share("gets", "message_id") < gets)
    )
    own = F.slice("favourites", dice.below(8, "own product", "message_id") + 1, 1)
    skus = F.concat("shown", F.coalesce(F.transform(own, lambda one: one["sku"]), F.array()))
    minute = dice.below(5400, "sent", "message_id")
    return sent.select(
        "household", "number", "customer_id", "email", "online", "message_id", "campaign_id",
        "offers_discount", "favourites", "opened_by_machine",
        F.col("slot").alias("topic"),
        later(F.timestamp_seconds("starts"), minute).alias("sent_at"),
        F.array_distinct(skus).alias("skus"),
        F.expr("if(slot = 'newsletter' and week = leaves_in, leaves, null)").alias("leaves"),
        F.expr("leaves = 'bounced' and week >= leaves_in").alias("gone"),
    ).transform(_fate, dice)  # fmt: skip


def _fate(sent: DataFrame, dice: Dice) -> DataFrame:
    """Adds: bounce, opened_after, clicked_after (seconds since sent)."""
    message = "message_id"
    soft = dice.chance(0.006, "soft bounce", message)
    bounce = F.when(F.coalesce("gone", F.lit(False)), "hard").when(soft, "soft")
    opens = bounce.isNull() & dice.chance(0.3, "opens", message)
    after = F.exp(dice.share("opened", message) * 6) * 300
    clicked = opens & dice.chance(0.12, "clicks", message)
    return sent.select(
        "*",
        bounce.alias("bounce"),
        F.when(opens, after).alias("opened_after"),
        F.when(clicked, after + 20 + dice.below(200, "clicked", message)).alias("clicked_after"),
    )


def email_events(emails: DataFrame, *, dice: Dice) -> DataFrame:
    """Return what became of each marketing email: sent, delivered or bounced, opened, clicked."""
    message, opened = "message_id", F.col("opened_after")
    fate = put_together(
        OUTCOME,
        F.array(outcome("sent", F.lit(0.0))),
        F.when(
            F.col("bounce").isNotNull(),
            F.array(outcome("bounced", dice.below(60, "delay", message) + 3.0, bounce="bounce")),
        ).otherwise(F.array(outcome("delivered", dice.below(60, "delay", message) + 3.0))),
        (
            F.col("bounce").isNull() & F.col("opened_by_machine"),
            F.array(outcome("opened", dice.below(240, "machine", message) + 70.0, machine=True)),
        ),
        (opened.isNotNull(), F.array(outcome("opened", opened))),
        (F.col("clicked_after").isNotNull(), F.array(outcome("clicked", F.col("clicked_after")))),
        (F.col("leaves") == "unsubscribed", F.array(outcome("unsubscribed", F.lit(7200.0)))),
        (F.col("leaves") == "complained", F.array(outcome("complained", F.lit(5400.0)))),
    )
    return events(emails.select("*", F.posexplode(fate).alias("at", "fate")), "email")


def visits_after(clicked: DataFrame) -> DataFrame:
    """Return the visit that each click on an email led to."""
    item = F.struct(F.col("skus")[0].alias("sku"), F.lit(None).cast("string").alias("category"))
    return clicked.where("online").select(
        "household",
        F.concat(F.lit("via-"), F.col("message_id")).alias("visit"),
        F.lit("email").alias("kind"),
        later(F.col("clicked_at"), 2).alias("started_at"),
        F.array(item).alias("items"),
        "message_id",
        "campaign_id",
    )


def back_again(people: DataFrame, plan: list[dict[str, object]], *, dice: Dice) -> DataFrame:
    """Return the few who subscribe again five weeks after they unsubscribed."""
    start = plan[0]["starts_at"]
    some = dice.chance(0.12, "subscribes again", "household")
    weeks = (F.col("leaves_in") + 5).cast("double") * 7 * 86400
    return people.where((F.col("leaves") == "unsubscribed") & some).select(
        F.concat(F.lit("back-"), F.col("number").cast("string")).alias("event_id"),
        F.lit("subscribed").alias("type"),
        later(F.lit(start), weeks).alias("occurred_at"),
        F.lit(GENERATED).alias("source"),
        identifiers(email=F.col("email")).alias("identifiers"),
        F.concat(F.lit("back-"), F.col("number").cast("string")).alias("message_id"),
        F.lit("email").alias("channel"),
        F.lit("marketing").alias("purpose"),
    )


def confirmations(orders: DataFrame) -> DataFrame:
    """Return the order confirmations: transactional emails that no rule should stop."""
    fate = F.array(outcome("sent", F.lit(0.0)), outcome("delivered", F.lit(8.0)))
    mails = orders.select(
        "customer_id", "email",
        F.concat(F.lit("confirm-"), F.col("order_id")).alias("message_id"),
        later(F.col("placed_at"), 20).alias("sent_at"),
        F.lit("confirmation").alias("topic"),
        F.posexplode(fate).alias("at", "fate"),
    )  # fmt: skip
    return events(mails, "email", purpose="transactional")


def texts(people: DataFrame, *, dice: Dice, start: datetime, end: datetime) -> DataFrame:
    """Return text messages to the phones of those who agreed: about two a month."""
    fate = F.array(outcome("sent", F.lit(0.0)), outcome("delivered", F.lit(4.0)))
    nth = F.explode(F.sequence(F.lit(1), F.lit(max((end - start).days // 15, 1))))
    agreed = people.where(
        F.col("phone").isNotNull() & dice.chance(0.35, "sms consent", "household")
    )
    messages = agreed.select("*", nth.alias("nth")).withColumn(
        "message_id",
        F.concat_ws("-", F.lit("sms"), F.col("number").cast("string"), F.col("nth").cast("string")),
    )
    message = "message_id"
    return events(
        messages.select(
            typed_phone(dice, F.col("phone"), message).alias("phone"),
            "message_id",
            dice.moment(start, end, "sms", message).alias("sent_at"),
            F.lit("sms-club").alias("campaign_id"),
            F.lit("club").alias("topic"),
            F.posexplode(fate).alias("at", "fate"),
        ),
        "sms",
    )


def ads(visits: DataFrame, *, dice: Dice) -> DataFrame:
    """Return ads that follow a visitor with the product she looked at, bought since or not."""
    visit = "visit"
    nth = F.explode(F.sequence(F.lit(1), dice.below(3, "ads", visit) + 2))
    followed = visits.where((F.size("items") > 0) & dice.chance(0.13, "followed", visit))
    shown = followed.select("*", nth.alias("nth")).withColumn(
        "message_id", F.concat_ws("-", F.lit("ad"), visit, F.col("nth").cast("string"))
    )
    message = "message_id"
    fate = put_together(
        OUTCOME,
        F.array(outcome("sent", F.lit(0.0))),
        (dice.chance(0.02, "ad clicked", message), F.array(outcome("clicked", F.lit(9.0)))),
    )
    by_email = F.col("known") & dice.chance(0.5, "ad by email", visit)
    wait = (F.col("nth") * 2 + dice.share("ad", message)) * 86400
    return events(
        shown.select(
            F.when(by_email, F.sha2("email", 256)).alias("email_sha256"),
            F.when(~by_email | F.col("email").isNull(), F.col("anonymous_id")).alias(
                "anonymous_id"
            ),
            F.when(~by_email | F.col("email").isNull(), F.col("device_id")).alias("device_id"),
            "message_id",
            later(F.col("started_at"), wait).alias("sent_at"),
            F.lit("retarget").alias("campaign_id"),
            F.lit("retarget").alias("topic"),
            F.array(F.col("items")[0]["sku"]).alias("skus"),
            F.posexplode(fate).alias("at", "fate"),
        ),
        "ad",
    )


def events(
    fates: DataFrame, channel: str, purpose: str = "marketing", *, knows_all: bool = False
) -> DataFrame:
    """Return one event per fate of each message; only `sent` says what the message was about.

    knows_all: whether the service knows the shop's number for every address, not every third.
    """
    fate, columns = F.col("fate"), set(fates.columns)
    who = {
        name: F.col(name)
        for name in ("customer_id", "email", "email_sha256", "phone", "device_id", "anonymous_id")
        if name in columns
    }
    if "customer_id" in who and not knows_all:
        who["customer_id"] = F.when(F.pmod(F.hash("email"), F.lit(3)) == 0, who["customer_id"])
    sent = fate["type"] == "sent"
    about = [name for name in ("skus", "offers_discount") if name in columns]
    number = (F.col("at") + 1).cast("string")
    return fates.select(
        F.concat_ws("-", F.col("message_id"), number).alias("event_id"),
        fate["type"].alias("type"),
        later(F.col("sent_at"), fate["after"]).alias("occurred_at"),
        F.lit(GENERATED).alias("source"),
        identifiers(**who).alias("identifiers"),
        "message_id",
        F.lit(channel).alias("channel"),
        F.lit(purpose).alias("purpose"),
        *(name for name in ("campaign_id", "content_id", "topic") if name in columns),
        *(F.when(sent, F.col(name)).alias(name) for name in about),
        fate["bounce"].alias("bounce"),
        fate["machine_open"].alias("machine_open"),
        F.when(sent, F.lit(COST[channel]).cast("decimal(18,4)")).alias("cost"),
    )


def outcome(
    kind: str, after: Column, *, machine: bool = False, bounce: str | None = None
) -> Column:
    """What became of a message, so many seconds after it was sent."""
    values = (
        F.lit(kind),
        after.cast("double"),
        F.lit(True if machine else None).cast("boolean"),
        (F.col(bounce) if bounce else F.lit(None)).cast("string"),
    )
    names = ("type", "after", "machine_open", "bounce")
    return F.struct(*(value.alias(name) for name, value in zip(names, values, strict=True)))
