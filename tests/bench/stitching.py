"""Who is who from nothing: ten million identifiers, seen together in twelve million sets.

As a long backlog is: accepted, then linked and labelled at once by the step that the main query
takes before its batches (`tactful.jobs.gather`). In a world of households, or in one where every
cookie is shared and all hangs together. With `--batches` the same events are stitched in as many
batches besides, in the same process, which for millions takes hours. Prints a table of seconds and
the peak of memory of the process tree; the world is made by a process of its own.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import typer
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

sys.path.insert(0, str(Path(__file__).parents[2]))  # it is run as a file, too

from tactful.jobs import prepared
from tactful.jobs.demo.command import demo_config
from tactful.jobs.gather import gather
from tactful.jobs.identity import shards
from tactful.jobs.lake.frames import unpersist
from tactful.jobs.lake.lake import Lake
from tactful.jobs.runs.batches import Batch
from tactful.jobs.session import open_session, shipped_defaults
from tactful.jobs.settings.config import Config
from tactful.jobs.shipping import build
from tactful.jobs.stitch import stitch
from tactful.schemas.events import STREAMS
from tactful.schemas.identity import IDENTITY_CHANGES, LABELS, LINKS
from tactful.transforms.identity.links import latest
from tests.bench.memory import Peak
from tests.cluster import SURROUNDINGS, bare_python, standalone

# Of ten identifiers three are customers, three their addresses, four the cookies of their devices.
CUSTOMERS, COOKIES = 0.3, 0.4
# Of all cookies those that two of a household use, and those that strangers do.
AT_HOME, ACROSS = 0.03, 0.005
# Of all customers those who mistyped their address once; one in ten of these typed somebody's.
MISTYPED = 0.01
# One address in so many customers is typed for whoever has none, for so many of them.
A_HUB_EVERY, AT_A_HUB = 10_000, 20
WRITTEN = (LINKS, LABELS, IDENTITY_CHANGES)
CLICKS = STREAMS["clicks"]
AS_OF = datetime(2026, 1, 1, tzinfo=UTC)
TYPES = {"c": "customer_id", "e": "email", "k": "anonymous_id"}


def main(
    world: str = "households",
    identifiers: int = 10_000_000,
    links: int = 12_000_000,
    batches: int = 0,
    in_shards: bool = False,
    executors: int = 0,
    shard_identifiers: int = shards.SHARD_IDENTIFIERS,
    make_in: Path | None = None,
) -> None:
    """Gather a world of `households` or a `hostile` one, from an empty lake on.

    in_shards: on the executors, whatever the number. executors: so many of one core and 2 GiB each,
    on workers of a standalone cluster, beside a driver of 1 GiB; they have Spark, numpy, scipy,
    pyarrow and the archive of our code, and nothing else. Without, all of Spark is one process.
    """
    if make_in is not None:
        made(make_in, world, identifiers, links)
        return
    shards.SHARD_IDENTIFIERS = shard_identifiers
    with tempfile.TemporaryDirectory() as folder, ExitStack() as ended:
        asked = [f"--world={world}", f"--identifiers={identifiers}", f"--links={links}"]
        subprocess.run([sys.executable, __file__, *asked, f"--make-in={folder}"], check=True)
        with Peak() as peak:
            apart = ended.enter_context(_workers(executors)) if executors else {}
            lake, config = opened(folder, **apart)
            if in_shards:
                lake_rules = config.lake.model_copy(update={"driver_identifiers": 1})
                config = config.model_copy(update={"lake": lake_rules})
            started = time.monotonic()
            done = gather(lake, config, lake.generation("fused"))
            whole = time.monotonic() - started
        driver = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        known, persons = counted(lake)
        print(f"## Who is who, from nothing: {world}")
        print()
        print(f"{known:,} identifiers, {links:,} sets, {persons:,} persons.")
        print()
        print("| | seconds |")
        print("|---|---|")
        for step, seconds in done.seconds.items():
            print(f"| {step} | {seconds:.1f} |")
        print(f"| all at once | {whole:.1f} |")
        if batches:
            lake, config = opened(f"{folder}/batches")
            seconds = list(stitched(lake, config, Path(folder), batches))
            same = "the same" if counted(lake) == (known, persons) else "OTHER"
            print(f"| in {batches} batches, {same} persons | {sum(seconds):.1f} |")
            print(f"| the first and the last of these | {seconds[0]:.1f}, {seconds[-1]:.1f} |")
        print()
        print(f"Memory of the whole process tree at its peak, at once: {peak.gib:.1f} GiB.")
        print(f"The driver's Python alone, at its peak: {driver:.2f} GiB.")
        if executors:
            print(f"Executors: {executors_of(lake)}.")
        print(f"All labels in one number: {fingerprint(lake)}.")


def opened(folder: str, **apart: str) -> tuple[Lake, Config]:
    """A lake with the demo's configuration. apart: settings of Spark's."""
    session = open_session(**apart)
    lake, config = Lake(session, folder), demo_config(Path(folder), seed=1)
    lake.create(config)
    lake.remember(as_of=AS_OF.isoformat())
    return lake, config


@contextmanager
def _workers(executors: int) -> Iterator[dict[str, str]]:
    """A standalone cluster, and what makes Spark use it."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        os.environ |= {name: SURROUNDINGS[name] for name in ("SPARK_HOME", "SPARK_LOCAL_IP")}
        os.environ["PYSPARK_PYTHON"] = str(bare_python(folder))
        jars = prepared.jars_for(shipped_defaults()[prepared.PACKAGES], place=prepared.folder())
        with standalone(folder, workers=executors, memory="2g") as cluster:
            yield {
                "spark.master": cluster.url,
                "spark.submit.pyFiles": str(build(target=folder / "tactful.zip")),
                "spark.driver.memory": "1g",
                "spark.executor.memory": "2g",
                "spark.executor.extraClassPath": os.pathsep.join(jars),
                "spark.sql.shuffle.partitions": str(4 * executors),
            }


