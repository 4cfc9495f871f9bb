"""Anew: whom a batch decides again because a rule has changed, a part of everybody at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from tactful.jobs.errors import TooManyRecords
from tactful.jobs.runs.batches import Batch
from tactful.jobs.settings.config import Config
from tactful.jobs.stitch import Stitched
from tactful.schemas.identity import LABELS
from tactful.schemas.records import RECORDS
from tactful.transforms.closings import NOBODYS
from tactful.transforms.identity.links import semi_join
from tactful.transforms.identity.owners import named_after

# What decides whom a destination is told of.
SECTIONS = ("suppress", "activate", "plans", "caps", "destinations", "consent", "business")
# So many labels a batch: what is decided for them fits into memory beside what came.
LABELS_A_PART = 400_000


@dataclass(frozen=True)
class Anew:
    """The part of everybody that a batch decides again, and what of that has been agreed to.

    rules: hash of the sections that decide. parts: how many there are; left: how many are still to
    be taken, this batch's among them; 0 where no rule has changed. since: the first batch under
    these rules. is_confirmed: whether somebody agreed to as many records as it takes.
    """

    rules: str
    parts: int = 0
    left: int = 0
    since: int = 0
    is_confirmed: bool = False

    @property
    def part(self) -> int | None:
        """The number of this batch's part, from 0; None where there is nothing to decide again."""
        return self.parts - self.left if self.left else None

    def at_once(self) -> Anew:
        """The same with everybody in one part."""
        return replace(self, parts=1, left=1)

    def __str__(self) -> str:
        return f"{self.parts - self.left + 1} of {self.parts}"


def next_part(
    earlier: Mapping[str, Any] | None,
    *,
    rules: str,
    labels: Callable[[], int],
    number: int,
    is_confirmed: bool,
) -> Anew:
    """What a batch decides again. earlier: the pins of the batch before; None before the first.

    A part that was being taken when the rules changed once more is part of the new matter.
    labels: counts the rows of the log of labels. number: the batch's own.
    """
    if earlier is None:
        return Anew(rules)
    before = Anew(**earlier["anew"]) if "anew" in earlier else None
    if before is None or before.rules != rules:
        parts = -(-labels() // LABELS_A_PART)
        return Anew(rules, parts, parts, number, is_confirmed)
    left = max(before.left - 1, 0)
    return Anew(rules, before.parts, left, before.since, before.is_confirmed or is_confirmed)


def identifiers_anew(batch: Batch, anew: Anew) -> DataFrame | None:
    """Identifiers of the part's persons, one each, and those of it that are nobody's own.

    Keeps: identifier_key, is_shared. None where no rule has changed. Some were a person's or shared
    once, and are no more: who owns them now is looked at again, which changes nothing.
    """
    if anew.part is None:
        return None
    is_shared = F.col("state").isin(*NOBODYS)
    mine = F.pmod(F.xxhash64("identifier_key"), F.lit(anew.parts)) == anew.part
    is_name = F.coalesce(named_after() == F.col("identifier_key"), F.lit(False))
    rows = batch.read(LABELS).where(mine & (is_name | is_shared))
    return batch.keep(rows.groupBy("identifier_key").agg(F.bool_or(is_shared).alias("is_shared")))


def found_in_audiences(batch: Batch, stitched: Stitched) -> DataFrame | None:
    """Persons who get an identifier that an imported list found in some audience.

    While nobody knew it nobody could say whether it should be there; an event that decides nothing
    else is enough to ask. Keeps: person_id. None where nothing was ever imported.
    """
    renewed = stitched.renewed
    if not len(renewed) or not (batch.lake.state() or {}).get("imports"):
        return None
    keys = batch.logs.frame(pa.table({"identifier_key": renewed}))
    held = batch.logs.memberships(keys, count=len(renewed)).where("is_member")
    mine = semi_join(stitched.affected, held.select("identifier_key"), count=stitched.size)
    return mine.select("person_id")


def hold_back(batch: Batch, anew: Anew, config: Config, records: DataFrame) -> None:
    """Stop before a changed rule tells a destination of more than anybody may have meant.

    What was told under these rules before counts, too. Removals are never held.
    Raises: TooManyRecords.
    """
    if anew.part is None or anew.is_confirmed:
        return
    earlier = batch.read(RECORDS).where(F.col("batch_id") >= anew.since)
    told = earlier.select("destination", "operation").unionByName(
        records.select("destination", "operation")
    )
    counts = told.where("operation IN ('add', 'suppress')").groupBy("destination").count()
    found = counts.where(F.col("count") > config.lake.first_run_bound).orderBy("destination")
    if rows := found.collect():
        named = ", ".join(f"{row['count']:,} to {row.destination}" for row in rows)
        raise TooManyRecords(
            "A rule has changed since the last run, and this one, with what is new in it, would "
            f"add at least {named} records, more than lake.first_run_bound = "
            f"{config.lake.first_run_bound}; nothing of this batch was written. Look at the "
            "change, then take it back or go on with: tactful run --confirm."
        )
