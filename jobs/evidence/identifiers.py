"""Identifiers: by what the persons of a batch are known, to whoever is told of them."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from tactful.jobs.evidence.closings import Closings, Named
from tactful.jobs.runs.batches import Batch
from tactful.jobs.stitch import Stitched
from tactful.transforms.closings import NOBODYS, as_person
from tactful.transforms.identity.links import semi_join


def identifiers_told(
    batch: Batch,
    stitched: Stitched,
    affected_identifiers: DataFrame,
    named: Named | None,
    closings: Closings | None,
) -> DataFrame:
    """The identifiers that are the affected persons' now, or were, and those that are nobody's.

    A shared device has a first person, but what is said of that one says nothing of the device.
    """
    columns = ("identifier_key", "identifier_type", "person_id", "state")
    known = affected_identifiers.select(*columns)
    if stitched.has_moves:
        moved = semi_join(
            stitched.affected, stitched.moved.select("identifier_key"), count=stitched.size
        )
        known = known.union(moved.select(*columns)).distinct()
    asked = pa.concat_arrays([stitched.restated, *([named.keys] if named else [])])
    nobodys = semi_join(
        stitched.affected.where(F.col("state").isin(*NOBODYS)),
        batch.logs.frame(pa.table({"identifier_key": pc.unique(asked)})),
        count=stitched.size,
    )
    known = known.where("state = 'linked'").unionByName(nobodys.select(*columns))
    if closings is None:
        return known
    mine = semi_join(stitched.affected, closings.addresses, count=stitched.size)
    columns_of_address = (*columns[:2], as_person(), F.lit("linked").alias("state"))
    return known.union(mine.select(*columns_of_address))
