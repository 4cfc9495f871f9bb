"""Views: of all that a person looked at, what still says something about them."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from tactful.schemas.events import ORDER
from tactful.transforms.jurisdictions import tells_country
from tactful.transforms.persons.profiles import TIME_ZONE
from tactful.transforms.persons.zones import is_time_zone

VIEWS = "browse"


def is_view() -> Column:
    """Whether an event is a look at something: a page, a product, a search, a visit."""
    return F.col("event_class") == VIEWS


def telling_views(views: DataFrame, *, wanted: Column) -> DataFrame:
    """Keep of each person's views the few from which the same follows as from all of them.

    Views are nearly everything that happens, and of a person they say when they were first and last
    seen, with which device, in which zone and country. Of each set of identifiers, since it matters
    which were seen together, the first and the last stay, and the newest that says each of these.

    Keeps: the columns. Drops: the rows of which the person's others say the same.
    views: rows with person_id. wanted: which of them stay in any case.
    """
    seen = F.struct(*ORDER)
    whole = Window.partitionBy("person_id", "identifier_keys")

    def newest(tells: Column, *names: str) -> Column:
        # Of one moment the one that would be believed: of devices and zones the last by name.
        moment = F.struct("occurred_at", *names, *ORDER[1:])
        return F.struct(F.col("occurred_at"), *names, *ORDER[1:]) == F.max(
            F.when(tells, moment)
        ).over(whole)

    still_says = (
        (seen == F.min(seen).over(whole))
        | (seen == F.max(seen).over(whole))
        | newest(F.col("device_os").isNotNull(), "device_os")
        | newest(is_time_zone(TIME_ZONE), TIME_ZONE)
        | newest(tells_country())
    )
    told = views.withColumn("_still_says", wanted | F.coalesce(still_says, F.lit(False)))
    return told.where("_still_says").drop("_still_says")