def executors_of(lake: Lake) -> int:
    """How many executors there are beside the driver."""
    return lake.spark.sparkContext._jsc.sc().getExecutorMemoryStatus().size() - 1


def counted(lake: Lake) -> tuple[int, int]:
    labels = latest(lake.store.read(LABELS), key=["identifier_key"])
    known, persons = labels.agg(F.count("*"), F.count_distinct("person_id")).first()
    return known, persons


def fingerprint(lake: Lake) -> int:
    """What all labels say, whatever their order: the same for the same labels."""
    said = F.xxhash64(*LABELS.names)
    return lake.store.read(LABELS).select(said.alias("said")).agg(F.bit_xor("said")).first()[0]


def made(folder: Path, world: str, identifiers: int, links: int) -> None:
    """Write the world's events into a new lake, as `accept` leaves them."""
    lake, _ = opened(str(folder))
    sets = {"households": households, "hostile": hostile}[world]
    events = events_of(sets(lake.spark, identifiers, links))
    lake.store.append_by_spark(CLICKS, CLICKS.conform(events))


def stitched(lake: Lake, config: Config, folder: Path, batches: int) -> Iterator[float]:
    """Stitch the same events in batches; seconds of each."""
    everything = Lake(lake.spark, str(folder)).store.read(CLICKS)
    for number in range(batches):
        mine = F.pmod(F.xxhash64("event_id"), F.lit(batches)) == number
        events = everything.where(mine).withColumn("stream", F.lit("clicks")).localCheckpoint()
        started = time.monotonic()
        pins = {table.id: lake.store.version(table) for table in WRITTEN}
        batch = Batch(lake, "fused", "g", number, pins, as_of=AS_OF)
        try:
            found = stitch(batch, events, config.identity, hubs=batch.logs.hubs())
            changes = found.changes
            batch.commit({LINKS: found.links, LABELS: found.labels, IDENTITY_CHANGES: changes})
        finally:
            batch.release()
        unpersist(events)
        yield time.monotonic() - started
        print(f"batch {number}: {time.monotonic() - started:.1f} s", file=sys.stderr, flush=True)


