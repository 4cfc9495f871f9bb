"""Connected: what hangs together, worked out where the rows are, however many.

Each round joins every node with the smallest of its neighbours, and what has joined is one node in
the next round: Borůvka's way (1926). No shape takes many rounds: a chain, one star, a hub.
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from tactful.jobs.errors import StepFailed
from tactful.jobs.lake.store import Keep

# 2^40 nodes take forty rounds at most, and far fewer as they come.
MOST_ROUNDS = 60
LOST = "A node that was joined is not among the joined ones: what was laid aside is not all there."


def connected(pairs: DataFrame, *, keep: Keep, most_rounds: int = MOST_ROUNDS) -> DataFrame:
    """Say of every node which component it is of.

    Adds: node, component, which is the number of one of its nodes. Keeps: one row a node that has
    a neighbour. pairs: one, other, by number (see `shards.node_of`). keep: works a frame out once
    and lays it aside as files. What Spark remembers of a frame that it holds in memory itself grows
    round by round, until planning takes minutes.

    Raises: StepFailed.
    """
    rounds: list[DataFrame] = []
    pairs = keep(_once(pairs))
    while not pairs.isEmpty():
        if len(rounds) == most_rounds:
            raise StepFailed(
                f"After {most_rounds} rounds {pairs.count():,} pairs of identifiers are not yet "
                "joined, which no graph takes: what was laid aside between rounds is not what was "
                "written. Run again; where it stays, look at the disk that holds _scratch."
            )
        rounds.append(_joined(pairs, keep=keep))
        pairs = keep(_once(_between(pairs, rounds[-1])))
    return _followed(rounds, keep=keep) if rounds else _none(pairs)


def _once(pairs: DataFrame) -> DataFrame:
    """Every pair of two nodes once, whichever came first."""
    ends = (F.least("one", "other").alias("one"), F.greatest("one", "other").alias("other"))
    return pairs.where("one != other").select(*ends).distinct()


def _joined(pairs: DataFrame, *, keep: Keep) -> DataFrame:
    """Which node each node is joined with: node, target.

    A node joins its smallest neighbour. Following these, numbers grow smaller every second step, so
    that a circle is of two: of these the smaller one stays where it is. Each is followed twice;
    what is deeper is joined in the next round, and numbers are hashes, so that few are.
    """
    both = pairs.unionByName(pairs.select(F.col("other").alias("one"), F.col("one").alias("other")))
    nearest = keep(both.groupBy(F.col("one").alias("node")).agg(F.min("other").alias("target")))
    further = _target_of_target(nearest)
    stays = (F.col("further") == F.col("node")) & (F.col("node") < F.col("target"))
    target = F.when(stays, F.col("node")).otherwise(F.col("target"))
    joined = keep(further.select("node", target.alias("target")))
    leapt = _target_of_target(joined)
    return keep(leapt.select("node", F.col("further").alias("target")))


def _target_of_target(joined: DataFrame) -> DataFrame:
    """Adds: further, the target of each node's target."""
    behind = joined.select(F.col("node").alias("target"), F.col("target").alias("further"))
    return joined.join(behind, "target", "left").withColumn("further", _there("further"))


def _between(pairs: DataFrame, joined: DataFrame) -> DataFrame:
    """The pairs of what was joined."""
    for end in ("one", "other"):
        named = joined.select(F.col("node").alias(end), F.col("target").alias("_target"))
        moved = pairs.join(named, end, "left").withColumn(end, _there("_target"))
        pairs = moved.select("one", "other")
    return pairs


def _followed(rounds: list[DataFrame], *, keep: Keep) -> DataFrame:
    """Where each node came to in the end, from the last round back to the first."""
    later = rounds.pop()
    while rounds:
        behind = later.select(F.col("node").alias("target"), F.col("target").alias("_later"))
        moved = rounds.pop().join(behind, "target", "left")
        later = keep(moved.select("node", F.coalesce("_later", "target").alias("target")))
    return later.withColumnRenamed("target", "component")


def _there(name: str) -> Column:
    """A column that cannot be null, or rows were lost."""
    return F.coalesce(F.col(name), F.raise_error(F.lit(LOST)).cast("bigint"))


def _none(pairs: DataFrame) -> DataFrame:
    return pairs.select(F.col("one").alias("node"), F.col("other").alias("component"))
