"""What hangs together, found in rounds of joins: as networkx has it, in few rounds."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Iterable
from itertools import count, pairwise
from typing import Any

import networkx
import pyarrow as pa
import pytest
from pyspark.sql import DataFrame

from tactful.jobs.errors import StepFailed
from tactful.jobs.identity.connected import connected
from tactful.transforms.identity.shards import node_of

Pairs = list[tuple[int, int]]
Work = Callable[..., DataFrame]
CHAIN: Pairs = [(n, n + 1) for n in range(5000)]
STAR: Pairs = [(0, n) for n in range(1, 5000)]


def erdos(seed: int) -> Pairs:
    """Of a few hundred nodes, from nearly nothing joined to nearly everything."""
    dice = random.Random(seed)
    count = dice.choice([20, 200, 500])
    graph = networkx.gnm_random_graph(count, int(count * dice.choice([0.3, 0.5, 1, 2])), seed=seed)
    return list(graph.edges)


def barbell() -> Pairs:
    """Two hubs with their crowds, some of whom know each other, and one long way between."""
    crowd = [(hub, hub * 1000 + n) for hub in (1, 2) for n in range(1, 700)]
    among = [(1000 + n, 1000 + 3 * n) for n in range(1, 200)]
    way = [1, *range(5000, 5300), 2]
    return [*crowd, *among, *pairwise(way)]


GRAPHS: dict[str, Pairs] = {
    **{f"random {seed}": erdos(seed) for seed in range(8)},
    "loops only": [(1, 1), (2, 2)],
    "one pair, told thrice": [(1, 2), (2, 1), (1, 2)],
    "chain": CHAIN,
    "ring": [(n, (n + 1) % 3000) for n in range(3000)],
    "star": STAR,
    "many small ones": [(4 * n, 4 * n + k) for n in range(1500) for k in (1, 2, 3)],
    "grid": list(networkx.convert_node_labels_to_integers(networkx.grid_2d_graph(40, 40)).edges),
    "two hubs": barbell(),
}
# Beside one another, each with numbers of its own.
EVERYTHING = [
    (one + at * 10_000, other + at * 10_000)
    for at, pairs in enumerate(GRAPHS.values())
    for one, other in pairs
]


@pytest.fixture
def work(spark, tmp_path) -> Work:
    """Works pairs out, by way of files."""
    numbers = count()

    def keep(frame: DataFrame) -> DataFrame:
        place = f"{tmp_path}/{next(numbers)}"
        frame.write.parquet(place)
        return spark.read.schema(frame.schema).parquet(place)

    def found(pairs: Pairs, *, losing: str | None = None, **options: Any) -> DataFrame:
        columns = zip(*pairs, strict=True) if pairs else ([], [])
        named = dict(zip(("one", "other"), columns, strict=True))
        table = pa.table({name: pa.array(ends, pa.int64()) for name, ends in named.items()})
        frame = spark.createDataFrame(table).select(*(node_of(n).alias(n) for n in named))

        def held(frame: DataFrame) -> DataFrame:
            return keep(frame.where("node % 7 != 0") if losing in frame.columns else frame)

        return connected(frame, keep=held, **options)

    return found


def parts(spark, found: DataFrame, pairs: Pairs) -> set[frozenset[int]]:
    """The components by the names that their nodes have."""
    names = sorted({n for pair in pairs for n in pair})
    asked = spark.createDataFrame(pa.table({"name": pa.array(names, pa.int64())}))
    told = asked.select("name", node_of("name").alias("node")).join(found, "node").toArrow()
    groups: dict[int, set[int]] = defaultdict(set)
    for row in told.to_pylist():
        groups[row["component"]].add(row["name"])
    assert found.count() == told.num_rows, "each node once"
    return {frozenset(group) for group in groups.values()}


def networkx_parts(pairs: Iterable[tuple[int, int]]) -> set[frozenset[int]]:
    graph = networkx.Graph([pair for pair in pairs if pair[0] != pair[1]])
    return set(map(frozenset, networkx.connected_components(graph)))


def test_components_are_those_of_networkx(spark, work) -> None:
    """Chains, rings, stars, hubs, crowds and many small ones, in a handful of rounds."""
    found = work(EVERYTHING, most_rounds=11)
    assert parts(spark, found, EVERYTHING) == networkx_parts(EVERYTHING)


def test_one_star_takes_one_round_or_two(spark, work) -> None:
    assert parts(spark, work(STAR, most_rounds=2), STAR) == networkx_parts(STAR)


def test_the_same_whatever_the_order(work) -> None:
    pairs = GRAPHS["random 1"]
    shuffled = [pair[::-1] for pair in pairs]
    random.Random(1).shuffle(shuffled)
    one, other = (sorted(map(tuple, work(p).collect())) for p in (pairs, shuffled))
    assert one == other != []


def test_without_pairs_there_is_nothing(work) -> None:
    assert work([]).collect() == work([(1, 1)]).collect() == []


def test_too_few_rounds_are_an_error(work) -> None:
    """Never half an answer: others stop at a number of rounds, with components that are wrong."""
    with pytest.raises(StepFailed, match="After 1 rounds"):
        work(CHAIN, most_rounds=1)


def test_rows_lost_between_rounds_are_an_error(work) -> None:
    """What was laid aside and is not there any more makes no smaller components."""
    with pytest.raises(Exception, match="not all there"):
        work(CHAIN, losing="node")
