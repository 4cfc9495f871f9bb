"""The demo's world: landing files, reference files, and the truth that only reports may read."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from functools import reduce
from pathlib import Path
from typing import Any

import pandas as pd
from pyspark.sql import DataFrame, Observation, SparkSession
from pyspark.sql import functions as F

from tactful.jobs.demo import clothing, crm, esp, noise, retail, shop, spoken, web
from tactful.jobs.demo import people as society
from tactful.jobs.demo.draws import Dice, later
from tactful.jobs.demo.journey import Journey, Redemptions, write_rows
from tactful.jobs.demo.truth import Figures, figures, mailing_truth
from tactful.schemas.events import TYPES

FROM_DATE = date(2017, 8, 1)
END = datetime(2018, 1, 1, tzinfo=UTC)
# The last basket of the data was paid at four in the morning of the new year.
UNTIL = datetime(2018, 1, 2, tzinfo=UTC)
STREAMS = {
    "baskets": "purchases", "mailings": "messages", "web": "clicks", "esp": "messages",
    "shop": "purchases", "crm": "profiles", "care": "service",
}  # fmt: skip
FILES = {"baskets": 4, "mailings": 2, "web": 4, "esp": 4, "shop": 2, "crm": 2, "care": 2}
BOT_PAGES = 4_000
BOT_START = datetime(2017, 11, 11, 3, tzinfo=UTC)


@dataclass(frozen=True)
class Generated:
    """What was written, so that tests and the report can say what should come out.

    `events` counts every valid event once, by feed and type; `duplicates` and `reused` are
    further rows with an id that is already there (same payload, another payload); `malformed`
    counts the planted rows by the reasons that they should get.
    """

    folder: str
    seed: int
    from_date: str
    until: str
    households: int
    events: dict[str, dict[str, int]]
    duplicates: dict[str, int]
    reused: dict[str, int]
    malformed: dict[str, dict[str, int]]
    products: int
    campaigns: int
    redemptions: Redemptions
    figures: Figures
    clothing: clothing.Misfires
    spoken: spoken.Spoken
    seconds: dict[str, float]

    def rows(self, feed: str) -> int:
        """How many lines the feed's files hold."""
        extra = self.duplicates[feed] + self.reused[feed]
        return sum(self.events[feed].values()) + extra + sum(self.malformed[feed].values())

    @property
    def total(self) -> int:
        """How many valid events there are, each counted once."""
        return sum(sum(types.values()) for types in self.events.values())


def secret_of(seed: int) -> str:
    """The demo lake's secret: from the seed, so that two demos have the same keys."""
    return hashlib.sha256(f"tactful demo {seed}".encode()).hexdigest()


def generate(
    spark: SparkSession,
    *,
    folder: Path,
    seed: int,
    from_date: date = FROM_DATE,
    households: int | None = None,
) -> Generated:
    """Write a retailer's months as landing files, with what its data lacks generated on top.

    `households` draws that many of the data's 2,469, or lays copies of them beside each other.
    The same arguments give the same lines in the same files, whatever Spark's partitions.
    """
    folder = Path(folder).resolve()
    seconds: dict[str, float] = {}
    dice, journey = Dice(seed), Journey(from_date)
    for name in ("landing", "demo_truth"):
        shutil.rmtree(folder / name, ignore_errors=True)
    with _timed(seconds, "reference"):
        plan = esp.mail_plan(start=_start(journey), end=END, featured=_featured(journey), seed=seed)
        sales = clothing.sales(_start(journey), END)
        products, campaigns = _write_reference(folder / "landing", journey, plan, sales)
    with _timed(seconds, "people"):
        chosen = _keep(society.households(spark, journey.households, wanted=households))
        world = _world(spark, chosen, journey=journey, dice=dice, plan=plan, sales=sales)
    with _timed(seconds, "landing"):
        counts, malformed = _land(spark, world, folder / "landing", journey, dice)
    with _timed(seconds, "truth"):
        mailings = _write_truth(folder / "demo_truth", world.people, journey, chosen)
        worn = clothing.truth(
            world.clothes, world.sale, world.asks, world.boots, dice=dice, until=UNTIL
        )
        (folder / "demo_truth/clothing").mkdir()
        worn.to_parquet(folder / "demo_truth/clothing/part-00000.parquet", index=False)
        size = chosen.count()
    generated = Generated(
        folder=str(folder),
        seed=seed,
        from_date=from_date.isoformat(),
        until=UNTIL.isoformat(),
        households=size,
        events=_by_type(counts),
        duplicates={feed: counts[f"{feed}|{noise.AGAIN}"] for feed in STREAMS},
        reused={feed: counts[f"{feed}|{noise.CHANGED}"] for feed in STREAMS},
        malformed=malformed,
        products=products,
        campaigns=campaigns,
        redemptions=journey.redeemed[1],
        figures=figures(mailings),
        clothing=clothing.misfires(worn),
        spoken=spoken.planted(),
        seconds=seconds,
    )
    (folder / "demo_truth/generated.json").write_text(json.dumps(asdict(generated), indent=1))
    return generated


