"""An audience that was filled before: who is in it already, so that nobody is added a second time.

The next run decides anew for everybody: who should not be in it is taken out, who is missing is
added, and who is in it and known to nobody here stays.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from tactful.jobs.audiences import count_anew
from tactful.jobs.errors import ListRefused
from tactful.jobs.identity.keyed import keys_told
from tactful.jobs.imports.lists import PeopleList, identifiers_of, read_so_far
from tactful.jobs.lake.frames import materialise, unpersist
from tactful.jobs.lake.lake import Lake
from tactful.jobs.runs.batches import FUSED, last_done, unfinished
from tactful.jobs.settings.config import Config, Destination
from tactful.schemas.identity import IDENTIFIERS
from tactful.schemas.records import MEMBERSHIPS
from tactful.transforms.membership import MEMBER, member_key


def destination_named(config: Config, name: str) -> Destination:
    """Raises: ListRefused, where no destination has the name, or it is to be emptied."""
    found = {destination.name: destination for destination in config.destinations}
    if name not in found:
        known = ", ".join(found) or "none is configured"
        raise ListRefused(f"There is no destination {name}; there are: {known}.")
    if found[name].retired:
        raise ListRefused(f"Destination {name} is retired, so nobody is to be in its audience.")
    return found[name]


def import_audience(
    lake: Lake,
    config: Config,
    people: PeopleList,
    destination: Destination,
    on_progress: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Note who a destination's audience holds already.

    Raises: ListRefused, while a batch is not finished: it has decided by what was known before.
    """
    if unfinished(lake, FUSED) is not None:
        raise ListRefused(
            f"The lake at {lake.location} has a batch that was begun and is not finished; finish "
            "it first with: tactful run."
        )
    rows, new, held_before, refused, unknown = 0, 0, 0, 0, 0
    # Before anybody is noted: from now on the next batch decides anew.
    lake.remember(imports=int((lake.state() or {}).get("imports", 0)) + 1)
    for piece in people.rows():
        rows += len(piece)
        keys = materialise(keys_told(lake, map(identifiers_of, piece), config))
        held = materialise(_members(lake, config, destination, keys))
        misread = keys.agg(F.coalesce(F.sum(F.size("identifier_reasons")), F.lit(0))).first()[0]
        is_fit = F.col("reason").isNull()
        found = (~is_fit, F.col("is_unknown"), is_fit & F.col("is_new"), is_fit & ~F.col("is_new"))
        counts = held.agg(*map(F.count_if, found)).first()
        refused, unknown = refused + misread + counts[0], unknown + counts[1]
        new, held_before = new + counts[2], held_before + counts[3]
        fresh = held.where(is_fit & F.col("is_new"))
        number = lake.batches_before(FUSED) + last_done(lake, FUSED)
        noted = MEMBERSHIPS.conform(fresh.withColumn("batch_id", F.lit(number).cast("bigint")))
        lake.store.append_by_spark(MEMBERSHIPS, noted, f"tactful/import/{uuid.uuid4().hex}", 1)
        for frame in (held, keys):
            unpersist(frame)
        on_progress(read_so_far(rows))
    count_anew(lake)
    return {
        "list": str(people.path),
        "rows": rows + people.ragged["ragged"],
        **people.ragged,
        "values_noted": new,
        "values_noted_before": held_before,
        "values_refused": refused,
        "known_to_nobody": unknown,
        "left_aside": [*people.left_aside],
    }


def _members(lake: Lake, config: Config, destination: Destination, keys: DataFrame) -> DataFrame:
    """The values of a list as members, each once, those that cannot be any with their reason.

    Adds: is_new (not noted before), is_unknown (no event has told of it).
    """
    pads = lake.pads(config)
    known = keys.select(F.explode("known").alias("known")).select("known.*").distinct()
    forms = destination.sink.forms(known)
    told = forms.where(F.col("identifier_type").isin([*destination.identifiers, "email_sha256"]))
    members = told.crossJoin(F.broadcast(pads)).withColumns(
        {
            "destination": F.lit(destination.name),
            "audience": F.lit(destination.policy),
            "is_member": F.lit(True),
            "is_withheld": F.lit(False),
        }
    )
    members = members.withColumn("member_key", member_key()).drop("inner", "outer")
    noted = lake.store.read(MEMBERSHIPS).select(*MEMBER, F.lit(True).alias("_noted")).distinct()
    seen = lake.store.read(IDENTIFIERS).select("identifier_key", F.lit(True).alias("_seen"))
    return (
        members.join(noted, [*MEMBER], "left")
        .join(seen.distinct(), "identifier_key", "left")
        .withColumn("is_new", F.col("_noted").isNull())
        .withColumn("is_unknown", F.col("_seen").isNull() & F.col("reason").isNull())
        .select(*MEMBER, "is_member", "is_withheld", "reason", "is_new", "is_unknown")
    )
