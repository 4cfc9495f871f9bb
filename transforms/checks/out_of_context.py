"""Out of context: what does not fit the season, place, weather or hour where somebody is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import reduce
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from tactful.schemas.countries import SOUTHERN
from tactful.schemas.events import CHANNELS
from tactful.transforms.checks.check import Around, Check, Here, is_meant
from tactful.transforms.jurisdictions import country, part_of_country, place_of_weather
from tactful.transforms.legal_hours import Week
from tactful.transforms.options import option
from tactful.transforms.quiet_hours import next_open, outside
from tactful.transforms.rules.rule import Fault, Policy

OUT_OF_CONTEXT = "out_of_context"
HOURS = r"([01]?\d|2[0-4])-([01]?\d|2[0-4])"
# By months of the north, as meteorologists count; in the south they lie half a year apart.
SEASONS = ("winter", "spring", "summer", "autumn")
SAME = {"fall": "autumn"}


@dataclass(frozen=True, kw_only=True)
class OutOfContext:
    """Say nothing that does not fit the season, place, weather or hour where somebody is."""

    seasons: bool = option(
        "Whether every product has to be in season (`seasons` of products) where somebody is.",
        default=True,
    )
    regions: bool = option(
        "Whether every product has to be for where somebody is (`regions` of products).",
        default=True,
    )
    hours: str | None = option(
        "From which hour until which it may be said, by the clock where somebody is, such as 7-10.",
        default=None,
        pattern=HOURS,
        looks='a span of whole hours such as "7-10" or "22-2"',
    )
    temperature_from: float | None = option(
        "How warm it has to be at least that day, in °C.", default=None, at_least=-100, at_most=100
    )
    temperature_to: float | None = option(
        "How warm it may be at most that day, in °C.", default=None, at_least=-100, at_most=100
    )
    rain: bool | None = option("Whether it has to rain that day, or must not.", default=None)
    policies: tuple[str, ...] = option(
        "The entries of [[activate]] it holds for; empty means all.", default=()
    )
    channels: tuple[str, ...] = option(
        "The channels it holds for; empty means all.", default=(), allowed=CHANNELS
    )

    @property
    def asks_weather(self) -> bool:
        """Whether the weather has a say."""
        return (self.rain, self.temperature_from, self.temperature_to) != (None, None, None)

    @property
    def week(self) -> Week | None:
        """The hours it may be said in; None where any will do."""
        if self.hours is None:
            return None
        begins, _, ends = self.hours.partition("-")
        return outside(ends, begins)


def out_of_context(
    messages: DataFrame, products: DataFrame, weather: DataFrame, *, chosen: OutOfContext
) -> DataFrame:
    """Say of each message what speaks against it where its customer is then.

    One product out of season, or not for that place, is enough. A season is that of her own
    hemisphere: sandals of summer fit in Sydney in January. What nobody knows (her country, the
    weather of that day) speaks against what asks for it: in doubt nothing is said.

    Keeps: all rows. Adds: out_of_context (season, region, weather, hour; empty where it fits),
    ends_at (when that may have changed by itself: the next season, the next day, the hour from
    which it may be said; null where that is not known, and where it fits).
    messages: decision_id, skus, country, region, time_zone, moment. products: sku, seasons, regions
    (texts; none where a product fits always, or anywhere; a region is a country's code or US-CA).
    weather: region, day, temperature, rain; of a part of a country, else of the country.
    """
    local = F.from_utc_timestamp("moment", F.col("time_zone"))
    placed = messages.withColumns(
        {
            "_country": country("country"), "_part": part_of_country(),
            "_day": F.to_date(local), "_hour": F.hour(local),
        }
    )  # fmt: skip
    whole = placed
    for found in (_misfits(placed, products, chosen), *_weather(placed, weather, chosen)):
        whole = whole.join(found, "decision_id", "left")
    checks = {
        "season": F.col("_season"), "region": F.col("_place"), "weather": _is_other(chosen),
        "hour": _is_no_hour(chosen),
    }  # fmt: skip
    told = (F.when(F.coalesce(bad, F.lit(False)), name) for name, bad in checks.items())
    reasons = F.array_compact(F.array(*told))
    months = (F.lit(3) - F.month("_day") % 3).cast("int")
    day_after = {
        "season": F.add_months(F.trunc("_day", "MM"), months),
        "weather": F.date_add("_day", 1), "hour": _opens(chosen),
    }  # fmt: skip

    def begins(day: Column) -> Column:
        return F.to_utc_timestamp(day.cast("timestamp"), F.col("time_zone"))

    held = [F.when(F.array_contains("out_of_context", n), begins(d)) for n, d in day_after.items()]
    until = F.when(~F.array_contains("out_of_context", "region"), F.greatest(*held))
    judged = whole.withColumn("out_of_context", reasons).withColumn("ends_at", until)
    return judged.select(*messages.columns, "out_of_context", "ends_at")


def season(country_code: Column, day: Column) -> Column:
    """The season of a day in a country; null where no country is known."""
    is_south = country_code.isin(*SOUTHERN)
    quarter = F.floor((F.month(day) % 12) / 3) + F.when(is_south, 2).otherwise(0)
    name = F.get(F.array(*(F.lit(one) for one in SEASONS)), (quarter % 4).cast("int"))
    return F.when(country_code.isNotNull(), name)


def _misfits(placed: DataFrame, products: DataFrame, chosen: OutOfContext) -> DataFrame:
    """Whether any product is out of season, or not for that place: decision_id, _season, _place."""

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
    offered = placed.select("decision_id", "_country", "_part", "_day", skus).join(known, "sku")
    now = season(F.col("_country"), F.col("_day"))
    out = (F.size("_in") > 0) & ~F.coalesce(F.array_contains("_in", now), F.lit(False))
    here = F.array_compact(F.array("_country", "_part"))
    away = (F.size("_for") > 0) & ~F.coalesce(F.arrays_overlap("_for", here), F.lit(False))
    return offered.groupBy("decision_id").agg(
        F.bool_or(out & F.lit(chosen.seasons)).alias("_season"),
        F.bool_or(away & F.lit(chosen.regions)).alias("_place"),
    )


def _weather(placed: DataFrame, weather: DataFrame, chosen: OutOfContext) -> list[DataFrame]:
    """The weather of the place and day of each, where it is asked for: its decision, _told."""
    if not chosen.asks_weather:
        return []
    told = weather.select(
        place_of_weather().alias("_where"), F.col("region").alias("_spelled"),
        F.col("day").alias("_day"), F.struct("temperature", "rain").alias("_w"),
    )  # fmt: skip
    places = F.posexplode(F.array("_part", "_country")).alias("_place_order", "_where")
    asked = placed.select("decision_id", "_day", places).join(told, ["_where", "_day"])
    # A place spelled in two ways may be told two things of a day: the same of them counts always.
    first = F.min_by("_w", F.struct("_place_order", "_spelled")).alias("_told")
    return [asked.groupBy("decision_id").agg(first)]


def _is_other(chosen: OutOfContext) -> Column:
    """Whether the weather is other than it has to be, or nobody knows it."""
    if not chosen.asks_weather:
        return F.lit(False)
    least, most = chosen.temperature_from, chosen.temperature_to
    fits = F.lit(True)
    if least is not None:
        fits &= F.col("_told.temperature") >= least
    if most is not None:
        fits &= F.col("_told.temperature") <= most
    if chosen.rain is not None:
        fits &= (F.col("_told.rain") > 0) == F.lit(chosen.rain)
    return ~F.coalesce(fits, F.lit(False))


def _is_no_hour(chosen: OutOfContext) -> Column:
    """Whether it is none of the hours."""
    if chosen.hours is None:
        return F.lit(False)
    first, last = map(int, chosen.hours.split("-"))
    after, before = F.col("_hour") >= first, F.col("_hour") < last
    return ~((after & before) if first < last else (after | before))


def _opens(chosen: OutOfContext) -> Column:
    """When the hours begin next, by the clock there; null where any will do."""
    if chosen.hours is None:
        return F.lit(None).cast("timestamp")
    first = int(chosen.hours.split("-")[0])
    day = F.when(F.col("_hour") < first, F.col("_day")).otherwise(F.date_add("_day", 1))
    return day.cast("timestamp") + F.expr(f"INTERVAL {first} HOURS")


def _against(messages: DataFrame, around: Around, policies: Sequence[Policy]) -> DataFrame:
    found = []
    for policy in policies:
        mine = messages.where(is_meant(policy.options))
        judged = out_of_context(mine, around.products, around.weather, chosen=policy.options)
        found.append(
            judged.where(F.size("out_of_context") > 0).select(
                "decision_id",
                F.lit(OUT_OF_CONTEXT).alias("reason"),
                F.lit(policy.name).alias("policy"),
                "ends_at",
                F.array().cast("array<string>").alias("evidence"),
            )
        )
    return reduce(DataFrame.unionByName, found)


def _here(chosen: OutOfContext, here: Here) -> tuple[bool, datetime | None]:
    """The same of one place and moment, as `out_of_context` says it of many; and when it ends.

    Weather is asked again the next day. Where nobody knows when a season or place fits there is no
    end.
    """
    day = here.local.date()
    held: list[date | None] = []
    seasons = [one["seasons"] for one in here.products if chosen.seasons]
    if any(_is_elsewhen(told, here.country, day) for told in seasons):
        held.append(_in_season(here))
    part = f"{here.country}-{here.region.strip().upper()}" if here.country and here.region else None
    places = [place for place in (part, here.country) if place]
    if chosen.regions and any(_is_for_others(one["regions"], places) for one in here.products):
        held.append(None)
    told = [w for place in places if (w := here.weather.get((place, day)))]
    if chosen.asks_weather and not _fits(chosen, told[0] if told else {}):
        held.append(day + timedelta(days=1))
    if None in held:
        return True, None
    later = [datetime.combine(one, time(), here.local.tzinfo) for one in held if one]
    # Whatever else it waits for, it may be said in these hours alone.
    ends = max(later, default=here.local)
    if chosen.week is not None:
        opens = next_open(ends.astimezone(UTC), (str(here.local.tzinfo),), chosen.week)
        is_held = bool(held) or opens != here.local
        return is_held, opens if is_held else None
    return bool(held), ends if held else None


def _in_season(here: Here) -> date | None:
    """The first day of the next season in which all products fit; None where there is none."""
    day = here.local.date().replace(day=1)
    for _ in SEASONS:
        months = day.month + 3 - day.month % 3
        day = date(day.year + (months - 1) // 12, (months - 1) % 12 + 1, 1)
        if not any(_is_elsewhen(one["seasons"], here.country, day) for one in here.products):
            return day
    return None


def _is_elsewhen(seasons: Sequence[str] | None, country_code: str | None, day: date) -> bool:
    """Whether a product has its seasons and that day is in none of them."""
    names = [name.strip().lower() for name in seasons or ()]
    now = day.month % 12 // 3 + (2 if country_code in SOUTHERN else 0)
    return bool(names) and (
        country_code is None or SEASONS[now % 4] not in [SAME.get(name, name) for name in names]
    )


def _is_for_others(regions: Sequence[str] | None, places: Sequence[str]) -> bool:
    """Whether a product is for other places than these."""
    names = {name.strip().upper() for name in regions or ()}
    return bool(names) and names.isdisjoint(places)


def _fits(chosen: OutOfContext, weather: Mapping[str, float | None]) -> bool:
    """Whether the weather is as it has to be; what nobody tells of it is not."""
    warmth, rain = weather.get("temperature"), weather.get("rain")
    least, most = chosen.temperature_from, chosen.temperature_to
    is_warm = least is None or (warmth is not None and warmth >= least)
    is_cool = most is None or (warmth is not None and warmth <= most)
    return (
        is_warm
        and is_cool
        and (chosen.rain is None or (rain is not None and (rain > 0) == chosen.rain))
    )


def _says(chosen: OutOfContext) -> str:
    asked = {
        "season": chosen.seasons, "place": chosen.regions, "weather": chosen.asks_weather,
        "hour": chosen.hours is not None,
    }  # fmt: skip
    *others, last = (name for name, is_asked in asked.items() if is_asked)
    named = f"{', '.join(others)} or {last}" if others else last
    return f"it did not fit the {named} where the customer was"


def _references(chosen: OutOfContext) -> Mapping[str, str]:
    if chosen.asks_weather:
        return {"context": "the weather is told by [reference.context]"}
    if chosen.seasons or chosen.regions:
        return {"products": "seasons and regions are told by [reference.products]"}
    return {}


def _faults(given: Mapping[str, Any]) -> Iterator[Fault]:
    low, high = (given.get(f"temperature_{end}") for end in ("from", "to"))
    if type(low) in (int, float) and type(high) in (int, float) and low > high:
        yield Fault("temperature_to", f"at least temperature_from, {low:g}")
    begins, _, ends = str(given.get("hours", "")).partition("-")
    if begins and begins.lstrip("0") == ends.lstrip("0"):
        yield Fault("hours", "two hours that differ")
    asks = ("hours", "temperature_from", "temperature_to", "rain")
    is_off = given.get("seasons") is False and given.get("regions") is False
    if is_off and not any(name in given for name in asks):
        yield Fault("seasons", f"true, or one of {', '.join(asks)}", "else it asks for nothing")


CHECK = Check(
    when=OUT_OF_CONTEXT,
    doc="Say nothing that does not fit the season, place, weather or hour where somebody is.",
    precedence=100,
    options=OutOfContext,
    against=_against,
    here=_here,
    says=_says,
    hours=lambda chosen: chosen.week,
    references=_references,
    faults=_faults,
)