def hostile(spark: SparkSession, identifiers: int, links: int) -> DataFrame:
    """Pairs: customer and address, then either of somebody and a cookie; two have each cookie.

    Who the second is is drawn, so that nearly all of it hangs together.
    """
    customers, cookies = int(identifiers * CUSTOMERS), int(identifiers * COOKIES)
    n = F.col("n")
    later = n - customers
    first, by_address = n < customers, later % (2 * cookies) >= cookies
    drawn = F.pmod(F.xxhash64("n"), F.lit(customers))
    person = F.when(first | ~by_address, n % customers).otherwise(drawn)
    named = F.when(first | ~by_address, named_("c", person)).otherwise(named_("e", person))
    other = F.when(first, named_("e", person)).otherwise(named_("k", later % cookies))
    return spark.range(links).toDF("n").select("n", F.array(named, other).alias("set"))


def households(spark: SparkSession, identifiers: int, links: int) -> DataFrame:
    """Two of a household are neighbours by number; each cookie is of one person, as a rule."""
    customers, cookies = int(identifiers * CUSTOMERS), int(identifiers * COOKIES)
    n = F.col("n")
    owner, at_home = n % customers, (n % customers).bitwiseXOR(F.lit(1))
    stranger = (n * 7919 + 13) % customers
    typed = F.when(n % 10 == 0, named_("e", stranger)).otherwise(named_("e", -n - 1))
    cookie, customer, email = named_("k", n), named_("c", owner), named_("e", owner)
    hubs = customers // A_HUB_EVERY
    parts = [
        (customers, F.array(customer, email)),
        (cookies, F.array(customer, cookie)),
        (cookies, F.array(email, cookie)),
        (int(cookies * AT_HOME), F.array(named_("c", at_home), cookie)),
        (int(cookies * ACROSS), F.array(named_("c", stranger), cookie)),
        (int(customers * MISTYPED), F.array(customer, typed)),
        (hubs * AT_A_HUB, F.array(customer, named_("e", -(n % hubs) - identifiers))),
    ]
    rest = links - sum(count for count, _ in parts)
    parts.append((min(rest, cookies), F.array(customer, email, cookie)))
    frames = [spark.range(count).toDF("n").select("n", s.alias("set")) for count, s in parts]
    whole = frames[0].withColumn("part", F.lit(0))
    for number, frame in enumerate(frames[1:], start=1):
        whole = whole.unionByName(frame.withColumn("part", F.lit(number)))
    return whole.select((F.col("part") * F.lit(2**32) + n).alias("n"), "set")


def named_(letter: str, n: Column) -> Column:
    """An identifier by its number; its letter says its type, c before e before k in priority."""
    return F.concat(F.lit(letter), n.cast("string"))


def events_of(sets: DataFrame) -> DataFrame:
    """An event each, of any time within two years, keys and types in the place of identifiers."""
    micros = F.pmod(F.xxhash64("n"), F.lit(63_072_000_000_000)) + 1_700_000_000_000_000
    kinds = F.create_map(*(F.lit(word) for pair in TYPES.items() for word in pair))
    return sets.select(
        F.sha2(F.col("n").cast("string"), 224).substr(1, 36).alias("event_id"),
        F.lit("page_view").alias("type"),
        F.timestamp_micros(micros).alias("occurred_at"),
        F.transform("set", lambda s: F.substring(F.sha2(s, 256), 1, 32)).alias("identifier_keys"),
        F.transform("set", lambda s: kinds[s.substr(1, 1)]).alias("identifier_types"),
        F.array().cast("array<string>").alias("blocked_keys"),
        F.array().cast("array<string>").alias("blocked_types"),
    )


if __name__ == "__main__":
    typer.run(main)
