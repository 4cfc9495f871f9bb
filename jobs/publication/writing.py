"""Writing: published tables put in place, whole or by the rows that differ."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pyarrow as pa
import pyarrow.compute as pc
from pyspark import inheritable_thread_target
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import DateType

from tactful.jobs.lake.frames import frame_of, small_frame
from tactful.jobs.lake.lake import Lake
from tactful.jobs.lake.store import FEW_KEYS
from tactful.jobs.progress import Step
from tactful.jobs.publication.tables import Publication
from tactful.schemas.table import Table
from tactful.transforms.identity.links import semi_join


def in_columns(lake: Lake, table: Table, rows: DataFrame | None) -> DataFrame:
    """Rows in the table's columns; none where no rule asks for any."""
    return small_frame(lake.spark, [], table.struct()) if rows is None else table.conform(rows)


def replace_all(lake: Lake, table: Table, rows: DataFrame, *, few: bool) -> bool:
    """Put these rows in the place of all. few: see `Lake.overwrite`. Returns True: it is done."""
    lake.overwrite(table, rows, few=few)
    return True


def replace_changed(
    lake: Lake, table: Table, rows: DataFrame, changed: DataFrame, *, count: int
) -> bool:
    """Put these rows in the place of those that have the same keys, where anything differs.

    A key whose rows are as they were is not written; one that has none any more goes. Returns
    whether anything was written.
    rows: in the table's columns; of each key in `changed` all there are now. changed: the keys.
    count: how many, about.
    """
    names = changed.columns
    before = semi_join(_of_their_days(lake.store.read(table), changed), changed, count=count)
    now = semi_join(rows, changed, count=count)
    others = _differing(before, now, table, names).toArrow()
    if not others.num_rows:
        return False
    was_there = others["was_there"]
    changed_keys = others.filter(was_there).select(names)
    new_keys = others.filter(pc.invert(was_there)).select(names)

    def rows_of(keys: pa.Table) -> DataFrame:
        return semi_join(now, frame_of(lake.spark, keys), count=keys.num_rows)

    if changed_keys.num_rows > FEW_KEYS:
        keys = others.select(names)
        lake.store.replace(table, rows_of(keys), keys)
        return True
    # What is new is added beside what is there, so that it does not matter how much it is.
    if changed_keys.num_rows:
        lake.store.replace(table, rows_of(changed_keys), changed_keys)
    if new_keys.num_rows:
        lake.store.append_by_spark(table, rows_of(new_keys))
    return True


def replace_sums(lake: Lake, table: Table, rows: pa.Table) -> bool:
    """Put these few rows in the place of all, unless they are the same. Returns whether not.

    rows: in the table's columns.
    """
    order = [(name, "ascending") for name in table.key]
    told = lake.store.read(table).toArrow().sort_by(order)
    if rows.cast(told.schema).sort_by(order).equals(told):
        return False
    lake.store.overwrite(table, rows)
    return True


def _of_their_days(rows: DataFrame, keys: DataFrame) -> DataFrame:
    """Keep the rows of the days between the first and the last that keys name, if they name any:
    files of other days are not opened.
    """
    for name in (field.name for field in keys.schema if field.dataType == DateType()):
        first, last = keys.agg(F.min(name), F.max(name)).collect()[0]
        if first is not None:
            rows = rows.where(F.col(name).between(F.lit(first), F.lit(last)))
    return rows


def _differing(before: DataFrame, now: DataFrame, table: Table, names: list[str]) -> DataFrame:
    """The keys of which the rows are others than they were, or which are new, or gone.

    Adds: was_there, whether any row had the key before.
    """
    was = F.lit(True).alias("_was")
    both = before.select(*names, _print_of(table).alias("_print"), was).unionByName(
        now.select(*names, _print_of(table).alias("_print"), F.lit(False).alias("_was"))
    )
    prints = (
        F.sort_array(F.collect_list(F.when(is_one, F.col("_print"))))
        for is_one in (F.col("_was"), ~F.col("_was"))
    )
    told = both.groupBy(*names).agg(
        *(each.alias(name) for each, name in zip(prints, ("_before", "_now"), strict=True))
    )
    is_other = F.col("_before") != F.col("_now")
    return told.where(is_other).select(*names, (F.size("_before") > 0).alias("was_there"))


def _print_of(table: Table) -> Column:
    """One number for all that a row says, and for which of its columns say nothing."""
    nothing = F.array(*(F.col(name).isNull() for name in table.names))
    values = (
        F.map_entries(c.name) if c.type.startswith("map") else F.col(c.name) for c in table.columns
    )
    return F.xxhash64(nothing, *values)


def in_two_threads(
    lake: Lake,
    publications: Sequence[Publication],
    work: Callable[[Publication], bool],
    on_progress: Callable[[str], None],
) -> None:
    """Bring tables up to date two at a time.

    Spark plans the frames of the one while it works out those of the other.
    """

    numbers = count(1)

    def write(one: Publication) -> None:
        line = f"{'published' if work(one) else 'looked at'} {one.table.name}"
        far = {"done": next(numbers), "total": len(publications)}
        on_progress(Step(line, name="publish", unit="tables", **far))

    with ThreadPoolExecutor(2) as pool:
        task = inheritable_thread_target(lake.spark)(write)
        for table in [pool.submit(task, one) for one in publications]:
            table.result()