@dataclass(frozen=True)
class _World:
    people: DataFrame
    clothes: DataFrame
    sale: DataFrame
    asks: DataFrame
    boots: DataFrame
    events: dict[str, list[DataFrame]]


def _world(
    spark: SparkSession,
    chosen: DataFrame,
    *,
    journey: Journey,
    dice: Dice,
    plan: list[dict[str, Any]],
    sales: list[datetime],
) -> _World:
    """Lay the generated life of the households around their purchases and mailings."""
    start = _start(journey)
    span = {"dice": dice, "start": start, "end": END}
    bought = retail.basket_lines(spark, chosen, since=start)
    baskets = _keep(retail.baskets(spark, bought, journey=journey))
    drawn = society.people(chosen, dice=dice, weeks=len(plan) // len(esp.SLOTS))
    liked = retail.favourites(baskets, retail.offered(spark, journey=journey), dice=dice)
    people = _keep(drawn.join(liked, "household", "left"))
    mails = _keep(esp.emails(spark, people, plan, dice=dice))
    clicked = mails.where("clicked_after is not null").withColumn(
        "clicked_at", later(F.col("sent_at"), F.col("clicked_after"))
    )
    clothes = _keep(clothing.orders(people, **span))
    sale = _keep(clothing.sale_mails(spark, people, sales, dice=dice))
    asks = clothing.review_asks(clothes)
    boots = _keep(clothing.boots_mails(spark, people, **span))
    orders = _keep(shop.orders(people, clicked, **span).unionByName(clothes))
    planned = [
        retail.trips(baskets, dice=dice, share=0.3),
        web.browsing(people, **span),
        shop.visits_before(orders),
        esp.visits_after(clicked),
    ]
    visits = _keep(web.visits(people, reduce(_union, planned), dice=dice))
    first_mail = plan[0]["starts_at"]
    by_feed = {
        "baskets": [baskets],
        "mailings": [retail.mailings(spark, chosen, journey=journey)],
        "web": [
            web.clicks(visits, dice=dice),
            web.accounts(people, **span),
            web.bot(spark, people, dice=dice, start=BOT_START, pages=BOT_PAGES),
            shop.reviews(orders, dice=dice),
        ],
        "esp": [
            esp.email_events(mails, dice=dice),
            clothing.mail_events(sale),
            clothing.mail_events(asks),
            clothing.mail_events(boots, knows_all=True),
            esp.back_again(people, plan, dice=dice),
            esp.confirmations(orders),
            esp.texts(people, **span),
            esp.ads(visits, dice=dice),
        ],
        "shop": [shop.order_events(orders, dice=dice)],
        "crm": [
            crm.profiles(people, first_mail=first_mail, **span),
            crm.till(people, dice=dice, start=start),
        ],
        "care": [crm.contacts(people, orders, **span)],
    }
    in_time = (F.col("occurred_at") >= F.lit(start)) & (F.col("occurred_at") < F.lit(UNTIL))
    events = {feed: [part.where(in_time) for part in parts] for feed, parts in by_feed.items()}
    for feed, told in spoken.events(spark).items():
        events[feed].append(told)
    return _World(people, clothes, sale, asks, boots, events)


def _write_reference(
    landing: Path, journey: Journey, plan: list[dict[str, Any]], sales: list[datetime]
) -> tuple[int, int]:
    """Write products, contents and campaigns; return how many products and campaigns."""
    sold = [*journey.products(), *clothing.product_rows(), *spoken.product_rows()]
    products = write_rows(sold, landing / "products/products.json")
    said = [*clothing.content_rows(), *spoken.content_rows()]
    write_rows(said, landing / "contents/contents.json")
    rows = [*journey.campaigns(), *esp.campaign_rows(plan), *clothing.campaign_rows(sales)]
    return products, write_rows(rows, landing / "campaigns/campaigns.json")


def _land(
    spark: SparkSession, world: _World, landing: Path, journey: Journey, dice: Dice
) -> tuple[dict[str, int], dict[str, dict[str, int]]]:
    """Write the landing files; return the counts of good lines and of malformed ones."""
    clean = noise.rows(world.events, at_once=2 * spark.sparkContext.defaultParallelism)
    landed = noise.landed(clean, files=FILES, dice=dice, start=_start(journey), end=END)
    broken, malformed = noise.malformed(spark, streams=STREAMS, files=FILES, dice=dice)
    seen = Observation("landed")
    counted = landed.observe(seen, *noise.counting(STREAMS))
    _write_lines(counted.unionByName(broken), landing)
    return seen.get, malformed


def _featured(journey: Journey) -> list[str]:
    """Products that the emails show: usual, but not what everybody buys every week anyway."""
    before = journey.lines[journey.lines["at"] < journey.start]
    tally = before.groupby("product_id").size().reset_index(name="times")
    ranked = tally.sort_values(["times", "product_id"], ascending=[False, True])
    return [str(int(product)) for product in ranked.product_id[60:220]]


def _start(journey: Journey) -> datetime:
    day = journey.from_date
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _union(left: DataFrame, right: DataFrame) -> DataFrame:
    return left.unionByName(right, allowMissingColumns=True)


def _keep(frame: DataFrame) -> DataFrame:
    """Work a frame out once and forget how: plans built on it stay small, and so does planning."""
    return frame.localCheckpoint(eager=True)


def _write_lines(lines: DataFrame, landing: Path) -> None:
    """Write every source's lines to its files, shuffled inside, under names that stay the same."""
    parts = landing.parent / "_landing_parts"
    shutil.rmtree(parts, ignore_errors=True)
    (
        lines.select("feed", "file", "turn", "value")
        .repartition(8, "feed", "file")
        .sortWithinPartitions("feed", "file", "turn", "value")
        .drop("turn")
        .write.partitionBy("feed", "file")
        .text(parts.as_uri())
    )
    for written in sorted(parts.glob("feed=*/file=*/part-*")):
        feed = written.parent.parent.name.removeprefix("feed=")
        number = int(written.parent.name.removeprefix("file="))
        target = landing / feed / f"part-{number:05d}.json"
        target.parent.mkdir(parents=True, exist_ok=True)
        written.rename(target)
    shutil.rmtree(parts)


def _write_truth(
    truth: Path, people: DataFrame, journey: Journey, chosen: DataFrame
) -> pd.DataFrame:
    """Write whose each identifier is, and what each mailing did; return the latter."""
    owned = society.truth(people)
    till = hashlib.sha256(society.TILL_EMAIL.encode()).hexdigest()
    nobody = [
        ("anonymous_id", society.BOT_COOKIE, "bot", None, None),
        ("email", society.TILL_EMAIL, "till", None, till),
        *spoken.identifier_rows(),
    ]
    planted = people.sparkSession.createDataFrame(nobody, owned.schema)
    identifiers = owned.unionByName(planted).coalesce(1)
    identifiers.sortWithinPartitions("identifier_type", "value", "household").write.parquet(
        (truth / "identifiers").as_uri()
    )
    households = chosen.select("household_id", "household").toPandas()
    mailings = mailing_truth(journey, households)
    (truth / "mailings").mkdir(parents=True)
    mailings.to_parquet(truth / "mailings/part-00000.parquet", index=False)
    return mailings


def _by_type(counts: dict[str, int]) -> dict[str, dict[str, int]]:
    """The valid events by feed and type, without those that there are none of."""
    return {
        feed: {name: counts[f"{feed}|{name}"] for name in TYPES[stream] if counts[f"{feed}|{name}"]}
        for feed, stream in STREAMS.items()
    }


@contextmanager
def _timed(seconds: dict[str, float], name: str) -> Iterator[None]:
    began = time.monotonic()
    yield
    seconds[name] = round(time.monotonic() - began, 2)
