"""From a million records to requests, and requests to a vendor's double on this machine.

First what a batch does: identifiers in each kind's own form, a record a person, its files.
Then what `tactful send` does with a webhook's files: as many calls a second as its pace allows.
Prints seconds, requests, and the most memory that was held beyond what the session itself needs.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import typer
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from tactful.jobs.demo.doubles import DOUBLES, SECRET, served
from tactful.jobs.filing import in_order, write_files
from tactful.jobs.lake.lake import Lake
from tactful.jobs.runs.batches import FUSED, Batch
from tactful.jobs.sending.send import send
from tactful.jobs.session import open_session
from tactful.jobs.settings.config import Config, Destination, load
from tactful.schemas.records import MEMBERSHIPS
from tactful.transforms.consents import PROOF
from tactful.transforms.membership import to_records
from tests.bench.memory import Peak, resident_kib
from tests.small_lake import write_table

AT = datetime(2026, 3, 1, tzinfo=UTC)
DESTINATIONS = {
    "google": "kind = 'google_data_manager'\naudience_id = 1\naccount = { account_id = '1' }\n",
    "meta": "kind = 'meta_custom_audience'\naudience_id = 12\n",
    "klaviyo": "kind = 'klaviyo'\n",
    "hook": "kind = 'webhook'\ndeliver = 'http'\nendpoint = '{url}'\ncredential = 'env:KEY'\n"
    "allow_private = true\n",
}


def main(records: int = 1_000_000) -> None:
    """Write the files of each kind, then send those of the webhook."""
    spark = open_session()
    root = Path(tempfile.mkdtemp())
    try:
        double = DOUBLES["webhook"]()
        with served(double) as url:
            print("## A million records to requests\n")
            print("| what | seconds | requests | GiB more than before |\n|---|---|---|---|")
            for name in DESTINATIONS:
                config = _config(root / name, name, url)
                _told(spark, config.destinations[0], 1_000).collect()  # The compiler's time.
                before = resident_kib() / 2**20
                with Peak() as peak:
                    began = time.monotonic()
                    written = _files(spark, config, records)
                    took = time.monotonic() - began
                print(
                    f"| {name}: files | {took:.1f} | {len(written):,} | {peak.gib - before:.2f} |"
                )
            before = resident_kib() / 2**20
            with Peak() as peak:
                began = time.monotonic()
                turn = send(config, environ={"KEY": SECRET})["hook"]
                took = time.monotonic() - began
        assert turn["accepted"] == len(written) == len(double.asked) and not double.faults
        _row("hook: sent", took, len(written), peak.gib - before)
        print(f"\n{len(written) / took:.1f} requests a second")
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _row(what: str, seconds: float, requests: int, gib: float) -> None:
    print(f"| {what} | {seconds:.1f} | {requests:,} | {gib:.2f} |", flush=True)


def _config(folder: Path, name: str, url: str) -> Config:
    folder.mkdir()
    told = DESTINATIONS[name].format(url=url) if name == "hook" else DESTINATIONS[name]
    (folder / "my.toml").write_text(
        f"[lake]\nlocation = '{folder}/lake'\n[[suppress]]\nname = 'bought_it'\n"
        "when = 'purchased'\nmatch = 'sku'\nlasts = '30d'\n"
        f"[[destinations]]\nname = '{name}'\npolicy = 'bought_it'\nidentifiers = ['email']\n{told}"
    )
    return load(folder / "my.toml", environ={"KEY": SECRET})


def _files(spark: SparkSession, config: Config, records: int) -> list[dict]:
    """What `deliver` does from identifiers on."""
    lake = Lake(spark, config.location)
    lake.create(config)
    pins = {MEMBERSHIPS.id: lake.store.version(MEMBERSHIPS)}
    batch = Batch(lake, FUSED, lake.generation(FUSED), 0, pins, as_of=AT)
    try:
        told = batch.keep(in_order(_told(spark, config.destinations[0], records), batch))
        written = write_files(batch, told, config)
    finally:
        batch.release()
    write_table(Path(config.location), "deliveries", written, "append")
    return written


def _told(spark: SparkSession, destination: Destination, records: int) -> DataFrame:
    """As many persons, each with an address, all to be added."""
    who = F.concat(F.lit("person"), F.col("id").cast("string"))
    identifiers = spark.range(records).select(
        F.lit("email").alias("identifier_type"),
        F.concat(who, F.lit("@mail.example")).alias("value"),
        F.md5(who).alias("identifier_key"),
        F.concat(F.lit("p_"), who).alias("person_id"),
    )
    sink = destination.sink
    told = sink.forms(identifiers).withColumns(
        {
            "destination": F.lit(destination.name),
            "audience": F.lit(destination.policy),
            "operation": F.lit("add"),
            "decision_id": F.lit("d"),
            "answer": F.lit("granted"),
            "proof": F.lit(None).cast(PROOF),
        }
    )
    return to_records(
        told,
        batch_id=0,
        split=sink.split,
        row=sink.row,
        schema=sink.schema(destination.wanted),
        opt_in=True,
    )


if __name__ == "__main__":
    typer.run(main)
