"""Customers: what events alone say of a person, whenever one looks."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from tactful.schemas.customers import CUSTOMERS
from tactful.schemas.events import ORDER
from tactful.transforms.identity.owners import is_person
from tactful.transforms.persons.intervals import purchase_intervals
from tactful.transforms.persons.moments import newest, responded, usual_hour, usual_weekday
from tactful.transforms.persons.parts import side_by_side
from tactful.transforms.persons.profiles import TIME_ZONE, answers, attributes, newest_consents
from tactful.transforms.persons.purchases import money, switched_brands, tastes
from tactful.transforms.persons.responses import responses
from tactful.transforms.persons.zones import is_time_zone


def customers(
    timeline: DataFrame,
    outcomes: DataFrame,
    bought: DataFrame,
    orders: DataFrame,
    laws: DataFrame,
    *,
    time_zone: str,
) -> DataFrame:
    """Put together what is known of each person: visits, orders, taste, messages, answers.

    A shared device is no customer: what nobody's did on it is in `timeline` alone.

    Keeps: one row a person. Adds: the columns of `customers`.
    timeline: rows with person_id. outcomes: messages with person_id. bought: see `bought_lines`.
    orders: see `orders_of`. laws: see `jurisdictions`. time_zone: of who tells none.
    """
    mine = timeline.where(is_person())
    told = answers(mine)
    parts = [
        money(orders),
        tastes(orders),
        switched_brands(bought),
        purchase_intervals(bought),
        responses(outcomes, mine),
        devices(mine, told),
        responded(mine),
        _ordered(orders),
        contacts(timeline),
        newest_consents(mine),
        attributes(told),
        laws,
    ]
    seen = mine.groupBy("person_id").agg(
        F.min("occurred_at").alias("first_seen_at"), F.max("occurred_at").alias("last_seen_at")
    )
    whole = side_by_side(seen, parts)
    zoned = whole.withColumn("time_zone", F.coalesce("time_zone", F.lit(time_zone)))
    return zoned.withColumns(
        {
            "usual_response_hour": usual_hour("responded_at", "time_zone"),
            "usual_response_weekday": usual_weekday("responded_at", "time_zone"),
            "usual_purchase_hour": usual_hour("ordered_at", "time_zone"),
            "usual_purchase_weekday": usual_weekday("ordered_at", "time_zone"),
            **{name: _or_nothing(name) for name in _never_null()},
        }
    )


def devices(timeline: DataFrame, answers: DataFrame) -> DataFrame:
    """What device each person was last seen with, and in which time zone they live.

    The zone is the one that they tell, else that of the newest event whose place is known. A name
    that is none of a time zone says nothing.

    Keeps: one row a person of whom either is known. Adds: device_os, time_zone.
    timeline: rows with person_id. answers: see `answers`.
    """
    names = ("device_os", TIME_ZONE)
    # Few combinations, and times alone: so nothing has to be sorted.
    seen = (
        timeline.where("device_os IS NOT NULL OR time_zone IS NOT NULL")
        .groupBy("person_id", *names)
        .agg(F.max("occurred_at").alias("at"))
    )
    newest = seen.groupBy("person_id").agg(
        *(
            F.max(F.when(is_told, F.struct("at", name)))[name].alias(name)
            for name, is_told in (
                ("device_os", F.col("device_os").isNotNull()),
                (TIME_ZONE, is_time_zone(TIME_ZONE)),
            )
        )
    )
    told = answers.where((F.col("attribute") == TIME_ZONE) & is_time_zone("trim(value)"))
    own = told.select("person_id", F.trim("value").alias("_own"))
    both = newest.join(own, "person_id", "full")
    return both.select("person_id", "device_os", F.coalesce("_own", TIME_ZONE).alias(TIME_ZONE))


def contacts(timeline: DataFrame) -> DataFrame:
    """How often each person turned to customer service, and how content they were.

    What is told of a contact is told by who opened it first: a desk or a survey that closes it
    knows its number, not the customer, or names whoever works there. Of a contact that nobody
    opened it is the word of whom the event names.

    Keeps: one row a person who did. Adds: service_contacts, satisfaction (the mean of what was
    told, rounded to two places). timeline: rows with person_id, of each contact all there are.
    """
    service = timeline.where("event_class = 'service'")
    opened = service.where((F.col("type") == "contact_opened") & is_person())
    opener = F.min_by("person_id", F.struct(*ORDER))
    openers = (
        opened.where("contact_id IS NOT NULL").groupBy("contact_id").agg(opener.alias("_opener"))
    )
    told = service.where("satisfaction IS NOT NULL").join(openers, "contact_id", "left")
    their = F.coalesce("_opener", "person_id").alias("person_id")
    contact = F.coalesce("contact_id", "event_id").alias("contact")
    rows = opened.select("person_id", contact).unionByName(
        told.select(their, "satisfaction"), allowMissingColumns=True
    )
    return (
        rows.where(is_person())
        .groupBy("person_id")
        .agg(
            F.count_distinct("contact").alias("service_contacts"),
            F.round(F.avg("satisfaction"), 2).alias("satisfaction"),
        )
    )


def _ordered(orders: DataFrame) -> DataFrame:
    """When each person placed orders that were not cancelled, the newest hundred."""
    stands = orders.where(~F.col("is_cancelled"))
    return stands.groupBy("person_id").agg(newest("placed_at").alias("ordered_at"))


def _never_null() -> list[str]:
    return [column.name for column in CUSTOMERS.columns if column.is_empty_unless_told]


def _or_nothing(name: str) -> Column:
    """What is told, else an empty list or map, or 0."""
    kind = CUSTOMERS.column(name).type
    if kind.startswith("map"):
        return F.coalesce(name, F.create_map().cast(kind))
    if kind.startswith("array"):
        return F.coalesce(name, F.array().cast(kind))
    return F.coalesce(name, F.lit(0).cast(kind))
