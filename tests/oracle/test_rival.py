"""The rival of the benchmark: the same rules after another intake must give the same tables."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import oracle
from tests.bench import rival_graph
from tests.bench.rival import rival
from tests.oracle import graph
from tests.oracle.compare import assert_same
from tests.worlds import make, write, write_conf
from tests.worlds_rows import MAX_ROW_BYTES

WORD = re.compile("always.?link|never.?link|link.?withdrawn", re.IGNORECASE)
SIGNAL = re.compile("'event_id': '(signal|reply|failed)")
SECRET = "a secret of more than sixty-four bytes, which HMAC takes by its own hash only"


@pytest.mark.parametrize("seed", range(4))
def test_the_rival_gives_the_oracles_tables(tmp_path, monkeypatch, seed):
    monkeypatch.setenv("TACTFUL_SECRET", SECRET)
    world = make(seed)
    # it reads no other systems' forms
    plain = {
        name: source for name, source in world.config["sources"].items()
        if source.get("dialect", "canonical") == "canonical"
    }  # fmt: skip
    # the rival does not weigh rows, which is the one check of intake that these worlds need, and
    # it looks for files in the folder itself only; signals of consent and replies it does not read
    light = {
        source: [
            row for row in told
            if len(json.dumps(row, default=str)) <= MAX_ROW_BYTES and not WORD.search(str(row))
            and not SIGNAL.search(str(row))
        ]
        for source, told in world.events.items() if source in plain
    }  # fmt: skip
    # it knows one answer to whose a shared device is, no links that end, and no words on who is who
    types = {
        name: {key: value for key, value in kind.items() if key not in ("window", "max_per_person")}
        for name, kind in world.config["identity"]["types"].items()
    }
    identity = {**world.config["identity"], "shared_devices": "neutral", "types": types}
    world = replace(
        world, events=light, config={**world.config, "identity": identity, "sources": plain}
    )
    write(world, tmp_path, k=3, seed=seed, is_plain=True)
    conf = write_conf(world.config, tmp_path, **world.reference)
    told = rival(conf, tmp_path / "out", threads=1, memory="1GB", as_of=world.as_of)
    config = oracle.load(conf)
    landing = oracle.landing_of(config, tmp_path)
    answer = oracle.compute(
        landing,
        config,
        SECRET.encode(),
        world.as_of,
        products=oracle.products_of(config, tmp_path),
        rates=oracle.rates_of(config, tmp_path),
        contents=oracle.contents_of(config, tmp_path),
        campaigns=oracle.campaigns_of(config, tmp_path),
    )
    tables = {
        name: pq.read_table(tmp_path / "out" / f"{name}.parquet").to_pylist()
        for name in answer.tables
    }
    assert_same(tables, answer.tables)
    assert told["rows"] == {name: len(rows) for name, rows in answer.tables.items()}


PRIORITIES = (1, 2, 3, 8, 9)
NODE = st.tuples(st.sampled_from(PRIORITIES), st.booleans(), st.sampled_from([True, True, False]))
GRAPHS = st.lists(NODE, min_size=2, max_size=25).flatmap(
    lambda nodes: st.tuples(
        st.just(nodes),
        st.lists(st.tuples(*[st.integers(0, len(nodes) - 1)] * 2), max_size=2 * len(nodes)),
    )
)


@given(GRAPHS, st.sets(st.sampled_from(PRIORITIES)), st.sampled_from([2, 4, 1000]))
@settings(max_examples=300, deadline=None)
def test_all_components_at_once_give_way_as_each_alone(told, unique, limit):
    of, pairs = told
    priority = np.array([level for level, _, _ in of])
    kind = np.array([level + 10 * other for level, other, _ in of])  # two types a priority
    may_link = np.array([may for _, _, may in of])
    nodes = graph.Nodes(priority, kind, np.isin(kind, list(unique)).astype(int), may_link)
    real = {p for p in pairs if p[0] != p[1] and may_link[list(p)].all()}
    links = np.array([p for p in sorted(real) if p[::-1] not in real or p[0] < p[1]], dtype=int)
    links = links.reshape(-1, 2)
    told = graph.Links(links, np.zeros(len(links), dtype=int), np.ones(len(links), dtype=bool))
    rule = {"max_identifiers": limit, "sharing": "neutral"}
    one = graph.settle(nodes, told, **rule)
    all_ = rival_graph.settle(nodes, told, **rule)
    assert one.oversized.tolist() == all_.oversized.tolist()
    assert one.kept_apart.tolist() == all_.kept_apart.tolist()
    assert one.part.tolist() == all_.part.tolist()
