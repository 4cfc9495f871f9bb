"""Out of context: what does not fit the season, place, weather or hour where somebody is."""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from tactful.schemas.countries import SOUTHERN
from tactful.transforms.jurisdictions import country

# By months of the north, as meteorologists count; in the south they lie half a year apart.
SEASONS = ("winter", "spring", "summer", "autumn")
SAME = {"fall": "autumn"}


@dataclass(frozen=True)
class Context:
    """What must hold where somebody is for a message to fit; None where it may be anything.

    hours: from which hour of the day until which, past midnight or not. temperature: of the day,
    at least and at most. rain: whether there has to be some.
    """

    hours: tuple[int, int] | None = None
    temperature: tuple[float | None, float | None] = (None, None)
    rain: bool | None = None

    @property
    def asks_weather(self) -> bool:
        return self.rain is not None or self.temperature != (None, None)


def out_of_context(
    proposals: DataFrame, products: DataFrame, weather: DataFrame, *, context: Context
) -> DataFrame:
    """Say of each proposal what speaks against it where its customer is then.

    One product out of season, or not for that place, is enough. A season is that of her own
    hemisphere: sandals of summer fit in Sydney in January. What nobody knows (her country, the
    weather of that day) speaks against what asks for it: in doubt nothing is said.

    Keeps: all rows. Adds: out_of_context (season, region, weather, hour; empty where it fits).
    proposals: skus, country, region, time_zone, send_at. products: sku, seasons, regions (texts;
    none where a product fits always, or anywhere; a region is a country's code or US-CA). weather:
    region, day, temperature, rain; of a part of a country, else of the country.
    """
    local = F.from_utc_timestamp("send_at", F.col("time_zone"))
    placed = proposals.withColumns(
        {
            "_id": F.monotonically_increasing_id(),
            "_country": country("country"),
            "_day": F.to_date(local),
            "_hour": F.hour(local),
        }
    ).withColumn("_part", F.concat("_country", F.lit("-"), F.upper(F.trim("region"))))
    against = [_misfits(placed, products), *_weather(placed, weather, context)]
    whole = placed
    for found in against:
        whole = whole.join(found, "_id", "left")
    checks = {
        "season": F.col("_season"), "region": F.col("_place"), "weather": _is_other(context),
        "hour": _is_no_hour(context),
    }  # fmt: skip
    told = (F.when(F.coalesce(bad, F.lit(False)), name) for name, bad in checks.items())
    reasons = F.array_compact(F.array(*told))
    return whole.withColumn("out_of_context", reasons).select(*proposals.columns, "out_of_context")


def season(country_code: Column, day: Column) -> Column:
    """The season of a day in a country; null where no country is known."""
    is_south = country_code.isin(*SOUTHERN)
    quarter = F.floor((F.month(day) % 12) / 3) + F.when(is_south, 2).otherwise(0)
    name = F.get(F.array(*(F.lit(one) for one in SEASONS)), (quarter % 4).cast("int"))
    return F.when(country_code.isNotNull(), name)


def _misfits(placed: DataFrame, products: DataFrame) -> DataFrame:
    """Whether any product is out of season, or not for that place: _id, _season, _place."""

    def spelled(names: str, case: str) -> Column:
        folded = F.lower if case == "lower" else F.upper
        texts = F.coalesce(F.col(names), F.array().cast("array<string>"))
        return F.transform(texts, lambda one: folded(F.trim(one)))

    synonyms = F.create_map(*(F.lit(word) for pair in SAME.items() for word in pair))
    seasons = F.transform(
        spelled("seasons", "lower"), lambda one: F.coalesce(F.element_at(synonyms, one), one)
    )
    known = products.select("sku", seasons.alias("_in"), spelled("regions", "upper").alias("_for"))
    skus = F.explode("skus").alias("sku")
    offered = placed.select("_id", "_country", "_part", "_day", skus).join(known, "sku")
    now = season(F.col("_country"), F.col("_day"))
    out = (F.size("_in") > 0) & ~F.coalesce(F.array_contains("_in", now), F.lit(False))
    here = F.array_compact(F.array("_country", "_part"))
    away = (F.size("_for") > 0) & ~F.coalesce(F.arrays_overlap("_for", here), F.lit(False))
    return offered.groupBy("_id").agg(
        F.bool_or(out).alias("_season"), F.bool_or(away).alias("_place")
    )


def _weather(placed: DataFrame, weather: DataFrame, context: Context) -> list[DataFrame]:
    """The weather of the place and day of each, where it is asked for: _id, _told."""
    if not context.asks_weather:
        return []
    told = weather.select(
        F.upper(F.trim("region")).alias("_where"), F.col("day").alias("_day"),
        F.struct("temperature", "rain").alias("_w"),
    )  # fmt: skip
    places = F.posexplode(F.array("_part", "_country")).alias("_place_order", "_where")
    asked = placed.select("_id", "_day", places).join(told, ["_where", "_day"])
    return [asked.groupBy("_id").agg(F.min_by("_w", "_place_order").alias("_told"))]


def _is_other(context: Context) -> Column:
    """Whether the weather is other than it has to be, or nobody knows it."""
    if not context.asks_weather:
        return F.lit(False)
    least, most = context.temperature
    fits = F.lit(True)
    if least is not None:
        fits &= F.col("_told.temperature") >= least
    if most is not None:
        fits &= F.col("_told.temperature") <= most
    if context.rain is not None:
        fits &= (F.col("_told.rain") > 0) == F.lit(context.rain)
    return ~F.coalesce(fits, F.lit(False))


def _is_no_hour(context: Context) -> Column:
    """Whether it is none of the hours."""
    if context.hours is None:
        return F.lit(False)
    first, last = context.hours
    after, before = F.col("_hour") >= first, F.col("_hour") < last
    return ~((after & before) if first < last else (after | before))
